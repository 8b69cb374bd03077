#include "core/state/people.h"

#include <stdlib.h>

#include "core/base/pool.h"

enum {
	SEGMENT_BITS = 12,
	SEGMENT_COUNT = 1 << SEGMENT_BITS,
	SLOT_BITS_MIN = 3,
	PAGE_BITS_MIN = 4,
	PEOPLE_PER_PAGE_MAX = 16,
	POINTER_BITS = 48,
	CACHE_LINE = 64,
	WORD_BITS_LOG2 = 6, /* of the marks */
};

/* The low bits are where the blob is, the others are of the key's high word; 0: free. */
typedef uint64_t slot;
#define POINTER_MASK ((UINT64_C(1) << POINTER_BITS) - 1)

struct segment {
	slot *slots; /* NULL: nobody yet */
	uint32_t count;
	uint32_t bits;
};

struct people {
	struct segment segments[SEGMENT_COUNT];
	unsigned page_bits;
	size_t count;
	uint64_t *dirty; /* a bit a page */
	uint64_t *due;   /* in the commit under way */
	size_t due_count;
	people_before_change *before_change;
	void *before_change_ctx;
	struct pool *pool;
	slot *found;     /* by the last search, or NULL: mostly the next one is for the same key */
	struct key128 found_key;
};

static struct blob_header *blob_of(slot slot)
{
	return (struct blob_header *)(uintptr_t)(slot & POINTER_MASK);
}

static uint64_t tag_of(struct key128 key)
{
	return key.high << POINTER_BITS;
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

static int64_t page_of(const struct people *people, uint64_t high)
{
	return (int64_t)(high >> (64 - people->page_bits));
}

static void *allocate(size_t count, size_t size)
{
	void *array = calloc(count, size);
	CHECK(array);
	return array;
}

static size_t dirty_words(const struct people *people)
{
	return (((size_t)1 << people->page_bits) + 63) / 64;
}

struct people *people_create(void)
{
	struct people *people = allocate(1, sizeof(*people));
	people->page_bits = PAGE_BITS_MIN;
	people->dirty = allocate(dirty_words(people), sizeof(*people->dirty));
	people->due = allocate(dirty_words(people), sizeof(*people->due));
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
	free(people->dirty);
	free(people->due);
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

unsigned people_page_bits(const struct people *people)
{
	return people->page_bits;
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
		if ((segment->slots[at] & ~POINTER_MASK) == tag_of(key))
			return blob_of(segment->slots[at]);
	return NULL;
}

void people_prefetch_blob(const struct people *people, struct key128 key)
{
	const char *blob = (const char *)guess_blob(people, key);
	if (!blob)
		return;
	__builtin_prefetch(blob);
	__builtin_prefetch(blob + CACHE_LINE);
	__builtin_prefetch(blob + 2 * CACHE_LINE);
}

void people_prefetch_end(const struct people *people, struct key128 key)
{
	const struct blob_header *blob = guess_blob(people, key);
	if (!blob)
		return;
	__builtin_prefetch((const char *)blob + blob->len);
	__builtin_prefetch((const char *)blob + (blob->id_anchor_at ? blob->id_anchor_at : blob->len));
}

/* The slot of a key, or the free slot where it belongs. The segment has slots. */
static slot *find_slot(const struct segment *segment, struct key128 key)
{
	size_t mask = slot_count(segment) - 1;
	for (size_t at = home_of(segment, key.high);; at = (at + 1) & mask) {
		slot *found = &segment->slots[at];
		if (!*found)
			return found;
		if ((*found & ~POINTER_MASK) == tag_of(key) && key128_equal(blob_of(*found)->key, key))
			return found;
	}
}

/* The slot of a person, NULL where he is not. */
static slot *find(struct people *people, struct key128 key)
{
	const struct segment *segment = segment_of(people, key);
	if (people->found && key128_equal(people->found_key, key))
		return people->found;
	slot *found = segment->slots ? find_slot(segment, key) : NULL;
	if (!found || !*found)
		return NULL;
	people->found = found;
	people->found_key = key;
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

static void grow_segment(struct people *people, struct segment *segment)
{
	struct segment old = *segment;
	people->found = NULL;
	segment->bits = old.slots ? old.bits + 1 : SLOT_BITS_MIN;
	segment->slots = take_slots(people, segment->bits);
	size_t mask = slot_count(segment) - 1;
	for (size_t i = 0; i < slot_count(&old); i++) {
		if (!old.slots[i])
			continue;
		size_t at = home_of(segment, blob_of(old.slots[i])->key.high);
		while (segment->slots[at])
			at = (at + 1) & mask;
		segment->slots[at] = old.slots[i];
	}
	if (old.slots)
		pool_give(people->pool, old.slots, slot_count(&old) * sizeof(slot));
}

static bool is_marked(const uint64_t *marks, int64_t page)
{
	return marks[page / 64] >> (page % 64) & 1;
}

/* The page of a key is about to change. */
static void mark_dirty(struct people *people, uint64_t high)
{
	int64_t page = page_of(people, high);
	if (people->due_count && is_marked(people->due, page)) {
		people->before_change(people->before_change_ctx, page);
		CHECK(!is_marked(people->due, page));
	}
	people->dirty[page / 64] |= (uint64_t)1 << (page % 64);
}

void people_set_page_bits(struct people *people, unsigned page_bits)
{
	CHECK(page_bits >= PAGE_BITS_MIN && page_bits < 40 && people->due_count == 0);
	people->page_bits = page_bits;
	free(people->dirty);
	free(people->due);
	people->dirty = allocate(dirty_words(people), sizeof(*people->dirty));
	people->due = allocate(dirty_words(people), sizeof(*people->due));
}

static void grow_pages(struct people *people)
{
	people_set_page_bits(people, people->page_bits + 1);
	memset(people->dirty, 0xff, dirty_words(people) * sizeof(*people->dirty));
	if (people->page_bits < WORD_BITS_LOG2)
		people->dirty[0] = (UINT64_C(1) << (1 << people->page_bits)) - 1;
}

static struct blob_header *place_new(struct people *people, struct key128 key, size_t len)
{
	struct segment *segment = (struct segment *)segment_of(people, key);
	if (!segment->slots || (segment->count + 1) * 5 > slot_count(segment) * 4)
		grow_segment(people, segment);
	struct blob_header *blob = pool_take(people->pool, len);
	*find_slot(segment, key) = make_slot(blob, key);
	segment->count++;
	people->count++;
	return blob;
}

static struct blob_header *move_blob(struct people *people, slot *place, size_t len_before, size_t len)
{
	struct blob_header *blob = blob_of(*place);
	if (pool_size_of(len_before) == pool_size_of(len))
		return blob;
	struct blob_header *moved = pool_take(people->pool, len);
	memcpy(moved, blob, len_before < len ? len_before : len);
	*place = (*place & ~POINTER_MASK) | (uint64_t)(uintptr_t)moved;
	pool_give(people->pool, blob, len_before);
	return moved;
}

static struct blob_header *place(struct people *people, struct key128 key, size_t len)
{
	slot *found = find(people, key);
	if (!found)
		return place_new(people, key, len);
	return move_blob(people, found, blob_of(*found)->len, len);
}

struct blob_header *people_resize(struct people *people, struct key128 key, size_t len)
{
	mark_dirty(people, key.high);
	struct blob_header *blob = place(people, key, len);
	if (people->count >> people->page_bits >= PEOPLE_PER_PAGE_MAX && people->due_count == 0)
		grow_pages(people);
	return blob;
}

void people_shrink(struct people *people, struct key128 key, size_t len)
{
	slot *found = find_slot(segment_of(people, key), key);
	move_blob(people, found, len, blob_of(*found)->len);
}

static void put_blob(struct people *people, struct slice blob)
{
	memcpy(place(people, person_blob_key(blob.data), blob.len), blob.data, blob.len);
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
	mark_dirty(people, key.high);
	pool_give(people->pool, blob_of(*found), blob_of(*found)->len);
	people->found = NULL;
	segment->count--;
	people->count--;
	close_gap(segment, (size_t)(found - segment->slots));
}

/* ---- Pages ---- */

void people_begin_commit(struct people *people, people_before_change *before_change, void *ctx)
{
	uint64_t *due = people->dirty;
	CHECK(people->due_count == 0);
	people->dirty = people->due;
	people->due = due;
	people->before_change = before_change;
	people->before_change_ctx = ctx;
	memset(people->dirty, 0, dirty_words(people) * sizeof(*people->dirty));
	for (size_t i = 0; i < dirty_words(people); i++)
		people->due_count += (size_t)__builtin_popcountll(due[i]);
}

int64_t people_next_due(const struct people *people, int64_t page)
{
	if (people->due_count == 0)
		return -1;
	for (; page < (int64_t)1 << people->page_bits; page++) {
		uint64_t word = people->due[page / 64] >> (page % 64);
		if (word)
			return page + __builtin_ctzll(word);
		page |= 63;
	}
	return -1;
}

void people_take_due(struct people *people, int64_t page)
{
	CHECK(is_marked(people->due, page));
	people->due[page / 64] &= ~((uint64_t)1 << (page % 64));
	people->due_count--;
}

/* From the home of the page's first key to that of its last, and on to the first free slot. */
static void encode_segment(const struct people *people, const struct segment *segment, int64_t page,
			   struct buffer *out)
{
	if (!segment->slots)
		return;
	size_t mask = slot_count(segment) - 1, at = 0, sure_count = mask + 1;
	if (people->page_bits > SEGMENT_BITS) {
		uint64_t first = (uint64_t)page << (64 - people->page_bits);
		uint64_t last = first + (UINT64_MAX >> people->page_bits);
		at = home_of(segment, first);
		sure_count = home_of(segment, last) - at + 1;
	}
	for (size_t i = 0; i <= mask; i++) {
		slot slot = segment->slots[(at + i) & mask];
		if (i >= sure_count && !slot)
			break;
		if (slot && page_of(people, blob_of(slot)->key.high) == page)
			buffer_put_text(out, (struct slice){(const char *)blob_of(slot), blob_of(slot)->len});
	}
}

void people_encode_page(const struct people *people, int64_t page, struct buffer *out)
{
	if (people->page_bits >= SEGMENT_BITS) {
		int64_t segment = page >> (people->page_bits - SEGMENT_BITS);
		encode_segment(people, &people->segments[segment], page, out);
		return;
	}
	int64_t count = (int64_t)1 << (SEGMENT_BITS - people->page_bits);
	for (int64_t i = page * count; i < (page + 1) * count; i++)
		encode_segment(people, &people->segments[i], page, out);
}

bool people_decode_page(struct people *people, struct slice page, const struct series_table *table,
			int64_t now_ms)
{
	struct person person = {0};
	struct reader reader = reader_of(page);
	while (!reader_at_end(&reader)) {
		struct slice blob = reader_text(&reader);
		if (reader.failed || !person_load(&person, blob) ||
		    !person_is_sound(&person, table, now_ms)) {
			reader.failed = true;
			break;
		}
		put_blob(people, blob);
	}
	person_destroy(&person);
	return !reader.failed;
}
