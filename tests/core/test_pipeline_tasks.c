/* Goal: the same set of events gives the same rows whether one task has all people or two or three tasks have
 * some each, in whatever order the tasks come to read them, even where only one of them ever hears what an
 * ad's campaign is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pipeline.h"
#include "tests/core/feed.h"
#include "tests/core/publish/row_topic.h"
#include "tests/core/task_rows.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1 };

static void begin(struct task_rows *rows, const struct options *options, uint32_t task_count)
{
	*rows = (struct task_rows){.task_count = task_count, .merger = merger_create(options, diagnose)};
	for (uint32_t i = 0; i < task_count; i++)
		rows->tasks[i] = task_create(options, fixture_key, 1);
}

static void end(struct task_rows *rows)
{
	for (uint32_t i = 0; i < rows->task_count; i++)
		task_destroy(rows->tasks[i]);
	merger_destroy(rows->merger);
	buffer_destroy(&rows->moved);
}

static void take(struct task_rows *rows, const struct feed *feed, size_t i)
{
	struct task *task = rows->tasks[feed->groups[i] % rows->task_count];
	task_event(task, 0, &feed->events[i], TYPE_MASK, TIME_NONE);
}

static void shuffle(size_t *order, size_t count, struct random *random)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = (size_t)random_below(random, (int64_t)i);
		size_t swapped = order[i - 1];
		order[i - 1] = order[other];
		order[other] = swapped;
	}
}

/* In any order; names go round and rows are collected now and then. */
static struct buffer rows_of_shuffled(const struct options *options, const struct feed *feed,
				      uint32_t task_count,
				      uint64_t seed)
{
	struct random random = {seed};
	struct task_rows rows;
	size_t *order = calloc(feed->count, sizeof(*order));
	assert_non_null(order);
	for (size_t i = 0; i < feed->count; i++)
		order[i] = i;
	if (seed)
		shuffle(order, feed->count, &random);
	begin(&rows, options, task_count);
	for (size_t i = 0; i < feed->count; i++) {
		take(&rows, feed, order[i]);
		if (random_below(&random, 10) == 0)
			task_rows_settle_names(&rows);
		if (random_below(&random, 60) == 0)
			task_rows_collect(&rows);
	}
	free(order);
	struct buffer text = task_rows_print(&rows);
	end(&rows);
	return text;
}

/* The rows whose keys begin so, summed counter by counter, people left out. */
static void sum_rows(struct slice rows, const char *key, int64_t sums[COUNTER_COUNT])
{
	memset(sums, 0, sizeof(*sums) * COUNTER_COUNT);
	for (size_t at = 0; at < rows.len;) {
		const char *line_end = memchr(rows.data + at, '\n', rows.len - at);
		struct slice line = {rows.data + at, (size_t)(line_end - rows.data) - at};
		at += line.len + 1;
		if (line.len < strlen(key) || memcmp(line.data, key, strlen(key)) != 0)
			continue;
		char *value = row_topic_copy(line);
		for (int i = 0; i < COUNTER_COUNT; i++)
			if (counter_rows[i].time != TIME_PEOPLE)
				sums[i] += row_micros(value, counter_rows[i].name);
		free(value);
	}
}

/* Hours and days hold the same, and ads as much as accounts: nothing falls between them. */
static void check_totals(struct slice rows)
{
	static const char *const bases[] = {"event", "cohort"};
	for (int basis = 0; basis < 2; basis++) {
		int64_t sums[4][COUNTER_COUNT];
		static const char *const keys[] = {"1h/ad/", "1d/ad/", "1h/account/", "1d/account/"};
		for (int i = 0; i < 4; i++) {
			char key[64];
			snprintf(key, sizeof(key), "bucket/%s/%s", bases[basis], keys[i]);
			sum_rows(rows, key, sums[i]);
			assert_memory_equal(sums[i], sums[0], sizeof(sums[0]));
		}
		assert_true(sums[0][COUNTER_messages_in] > 0 && sums[0][COUNTER_spend] > 0);
	}
}

/* Everything within `lateness`: nothing is late and nothing folded, so every order must do. */
static void test_any_order_and_division(void **state)
{
	(void)state;
	struct fixture fixture;
	struct feed feed;
	fixture_create(&fixture);
	feed_create(&feed, &(struct feed_shape){11, 500, 13 * DAY_MS / 2, DAY_MS, 0, 10, 3});
	struct buffer wanted = rows_of_shuffled(&fixture.options, &feed, 1, 0);
	check_totals(buffer_slice(&wanted));
	for (uint32_t task_count = 1; task_count <= 3; task_count++) {
		struct buffer got = rows_of_shuffled(&fixture.options, &feed, task_count, 20 + task_count);
		fixture_assert_same_rows(buffer_slice(&got), buffer_slice(&wanted), "divided and shuffled");
		buffer_destroy(&got);
	}
	buffer_destroy(&wanted);
	feed_destroy(&feed);
	fixture_destroy(&fixture);
}

/* What every task has read, and said: until there, what ads are called has gone round. */
static void confirm(struct task_rows *rows)
{
	int64_t confirmed_ms = INT64_MAX;
	for (uint32_t i = 0; i < rows->task_count; i++)
		if (rows->tasks[i]->max_ms < confirmed_ms)
			confirmed_ms = rows->tasks[i]->max_ms;
	for (uint32_t i = 0; i < rows->task_count; i++)
		task_confirm(rows->tasks[i], confirmed_ms);
}

/* Each task reads its own events in order, but at its own pace: `lag` is how far apart they may be. */
static struct buffer rows_of_paced(const struct options *options, const struct feed *feed,
				   uint32_t task_count,
				   uint64_t seed, size_t lag)
{
	struct random random = {seed};
	struct task_rows rows;
	size_t at[TASK_ROWS_MAX] = {0};
	begin(&rows, options, task_count);
	for (size_t done = 0; done < feed->count;) {
		uint32_t number = (uint32_t)random_below(&random, task_count);
		size_t stop = done + lag < feed->count ? done + lag : feed->count;
		for (int burst = (int)random_below(&random, 40); burst > 0 && at[number] < stop; burst--,
		     at[number]++)
			if (feed->groups[at[number]] % task_count == number)
				take(&rows, feed, at[number]);
		task_rows_settle_names(&rows);
		confirm(&rows);
		if (random_below(&random, 10) == 0)
			task_rows_collect(&rows);
		done = feed->count;
		for (uint32_t i = 0; i < task_count; i++)
			done = at[i] < done ? at[i] : done;
	}
	struct buffer text = task_rows_print(&rows);
	end(&rows);
	return text;
}

/* Longer than `lateness`: tails are folded, and names that never change are known to one task before another
 * reads the first event of the ad, or after. */
static void test_own_pace(void **state)
{
	(void)state;
	struct fixture fixture;
	struct feed feed;
	fixture_create(&fixture);
	feed_create(&feed, &(struct feed_shape){12, 900, 30 * DAY_MS, AN_HOUR_MS, 0, 0, 3});
	struct buffer wanted = rows_of_paced(&fixture.options, &feed, 1, 0, 1);
	check_totals(buffer_slice(&wanted));
	for (uint32_t task_count = 1; task_count <= 3; task_count++) {
		struct buffer got = rows_of_paced(&fixture.options, &feed, task_count, 30 + task_count, 100);
		fixture_assert_same_rows(buffer_slice(&got), buffer_slice(&wanted), "at its own pace");
		buffer_destroy(&got);
	}
	buffer_destroy(&wanted);
	feed_destroy(&feed);
	fixture_destroy(&fixture);
}

struct telling {
	struct task *task;
	struct task_sink sink;
};

/* Some parents, others, and these again, at once. */
static void tell_others_between(void *ctx, struct slice ad, const struct parents *parents)
{
	struct telling *telling = ctx;
	struct parents others = *parents;
	others.ids[LEVEL_CAMPAIGN] = TEXT("other");
	others.ids[LEVEL_ADSET] = TEXT("");
	const struct ad_parents changes[] = {{ad, *parents}, {ad, others}, {ad, *parents}};
	task_put_parents(telling->task, changes, 3, &telling->sink);
}

/* Of what is told of an ad at once the last counts, also where it changes nothing. */
static void test_last_parents_count(void **state)
{
	(void)state;
	struct fixture fixture;
	struct feed feed;
	struct task_rows rows;
	fixture_create(&fixture);
	feed_create(&feed, &(struct feed_shape){13, 300, 13 * DAY_MS / 2, DAY_MS, 0, 10, 3});
	begin(&rows, &fixture.options, 2);
	for (size_t i = 0; i < feed.count; i++)
		take(&rows, &feed, i);
	struct buffer wanted = task_rows_print(&rows);
	check_totals(buffer_slice(&wanted));
	for (rows.speaking = 0; rows.speaking < rows.task_count; rows.speaking++) {
		struct telling telling = {rows.tasks[rows.speaking], task_rows_sink(&rows)};
		merger_each_parents(rows.merger, tell_others_between, &telling);
	}
	struct buffer got = task_rows_print(&rows);
	fixture_assert_same_rows(buffer_slice(&got), buffer_slice(&wanted), "told of other parents between");
	buffer_destroy(&got);
	buffer_destroy(&wanted);
	end(&rows);
	feed_destroy(&feed);
	fixture_destroy(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order_and_division),
		cmocka_unit_test(test_own_pace),
		cmocka_unit_test(test_last_parents_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
