#include "core/state/people.h"

#include <stdlib.h>

#include "core/base/pool.h"

enum {
	SEGMENT_BITS = 10,
	SEGMENT_COUNT = 1 << SEGMENT_BITS,
	SLOT_BITS_MIN = 3,
	POINTER_BITS = 48,
	TAG_SHIFT = POINTER_BITS + GENERATION_BITS,
	CACHE_LINE = 64,
	LOOK_AHEAD = 8,
};

/* From the low bits: the mark, where the blob is (pieces of a pool stand at multiples of 16), its generation,
 * and the last bits of the key's high word. 0: free. */
typedef uint64_t slot;
#define MARK_MASK UINT64_C(3)
#define POINTER_MASK (((UINT64_C(1) << POINTER_BITS) - 1) & ~UINT64_C(15))
#define GENERATION_MASK (((UINT64_C(1) << GENERATION_BITS) - 1) << POINTER_BITS)

/* Clean, or dirty: since before a commit began or since then, in turn. */
enum { MARK_CLEAN, MARK_ODD, MARK_EVEN };

struct segment {
	slot *slots; /* NULL: nobody yet */
	uint32_t count;
	uint32_t bits;
};

struct people {
	struct segment segments[SEGMENT_COUNT];
	size_t count;
	slot dirty;       /* the mark of who changes now */
	size_t dirty_count;
	size_t due_count; /* were dirty when the commit began, and are not said yet */
	bool is_open;     /* a commit is under way */
	size_t commit_at; /* of it: the next slot to look at, as in people_next */
	people_say *say;
	void *say_ctx;
	const struct erased *erased;
	bool has_left_out; /* somebody, at the restore under way */
	struct generations generations;
	struct pool *pool;
	slot *found;      /* by the last search, or NULL: mostly the next one is for the same key */
};

static struct blob_header *blob_of(slot slot)
{
	return (struct blob_header *)(uintptr_t)(slot & POINTER_MASK);
}

static uint64_t tag_of(struct key128 key)
{
	return key.high << TAG_SHIFT;
}

static bool has_tag(slot slot, struct key128 key)
{
	return slot >> TAG_SHIFT == tag_of(key) >> TAG_SHIFT;
}

static unsigned generation_of(slot slot)
{
	return (unsigned)((slot & GENERATION_MASK) >> POINTER_BITS);
}

static slot make_slot(const struct blob_header *blob, struct key128 key)
{
	uint64_t at = (uint64_t)(uintptr_t)blob;
	CHECK((at & ~POINTER_MASK) == 0);
	return at | tag_of(key);
}

static const struct segment *segment_of(const struct people *people, struct key128 key)
{
	return &people->segments[key.high >> (64 - SEGMENT_BITS)];
}

static size_t slot_count(const struct segment *segment)
{
	return segment->slots ? (size_t)1 << segment->bits : 0;
}

static size_t home_of(const struct segment *segment, uint64_t high)
{
	return (high << SEGMENT_BITS) >> (64 - segment->bits);
}

static void *allocate(size_t count, size_t size)
{
	void *array = calloc(count, size);
	CHECK(array);
	return array;
}

struct people *people_create(void)
{
	struct people *people = allocate(1, sizeof(*people));
	people->dirty = MARK_ODD;
	generations_create(&people->generations);
	people->pool = pool_create();
	return people;
}

void people_destroy(struct people *people)
{
	size_t at = 0;
	for (struct slice blob; (blob = people_next(people, &at)).len;)
		pool_give(people->pool, (char *)blob.data, blob.len);
	for (size_t i = 0; i < SEGMENT_COUNT; i++)
		if (people->segments[i].slots)
			pool_give(people->pool, people->segments[i].slots,
				  slot_count(&people->segments[i]) * sizeof(slot));
	pool_destroy(people->pool);
	free(people);
}

size_t people_count(const struct people *people)
{
	return people->count;
}

size_t people_used_bytes(const struct people *people)
{
	return sizeof(*people) + pool_used_bytes(people->pool);
}

size_t people_held_bytes(const struct people *people)
{
	return sizeof(*people) + pool_held_bytes(people->pool);
}

size_t people_unsaid_bytes(const struct people *people)
{
	size_t unsaid_count = people->dirty_count + people->due_count;
	return unsaid_count ? people_used_bytes(people) / people->count * unsaid_count : 0;
}

/* ---- Finding ---- */

void people_prefetch(const struct people *people, struct key128 key)
{
	const struct segment *segment = segment_of(people, key);
	if (segment->slots)
		__builtin_prefetch(&segment->slots[home_of(segment, key.high)]);
}

/* The first blob that may be his: without a look at it. */
static const struct blob_header *guess_blob(const struct people *people, struct key128 key)
{
	const struct segment *segment = segment_of(people, key);
	if (!segment->slots)
		return NULL;
	size_t mask = slot_count(segment) - 1;
	for (size_t at = home_of(segment, key.high); segment->slots[at]; at = (at + 1) & mask)
		if (has_tag(segment->slots[at], key))
			return blob_of(segment->slots[at]);
	return NULL;
}

const struct blob_header *people_prefetch_blob(const struct people *people, struct key128 key)
{
	const struct blob_header *blob = guess_blob(people, key);
	if (blob) {
		__builtin_prefetch(blob);
		__builtin_prefetch((const char *)blob + CACHE_LINE);
	}
	return blob;
}

void people_prefetch_rest(const struct blob_header *blob)
{
	enum { REST_MAX = 16 * CACHE_LINE };
	size_t len = blob->len < REST_MAX ? blob->len : REST_MAX;
	for (size_t at = 2 * CACHE_LINE; at < len; at += CACHE_LINE)
		__builtin_prefetch((const char *)blob + at);
}

/* The slot of a key, or the free slot where it belongs. The segment has slots. */
static slot *find_slot(const struct segment *segment, struct key128 key)
{
	size_t mask = slot_count(segment) - 1;
	for (size_t at = home_of(segment, key.high);; at = (at + 1) & mask) {
		slot *found = &segment->slots[at];
		if (!*found)
			return found;
		if (has_tag(*found, key) && key128_equal(blob_of(*found)->key, key))
			return found;
	}
}

/* The slot of a person, NULL where he is not. */
static slot *find(struct people *people, struct key128 key)
{
	const struct segment *segment = segment_of(people, key);
	if (people->found && key128_equal(blob_of(*people->found)->key, key))
		return people->found;
	slot *found = segment->slots ? find_slot(segment, key) : NULL;
	if (!found || !*found)
		return NULL;
	people->found = found;
	return found;
}

struct slice people_find(struct people *people, struct key128 key)
{
	const slot *found = find(people, key);
	if (!found)
		return (struct slice){NULL, 0};
	const struct blob_header *blob = blob_of(*found);
	return (struct slice){(const char *)blob, blob->len};
}

struct slice people_next(const struct people *people, size_t *at)
{
	for (size_t i = *at >> 32; i < SEGMENT_COUNT; *at = ++i << 32) {
		const struct segment *segment = &people->segments[i];
		for (size_t j = (uint32_t)*at; j < slot_count(segment); j++) {
			if (!segment->slots[j])
				continue;
			const struct blob_header *blob = blob_of(segment->slots[j]);
			*at = (i << 32) + j + 1;
			return (struct slice){(const char *)blob, blob->len};
		}
	}
	return (struct slice){NULL, 0};
}

/* ---- Changing ---- */

static slot *take_slots(struct people *people, unsigned bits)
{
	size_t bytes = ((size_t)1 << bits) * sizeof(slot);
	slot *slots = pool_take(people->pool, bytes);
	memset(slots, 0, bytes);
	return slots;
}

/* Slots of a segment have moved: the commit looks at all of them once more. */
static void look_again(struct people *people, const struct segment *segment)
{
	if (people->commit_at >> 32 == (size_t)(segment - people->segments))
		people->commit_at &= ~(size_t)UINT32_MAX;
}

static void grow_segment(struct people *people, struct segment *segment)
{
	struct segment old = *segment;
	people->found = NULL;
	segment->bits = old.slots ? old.bits + 1 : SLOT_BITS_MIN;
	segment->slots = take_slots(people, segment->bits);
	size_t mask = slot_count(segment) - 1;
	for (size_t i = 0; i < slot_count(&old); i++) {
		if (i + LOOK_AHEAD < slot_count(&old))
			__builtin_prefetch(blob_of(old.slots[i + LOOK_AHEAD]));
		if (!old.slots[i])
			continue;
		size_t at = home_of(segment, blob_of(old.slots[i])->key.high);
		while (segment->slots[at])
			at = (at + 1) & mask;
		segment->slots[at] = old.slots[i];
	}
	if (old.slots)
		pool_give(people->pool, old.slots, slot_count(&old) * sizeof(slot));
	look_again(people, segment);
}

static bool is_due(const struct people *people, slot slot)
{
	uint64_t mark = slot & MARK_MASK;
	if (!people->is_open || mark == people->dirty)
		return false;
	return mark != MARK_CLEAN || people->generations.all[generation_of(slot)].is_leaving;
}

static void say(struct people *people, slot *place)
{
	const struct blob_header *blob = blob_of(*place);
	people->say(people->say_ctx, (struct slice){(const char *)blob, blob->len});
	people->due_count -= (*place & MARK_MASK) != MARK_CLEAN;
	generations_move(&people->generations, generation_of(*place));
	*place = (*place & ~(MARK_MASK | GENERATION_MASK)) |
		 (slot)people->generations.open << POINTER_BITS;
}

/* A person is about to change. */
static void mark_dirty(struct people *people, slot *place)
{
	if (is_due(people, *place))
		say(people, place);
	people->dirty_count += (*place & MARK_MASK) != people->dirty;
	*place = (*place & ~MARK_MASK) | people->dirty;
}

/* `mark`: with the generation. */
static struct blob_header *place_new(struct people *people, struct key128 key, size_t len, slot mark)
{
	struct segment *segment = (struct segment *)segment_of(people, key);
	if (!segment->slots || (segment->count + 1) * 5 > slot_count(segment) * 4)
		grow_segment(people, segment);
	struct blob_header *blob = pool_take(people->pool, len);
	*find_slot(segment, key) = make_slot(blob, key) | mark;
	people->dirty_count += (mark & MARK_MASK) != MARK_CLEAN;
	segment->count++;
	people->count++;
	return blob;
}

static struct blob_header *move_blob(struct people *people, slot *place, size_t len_before, size_t len)
{
	struct blob_header *moved = pool_resize(people->pool, blob_of(*place), len_before, len);
	*place = (*place & ~POINTER_MASK) | (uint64_t)(uintptr_t)moved;
	return moved;
}

struct blob_header *people_resize(struct people *people, struct key128 key, size_t len)
{
	slot *found = find(people, key);
	if (!found)
		return place_new(people, key, len, people->dirty);
	mark_dirty(people, found);
	return move_blob(people, found, blob_of(*found)->len, len);
}

void people_shrink(struct people *people, struct key128 key, size_t len)
{
	slot *found = find_slot(segment_of(people, key), key);
	move_blob(people, found, len, blob_of(*found)->len);
}

void people_put(struct people *people, struct slice blob)
{
	memcpy(people_resize(people, person_blob_key(blob.data), blob.len), blob.data, blob.len);
}

/* Closes the gap: whoever stands behind it and could stand nearer to his home moves up. */
static void close_gap(const struct segment *segment, size_t gap)
{
	size_t mask = slot_count(segment) - 1;
	for (size_t at = (gap + 1) & mask; segment->slots[at]; at = (at + 1) & mask) {
		size_t home = home_of(segment, blob_of(segment->slots[at])->key.high);
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			segment->slots[gap] = segment->slots[at];
			gap = at;
		}
	}
	segment->slots[gap] = 0;
}

void people_remove(struct people *people, struct key128 key)
{
	struct segment *segment = (struct segment *)segment_of(people, key);
	slot *found = segment->slots ? find_slot(segment, key) : NULL;
	if (!found || !*found)
		return;
	CHECK(!people->is_open);
	people->dirty_count -= (*found & MARK_MASK) == people->dirty;
	generations_drop(&people->generations, generation_of(*found));
	pool_give(people->pool, blob_of(*found), blob_of(*found)->len);
	people->found = NULL;
	segment->count--;
	people->count--;
	close_gap(segment, (size_t)(found - segment->slots));
}

/* ---- Commits ---- */

void people_begin_commit(struct people *people, people_say *say, void *ctx)
{
	CHECK(!people->is_open);
	people->say = say;
	people->say_ctx = ctx;
	people->is_open = generations_begin(&people->generations, people->count) || people->dirty_count > 0;
	people->commit_at = 0;
	people->dirty = people->dirty == MARK_ODD ? MARK_EVEN : MARK_ODD;
	people->due_count = people->dirty_count;
	people->dirty_count = 0;
}

static void say_slots(struct people *people, struct segment *segment, size_t at, size_t end)
{
	for (; at < end; at++) {
		if (at + LOOK_AHEAD < end && is_due(people, segment->slots[at + LOOK_AHEAD]))
			__builtin_prefetch(blob_of(segment->slots[at + LOOK_AHEAD]));
		if (segment->slots[at] && is_due(people, segment->slots[at]))
			say(people, &segment->slots[at]);
	}
}

bool people_step_commit(struct people *people, size_t count)
{
	while (people->is_open && count > 0) {
		size_t number = people->commit_at >> 32, at = (uint32_t)people->commit_at;
		struct segment *segment = &people->segments[number];
		size_t left = slot_count(segment) > at ? slot_count(segment) - at : 0;
		size_t looked = left < count ? left : count;
		say_slots(people, segment, at, at + looked);
		count -= looked;
		people->commit_at += looked;
		if (looked == left)
			people->commit_at = (number + 1) << 32;
		people->is_open = people->commit_at >> 32 < SEGMENT_COUNT;
	}
	return people->is_open;
}

void people_rewrite(struct people *people)
{
	generations_rewrite(&people->generations);
}

bool people_is_rewriting(const struct people *people)
{
	return generations_is_rewriting(&people->generations);
}

void people_set_erased(struct people *people, const struct erased *erased)
{
	people->erased = erased;
}

int64_t people_take_chunk(struct people *people)
{
	return generations_take_chunk(&people->generations);
}

bool people_take_empty(struct people *people, struct generation *empty)
{
	return generations_take_empty(&people->generations, empty);
}

/* ---- Restores ---- */

void people_begin_restore(struct people *people, uint64_t people_count)
{
	generations_begin_restore(&people->generations, people_count);
}

void people_end_restore(struct people *people)
{
	generations_end_restore(&people->generations);
	if (people->has_left_out)
		people_rewrite(people);
	people->has_left_out = false;
}

static void restore_person(struct people *people, struct slice blob, slot generation)
{
	struct key128 key = person_blob_key(blob.data);
	memcpy(place_new(people, key, blob.len, generation << POINTER_BITS), blob.data, blob.len);
}

/* Fetches the slots of the people who come next; `ahead` is so many before the reader. */
static void look_ahead(const struct people *people, struct reader *ahead, size_t count)
{
	while (count-- > 0 && !reader_at_end(ahead)) {
		struct slice blob = reader_text(ahead);
		if (blob.len >= sizeof(struct blob_header))
			people_prefetch(people, person_blob_key(blob.data));
	}
}

static bool is_erased(const struct people *people, const struct person *person)
{
	return erased_covers(people->erased, person->key, person_last_ms(person)) ||
	       (person->claim.time_ms != TIME_NONE &&
		erased_covers(people->erased, person->claim.person, person->claim.time_ms));
}

/* Of somebody who is there in a newer version. In a page blobs stand at any address. */
static bool is_erased_version(const struct people *people, struct slice blob)
{
	struct blob_header header;
	memcpy(&header, blob.data, sizeof(header));
	return erased_covers(people->erased, header.key, blob_last_ms(&header));
}

bool people_restore_chunk(struct people *people, int64_t chunk, struct slice bytes, int64_t forgotten_ms,
			  const struct series_table *table, int64_t now_ms)
{
	slot generation = generations_restore_chunk(&people->generations, chunk);
	struct person person = {0};
	struct reader reader = reader_of(bytes);
	struct reader ahead = reader;
	uint64_t written = 0, live = 0;
	look_ahead(people, &ahead, LOOK_AHEAD);
	while (!reader_at_end(&reader)) {
		struct slice blob = reader_text(&reader);
		look_ahead(people, &ahead, 1);
		written++;
		bool is_old = blob.len >= sizeof(struct blob_header) &&
			      find(people, person_blob_key(blob.data));
		if (is_old) {
			people->has_left_out |= is_erased_version(people, blob);
			continue;
		}
		if (reader.failed || !person_load(&person, blob) ||
		    !person_is_sound(&person, table, now_ms)) {
			reader.failed = true;
			break;
		}
		if (person_last_ms(&person) < forgotten_ms)
			continue;
		if (is_erased(people, &person)) {
			people->has_left_out = true;
			continue;
		}
		restore_person(people, blob, generation);
		live++;
	}
	person_destroy(&person);
	generations_count_restored(&people->generations, written, live);
	return !reader.failed;
}
