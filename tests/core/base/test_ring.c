/* Goal: what one thread puts into a ring another takes out, all of it, in order, with all that the
 * item points to; a full ring refuses, an empty one has nothing. labels: threads */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/ring.h"

enum { ITEM_COUNT = 200000, ITEM_SLOTS = 2 * RING_CAPACITY };

struct item {
	uint64_t number;
	uint64_t check;
};

struct pair {
	struct ring ring;
	struct item items[ITEM_SLOTS];
};

static void *put_all(void *argument)
{
	struct pair *pair = argument;
	for (uint64_t i = 0; i < ITEM_COUNT; i++) {
		/* a slot's item was taken long ago: the ring holds half as many */
		while (!ring_has_room(&pair->ring))
			sched_yield();
		struct item *item = &pair->items[i % ITEM_SLOTS];
		*item = (struct item){i, ~i};
		if (!ring_put(&pair->ring, item))
			return item;
	}
	return NULL;
}

static struct pair *create(void)
{
	struct pair *pair = aligned_alloc(64, (sizeof(*pair) + 63) / 64 * 64);
	assert_non_null(pair);
	atomic_init(&pair->ring.head, 0);
	atomic_init(&pair->ring.tail, 0);
	return pair;
}

static void test_two_threads(void **state)
{
	(void)state;
	struct pair *pair = create();
	pthread_t putter;
	void *failed;
	assert_int_equal(pthread_create(&putter, NULL, put_all, pair), 0);
	for (uint64_t i = 0; i < ITEM_COUNT; i++) {
		const struct item *item;
		while (!(item = ring_take(&pair->ring)))
			sched_yield();
		assert_true(item->number == i);
		assert_true(item->check == ~i);
	}
	assert_null(ring_take(&pair->ring));
	pthread_join(putter, &failed);
	assert_null(failed);
	free(pair);
}

/* Full and empty at any place of the counters, also where they run over. */
static void fill_and_empty(struct pair *pair, size_t start)
{
	atomic_store(&pair->ring.head, start);
	atomic_store(&pair->ring.tail, start);
	for (int round = 0; round < 3; round++) {
		assert_null(ring_take(&pair->ring));
		for (size_t i = 0; i < RING_CAPACITY; i++) {
			assert_true(ring_has_room(&pair->ring));
			assert_true(ring_put(&pair->ring, &pair->items[i]));
		}
		assert_false(ring_has_room(&pair->ring));
		assert_false(ring_put(&pair->ring, &pair->items[0]));
		for (size_t i = 0; i < RING_CAPACITY - (size_t)round; i++)
			assert_ptr_equal(ring_take(&pair->ring), &pair->items[i]);
		while (ring_take(&pair->ring))
			;
		assert_true(ring_put(&pair->ring, pair));
		assert_ptr_equal(ring_take(&pair->ring), pair);
	}
}

static void test_full_and_empty(void **state)
{
	(void)state;
	struct pair *pair = create();
	fill_and_empty(pair, 0);
	fill_and_empty(pair, 17);
	fill_and_empty(pair, SIZE_MAX - 1500);
	free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_threads),
		cmocka_unit_test(test_full_and_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
