/* Goal: what an input brought in 24 hours is known by minute, and from a task's digest of it nearly so:
 * the same number of events, the same busy minutes of the last hour, however long nothing was noted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/model/activity.h"
#include "tests/core/random.h"

enum { MINUTE_MS = 60000, FIRST_MINUTE = 29000000 };

struct both {
	struct input_activity activity;
	struct activity_digest digest;
};

static void note(struct both *both, int64_t minute, uint32_t count)
{
	input_activity_note(&both->activity, minute * MINUTE_MS + 59999, count);
	activity_digest_note(&both->digest, minute * MINUTE_MS + 59999, count);
}

/* Stored, read again, and added to nothing. */
static struct input_activity *restored(const struct activity_digest *digest)
{
	struct buffer stored = {0};
	struct input_activity *activity = calloc(1, sizeof(*activity));
	assert_non_null(activity);
	activity_digest_put(digest, &stored);
	struct reader reader = reader_of(buffer_slice(&stored));
	struct activity_digest again = activity_digest_get(&reader);
	assert_true(!reader.failed && reader_at_end(&reader));
	input_activity_add(activity, &again);
	buffer_destroy(&stored);
	return activity;
}

static void check(const struct both *both)
{
	struct input_activity *again = restored(&both->digest);
	uint64_t hour = 0; /* the oldest, which the digest may have forgotten */
	for (int64_t i = ACTIVITY_MINUTES - 60; i < ACTIVITY_MINUTES; i++)
		hour += both->activity.counts[(both->activity.minute - i) % ACTIVITY_MINUTES];
	uint64_t count = input_activity_count(&both->activity);
	assert_int_equal(again->minute, both->activity.minute);
	assert_in_range(input_activity_count(again), count - hour, count);
	assert_int_equal(input_activity_busy_minutes(again), input_activity_busy_minutes(&both->activity));
	free(again);
}

static void test_digest_is_nearly_the_same(void **state)
{
	(void)state;
	struct both *both = calloc(1, sizeof(*both));
	assert_non_null(both);
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct random random = {seed};
		int64_t minute = FIRST_MINUTE;
		*both = (struct both){0};
		for (int i = 0; i < 3000; i++) {
			note(both, minute, 1 + (uint32_t)random_below(&random, 9));
			if (i % 50 == 0)
				check(both);
			bool is_long = random_percent(&random, 1);
			minute += (int64_t)random_below(&random, is_long ? 2000 : 4);
		}
	}
	free(both);
}

/* Two tasks of one input: sums, and the busy minutes of either. */
static void test_digests_of_two_tasks(void **state)
{
	(void)state;
	struct activity_digest early = {0}, late = {0};
	activity_digest_note(&early, (FIRST_MINUTE + 10) * (int64_t)MINUTE_MS, 100);
	activity_digest_note(&early, (FIRST_MINUTE + 12) * (int64_t)MINUTE_MS, 50);
	activity_digest_note(&late, (FIRST_MINUTE + 11) * (int64_t)MINUTE_MS, 7);
	activity_digest_note(&late, (FIRST_MINUTE + 40) * (int64_t)MINUTE_MS, 1);
	for (int is_early_first = 0; is_early_first < 2; is_early_first++) {
		struct input_activity *activity = calloc(1, sizeof(*activity));
		assert_non_null(activity);
		input_activity_add(activity, is_early_first ? &early : &late);
		input_activity_add(activity, is_early_first ? &late : &early);
		assert_int_equal(activity->minute, FIRST_MINUTE + 40);
		assert_int_equal(input_activity_count(activity), 158);
		assert_int_equal(input_activity_busy_minutes(activity), 4);
		free(activity);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	struct input_activity *activity = restored(&(struct activity_digest){0});
	assert_int_equal(activity->minute, 0);
	assert_int_equal(input_activity_count(activity), 0);
	free(activity);
}

static void test_what_is_no_digest(void **state)
{
	(void)state;
	struct buffer stored = {0};
	buffer_put_signed(&stored, -1);
	for (int i = 0; i <= ACTIVITY_HOURS; i++)
		buffer_put_unsigned(&stored, 0);
	struct reader reader = reader_of(buffer_slice(&stored));
	assert_int_equal(activity_digest_get(&reader).minute, 0);
	assert_true(reader.failed);
	buffer_destroy(&stored);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_is_nearly_the_same),
		cmocka_unit_test(test_digests_of_two_tasks),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_what_is_no_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
