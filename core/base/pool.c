#include "core/base/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STEP = 64, CLASS_COUNT = 64, SLAB_BYTES = 2 << 20 };

struct pool {
	void *free_lists[CLASS_COUNT]; /* a free piece's first word is the next free piece */
	char *at;                      /* the rest of the newest slab */
	char *end;
	void **slabs;
	size_t slab_count;
	size_t used_bytes;
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

size_t pool_size_of(size_t len)
{
	return len ? (len + STEP - 1) / STEP * STEP : STEP;
}

size_t pool_used_bytes(const struct pool *pool)
{
	return pool->used_bytes;
}

static void pool_add_slab(struct pool *pool)
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

void *pool_take(struct pool *pool, size_t len)
{
	size_t size = pool_size_of(len);
	pool->used_bytes += size;
	if (size > STEP * CLASS_COUNT) {
		void *piece = malloc(size);
		CHECK(piece);
		return piece;
	}
	void **list = &pool->free_lists[size / STEP - 1];
	if (*list) {
		void *piece = *list;
		memcpy(list, piece, sizeof(*list));
		return piece;
	}
	if ((size_t)(pool->end - pool->at) < size)
		pool_add_slab(pool);
	void *piece = pool->at;
	pool->at += size;
	return piece;
}

void pool_give(struct pool *pool, void *piece, size_t len)
{
	size_t size = pool_size_of(len);
	pool->used_bytes -= size;
	if (size > STEP * CLASS_COUNT) {
		free(piece);
		return;
	}
	void **list = &pool->free_lists[size / STEP - 1];
	memcpy(piece, list, sizeof(*list));
	*list = piece;
}
