/* Goal: the value shown for a bin is within 2.5 % of every delay in it (spec section 6.4), at both
 * ends of every bin; bins follow each other without gaps; and quantiles of panes are the nearest-rank
 * ones of the delays, within the same bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/model/pane.h"
#include "tests/core/random.h"

static bool is_within_bound(int64_t shown_ms, int64_t delay_ms)
{
	int64_t error_ms = shown_ms > delay_ms ? shown_ms - delay_ms : delay_ms - shown_ms;
	return error_ms * 1000 <= delay_ms * 25;
}

/* The least delay of a bin, searched. */
static int64_t bin_start(unsigned bin)
{
	int64_t low = 0, high = INT64_C(1) << 50;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (histogram_bin(middle) < bin)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void test_every_bin(void **state)
{
	(void)state;
	for (unsigned bin = 0; bin + 1 < HISTOGRAM_BIN_COUNT; bin++) {
		int64_t first = bin_start(bin), last = bin_start(bin + 1) - 1;
		assert_true(first <= last);
		assert_int_equal(histogram_bin(first), bin);
		assert_int_equal(histogram_bin(last), bin);
		assert_int_equal(histogram_bin(histogram_value_ms(bin)), bin);
		assert_true(is_within_bound(histogram_value_ms(bin), first));
		assert_true(is_within_bound(histogram_value_ms(bin), last));
	}
}

static void test_ends(void **state)
{
	(void)state;
	assert_int_equal(histogram_bin(INT64_MIN), 0);
	assert_int_equal(histogram_bin(-1), 0);
	assert_int_equal(histogram_bin(0), 0);
	assert_int_equal(histogram_value_ms(0), 0);
	assert_int_equal(histogram_bin(INT64_MAX), HISTOGRAM_BIN_COUNT - 1);
	int64_t years_100 = INT64_C(100) * 366 * 86400 * 1000;
	assert_true(histogram_bin(years_100) < HISTOGRAM_BIN_COUNT - 1);
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

enum { DELAY_COUNT_MAX = 200 };

static void check_quantiles(const struct pane *pane, int64_t *delays, int count)
{
	qsort(delays, (size_t)count, sizeof(*delays), compare);
	for (unsigned percent = 1; percent <= 100; percent++) {
		int rank = ((int)percent * count + 99) / 100;
		int64_t got = pane_quantile_ms(pane, HISTOGRAM_CLOSE_TIME, BASIS_COHORT, percent);
		assert_true(is_within_bound(got, delays[rank - 1]));
	}
}

/* Beside other histograms and sums in the pane, and after some delays were taken back. */
static void test_quantiles(void **state)
{
	(void)state;
	struct random random = {1};
	for (int round = 0; round < 200; round++) {
		struct pane pane = {0};
		int64_t delays[DELAY_COUNT_MAX];
		int count = 1 + (int)random_below(&random, DELAY_COUNT_MAX);
		for (int i = 0; i < count; i++) {
			delays[i] = random_below(&random, INT64_C(1) << (1 + random_below(&random, 34)));
			unsigned bin = histogram_bin(delays[i]);
			pane_add(&pane, slot_of_bin(HISTOGRAM_CLOSE_TIME, BASIS_COHORT, bin), 1);
			pane_add(&pane, slot_of_bin(HISTOGRAM_CLOSE_TIME, BASIS_EVENT,
						    HISTOGRAM_BIN_COUNT - 1), 1);
			pane_add(&pane, slot_of_bin(HISTOGRAM_RESPONSE, BASIS_COHORT, 0), 1);
		}
		check_quantiles(&pane, delays, count);
		for (; count > 1; count--) {
			unsigned bin = histogram_bin(delays[count - 1]);
			pane_add(&pane, slot_of_bin(HISTOGRAM_CLOSE_TIME, BASIS_COHORT, bin), -1);
		}
		check_quantiles(&pane, delays, 1);
		pane_add(&pane, slot_of_bin(HISTOGRAM_CLOSE_TIME, BASIS_COHORT, histogram_bin(delays[0])),
			 -1);
		assert_int_equal(pane_quantile_ms(&pane, HISTOGRAM_CLOSE_TIME, BASIS_COHORT, 50), -1);
		pane_clear(&pane);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bin),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_quantiles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
