#include "core/base/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	SMALL_STEP = 16,
	SMALL_MAX = 1024,
	MEDIUM_STEP = 64,
	MEDIUM_MAX = 4096,
	LARGE_BITS_MIN = 13,
	LARGE_MAX = 1 << 20,
	SMALL_COUNT = SMALL_MAX / SMALL_STEP,
	MEDIUM_COUNT = (MEDIUM_MAX - SMALL_MAX) / MEDIUM_STEP,
	LARGE_COUNT = 8,
	CLASS_COUNT = SMALL_COUNT + MEDIUM_COUNT + LARGE_COUNT,
	SLAB_BYTES = 2 << 20,
	CACHE_LINE = 64,
	FETCHED_BYTES = 4 * CACHE_LINE,
};

struct pool {
	void *free_lists[CLASS_COUNT]; /* a free piece's first word is the next free piece */
	char *at;                      /* the rest of the newest slab */
	char *end;
	void **slabs;
	size_t slab_count;
	size_t used_bytes;
	size_t large_bytes;            /* from malloc */
};

struct pool *pool_create(void)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	CHECK(pool);
	return pool;
}

void pool_destroy(struct pool *pool)
{
	for (size_t i = 0; i < pool->slab_count; i++)
		free(pool->slabs[i]);
	free(pool->slabs);
	free(pool);
}

static size_t round_up(size_t len, size_t step)
{
	return (len + step - 1) / step * step;
}

static inline size_t size_of(size_t len)
{
	if (len <= SMALL_MAX)
		return len ? round_up(len, SMALL_STEP) : SMALL_STEP;
	if (len <= MEDIUM_MAX)
		return round_up(len, MEDIUM_STEP);
	if (len > LARGE_MAX)
		return round_up(len, MEDIUM_MAX);
	return (size_t)1 << (64 - __builtin_clzll(len - 1));
}

size_t pool_size_of(size_t len)
{
	return size_of(len);
}

static inline size_t class_of(size_t size)
{
	if (size <= SMALL_MAX)
		return size / SMALL_STEP - 1;
	if (size <= MEDIUM_MAX)
		return SMALL_COUNT + (size - SMALL_MAX) / MEDIUM_STEP - 1;
	return SMALL_COUNT + MEDIUM_COUNT + (size_t)(__builtin_ctzll(size) - LARGE_BITS_MIN);
}

size_t pool_used_bytes(const struct pool *pool)
{
	return pool->used_bytes;
}

size_t pool_held_bytes(const struct pool *pool)
{
	return pool->slab_count * SLAB_BYTES + pool->large_bytes;
}

static void add_slab(struct pool *pool)
{
	void **slabs = realloc(pool->slabs, (pool->slab_count + 1) * sizeof(*slabs));
	CHECK(slabs);
	pool->slabs = slabs;
	char *slab = aligned_alloc(SLAB_BYTES, SLAB_BYTES);
	CHECK(slab);
	madvise(slab, SLAB_BYTES, MADV_HUGEPAGE);
	slabs[pool->slab_count++] = slab;
	pool->at = slab;
	pool->end = slab + SLAB_BYTES;
}

static inline void put_free(struct pool *pool, void *piece, size_t size)
{
	void **list = &pool->free_lists[class_of(size)];
	memcpy(piece, list, sizeof(*list));
	*list = piece;
}

/* The rest of a slab that is too short for what is asked for becomes pieces of the greatest sizes that fit.
 * */
static void use_up_slab(struct pool *pool)
{
	while (pool->end - pool->at >= SMALL_STEP) {
		size_t rest = (size_t)(pool->end - pool->at), size = SMALL_MAX;
		if (rest < SMALL_MAX)
			size = rest / SMALL_STEP * SMALL_STEP;
		put_free(pool, pool->at, size);
		pool->at += size;
	}
}

static void *take_large(struct pool *pool, size_t size)
{
	void *piece = malloc(size);
	CHECK(piece);
	pool->large_bytes += size;
	return piece;
}

/* The start of the piece that is given out next, NULL where that is not known: so much as most are long. */
static inline void fetch(const void *piece)
{
	for (uintptr_t at = 0; piece && at < FETCHED_BYTES; at += CACHE_LINE)
		__builtin_prefetch((const void *)((uintptr_t)piece + at), 1);
}

static inline void *take(struct pool *pool, size_t size)
{
	pool->used_bytes += size;
	if (size > LARGE_MAX)
		return take_large(pool, size);
	void **list = &pool->free_lists[class_of(size)];
	void *piece = *list;
	if (piece) {
		memcpy(list, piece, sizeof(*list));
		fetch(*list);
		return piece;
	}
	if ((size_t)(pool->end - pool->at) < size) {
		use_up_slab(pool);
		add_slab(pool);
	}
	piece = pool->at;
	pool->at += size;
	fetch(pool->at);
	return piece;
}

static inline void give(struct pool *pool, void *piece, size_t size)
{
	pool->used_bytes -= size;
	if (size <= LARGE_MAX) {
		put_free(pool, piece, size);
		return;
	}
	pool->large_bytes -= size;
	free(piece);
}

void *pool_take(struct pool *pool, size_t len)
{
	return take(pool, size_of(len));
}

void pool_give(struct pool *pool, void *piece, size_t len)
{
	give(pool, piece, size_of(len));
}

void *pool_resize(struct pool *pool, void *piece, size_t len_before, size_t len)
{
	size_t size_before = size_of(len_before), size = size_of(len);
	if (size == size_before)
		return piece;
	void *moved = take(pool, size);
	memcpy(moved, piece, len_before < len ? len_before : len);
	give(pool, piece, size_before);
	return moved;
}
