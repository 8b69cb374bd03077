/* Goal: what the tasks have behind a row sums up to the row, by task, by ad and by time, whatever kind of row
 * it is; and a text that is no key is told from one. */
#include <inttypes.h>

#include "core/row_parts.h"
#include "tests/core/feed.h"
#include "tests/core/publish/row_topic.h"
#include "tests/core/task_rows.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1, MICRO = 1000000 };

struct sums {
	int64_t all[COUNTER_COUNT];
	int64_t by_ad[COUNTER_COUNT];
	int64_t by_time[COUNTER_COUNT];
	int64_t by_report[AMOUNT_COUNT];
};

static void add(int64_t to[COUNTER_COUNT], const int64_t counts[COUNTER_COUNT])
{
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		to[i] += counts[i];
}

static void add_parts(const struct row_parts *parts, struct sums *sums)
{
	int64_t before_ms = parts->from_ms;
	add(sums->all, parts->sums);
	for (size_t i = 0; i < parts->ad_count; i++)
		add(sums->by_ad, parts->ads[i].counts);
	for (size_t i = 0; i < parts->piece_count; i++) {
		assert_true(parts->pieces[i].from_ms >= before_ms);
		before_ms = parts->pieces[i].to_ms;
		add(sums->by_time, parts->pieces[i].counts);
	}
	assert_true(before_ms <= parts->to_ms);
	for (size_t i = 0; i < parts->report_count; i++)
		for (size_t j = 0; j < AMOUNT_COUNT; j++)
			sums->by_report[j] += parts->reports[i].amounts[j];
}

/* Of reports only where one task has them all. */
static void assert_sums(const struct sums *sums, const char *row, const char *key, bool is_one_task)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		const struct counter_row *counter = &counter_rows[i];
		int64_t unit = counter->unit == UNIT_MICROS ? 1 : MICRO;
		int64_t wanted = row_micros(row, counter->name);
		if (counter->time == TIME_REPORT && !is_one_task)
			continue;
		bool is_same = sums->all[i] * unit == wanted;
		if (counter->time != TIME_PEOPLE)
			is_same &= sums->by_ad[i] * unit == wanted;
		if (counter->time == TIME_SHARED || counter->time == TIME_MOVED)
			is_same &= sums->by_time[i] * unit == wanted;
		if (!is_same)
			fail_msg("%.*s: %s is %" PRIi64 " by ad, %" PRIi64 " by time, not %" PRIi64,
				 (int)strcspn(key, "\t"), key, counter->name, sums->by_ad[i],
				 sums->by_time[i], wanted / unit);
	}
	if (is_one_task)
		assert_int_equal(sums->by_report[AMOUNT_IMPRESSIONS] * MICRO,
				 row_micros(row, "impressions"));
}

static void check_row(struct task_rows *rows, const struct options *options, struct slice line)
{
	const char *tab = memchr(line.data, '\t', line.len);
	struct slice key = {line.data, (size_t)(tab - line.data)};
	struct row_scope scope;
	struct sums sums = {0};
	assert_null(row_scope_create(&scope, key, options));
	assert_true(slice_equal(scope.key, key));
	for (uint32_t i = 0; i < rows->task_count; i++) {
		struct row_parts *parts = row_parts_collect(rows->tasks[i], &scope);
		if (parts)
			add_parts(parts, &sums);
		row_parts_destroy(parts);
	}
	char *text = row_topic_copy(line);
	assert_sums(&sums, text + key.len + 1, text, rows->task_count == 1);
	free(text);
	row_scope_destroy(&scope);
}

static void check_parts(uint32_t task_count)
{
	struct fixture fixture;
	struct feed feed;
	struct task_rows rows = {.task_count = task_count};
	fixture_create(&fixture);
	feed_create(&feed, &(struct feed_shape){.seed = 5, .event_count = 1500, .span_ms = 13 * DAY_MS / 2,
						.jitter_ms = DAY_MS, .other_names_percent = 5,
						.group_people = 5});
	rows.merger = merger_create(&fixture.options, diagnose);
	for (size_t i = 0; i < task_count; i++)
		rows.tasks[i] = task_create(&fixture.options, fixture_key, 1);
	for (size_t i = 0; i < feed.count; i++)
		task_event(rows.tasks[feed.groups[i] % task_count], 0, &feed.events[i], TYPE_MASK, TIME_NONE);
	struct buffer text = task_rows_print(&rows);
	size_t count = 0;
	for (size_t at = 0; at < text.len; count++) {
		const char *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = (size_t)(end - text.data) - at;
		check_row(&rows, &fixture.options, (struct slice){text.data + at, len});
		at += len + 1;
	}
	assert_true(count > 1000);
	for (size_t i = 0; i < task_count; i++)
		task_destroy(rows.tasks[i]);
	merger_destroy(rows.merger);
	buffer_destroy(&rows.moved);
	buffer_destroy(&text);
	feed_destroy(&feed);
	fixture_destroy(&fixture);
}

static void test_parts_sum_up(void **state)
{
	(void)state;
	check_parts(1);
	check_parts(3);
}

static void test_keys(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", "/", "rolling", "rolling/event/1h/ad", "rolling/event/1h/ad/", "rolling/event/1h/ad/a/b",
		"rolling/event/1d/ad/a", "rolling/event//ad/a", "rolled/event/1h/ad/a",
		"bucket/event/1h/ad/a",
		"bucket/event/24h/ad/a/2026-03-02T09:00:00Z", "bucket/event/1h/ad/a/today",
		"bucket/event/1h/ad/a/2026-03-02T09:00:00Z/", "rolling/event/1h/ad/a%2f",
		"rolling/event/1h/ad/%",
		"rolling/event/1h/ad/a/b/c/d/e/f/g/h",
	};
	struct fixture fixture;
	struct row_scope scope;
	fixture_create(&fixture);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!row_scope_create(&scope, slice_from(wrong[i]), &fixture.options))
			fail_msg("%s is taken for a key", wrong[i]);
	assert_null(row_scope_create(&scope, TEXT("bucket/cohort/1d/adset/a%2Fb%25/2026-03-02T03:00:00Z"),
				     &fixture.options));
	assert_true(slice_equal(scope.id, TEXT("a/b%")));
	assert_true(scope.is_day && scope.kind == ROW_BUCKET && scope.basis == BASIS_COHORT);
	assert_int_equal(scope.level, LEVEL_ADSET);
	assert_int_equal(scope.from_ms, START_MS + 3 * DAY_MS + 3 * AN_HOUR_MS);
	row_scope_destroy(&scope);
	fixture_destroy(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_sum_up),
		cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
