#include "core/state/person_pack.h"

int64_t blob_last_ms(const struct blob_header *blob)
{
	return unpack_time(blob->last_and_opened_last);
}

void blob_get_head(const struct blob_header *blob, struct ladder *head)
{
	head->fixed = get_head(blob);
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

struct blob_growth blob_plan_append(const struct blob_header *blob, const struct ladder *head,
				    const struct fact *fact, struct slice id, struct buffer *scratch)
{
	struct anchors anchors = blob ? anchors_for(blob, fact) : no_anchors;
	scratch->len = 0;
	struct blob_growth growth = {
		.head_len_before = blob ? head_bytes(blob) : 0,
		.head_len = ladder_bytes(head->fixed.conversation_count, head->fixed.touch_count),
		.len_before = blob ? blob->len : 0,
		.is_click_anchor = becomes_click_anchor(&anchors, fact),
		.is_id_anchor = write_record(&anchors, fact, id, scratch),
	};
	growth.len = (blob ? blob->len : sizeof(*blob)) - growth.head_len_before + growth.head_len +
		     scratch->len;
	return growth;
}

/* What stands behind the head moves by as much as the head has grown. */
static void move_rest(struct blob_header *blob, const struct blob_growth *growth)
{
	char *rest = (char *)(blob + 1);
	size_t rest_len = growth->len_before - sizeof(*blob) - growth->head_len_before;
	uint32_t moved = (uint32_t)(growth->head_len - growth->head_len_before);
	memmove(rest + growth->head_len, rest + growth->head_len_before, rest_len);
	if (blob->id_anchor_at)
		blob->id_anchor_at += moved;
	if (blob->click_anchor_at)
		blob->click_anchor_at += moved;
}

void blob_append(struct blob_header *blob, struct key128 key, const struct blob_growth *growth,
		 const struct ladder *head, const struct fact *fact, const struct buffer *scratch)
{
	if (growth->len_before == 0)
		*blob = (struct blob_header){.key = key};
	else if (growth->head_len != growth->head_len_before)
		move_rest(blob, growth);
	set_head(blob, &head->fixed);
	pack_ladder(head, (char *)(blob + 1));
	uint32_t record_at = (uint32_t)(growth->len - scratch->len);
	memcpy((char *)blob + record_at, scratch->data, scratch->len);
	if (growth->is_id_anchor)
		blob->id_anchor_at = record_at;
	if (growth->is_click_anchor)
		blob->click_anchor_at = record_at;
	blob->record_count++;
	blob->last_rank = fact->rank & 7;
	blob->seen |= UINT64_C(1) << (fact->id_hash >> 58);
	blob->len = (uint32_t)growth->len;
}
