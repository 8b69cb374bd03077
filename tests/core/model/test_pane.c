/* Goal: panes are exact sums: of any adds in any order, taken back in any other, stored and read
 * again; and the difference of two step lists is as short as it can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/model/pane.h"
#include "tests/core/random.h"

static unsigned random_slot(struct random *random)
{
	return random_percent(random, 50) ? (unsigned)random_below(random, SLOT_COUNT)
					  : SLOT_COUNT + (unsigned)random_below(random, 39) * 121 +
						    (unsigned)random_below(random, 6);
}

static void check(const struct pane *pane, const int64_t *sums)
{
	unsigned bin_count = 0;
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		assert_true(pane->sums[slot] == sums[slot]);
	for (unsigned slot = SLOT_COUNT; slot < SLOT_WROTE; slot++) {
		if (sums[slot] == 0)
			continue;
		assert_true(bin_count < pane->bin_count);
		assert_int_equal(pane->bins[bin_count].slot, slot);
		assert_true(pane->bins[bin_count].sum == sums[slot]);
		bin_count++;
	}
	assert_int_equal(pane->bin_count, bin_count);
}

static void test_sums(void **state)
{
	(void)state;
	struct random random = {1};
	static int64_t sums[SLOT_WROTE], all_sums[SLOT_WROTE];
	struct pane all = {0};
	for (int round = 0; round < 400; round++) {
		struct pane pane = {0};
		memset(sums, 0, sizeof(sums));
		static const int add_counts[] = {4, 60, 900}; /* few bins to many, and many to many */
		int add_count = add_counts[random_below(&random, 3)];
		for (int i = 0; i < add_count; i++) {
			unsigned slot = random_slot(&random);
			int64_t delta = random_below(&random, 7) - 3;
			pane_add(&pane, slot, delta);
			sums[slot] += delta;
		}
		check(&pane, sums);
		int sign = random_percent(&random, 50) ? 1 : -1;
		pane_add_pane(&all, &pane, sign);
		for (unsigned slot = 0; slot < SLOT_WROTE; slot++)
			all_sums[slot] += sign * sums[slot];
		check(&all, all_sums);
		struct pane copy = {0};
		struct buffer page = {0};
		pane_encode(&pane, &page);
		struct reader reader = reader_of(buffer_slice(&page));
		pane_decode(&copy, &reader);
		assert_true(reader_at_end(&reader) && !reader.failed);
		assert_true(pane_equal(&copy, &pane));
		pane_add_pane(&copy, &pane, -1);
		assert_true(pane_is_zero(&copy));
		assert_int_equal(pane_equal(&copy, &pane), pane_is_zero(&pane));
		buffer_destroy(&page);
		pane_clear(&copy);
		pane_clear(&pane);
	}
	pane_clear(&all);
	assert_true(pane_is_zero(&all));
}

/* A slot that no pane has fails the reader. */
static void test_bad_slot(void **state)
{
	(void)state;
	static const uint64_t slots[] = {SLOT_WROTE, SLOT_WROTE + 1, UINT16_MAX, UINT32_MAX, UINT64_MAX};
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		struct pane pane = {0};
		struct buffer page = {0};
		buffer_put_unsigned(&page, 1);
		buffer_put_unsigned(&page, slots[i]);
		buffer_put_signed(&page, 5);
		struct reader reader = reader_of(buffer_slice(&page));
		pane_decode(&pane, &reader);
		assert_true(reader.failed);
		assert_true(pane_is_zero(&pane));
		buffer_destroy(&page);
	}
}

/* Every counter has the slots that its kind of time asks for, none twice. */
static void test_slots(void **state)
{
	(void)state;
	bool is_used[SLOT_COUNT] = {false};
	for (int i = 0; i < COUNTER_COUNT; i++) {
		enum counter_time time = counter_rows[i].time;
		bool is_kept = time == TIME_SHARED || time == TIME_MOVED;
		unsigned own = slot_of[i][BASIS_EVENT], cohort = slot_of[i][BASIS_COHORT];
		assert_int_equal(own != SLOT_NONE, is_kept);
		assert_int_equal(cohort != SLOT_NONE, is_kept);
		assert_int_equal(own != cohort, time == TIME_MOVED);
		if (!is_kept)
			continue;
		assert_false(is_used[own]);
		is_used[own] = true;
		assert_true(own == cohort || !is_used[cohort]);
		is_used[cohort] = true;
	}
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		assert_true(is_used[slot]);
}

static struct step random_step(struct random *random)
{
	return (struct step){
		.time_ms = random_below(random, 2),
		.before_ms = random_percent(random, 30) ? random_below(random, 2) : TIME_NONE,
		.delta = random_below(random, 5) - 2,
		.series = (uint32_t)random_below(random, 2),
		.slot = (uint16_t)random_below(random, 2),
	};
}

static bool same_place(const struct step *a, const struct step *b)
{
	return a->time_ms == b->time_ms && a->before_ms == b->before_ms && a->series == b->series &&
		a->slot == b->slot;
}

static int64_t sum_at(const struct step_list *list, const struct step *place)
{
	int64_t sum = 0;
	for (size_t i = 0; i < list->count; i++)
		sum += same_place(&list->steps[i], place) ? list->steps[i].delta : 0;
	return sum;
}

static void test_subtract(void **state)
{
	(void)state;
	struct random random = {2};
	for (int round = 0; round < 500; round++) {
		struct step_list after = {0}, before = {0}, wanted = {0};
		for (int i = (int)random_below(&random, 60); i > 0; i--) {
			struct step step = random_step(&random);
			bool is_before = random_percent(&random, 50);
			step_list_push(is_before ? &before : &after, &step);
			step.delta *= is_before ? -1 : 1;
			step_list_push(&wanted, &step);
		}
		step_list_subtract(&after, &before);
		for (size_t i = 0; i < wanted.count; i++)
			assert_true(sum_at(&after, &wanted.steps[i]) == sum_at(&wanted, &wanted.steps[i]));
		step_list_sum(&after);
		for (size_t i = 0; i < wanted.count; i++)
			assert_true(sum_at(&after, &wanted.steps[i]) == sum_at(&wanted, &wanted.steps[i]));
		for (size_t i = 0; i < after.count; i++) {
			assert_int_not_equal(after.steps[i].delta, 0);
			for (size_t j = 0; j < i; j++)
				assert_false(same_place(&after.steps[i], &after.steps[j]));
		}
		step_list_destroy(&after);
		step_list_destroy(&before);
		step_list_destroy(&wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_bad_slot),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_subtract),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
