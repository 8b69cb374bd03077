/* Goal: spend reports as spec section 4 has them: a restated day is corrected and not added, whatever
 * order the reports come in; the part of an amount before a time is rounded down, held against 128-bit
 * integers; and no micro is lost or made, however time is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/state/reports.h"
#include "tests/core/fixture.h"

enum { REPORT_COUNT = 24 };

static struct report report_at(const char *id, int64_t from_ms, int64_t to_ms, int64_t reported_at_ms,
			       int64_t spend)
{
	return (struct report){.from_ms = from_ms, .to_ms = to_ms, .reported_at_ms = reported_at_ms,
			       .amounts = {[AMOUNT_SPEND] = spend}, .id = slice_from(id)};
}

static int64_t spend_in(const struct reports *reports, int64_t from_ms, int64_t to_ms)
{
	int64_t amounts[AMOUNT_COUNT] = {0};
	reports_sum(reports, from_ms, to_ms, amounts);
	return amounts[AMOUNT_SPEND];
}

/* A period that is not over when it is reported ends then, if that is inside it. */
static void test_period(void **state)
{
	(void)state;
	static const int64_t cases[][2] = {
		{0, 1000}, {100, 1000}, {101, 101}, {999, 999}, {1000, 1000}, {1001, 1000}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct event event = {.type = EVENT_SPEND, .from_ms = 100, .to_ms = 1000,
				      .reported_at_ms = cases[i][0], .ts_ms = 7, .id = TEXT("x"),
				      .impressions = 1, .clicks = 2, .conversations = 3, .money_micros = 4};
		struct report report = report_of_event(&event);
		assert_int_equal(report.to_ms, cases[i][1]);
		assert_int_equal(report.from_ms, 100);
		assert_int_equal(report.amounts[AMOUNT_IMPRESSIONS], 1);
		assert_int_equal(report.amounts[AMOUNT_CLICKS], 2);
		assert_int_equal(report.amounts[AMOUNT_CONVERSATIONS], 3);
		assert_int_equal(report.amounts[AMOUNT_SPEND], 4);
	}
}

/* The last of (reported_at, id) counts; another `from` is another report, though they overlap. */
static void test_restated(void **state)
{
	(void)state;
	struct reports reports = {0};
	const struct report some[] = {
		report_at("b", 0, 100, 10, 1000), report_at("a", 0, 100, 10, 2000),
			report_at("c", 0, 50, 9, 4000),
		report_at("d", 50, 150, 1, 700),
	};
	for (size_t i = 0; i < 4; i++)
		assert_true(reports_put(&reports, &some[i]));
	assert_int_equal(spend_in(&reports, 0, 1000), 1700);
	assert_int_equal(spend_in(&reports, 0, 50), 500);
	assert_int_equal(spend_in(&reports, 50, 100), 850);
	struct report later = report_at("e", 0, 10, 11, 30);
	assert_true(reports_put(&reports, &later));
	assert_int_equal(spend_in(&reports, 0, 1000), 730);
	assert_false(reports_put(&reports, &later));
	reports_destroy(&reports);
}

/* Of two events with one id the earlier stands, also where it was reported of another time. */
static void test_one_id(void **state)
{
	(void)state;
	struct report first = report_at("x", 0, 100, 50, 10), second = report_at("x", 200, 300, 60, 20);
	first.time_ms = 1;
	second.time_ms = 2;
	for (int order = 0; order < 2; order++) {
		struct reports reports = {0};
		assert_true(reports_put(&reports, order ? &second : &first));
		assert_false(reports_put(&reports, order ? &first : &second));
		assert_int_equal(reports.count, 1);
		assert_int_equal(spend_in(&reports, 0, 1000), 10);
		reports_destroy(&reports);
	}
}

static int64_t naive_part(const struct report *report, int amount, int64_t time_ms)
{
	if (time_ms <= report->from_ms)
		return 0;
	if (time_ms >= report->to_ms)
		return report->amounts[amount];
	__int128 product = (__int128)report->amounts[amount] * (time_ms - report->from_ms);
	return (int64_t)(product / (report->to_ms - report->from_ms));
}

static bool naive_counts(const struct report *reports, size_t count, size_t at)
{
	for (size_t i = 0; i < count; i++) {
		if (i == at || reports[i].from_ms != reports[at].from_ms)
			continue;
		if (reports[i].reported_at_ms > reports[at].reported_at_ms ||
		    (reports[i].reported_at_ms == reports[at].reported_at_ms &&
		     slice_compare(reports[i].id, reports[at].id) > 0))
			return false;
	}
	return true;
}

static void naive_sum(const struct report *reports, size_t count, int64_t from_ms, int64_t to_ms,
		      int64_t amounts[AMOUNT_COUNT])
{
	for (size_t i = 0; i < count; i++)
		for (int j = 0; j < AMOUNT_COUNT && naive_counts(reports, count, i); j++)
			amounts[j] += naive_part(&reports[i], j, to_ms) - naive_part(&reports[i], j, from_ms);
}

static void make_reports(struct report *some, char ids[][4], struct random *random)
{
	for (int i = 0; i < REPORT_COUNT; i++) {
		int64_t from_ms = START_MS + random_below(random, 6) * AN_HOUR_MS;
		snprintf(ids[i], 4, "r%d", i);
		some[i] = report_at(ids[i], from_ms, from_ms + 1 + random_below(random, 3 * AN_HOUR_MS),
				    random_below(random, 4), random_below(random, INT64_C(1) << 60));
		for (int j = 0; j < AMOUNT_SPEND; j++)
			some[i].amounts[j] = random_below(random, 1000);
	}
}

static void put_shuffled(struct reports *reports, const struct report *some, struct random *random)
{
	bool is_put[REPORT_COUNT] = {false};
	for (size_t count = 0; count < REPORT_COUNT;) {
		size_t i = (size_t)random_below(random, REPORT_COUNT);
		assert_int_equal(reports_put(reports, &some[i]), !is_put[i]);
		count += !is_put[i];
		is_put[i] = true;
	}
}

/* Random spans against the naive sum, from the list and from its stored bytes. */
static void test_sums(void **state)
{
	(void)state;
	struct random random = {3};
	for (int round = 0; round < 30; round++) {
		struct report some[REPORT_COUNT];
		char ids[REPORT_COUNT][4];
		struct reports reports = {0}, stored = {0};
		struct buffer page = {0};
		make_reports(some, ids, &random);
		put_shuffled(&reports, some, &random);
		reports_encode(&reports, &page);
		struct reader reader = reader_of(buffer_slice(&page));
		reports_decode(&stored, &reader);
		assert_true(reader_at_end(&reader) && !reader.failed);
		for (int i = 0; i < 50; i++) {
			int64_t from_ms = START_MS + random_below(&random, 10 * AN_HOUR_MS) - AN_HOUR_MS;
			int64_t to_ms = from_ms + random_below(&random, 4 * AN_HOUR_MS);
			int64_t wanted[AMOUNT_COUNT] = {0}, got[AMOUNT_COUNT] = {0},
				again[AMOUNT_COUNT] = {0};
			naive_sum(some, REPORT_COUNT, from_ms, to_ms, wanted);
			reports_sum(&reports, from_ms, to_ms, got);
			reports_sum(&stored, from_ms, to_ms, again);
			assert_memory_equal(got, wanted, sizeof(wanted));
			assert_memory_equal(again, wanted, sizeof(wanted));
		}
		buffer_destroy(&page);
		reports_destroy(&reports);
		reports_destroy(&stored);
	}
}

/* Cut anywhere, the parts make the whole. */
static void test_partitions(void **state)
{
	(void)state;
	struct random random = {4};
	for (int round = 0; round < 200; round++) {
		int64_t amount = random_below(&random, round % 2 ? INT64_MAX : 1000);
		int64_t length_ms = 1 + random_below(&random, round % 3 ? DAY_MS : 50);
		struct reports reports = {0};
		struct report report = report_at("x", START_MS, START_MS + length_ms, 0, amount);
		reports_put(&reports, &report);
		int64_t sum = 0, at_ms = START_MS - 5, end_ms = START_MS + length_ms + 5;
		while (at_ms < end_ms) {
			int64_t next_ms = at_ms + 1 + random_below(&random, length_ms / 4 + 3);
			int64_t part = spend_in(&reports, at_ms, next_ms);
			assert_true(part >= 0);
			sum += part;
			at_ms = next_ms;
		}
		assert_true(sum == amount);
		reports_destroy(&reports);
	}
}

static void test_forget(void **state)
{
	(void)state;
	struct reports reports = {0};
	const struct report some[] = {report_at("a", 0, 100, 1, 1), report_at("b", 50, 101, 1, 2),
				      report_at("c", 90, 200, 1, 4)};
	for (size_t i = 0; i < 3; i++)
		reports_put(&reports, &some[i]);
	reports_forget(&reports, 100);
	assert_int_equal(spend_in(&reports, 0, 1000), 7);
	reports_forget(&reports, 101);
	assert_int_equal(spend_in(&reports, 0, 1000), 6);
	reports_forget(&reports, 1000);
	assert_int_equal(reports.count, 0);
	reports_destroy(&reports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_period),	   cmocka_unit_test(test_restated),
			cmocka_unit_test(test_one_id),
		cmocka_unit_test(test_sums),	   cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_forget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
