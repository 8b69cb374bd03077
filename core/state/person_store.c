#include "core/state/person_pack.h"

struct rare_claim {
	struct key128 person;
	int64_t time_ms;
	uint32_t tie;
	uint16_t id_len;
	uint16_t abroad;
};

static void put_claim(const struct claim *claim, struct slice id, struct buffer *out)
{
	struct rare_claim rare = {claim->person, claim->time_ms, claim->tie, (uint16_t)id.len, claim->abroad};
	buffer_put(out, &rare, sizeof(rare));
	buffer_put(out, id.data, id.len);
}

void blob_put_claimed(struct key128 key, const struct claim *claim, struct slice id, struct buffer *out)
{
	const uint8_t has = RARE_HAS_CLAIM;
	const struct ladder_fixed nothing = {.last_ms = TIME_NONE, .touch_ms = TIME_NONE,
					     .touch_ad = SERIES_NONE, .ongoing = CONVERSATION_NONE,
					     .opened_last = CONVERSATION_NONE};
	uint32_t rare_len = (uint32_t)(sizeof(rare_len) + sizeof(has) + sizeof(struct rare_claim) + id.len);
	struct blob_header header = {.key = key, .len = (uint32_t)sizeof(header) + rare_len, .has_rare = 1};
	set_head(&header, &nothing);
	buffer_put(out, &header, sizeof(header));
	buffer_put(out, &rare_len, sizeof(rare_len));
	buffer_put(out, &has, sizeof(has));
	put_claim(claim, id, out);
}

static void put_prefix(const struct ladder *prefix, struct buffer *out)
{
	size_t len = ladder_bytes(prefix->fixed.conversation_count, prefix->fixed.touch_count);
	buffer_put(out, &prefix->fixed, sizeof(prefix->fixed));
	pack_ladder(prefix, buffer_reserve(out, len));
	out->len += len;
}

static void put_rare(const struct person *person, uint8_t has, struct buffer *out)
{
	size_t begin = out->len;
	uint32_t len = 0;
	buffer_put(out, &len, sizeof(len));
	buffer_put(out, &has, sizeof(has));
	if (has & RARE_HAS_CLAIM)
		put_claim(&person->claim, buffer_slice(&person->claim_id), out);
	if (has & RARE_HAS_PREFIX)
		put_prefix(&person->prefix, out);
	if (has & RARE_HAS_HORIZON) {
		buffer_put(out, &person->horizon.time_ms, sizeof(person->horizon.time_ms));
		buffer_put(out, &person->horizon.rank, sizeof(person->horizon.rank));
		buffer_put_text(out, buffer_slice(&person->horizon_id));
	}
	len = (uint32_t)(out->len - begin);
	memcpy(out->data + begin, &len, sizeof(len));
}

static uint8_t rare_of(const struct person *person)
{
	uint8_t has = 0;
	if (person->claim.time_ms != TIME_NONE || person->claim_id.len)
		has |= RARE_HAS_CLAIM;
	if (person->fact_count > 0 && !ladder_is_empty(&person->prefix))
		has |= RARE_HAS_PREFIX;
	if (person->horizon.time_ms != TIME_NONE)
		has |= RARE_HAS_HORIZON;
	return has;
}

void get_bytes(struct reader *reader, void *to, size_t len)
{
	struct slice bytes = reader_bytes(reader, len);
	if (!reader->failed)
		memcpy(to, bytes.data, len);
}

struct slice get_claim(struct reader *reader, struct claim *claim)
{
	struct rare_claim rare = {.id_len = 0};
	get_bytes(reader, &rare, sizeof(rare));
	*claim = (struct claim){rare.person, rare.time_ms, rare.id_len, rare.abroad, rare.tie};
	return reader_bytes(reader, rare.id_len);
}

/* ---- Whole persons ---- */

static void put_records(const struct person *person, size_t begin, struct buffer *out)
{
	struct anchors anchors = no_anchors;
	struct blob_header header;
	memcpy(&header, out->data + begin, sizeof(header));
	for (size_t i = 0; i < person->fact_count; i++) {
		const struct fact *fact = &person->facts[i];
		struct slice id = person_fact_id(person, fact);
		uint32_t at = (uint32_t)(out->len - begin);
		bool is_click_anchor = becomes_click_anchor(&anchors, fact);
		if (write_record(&anchors, fact, id, out)) {
			anchors.id = id;
			header.id_anchor_at = at;
		}
		if (is_click_anchor) {
			anchors.click = fact->click;
			anchors.ad = fact->ad;
			header.click_anchor_at = at;
		}
		anchors.time_ms = fact->time_ms;
		header.last_rank = fact->rank & 7;
		header.seen |= UINT64_C(1) << (fact->id_hash >> 58);
	}
	header.len = (uint32_t)(out->len - begin);
	memcpy(out->data + begin, &header, sizeof(header));
}

void person_store(const struct person *person, struct buffer *out)
{
	size_t begin = out->len;
	const struct ladder_fixed *fixed = &person->head.fixed;
	size_t head_len = ladder_bytes(fixed->conversation_count, fixed->touch_count);
	uint8_t has = rare_of(person);
	struct blob_header header = {.key = person->key, .record_count = (uint32_t)person->fact_count};
	set_head(&header, fixed);
	header.has_rare = has != 0;
	buffer_put(out, &header, sizeof(header));
	pack_ladder(&person->head, buffer_reserve(out, head_len));
	out->len += head_len;
	if (has)
		put_rare(person, has, out);
	put_records(person, begin, out);
}

static void load_ladder(struct ladder *ladder, const struct ladder_fixed *fixed, struct reader *reader)
{
	size_t len = ladder_bytes(fixed->conversation_count, fixed->touch_count);
	struct slice bytes = reader_bytes(reader, len);
	if (reader->failed)
		return;
	ladder->fixed = *fixed;
	unpack_ladder(ladder, bytes.data);
}

static void load_rare(struct person *person, struct reader *blob)
{
	uint32_t len = 0;
	struct reader peek = *blob;
	get_bytes(&peek, &len, sizeof(len));
	struct slice bytes = reader_bytes(blob, len);
	if (blob->failed || len <= sizeof(len)) {
		blob->failed = true;
		return;
	}
	struct reader reader = reader_of((struct slice){bytes.data + sizeof(len), len - sizeof(len)});
	uint8_t has = 0;
	get_bytes(&reader, &has, sizeof(has));
	if (has & RARE_HAS_CLAIM) {
		struct slice id = get_claim(&reader, &person->claim);
		buffer_put(&person->claim_id, id.data, id.len);
	}
	if (has & RARE_HAS_PREFIX) {
		struct ladder_fixed fixed = {.last_ms = 0};
		get_bytes(&reader, &fixed, sizeof(fixed));
		load_ladder(&person->prefix, &fixed, &reader);
	}
	if (has & RARE_HAS_HORIZON) {
		get_bytes(&reader, &person->horizon.time_ms, sizeof(person->horizon.time_ms));
		get_bytes(&reader, &person->horizon.rank, sizeof(person->horizon.rank));
		struct slice id = reader_text(&reader);
		buffer_put(&person->horizon_id, id.data, id.len);
	}
	blob->failed |= reader.failed || reader.at != reader.end;
}

static void load_record(struct person *person, struct reader *reader, struct anchors *anchors,
			struct record *record)
{
	read_record(reader, anchors, record);
	if (reader->failed)
		return;
	size_t at = person->ids.len;
	buffer_put(&person->ids, anchors->id.data, record->prefix_len);
	buffer_put(&person->ids, record->middle.data, record->middle.len);
	if (record->suffix_len)
		buffer_put(&person->ids, anchors->id.data + anchors->id.len - record->suffix_len,
			   record->suffix_len);
	record->fact.id_at = (uint32_t)at;
	record->fact.id_hash = hash_text((struct slice){person->ids.data + at, record->fact.id_len});
	person_add_fact(person, &record->fact);
	pass_record(anchors, record);
}

/* What the header says of the records must be so: blob_append goes by it. */
static bool load_records(struct person *person, const struct blob_header *header, struct reader *reader,
			 const char *blob)
{
	struct anchors anchors = no_anchors;
	uint32_t id_anchor_at = 0, click_anchor_at = 0;
	uint64_t seen = 0;
	for (uint32_t i = 0; i < header->record_count && !reader->failed; i++) {
		struct record record;
		uint32_t at = (uint32_t)(reader->at - blob);
		uint64_t click = anchors.click;
		load_record(person, reader, &anchors, &record);
		if (reader->failed)
			break;
		if (record_is_whole(&record))
			id_anchor_at = at;
		if (anchors.click != click)
			click_anchor_at = at;
		seen |= UINT64_C(1) << (person->facts[i].id_hash >> 58);
	}
	return !reader->failed && id_anchor_at == header->id_anchor_at &&
	       click_anchor_at == header->click_anchor_at && seen == header->seen &&
	       (header->record_count == 0 || person->facts[person->fact_count - 1].rank == header->last_rank);
}

bool person_load(struct person *person, struct slice blob)
{
	struct reader reader = reader_of(blob);
	struct blob_header header = {.len = 0};
	get_bytes(&reader, &header, sizeof(header));
	if (reader.failed || header.len != blob.len)
		return false;
	person_reset(person, header.key);
	struct ladder_fixed fixed;
	get_head(&header, &fixed);
	load_ladder(&person->head, &fixed, &reader);
	if (header.has_rare && !reader.failed)
		load_rare(person, &reader);
	if (header.record_count == 0 && !reader.failed)
		ladder_copy(&person->prefix, &person->head);
	return load_records(person, &header, &reader, blob.data) && reader.at == reader.end;
}

struct key128 person_blob_key(const char *blob)
{
	struct key128 key;
	memcpy(&key, blob, sizeof(key));
	return key;
}

int64_t person_last_ms(const struct person *person)
{
	int64_t last_ms = person->head.fixed.last_ms;
	return person->claim.time_ms > last_ms ? person->claim.time_ms : last_ms;
}

int64_t person_blob_last_ms(const char *blob)
{
	const struct blob_header *header = (const struct blob_header *)blob;
	struct claim claim;
	struct slice id;
	int64_t last_ms = blob_last_ms(header);
	bool is_claimed_later = blob_claim(header, &claim, &id) && claim.time_ms > last_ms;
	return is_claimed_later ? claim.time_ms : last_ms;
}
