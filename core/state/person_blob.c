#include "core/state/person_pack.h"

int64_t blob_last_ms(const struct blob_header *blob)
{
	return unpack_time(blob->last_and_opened_last);
}

void blob_get_head(const struct blob_header *blob, struct ladder *head)
{
	get_head(blob, &head->fixed);
	unpack_ladder(head, (const char *)(blob + 1));
}

static size_t head_bytes(const struct blob_header *blob)
{
	return ladder_bytes(blob->conversation_count, blob->touch_count);
}

static const char *records_of(const struct blob_header *blob)
{
	const char *at = (const char *)(blob + 1) + head_bytes(blob);
	uint32_t rare_len = 0;
	if (blob->has_rare)
		memcpy(&rare_len, at, sizeof(rare_len));
	return at + rare_len;
}

bool blob_has_id(const struct blob_header *blob, struct slice id)
{
	return records_have_id(records_of(blob), (const char *)blob + blob->len, id);
}

int64_t blob_first_ms(const struct blob_header *blob)
{
	return record_first_ms(records_of(blob));
}

bool blob_claim(const struct blob_header *blob, struct claim *claim, struct slice *id)
{
	const char *rare = (const char *)(blob + 1) + head_bytes(blob);
	if (!blob->has_rare || !(rare[sizeof(uint32_t)] & RARE_HAS_CLAIM))
		return false;
	struct reader reader = {rare + sizeof(uint32_t) + 1, (const char *)blob + blob->len, false};
	*id = get_claim(&reader, claim);
	return claim->time_ms != TIME_NONE;
}

/* ---- Growing ---- */

/* As far as a fact is told against them. */
static struct anchors anchors_for(const struct blob_header *blob, const struct fact *fact)
{
	struct anchors anchors = no_anchors;
	const char *bytes = (const char *)blob;
	if (fact->click && blob->click_anchor_at)
		record_whole_click(bytes + blob->click_anchor_at, &anchors);
	if (blob->id_anchor_at)
		anchors.id = record_whole_id(bytes + blob->id_anchor_at);
	anchors.time_ms = blob->record_count ? blob_last_ms(blob) : 0;
	return anchors;
}

/* What stands behind the head moves by as much as the head grows. */
static void move_anchors(struct blob_header *header, uint32_t moved)
{
	if (header->id_anchor_at)
		header->id_anchor_at += moved;
	if (header->click_anchor_at)
		header->click_anchor_at += moved;
}

void blob_plan_append(const struct blob_header *blob, struct key128 key, const struct ladder *head,
		      const struct fact *fact, struct slice id, struct blob_growth *growth,
		      struct buffer *scratch)
{
	const struct anchors anchors = blob ? anchors_for(blob, fact) : no_anchors;
	struct blob_header *header = &growth->header;
	*header = blob ? *blob : (struct blob_header){.key = key, .len = (uint32_t)sizeof(*blob)};
	growth->len_before = blob ? blob->len : 0;
	growth->head_len_before = blob ? head_bytes(blob) : 0;
	growth->head_len = ladder_bytes(head->fixed.conversation_count, head->fixed.touch_count);
	uint32_t moved = (uint32_t)(growth->head_len - growth->head_len_before);
	scratch->len = 0;
	pack_ladder(head, buffer_reserve(scratch, growth->head_len));
	scratch->len = growth->head_len;
	set_head(header, &head->fixed);
	if (moved)
		move_anchors(header, moved);
	uint32_t record_at = header->len + moved;
	if (write_record(&anchors, fact, id, scratch))
		header->id_anchor_at = record_at;
	if (becomes_click_anchor(&anchors, fact))
		header->click_anchor_at = record_at;
	header->record_count++;
	header->last_rank = fact->rank & 7;
	header->seen |= UINT64_C(1) << (fact->id_hash >> 58);
	header->len = record_at + (uint32_t)(scratch->len - growth->head_len);
}

/* Field by field: a copy as a whole would first be put together in memory, and wait there for all that is
 * written before it. */
static void put_header(struct blob_header *blob, const struct blob_header *header)
{
	blob->key.low = header->key.low;
	blob->key.high = header->key.high;
	blob->seen = header->seen;
	blob->last_and_opened_last = header->last_and_opened_last;
	blob->touch_and_ongoing = header->touch_and_ongoing;
	blob->touch_ad = header->touch_ad;
	blob->len = header->len;
	blob->record_count = header->record_count;
	blob->id_anchor_at = header->id_anchor_at;
	blob->click_anchor_at = header->click_anchor_at;
	blob->conversation_count = header->conversation_count;
	blob->last_rank = header->last_rank;
	blob->touch_count = header->touch_count;
	blob->has_rare = header->has_rare;
}

void blob_append(struct blob_header *blob, const struct blob_growth *growth, const struct buffer *scratch)
{
	char *behind = (char *)(blob + 1);
	size_t record_len = scratch->len - growth->head_len;
	if (growth->len_before && growth->head_len != growth->head_len_before)
		memmove(behind + growth->head_len, behind + growth->head_len_before,
			growth->len_before - sizeof(*blob) - growth->head_len_before);
	put_header(blob, &growth->header);
	if (growth->head_len)
		memcpy(behind, scratch->data, growth->head_len);
	memcpy((char *)blob + blob->len - record_len, scratch->data + growth->head_len, record_len);
}
