#include "core/state/person_pack.h"

enum { SHARE_MAX = 15, SHARE_MIN = 4 };

enum {
	BITS_KIND = 3,       /* first byte: rank, kind and what follows */
	BIT_AUTO = 1 << 5,
	BIT_BY_CLICK = 1 << 6,
	BIT_CLICK = 1 << 7,
	BIT_MONEY = 1 << 3,  /* second byte: stage and what follows */
	BIT_AD = 1 << 4,
	BIT_SAME_CLICK = 1 << 5,
	BIT_SAME_AD = 1 << 6,
};

void read_record(struct reader *reader, struct anchors *anchors, struct record *record)
{
	uint64_t bits = 0;
	struct slice start = reader_bytes(reader, 2);
	if (!reader->failed)
		bits = (unsigned char)start.data[0] | (uint64_t)(unsigned char)start.data[1] << 8;
	unsigned more = (unsigned)(bits >> 8);
	anchors->time_ms = (int64_t)((uint64_t)anchors->time_ms + reader_unsigned(reader));
	record->fact = (struct fact){
		.time_ms = anchors->time_ms,
		.organic = (uint32_t)reader_unsigned(reader),
		.ad = SERIES_NONE,
		.rank = bits & 7,
		.kind = bits >> BITS_KIND & 3,
		.is_auto = (bits & BIT_AUTO) != 0,
		.is_by_click = (bits & BIT_BY_CLICK) != 0,
		.stage = more & 7,
	};
	if (bits & BIT_CLICK) {
		if (!(more & BIT_SAME_CLICK)) {
			struct slice click = reader_bytes(reader, 8);
			if (!reader->failed)
				memcpy(&anchors->click, click.data, 8);
			anchors->ad = SERIES_NONE;
		}
		record->fact.click = anchors->click;
	}
	if (more & BIT_AD)
		record->fact.ad = more & BIT_SAME_AD ? anchors->ad : (uint32_t)reader_unsigned(reader);
	if ((bits & BIT_CLICK) && !(more & BIT_SAME_CLICK))
		anchors->ad = record->fact.ad;
	if (more & BIT_MONEY)
		record->fact.money_micros = (int64_t)reader_unsigned(reader);
	struct slice share = reader_bytes(reader, 1);
	unsigned shared = reader->failed ? 0 : (unsigned char)share.data[0];
	record->prefix_len = shared & SHARE_MAX;
	record->suffix_len = shared >> 4;
	record->middle = reader_text(reader);
	record->fact.id_len = (uint16_t)(record->prefix_len + record->middle.len + record->suffix_len);
	if (record->prefix_len + record->suffix_len > anchors->id.len)
		reader->failed = true;
}

void pass_record(struct anchors *anchors, const struct record *record)
{
	if (record_is_whole(record))
		anchors->id = record->middle;
}

bool record_has_id(const struct record *record, const struct anchors *anchors, struct slice id)
{
	return record->fact.id_len == id.len &&
	       memcmp(id.data, anchors->id.data ? anchors->id.data : "", record->prefix_len) == 0 &&
	       memcmp(id.data + record->prefix_len, record->middle.data, record->middle.len) == 0 &&
	       memcmp(id.data + id.len - record->suffix_len,
		      anchors->id.data ? anchors->id.data + anchors->id.len - record->suffix_len : "",
		      record->suffix_len) == 0;
}

/* How much of an id is the anchor's: nothing where that is hardly any. */
static void share_id(struct slice anchor, struct slice id, size_t *prefix_len, size_t *suffix_len)
{
	size_t most = anchor.len < id.len ? anchor.len : id.len;
	size_t prefix = 0, suffix = 0;
	while (prefix < most && prefix < SHARE_MAX && anchor.data[prefix] == id.data[prefix])
		prefix++;
	while (prefix + suffix < most && suffix < SHARE_MAX &&
	       anchor.data[anchor.len - 1 - suffix] == id.data[id.len - 1 - suffix])
		suffix++;
	bool is_worth_it = prefix + suffix >= SHARE_MIN;
	*prefix_len = is_worth_it ? prefix : 0;
	*suffix_len = is_worth_it ? suffix : 0;
}

static char *write_unsigned(char *out, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*out++ = (char)(number | 0x80);
	*out++ = (char)number;
	return out;
}

bool write_record(const struct anchors *anchors, const struct fact *fact, struct slice id,
		  struct buffer *out)
{
	enum { RECORD_BYTES_MAX = 2 + 10 + 5 + 8 + 5 + 10 + 1 + 3 };
	bool is_same_click = fact->click != 0 && !becomes_click_anchor(anchors, fact);
	bool has_ad = fact->ad != SERIES_NONE;
	bool is_same_ad = has_ad && is_same_click && fact->ad == anchors->ad;
	size_t prefix_len, suffix_len;
	share_id(anchors->id, id, &prefix_len, &suffix_len);
	char *start = buffer_reserve(out, RECORD_BYTES_MAX + id.len), *at = start;
	*at++ = (char)(fact->rank | fact->kind << BITS_KIND | (fact->is_auto ? BIT_AUTO : 0) |
		       (fact->is_by_click ? BIT_BY_CLICK : 0) | (fact->click ? BIT_CLICK : 0));
	*at++ = (char)((fact->stage & 7) | (fact->money_micros ? BIT_MONEY : 0) | (has_ad ? BIT_AD : 0) |
		       (is_same_click ? BIT_SAME_CLICK : 0) | (is_same_ad ? BIT_SAME_AD : 0));
	at = write_unsigned(at, (uint64_t)(fact->time_ms - anchors->time_ms));
	at = write_unsigned(at, fact->organic);
	if (fact->click && !is_same_click) {
		memcpy(at, &fact->click, 8);
		at += 8;
	}
	if (has_ad && !is_same_ad)
		at = write_unsigned(at, fact->ad);
	if (fact->money_micros)
		at = write_unsigned(at, (uint64_t)fact->money_micros);
	*at++ = (char)(prefix_len | suffix_len << 4);
	size_t middle_len = id.len - prefix_len - suffix_len;
	at = write_unsigned(at, middle_len);
	memcpy(at, id.data + prefix_len, middle_len);
	out->len += (size_t)(at + middle_len - start);
	return prefix_len + suffix_len == 0;
}
