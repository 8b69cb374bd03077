#include "core/state/person_pack.h"

enum { SHARE_MAX = 15, SHARE_MIN = 4, WORD_BYTES = 8 };

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

/* ---- Any bytes ---- */

static unsigned read_byte(struct reader *reader)
{
	struct slice byte = reader_bytes(reader, 1);
	return reader->failed ? 0 : (unsigned char)*byte.data;
}

static void read_click(struct reader *reader, struct anchors *anchors)
{
	struct slice click = reader_bytes(reader, sizeof(anchors->click));
	if (!reader->failed)
		memcpy(&anchors->click, click.data, click.len);
	anchors->ad = SERIES_NONE;
}

static void read_body(struct reader *reader, struct anchors *anchors, struct record *record)
{
	unsigned shared = read_byte(reader), bits = read_byte(reader), more = read_byte(reader);
	bool has_new_click = (bits & BIT_CLICK) && !(more & BIT_SAME_CLICK);
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
	if (has_new_click)
		read_click(reader, anchors);
	if (bits & BIT_CLICK)
		record->fact.click = anchors->click;
	if (more & BIT_AD)
		record->fact.ad = more & BIT_SAME_AD ? anchors->ad : (uint32_t)reader_unsigned(reader);
	if (has_new_click)
		anchors->ad = record->fact.ad;
	if (more & BIT_MONEY)
		record->fact.money_micros = (int64_t)reader_unsigned(reader);
	record->prefix_len = shared & SHARE_MAX;
	record->suffix_len = shared >> 4;
}

void read_record(struct reader *reader, struct anchors *anchors, struct record *record)
{
	struct reader body = reader_of(reader_text(reader));
	*record = (struct record){.fact = {.ad = SERIES_NONE}};
	if (!reader->failed)
		read_body(&body, anchors, record);
	if (reader->failed || body.failed || record->prefix_len + record->suffix_len > anchors->id.len) {
		reader->failed = true;
		return;
	}
	record->middle = (struct slice){body.at, (size_t)(body.end - body.at)};
	record->fact.id_len = (uint16_t)(record->prefix_len + record->middle.len + record->suffix_len);
}

void pass_record(struct anchors *anchors, const struct record *record)
{
	if (record_is_whole(record))
		anchors->id = record->middle;
}

/* ---- Our own bytes ---- */

static inline const char *skip_number(const char *at)
{
	while (*at++ & (char)0x80)
		continue;
	return at;
}

static inline const char *take_number(const char *at, uint64_t *number)
{
	unsigned shift = 0;
	*number = 0;
	do {
		*number |= (uint64_t)(*at & 0x7f) << shift;
		shift += 7;
	} while (*at++ & (char)0x80);
	return at;
}

/* To what stands behind the time and the pseudo-ad; the first two bytes of the body are the bits. */
static inline const char *skip_start(const char *bits)
{
	return skip_number(skip_number(bits + 2));
}

static inline const char *skip_to_id(const char *bits)
{
	unsigned first = (unsigned char)bits[0], more = (unsigned char)bits[1];
	const char *at = skip_start(bits);
	if ((first & BIT_CLICK) && !(more & BIT_SAME_CLICK))
		at += sizeof(uint64_t);
	if ((more & BIT_AD) && !(more & BIT_SAME_AD))
		at = skip_number(at);
	return more & BIT_MONEY ? skip_number(at) : at;
}

struct slice record_whole_id(const char *record)
{
	uint64_t len;
	const char *body = take_number(record, &len);
	const char *id = skip_to_id(body + 1);
	return (struct slice){id, (size_t)(body + len - id)};
}

void record_whole_click(const char *record, struct anchors *anchors)
{
	const char *bits = skip_number(record) + 1;
	const char *at = skip_start(bits);
	uint64_t ad = SERIES_NONE;
	memcpy(&anchors->click, at, sizeof(anchors->click));
	if (bits[1] & BIT_AD)
		take_number(at + sizeof(anchors->click), &ad);
	anchors->ad = (uint32_t)ad;
}

static bool ends_alike(const char *end, const char *id_end, size_t len)
{
	uint32_t a, b;
	if (len < sizeof(a))
		return len == 0 || end[-1] == id_end[-1];
	memcpy(&a, end - sizeof(a), sizeof(a));
	memcpy(&b, id_end - sizeof(b), sizeof(b));
	return a == b;
}

static bool id_is(struct slice anchor, size_t prefix_len, struct slice middle, size_t suffix_len,
		  struct slice id)
{
	return prefix_len + middle.len + suffix_len == id.len &&
	       (prefix_len == 0 || memcmp(id.data, anchor.data, prefix_len) == 0) &&
	       (middle.len == 0 || memcmp(id.data + prefix_len, middle.data, middle.len) == 0) &&
	       (suffix_len == 0 || memcmp(id.data + id.len - suffix_len,
					  anchor.data + anchor.len - suffix_len, suffix_len) == 0);
}

/* Most records are told apart by the last bytes of what they have of the id. */
bool records_have_id(const char *at, const char *end, struct slice id)
{
	struct slice anchor = {NULL, 0};
	while (at < end) {
		uint64_t len;
		const char *body = take_number(at, &len);
		size_t prefix_len = *body & SHARE_MAX, suffix_len = (unsigned char)*body >> 4;
		at = body + len;
		bool is_whole = prefix_len + suffix_len == 0;
		bool may_be = id.len >= prefix_len + suffix_len &&
			      ends_alike(at, id.data + id.len - suffix_len, id.len - prefix_len - suffix_len);
		if (!may_be && !is_whole)
			continue;
		const char *middle = skip_to_id(body + 1);
		struct slice own = {middle, (size_t)(at - middle)};
		if (may_be && id_is(anchor, prefix_len, own, suffix_len, id))
			return true;
		if (is_whole)
			anchor = own;
	}
	return false;
}

int64_t record_first_ms(const char *record)
{
	uint64_t time_ms;
	take_number(skip_number(record) + 3, &time_ms);
	return (int64_t)time_ms;
}

/* ---- Writing ---- */

static size_t count_alike(const char *a, const char *b, size_t most)
{
	size_t len = 0;
	for (; len + WORD_BYTES <= most; len += WORD_BYTES) {
		uint64_t differ = load_bytes(a + len, WORD_BYTES) ^ load_bytes(b + len, WORD_BYTES);
		if (differ)
			return len + (size_t)__builtin_ctzll(differ) / 8;
	}
	while (len < most && a[len] == b[len])
		len++;
	return len;
}

static size_t count_alike_back(const char *a_end, const char *b_end, size_t most)
{
	size_t len = 0;
	for (; len + WORD_BYTES <= most; len += WORD_BYTES) {
		uint64_t differ = load_bytes(a_end - len - WORD_BYTES, WORD_BYTES) ^
				  load_bytes(b_end - len - WORD_BYTES, WORD_BYTES);
		if (differ)
			return len + (size_t)__builtin_clzll(differ) / 8;
	}
	while (len < most && a_end[-1 - (ptrdiff_t)len] == b_end[-1 - (ptrdiff_t)len])
		len++;
	return len;
}

static size_t at_most(size_t len, size_t most)
{
	return len < most ? len : most;
}

/* How much of an id is the anchor's: nothing where that is hardly any. */
static void share_id(struct slice anchor, struct slice id, size_t *prefix_len, size_t *suffix_len)
{
	size_t most = at_most(anchor.len, id.len);
	size_t prefix = count_alike(anchor.data, id.data, at_most(most, SHARE_MAX));
	size_t suffix = count_alike_back(anchor.data + anchor.len, id.data + id.len,
					 at_most(most - prefix, SHARE_MAX));
	bool is_worth_it = prefix + suffix >= SHARE_MIN;
	*prefix_len = is_worth_it ? prefix : 0;
	*suffix_len = is_worth_it ? suffix : 0;
}

/* The middle of an id is mostly 8 to 16 bytes: two words that overlap. */
static inline char *write_text(char *out, const char *text, size_t len)
{
	if (len >= WORD_BYTES && len <= 2 * WORD_BYTES) {
		uint64_t first = load_bytes(text, WORD_BYTES);
		uint64_t last = load_bytes(text + len - WORD_BYTES, WORD_BYTES);
		memcpy(out, &first, sizeof(first));
		memcpy(out + len - WORD_BYTES, &last, sizeof(last));
	} else {
		memcpy(out, text, len);
	}
	return out + len;
}

/* Puts the length before a body, which was written behind room for one byte of it. Returns the end. */
static inline char *write_body_len(char *start, const char *end)
{
	size_t len = (size_t)(end - start - 1);
	if (len >= 0x80)
		memmove(start + 1 + (len >= 0x4000) + 1, start + 1, len);
	return number_put(start, len) + len;
}

bool write_record(const struct anchors *anchors, const struct fact *fact, struct slice id,
		  struct buffer *out)
{
	enum { FRONT_MAX = 3 + 10 + 5 + 8 + 5 + 10, LEN_MAX = 3 };
	char *start = buffer_reserve(out, LEN_MAX + FRONT_MAX + id.len), *at = start + 1;
	bool is_same_click = fact->click != 0 && fact->click == anchors->click;
	bool has_ad = fact->ad != SERIES_NONE;
	bool is_same_ad = has_ad && is_same_click && fact->ad == anchors->ad;
	size_t prefix_len = 0, suffix_len = 0;
	if (anchors->id.len)
		share_id(anchors->id, id, &prefix_len, &suffix_len);
	*at++ = (char)(prefix_len | suffix_len << 4);
	*at++ = (char)(fact->rank | fact->kind << BITS_KIND | fact->is_auto * BIT_AUTO |
		       fact->is_by_click * BIT_BY_CLICK | (fact->click != 0) * BIT_CLICK);
	*at++ = (char)((fact->stage & 7) | (fact->money_micros != 0) * BIT_MONEY | has_ad * BIT_AD |
		       is_same_click * BIT_SAME_CLICK | is_same_ad * BIT_SAME_AD);
	at = number_put(at, (uint64_t)(fact->time_ms - anchors->time_ms));
	at = number_put(at, fact->organic);
	if (fact->click && !is_same_click) {
		memcpy(at, &fact->click, sizeof(fact->click));
		at += sizeof(fact->click);
	}
	if (has_ad && !is_same_ad)
		at = number_put(at, fact->ad);
	if (fact->money_micros)
		at = number_put(at, (uint64_t)fact->money_micros);
	at = write_text(at, id.data + prefix_len, id.len - prefix_len - suffix_len);
	out->len += (size_t)(write_body_len(start, at) - start);
	return prefix_len + suffix_len == 0;
}
