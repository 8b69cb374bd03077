/* Goal: pieces of a pool never overlap, are as large and as aligned as promised, keep their bytes
 * until they are given back, are given out again afterwards, and are counted to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/pool.h"
#include "tests/core/random.h"

enum { PIECE_COUNT = 500, ROUND_COUNT = 20000 };

struct piece {
	unsigned char *bytes; /* NULL: not taken */
	size_t len;
	unsigned char fill;
};

static void check_filled(const struct piece *piece)
{
	for (size_t i = 0; i < pool_size_of(piece->len); i++)
		assert_int_equal(piece->bytes[i], piece->fill);
}

/* Fills all that the piece really holds. */
static void take(struct pool *pool, struct piece *piece, struct random *random)
{
	piece->len = (size_t)random_below(random, random_percent(random, 10) ? 10000 : 600);
	piece->fill = (unsigned char)random_next(random);
	piece->bytes = pool_take(pool, piece->len);
	assert_true(pool_size_of(piece->len) >= piece->len);
	if (piece->len <= 4096)
		assert_int_equal((uintptr_t)piece->bytes % 16, 0);
	memset(piece->bytes, piece->fill, pool_size_of(piece->len));
}

static void give(struct pool *pool, struct piece *piece)
{
	check_filled(piece);
	pool_give(pool, piece->bytes, piece->len);
	piece->bytes = NULL;
}

static void test_random(void **state)
{
	(void)state;
	struct pool *pool = pool_create();
	struct piece pieces[PIECE_COUNT] = {{0}};
	struct random random = {1};
	size_t used_bytes = 0;
	for (int i = 0; i < ROUND_COUNT; i++) {
		struct piece *piece = &pieces[random_below(&random, PIECE_COUNT)];
		if (piece->bytes) {
			used_bytes -= pool_size_of(piece->len);
			give(pool, piece);
		} else {
			take(pool, piece, &random);
			used_bytes += pool_size_of(piece->len);
		}
		assert_int_equal(pool_used_bytes(pool), used_bytes);
	}
	for (int i = 0; i < PIECE_COUNT; i++)
		if (pieces[i].bytes)
			give(pool, &pieces[i]);
	assert_int_equal(pool_used_bytes(pool), 0);
	pool_destroy(pool);
}

/* Sizes are 16 bytes apart, later 64, then double: a blob grows in place inside its class. */
static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(pool_size_of(0), 16);
	assert_int_equal(pool_size_of(1), 16);
	assert_int_equal(pool_size_of(16), 16);
	assert_int_equal(pool_size_of(17), 32);
	assert_int_equal(pool_size_of(1024), 1024);
	assert_int_equal(pool_size_of(1025), 1088);
	assert_int_equal(pool_size_of(4096), 4096);
	assert_int_equal(pool_size_of(4097), 8192);
	assert_int_equal(pool_size_of(1 << 20), 1 << 20);
	assert_true(pool_size_of((1 << 20) + 1) > 1 << 20);
}

/* A piece that was given back is the next of its class, and of no other. */
static void test_given_again(void **state)
{
	(void)state;
	struct pool *pool = pool_create();
	for (size_t len = 1; len <= 4096; len += 64) {
		char *first = pool_take(pool, len), *second = pool_take(pool, len);
		pool_give(pool, first, len);
		pool_give(pool, second, len);
		char *other = pool_take(pool, len + 64);
		assert_true(other != first && other != second);
		assert_ptr_equal(pool_take(pool, pool_size_of(len)), second);
		assert_ptr_equal(pool_take(pool, len), first);
		if (len + 64 > 4096)
			pool_give(pool, other, len + 64);
	}
	pool_destroy(pool);
}

/* More than a slab. */
static void test_slabs(void **state)
{
	(void)state;
	enum { LARGE_COUNT = 1500 };
	static unsigned char *pieces[LARGE_COUNT];
	struct pool *pool = pool_create();
	for (int i = 0; i < LARGE_COUNT; i++) {
		pieces[i] = pool_take(pool, 3000 + (size_t)i % 3 * 64);
		memset(pieces[i], i & 255, 3000);
	}
	for (int i = 0; i < LARGE_COUNT; i++) {
		assert_int_equal(pieces[i][0], i & 255);
		assert_int_equal(pieces[i][2999], i & 255);
	}
	pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_given_again),
		cmocka_unit_test(test_slabs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
