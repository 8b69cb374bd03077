/* Pool: memory for pieces of changing size, cut from slabs of 2 MiB that may become huge pages.
 *
 * Sizes: steps of 16 bytes up to 1 KiB, of 64 up to 4 KiB, powers of two up to 1 MiB. A freed piece goes to
 * its size's list and is given out again; slabs are returned only when the pool is destroyed. Larger pieces
 * come from malloc. Aborts where memory is missing. One thread. */
#ifndef LADDER_BASE_POOL_H
#define LADDER_BASE_POOL_H

#include <stddef.h>

#include "core/base/check.h"

struct pool;

struct pool *pool_create(void);
void pool_destroy(struct pool *pool);

/* At least `len` bytes, aligned to 16. */
void *pool_take(struct pool *pool, size_t len);
void pool_give(struct pool *pool, void *piece, size_t len);

/* A piece of `len` bytes in place of one of `len_before`, with what was in it as far as that fits; the same
 * one where the size stays. */
void *pool_resize(struct pool *pool, void *piece, size_t len_before, size_t len);

/* What pool_take(len) really holds. */
size_t pool_size_of(size_t len);

/* Bytes taken and not given back, as pool_size_of counts them; and all that the pool holds. */
size_t pool_used_bytes(const struct pool *pool);
size_t pool_held_bytes(const struct pool *pool);

#endif
