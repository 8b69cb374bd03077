/* Goal: what each alert of spec section 8 begins at and goes on with, case by case (alert_cases.def), and
 * those that look at more than two sums: conversations without an answer, silent inputs, customers that are
 * dear. No numbers, however odd, lead to anything but a yes or no; a span that is not judged holds nothing.
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/diagnose/conditions.h"
#include "tests/core/fixture.h"

static const struct diagnosis_options options = {.min_volume = 30, .drop_micros = 300000};

struct condition_case {
	const char *title;
	enum alert alert;
	int64_t observed[NUMBER_COUNT];
	int64_t baseline[NUMBER_COUNT];
	bool begins;
	bool goes_on;
};

#define N(number, count) [NUMBER_##number] = count,
#define M(number, units) [NUMBER_##number] = (int64_t)((units) * 1e6 + 0.5),
#define UNPACK(...) __VA_ARGS__

static const struct condition_case cases[] = {
#define CASE(title, alert, observed, baseline, begins, goes_on) \
	{title, ALERT_##alert, {UNPACK observed}, {UNPACK baseline}, begins, goes_on},
#include "tests/core/diagnose/alert_cases.def"
#undef CASE
};

static struct subject subject_of(const struct condition_case *test)
{
	struct subject subject = {.level = LEVEL_AD, .medians = {1000000, 4000000, 20000000}};
	struct span_numbers *span = &subject.spans[alert_rows[test->alert].span];
	span->is_judged = true;
	memcpy(span->observed, test->observed, sizeof(span->observed));
	memcpy(span->baseline, test->baseline, sizeof(span->baseline));
	return subject;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct subject subject = subject_of(&cases[i]);
		struct finding got = condition_find(&options, cases[i].alert, &subject, 0);
		if (got.holds != cases[i].begins || got.lasts != cases[i].goes_on)
			fail_msg("%s, %s: begins %d, goes on %d; %g in %g to %g, before %g in %g to %g",
				 alert_rows[cases[i].alert].name, cases[i].title, got.holds, got.lasts,
				 got.observed.rate, got.observed.low, got.observed.high, got.baseline.rate,
				 got.baseline.low, got.baseline.high);
		subject.spans[alert_rows[cases[i].alert].span].is_judged = false;
		got = condition_find(&options, cases[i].alert, &subject, 0);
		assert_false(got.holds || got.lasts);
	}
}

/* Every alert that is judged by sums begins in some case and does not in another. */
static void test_cases_are_complete(void **state)
{
	(void)state;
	for (int alert = 0; alert < ALERT_COUNT; alert++) {
		bool begins[2] = {false, false};
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
			if ((int)cases[i].alert == alert)
				begins[cases[i].begins] = true;
		bool is_elsewhere =
			alert == ALERT_SOURCE_SILENT || alert == ALERT_CONVERSATIONS_UNANSWERED;
		bool is_rung = alert == ALERT_REPLY_BROKEN || alert == ALERT_QUALIFICATION_BROKEN ||
			       alert == ALERT_HANDOFF_BROKEN;
		assert_true(is_elsewhere || (begins[true] && (begins[false] || is_rung)));
	}
}

static void test_accounts_are_not_cheap(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct subject subject = subject_of(&cases[i]);
		subject.level = LEVEL_ACCOUNT;
		if (cases[i].alert == ALERT_CHEAP_BUT_UNPROFITABLE)
			assert_false(condition_find(&options, cases[i].alert, &subject, 0).holds);
	}
}

static void test_dear_customers(void **state)
{
	(void)state;
	struct subject subject = {.level = LEVEL_AD, .medians = {1000000, 4000000, 20000000}};
	struct span_numbers *qualified = &subject.spans[ALERT_SPAN_MONTH_QUALIFIED];
	struct span_numbers *customers = &subject.spans[ALERT_SPAN_MONTH_CUSTOMER];
	*qualified = (struct span_numbers){.is_judged = true, .observed = {N(conversations, 1000)
		M(spend, 700) N(qualified, 200)}};
	*customers = (struct span_numbers){.is_judged = true, .observed = {N(conversations, 1000)
		M(spend, 700) N(customers, 5)}};
	assert_true(condition_find(&options, ALERT_CHEAP_BUT_UNPROFITABLE, &subject, 0).holds);
	customers->is_judged = false;
	assert_false(condition_find(&options, ALERT_CHEAP_BUT_UNPROFITABLE, &subject, 0).lasts);
	customers->is_judged = true;
	subject.medians.customer = -1;
	assert_false(condition_find(&options, ALERT_CHEAP_BUT_UNPROFITABLE, &subject, 0).lasts);
}

/* 0: no, 1: it goes on, 2: it begins. */
static int is_unanswered_of(struct subject subject, int64_t in_hour, int64_t minutes)
{
	subject.spans[ALERT_SPAN_HOUR] =
		(struct span_numbers){.is_judged = true, .observed = {N(conversations, in_hour)}};
	struct finding found = condition_find(&options, ALERT_CONVERSATIONS_UNANSWERED, &subject,
					      START_MS + minutes * MINUTE_MS);
	return found.holds + found.lasts;
}

static int is_unanswered(int64_t count, int64_t in_hour, int64_t minutes)
{
	struct subject subject = {.unanswered_count = count, .unanswered_since_ms = START_MS};
	return is_unanswered_of(subject, in_hour, minutes);
}

static void test_unanswered(void **state)
{
	(void)state;
	assert_int_equal(is_unanswered(10, 10, 14), 1);
	assert_int_equal(is_unanswered(10, 10, 15), 2);
	assert_int_equal(is_unanswered(10, 9, 1000), 1);
	assert_int_equal(is_unanswered(10, 0, 1000), 0);
	assert_int_equal(is_unanswered(9, 100, 1000), 0);
	assert_int_equal(is_unanswered(0, 100, 1000), 0);
	/* After a restart how many there are is not known: what has begun goes on, nothing begins. */
	assert_int_equal(is_unanswered_of((struct subject){.is_unanswered_least = true}, 1, 1000), 1);
	assert_int_equal(is_unanswered_of((struct subject){.is_unanswered_least = true}, 0, 1000), 0);
}

/* An input that brings `count` events in every minute that is divisible by `every`, for so many hours. */
static struct input_activity *activity_of(int every, uint32_t count, int hours)
{
	struct input_activity *activity = calloc(1, sizeof(*activity));
	assert_non_null(activity);
	for (int minute = 0; minute < hours * 60; minute++)
		if (minute % every == 0)
			input_activity_note(activity, START_MS + minute * MINUTE_MS, count);
	return activity;
}

/* After how many minutes of silence it is one; 0: not in a day. */
static int silent_after(int every, uint32_t count, int hours)
{
	struct input_activity *activity = activity_of(every, count, hours);
	int found = 0;
	for (int minutes = 0; minutes < 24 * 60 && !found; minutes++) {
		int64_t now_ms = (activity->minute + 1 + minutes) * MINUTE_MS;
		if (condition_find_silence(activity, now_ms).holds)
			found = minutes;
	}
	free(activity);
	return found;
}

static void test_silence(void **state)
{
	(void)state;
	assert_int_equal(silent_after(1, 1, 24), 10);
	assert_int_equal(silent_after(1, 100, 48), 10);
	assert_int_equal(silent_after(1, 1, 23), 0); /* not one a minute */
	assert_int_equal(silent_after(2, 1, 48), 0);
	/* Seldom, but many at once: as long as it takes. */
	int every_other = silent_after(2, 2, 48), every_tenth = silent_after(10, 20, 48);
	assert_true(every_other > 10 && every_other < 60);
	assert_true(every_tenth > 3 * 60);
	assert_int_equal(silent_after(60, 100, 48), 0);
	struct input_activity never = {0};
	assert_false(condition_find_silence(&never, START_MS).holds);
}

static int64_t odd_number(struct random *random)
{
	static const int64_t odd[] = {0, 1, 29, 30, 31, 1000, 1000000, INT64_C(1) << 52, -1, -1000};
	return odd[random_below(random, sizeof(odd) / sizeof(*odd))];
}

static void test_any_numbers(void **state)
{
	(void)state;
	struct random random = {7};
	for (int i = 0; i < 20000; i++) {
		struct subject subject = {.level = (enum level)random_below(&random, LEVEL_COUNT)};
		for (int span = 0; span < ALERT_SPAN_COUNT; span++) {
			subject.spans[span].is_judged = true;
			for (int number = 0; number < NUMBER_COUNT; number++) {
				subject.spans[span].observed[number] = odd_number(&random);
				subject.spans[span].baseline[number] = odd_number(&random);
			}
		}
		subject.medians = (struct median_costs){odd_number(&random), odd_number(&random),
							odd_number(&random)};
		for (int alert = 0; alert < ALERT_COUNT; alert++) {
			struct finding got = condition_find(&options, (enum alert)alert, &subject, 0);
			assert_true(!got.holds || got.lasts);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_cases_are_complete),
		cmocka_unit_test(test_accounts_are_not_cheap),
		cmocka_unit_test(test_dear_customers),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_any_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
