#include "core/state/people.h"

#include <stdlib.h>

#include "core/base/pool.h"

enum { SLOT_BITS_MIN = 10, PAGE_BITS_MIN = 4, PEOPLE_PER_PAGE_MAX = 16 };

struct slot {
	uint64_t tag; /* the key's high word */
	char *blob;   /* NULL: free */
	uint32_t len;
	uint32_t unused;
};

struct people {
	struct slot *slots;
	unsigned slot_bits;
	unsigned page_bits;
	size_t count;
	uint64_t *dirty; /* a bit a page */
	struct pool *pool;
};

static size_t slot_count(const struct people *people)
{
	return (size_t)1 << people->slot_bits;
}

static size_t home_of(const struct people *people, uint64_t tag)
{
	return tag >> (64 - people->slot_bits);
}

static int64_t page_of(const struct people *people, uint64_t tag)
{
	return (int64_t)(tag >> (64 - people->page_bits));
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
	people->slot_bits = SLOT_BITS_MIN;
	people->page_bits = PAGE_BITS_MIN;
	people->slots = allocate(slot_count(people), sizeof(*people->slots));
	people->dirty = allocate(dirty_words(people), sizeof(*people->dirty));
	people->pool = pool_create();
	return people;
}

void people_destroy(struct people *people)
{
	for (size_t i = 0; i < slot_count(people); i++)
		if (people->slots[i].blob)
			pool_give(people->pool, people->slots[i].blob, people->slots[i].len);
	free(people->slots);
	free(people->dirty);
	pool_destroy(people->pool);
	free(people);
}

size_t people_count(const struct people *people)
{
	return people->count;
}

size_t people_used_bytes(const struct people *people)
{
	return pool_used_bytes(people->pool) + slot_count(people) * sizeof(*people->slots);
}

unsigned people_page_bits(const struct people *people)
{
	return people->page_bits;
}

void people_prefetch(const struct people *people, struct key128 key)
{
	__builtin_prefetch(&people->slots[home_of(people, key.high)]);
}

/* The slot of a key, or the free slot where it belongs. */
static size_t find_slot(const struct people *people, struct key128 key)
{
	size_t at = home_of(people, key.high);
	for (;; at = (at + 1) & (slot_count(people) - 1)) {
		const struct slot *slot = &people->slots[at];
		if (!slot->blob)
			return at;
		if (slot->tag == key.high && key128_equal(person_blob_key(slot->blob), key))
			return at;
	}
}

struct slice people_find(const struct people *people, struct key128 key)
{
	const struct slot *slot = &people->slots[find_slot(people, key)];
	return (struct slice){slot->blob, slot->blob ? slot->len : 0};
}

static void insert_slot(struct people *people, struct slot slot)
{
	size_t at = home_of(people, slot.tag);
	while (people->slots[at].blob)
		at = (at + 1) & (slot_count(people) - 1);
	people->slots[at] = slot;
}

static void grow_slots(struct people *people)
{
	struct slot *old = people->slots;
	size_t old_count = slot_count(people);
	people->slot_bits++;
	people->slots = allocate(slot_count(people), sizeof(*people->slots));
	for (size_t i = 0; i < old_count; i++)
		if (old[i].blob)
			insert_slot(people, old[i]);
	free(old);
}

static void mark_dirty(struct people *people, uint64_t tag)
{
	int64_t page = page_of(people, tag);
	people->dirty[page / 64] |= (uint64_t)1 << (page % 64);
}

void people_set_page_bits(struct people *people, unsigned page_bits)
{
	CHECK(page_bits >= PAGE_BITS_MIN && page_bits < 40);
	people->page_bits = page_bits;
	free(people->dirty);
	people->dirty = allocate(dirty_words(people), sizeof(*people->dirty));
	while (people->slot_bits < page_bits)
		grow_slots(people);
}

static void grow_pages(struct people *people)
{
	people_set_page_bits(people, people->page_bits + 1);
	memset(people->dirty, 0xff, dirty_words(people) * sizeof(*people->dirty));
}

static void put_blob(struct people *people, struct slice blob)
{
	struct key128 key = person_blob_key(blob.data);
	struct slot *slot = &people->slots[find_slot(people, key)];
	bool is_new = !slot->blob;
	if (is_new || pool_size_of(slot->len) != pool_size_of(blob.len)) {
		if (!is_new)
			pool_give(people->pool, slot->blob, slot->len);
		slot->blob = pool_take(people->pool, blob.len);
	}
	memcpy(slot->blob, blob.data, blob.len);
	slot->tag = key.high;
	slot->len = (uint32_t)blob.len;
	people->count += is_new;
	if (is_new && people->count * 8 > slot_count(people) * 5)
		grow_slots(people);
}

void people_put(struct people *people, struct slice blob)
{
	put_blob(people, blob);
	mark_dirty(people, person_blob_key(blob.data).high);
	if (people->count >> people->page_bits >= PEOPLE_PER_PAGE_MAX)
		grow_pages(people);
}

/* Closes the gap: whoever stands behind it and could stand nearer to his home moves up. */
static void close_gap(struct people *people, size_t gap)
{
	size_t mask = slot_count(people) - 1;
	for (size_t at = (gap + 1) & mask; people->slots[at].blob; at = (at + 1) & mask) {
		size_t home = home_of(people, people->slots[at].tag);
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			people->slots[gap] = people->slots[at];
			gap = at;
		}
	}
	people->slots[gap].blob = NULL;
}

void people_remove(struct people *people, struct key128 key)
{
	size_t at = find_slot(people, key);
	struct slot *slot = &people->slots[at];
	if (!slot->blob)
		return;
	pool_give(people->pool, slot->blob, slot->len);
	slot->blob = NULL;
	people->count--;
	mark_dirty(people, key.high);
	close_gap(people, at);
}

struct slice people_next(const struct people *people, size_t *at)
{
	for (; *at < slot_count(people); ++*at) {
		const struct slot *slot = &people->slots[*at];
		if (slot->blob) {
			++*at;
			return (struct slice){slot->blob, slot->len};
		}
	}
	return (struct slice){NULL, 0};
}

int64_t people_take_dirty_page(struct people *people, int64_t page)
{
	for (; page < (int64_t)1 << people->page_bits; page++) {
		uint64_t *word = &people->dirty[page / 64];
		if (*word == 0) {
			page |= 63;
		} else if (*word >> (page % 64) & 1) {
			*word &= ~((uint64_t)1 << (page % 64));
			return page;
		}
	}
	return -1;
}

void people_encode_page(const struct people *people, int64_t page, struct buffer *out)
{
	size_t mask = slot_count(people) - 1;
	size_t range = slot_count(people) >> people->page_bits;
	size_t begin = (size_t)page * range;
	for (size_t i = 0; i < range || people->slots[(begin + i) & mask].blob; i++) {
		const struct slot *slot = &people->slots[(begin + i) & mask];
		if (slot->blob && page_of(people, slot->tag) == page)
			buffer_put_text(out, (struct slice){slot->blob, slot->len});
	}
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
