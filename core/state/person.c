#include "core/state/person.h"

#include <stdlib.h>

struct person_fixed {
	struct key128 key;
	int64_t horizon_ms;
	struct claim claim;
	struct ladder_fixed head;
	struct ladder_fixed prefix;
	uint32_t fact_count;
	uint32_t ids_len;
	uint8_t has_prefix;
	uint8_t unused[7];
};

void ladder_reset(struct ladder *ladder)
{
	ladder->fixed = (struct ladder_fixed){
		.last_ms = TIME_NONE,
		.touch_ms = TIME_NONE,
		.touch_ad = SERIES_NONE,
		.ongoing = CONVERSATION_NONE,
		.opened_last = CONVERSATION_NONE,
	};
}

void ladder_destroy(struct ladder *ladder)
{
	free(ladder->conversations);
	free(ladder->touches);
	*ladder = (struct ladder){0};
}

bool ladder_is_empty(const struct ladder *ladder)
{
	return ladder->fixed.last_ms == TIME_NONE;
}

static void *grow(void *array, size_t *capacity, size_t count, size_t size)
{
	if (count <= *capacity)
		return array;
	size_t wanted = *capacity ? *capacity : 4;
	while (wanted < count)
		wanted *= 2;
	array = realloc(array, wanted * size);
	CHECK(array);
	*capacity = wanted;
	return array;
}

static void ladder_resize(struct ladder *ladder)
{
	ladder->conversations = grow(ladder->conversations, &ladder->conversation_capacity,
				     ladder->fixed.conversation_count, sizeof(struct conversation));
	ladder->touches = grow(ladder->touches, &ladder->touch_capacity, ladder->fixed.touch_count,
			       sizeof(struct touch));
}

static void copy_array(void *to, const void *from, size_t len)
{
	if (len)
		memcpy(to, from, len);
}

void ladder_copy(struct ladder *to, const struct ladder *from)
{
	to->fixed = from->fixed;
	ladder_resize(to);
	copy_array(to->conversations, from->conversations,
		   from->fixed.conversation_count * sizeof(struct conversation));
	copy_array(to->touches, from->touches, from->fixed.touch_count * sizeof(struct touch));
}

struct conversation *ladder_add_conversation(struct ladder *ladder)
{
	CHECK(ladder->fixed.conversation_count < CONVERSATION_NONE - 1);
	ladder->fixed.conversation_count++;
	ladder_resize(ladder);
	return &ladder->conversations[ladder->fixed.conversation_count - 1];
}

void ladder_set_touch(struct ladder *ladder, uint64_t click, int64_t time_ms, uint32_t ad)
{
	size_t at = 0;
	while (at < ladder->fixed.touch_count && ladder->touches[at].click != click)
		at++;
	if (at == ladder->fixed.touch_count) {
		if (at == UINT16_MAX) { /* a robot: its oldest click gives way */
			at--;
			memmove(ladder->touches, ladder->touches + 1, at * sizeof(struct touch));
		} else {
			ladder->fixed.touch_count++;
			ladder_resize(ladder);
		}
	}
	ladder->touches[at] = (struct touch){.time_ms = time_ms, .click = click, .ad = ad};
}

int fact_compare(const struct fact *a, const char *a_ids, const struct fact *b, const char *b_ids)
{
	if (a->time_ms != b->time_ms)
		return a->time_ms < b->time_ms ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return slice_compare((struct slice){a_ids + a->id_at, a->id_len},
			     (struct slice){b_ids + b->id_at, b->id_len});
}

int fact_compare_content(const struct fact *a, const struct fact *b)
{
	struct fact left = *a, right = *b;
	left.id_at = right.id_at = 0;
	return memcmp(&left, &right, sizeof(left));
}

void person_reset(struct person *person, struct key128 key)
{
	person->key = key;
	ladder_reset(&person->prefix);
	ladder_reset(&person->head);
	person->fact_count = 0;
	person->ids.len = 0;
	person->claim = (struct claim){.time_ms = TIME_NONE};
	person->claim_id.len = 0;
	person->horizon_ms = TIME_NONE;
}

void person_destroy(struct person *person)
{
	ladder_destroy(&person->prefix);
	ladder_destroy(&person->head);
	free(person->facts);
	buffer_destroy(&person->ids);
	buffer_destroy(&person->claim_id);
}

void person_insert_fact(struct person *person, size_t at, const struct fact *fact, struct slice id)
{
	CHECK(at <= person->fact_count);
	person->facts =
		grow(person->facts, &person->fact_capacity, person->fact_count + 1, sizeof(*person->facts));
	memmove(&person->facts[at + 1], &person->facts[at], (person->fact_count - at) * sizeof(*fact));
	person->facts[at] = *fact;
	person->facts[at].id_at = (uint32_t)person->ids.len;
	person->facts[at].id_len = (uint16_t)id.len;
	person->fact_count++;
	buffer_put(&person->ids, id.data, id.len);
}

void person_remove_fact(struct person *person, size_t at)
{
	CHECK(at < person->fact_count);
	person->fact_count--;
	memmove(&person->facts[at], &person->facts[at + 1],
		(person->fact_count - at) * sizeof(*person->facts));
}

size_t person_find_place(const struct person *person, const struct fact *fact, struct slice id)
{
	struct fact wanted = *fact;
	wanted.id_at = 0;
	wanted.id_len = (uint16_t)id.len;
	size_t at = person->fact_count;
	while (at > 0 && fact_compare(&person->facts[at - 1], person->ids.data, &wanted, id.data) > 0)
		at--;
	return at;
}

size_t person_find_id(const struct person *person, uint64_t id_hash, struct slice id)
{
	for (size_t i = 0; i < person->fact_count; i++)
		if (person->facts[i].id_hash == id_hash &&
		    slice_equal(person_fact_id(person, &person->facts[i]), id))
			return i;
	return person->fact_count;
}

static void store_ladder(const struct ladder *ladder, struct buffer *out)
{
	buffer_put(out, ladder->conversations,
		   ladder->fixed.conversation_count * sizeof(struct conversation));
	buffer_put(out, ladder->touches, ladder->fixed.touch_count * sizeof(struct touch));
}

void person_store(const struct person *person, struct buffer *out)
{
	struct person_fixed fixed = {
		.key = person->key,
		.horizon_ms = person->horizon_ms,
		.claim = person->claim,
		.head = person->head.fixed,
		.prefix = person->prefix.fixed,
		.fact_count = (uint32_t)person->fact_count,
		.has_prefix = person->fact_count > 0 && !ladder_is_empty(&person->prefix),
	};
	fixed.claim.id_len = (uint32_t)person->claim_id.len;
	for (size_t i = 0; i < person->fact_count; i++)
		fixed.ids_len += person->facts[i].id_len;
	buffer_put(out, &fixed, sizeof(fixed));
	store_ladder(&person->head, out);
	if (fixed.has_prefix)
		store_ladder(&person->prefix, out);
	uint32_t id_at = 0;
	for (size_t i = 0; i < person->fact_count; i++) {
		struct fact fact = person->facts[i];
		fact.id_at = id_at;
		id_at += fact.id_len;
		buffer_put(out, &fact, sizeof(fact));
	}
	for (size_t i = 0; i < person->fact_count; i++)
		buffer_put(out, person->ids.data + person->facts[i].id_at, person->facts[i].id_len);
	buffer_put(out, person->claim_id.data, person->claim_id.len);
}

static void load_ladder(struct ladder *ladder, const struct ladder_fixed *fixed, struct reader *reader)
{
	size_t conversations_len = fixed->conversation_count * sizeof(struct conversation);
	size_t touches_len = fixed->touch_count * sizeof(struct touch);
	struct slice conversations = reader_bytes(reader, conversations_len);
	struct slice touches = reader_bytes(reader, touches_len);
	if (reader->failed)
		return;
	ladder->fixed = *fixed;
	ladder_resize(ladder);
	copy_array(ladder->conversations, conversations.data, conversations_len);
	copy_array(ladder->touches, touches.data, touches_len);
}

static bool facts_are_sound(const struct person *person)
{
	for (size_t i = 0; i < person->fact_count; i++)
		if ((size_t)person->facts[i].id_at + person->facts[i].id_len > person->ids.len)
			return false;
	return true;
}

bool person_load(struct person *person, struct slice blob)
{
	struct reader reader = reader_of(blob);
	struct slice start = reader_bytes(&reader, sizeof(struct person_fixed));
	if (reader.failed)
		return false;
	struct person_fixed fixed;
	memcpy(&fixed, start.data, sizeof(fixed));
	person_reset(person, fixed.key);
	person->horizon_ms = fixed.horizon_ms;
	load_ladder(&person->head, &fixed.head, &reader);
	if (fixed.has_prefix)
		load_ladder(&person->prefix, &fixed.prefix, &reader);
	else if (fixed.fact_count == 0 && !reader.failed)
		ladder_copy(&person->prefix, &person->head);
	struct slice facts = reader_bytes(&reader, (size_t)fixed.fact_count * sizeof(struct fact));
	struct slice ids = reader_bytes(&reader, fixed.ids_len);
	struct slice claim_id = reader_bytes(&reader, fixed.claim.id_len);
	if (reader.failed)
		return false;
	person->facts =
		grow(person->facts, &person->fact_capacity, fixed.fact_count, sizeof(*person->facts));
	copy_array(person->facts, facts.data, facts.len);
	person->fact_count = fixed.fact_count;
	buffer_put(&person->ids, ids.data, ids.len);
	person->claim = fixed.claim;
	buffer_put(&person->claim_id, claim_id.data, claim_id.len);
	return reader.at == reader.end && facts_are_sound(person);
}

struct key128 person_blob_key(const char *blob)
{
	struct key128 key;
	memcpy(&key, blob, sizeof(key));
	return key;
}

int64_t person_blob_last_ms(const char *blob)
{
	struct person_fixed fixed;
	memcpy(&fixed, blob, sizeof(fixed));
	int64_t last_ms = fixed.head.last_ms;
	return fixed.claim.time_ms > last_ms ? fixed.claim.time_ms : last_ms;
}
