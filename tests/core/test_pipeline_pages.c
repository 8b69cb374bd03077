/* Goal: a task that is dropped at any moment, read back from the pages of its last commit and fed again
 * from there ends with the rows and the counts of one that was never disturbed. And no page, however
 * damaged, does more than be refused or read as something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pipeline.h"
#include "tests/core/feed.h"
#include "tests/core/page_store.h"
#include "tests/core/task_rows.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1, INPUT_COUNT = 2 };

struct run {
	const struct options *options;
	const struct feed *feed;
	struct task_rows rows;
	struct page_store store;
	struct page_store open; /* the pages so far of a commit under way */
	bool is_committing;
	size_t begun_at;     /* the event that came next when it began */
	size_t at;           /* the event that comes next */
	size_t committed_at; /* the same when the pages were written */
	bool keeps_merger;   /* a crash does not touch what was merged */
};

static void begin(struct run *run)
{
	run->rows = (struct task_rows){.task_count = 1};
	run->rows.tasks[0] = task_create(run->options, fixture_key, INPUT_COUNT);
	run->rows.merger = merger_create(run->options, diagnose);
}

static void drop(struct run *run)
{
	task_destroy(run->rows.tasks[0]);
	merger_destroy(run->rows.merger);
	buffer_destroy(&run->rows.moved);
}

static void step(struct run *run)
{
	struct task *task = run->rows.tasks[0];
	task_event(task, run->at % INPUT_COUNT, &run->feed->events[run->at], TYPE_MASK, TIME_NONE);
	task_advance(task, task->max_ms);
	task_rows_settle_names(&run->rows);
	if (run->at % 3 == 0)
		task_prepare_commit(task, 5);
	run->at++;
}

static void commit(struct run *run)
{
	task_commit(run->rows.tasks[0], page_store_replace, &run->store);
	run->committed_at = run->at;
}

static void begin_commit(struct run *run)
{
	task_begin_commit(run->rows.tasks[0], page_store_put, &run->open);
	run->begun_at = run->at;
	run->is_committing = true;
}

/* Pages count when all of them are there. */
static void go_on_with_commit(struct run *run, size_t byte_count)
{
	if (task_step_commit(run->rows.tasks[0], byte_count))
		return;
	for (size_t i = 0; i < run->open.count; i++) {
		struct slice bytes = run->open.pages[i].bytes;
		if (bytes.len == 0)
			bytes.data = NULL;
		page_store_replace(&run->store, run->open.pages[i].name, bytes);
	}
	page_store_destroy(&run->open);
	run->committed_at = run->begun_at;
	run->is_committing = false;
}

static void assert_nothing_is_dirty(struct run *run)
{
	struct page_store again = {0};
	task_commit(run->rows.tasks[0], page_store_put, &again);
	size_t rest_count = 0;
	for (size_t i = 0; i < again.count; i++) {
		char kind = again.pages[i].name.data[0];
		rest_count += kind == 'm';
		assert_true(kind == 'm' || (kind == 'p' && again.pages[i].bytes.len == 0)); /* old, deleted */
	}
	assert_int_equal(rest_count, 1);
	assert_int_equal(task_unsaid_bytes(run->rows.tasks[0]), 0);
	page_store_destroy(&again);
}

static void tell_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	struct task_rows *rows = ctx;
	struct task_sink sink = task_rows_sink(rows);
	rows->speaking = 0;
	task_put_parents(rows->tasks[0], &(struct ad_parents){ad, *parents}, 1, &sink);
}

static void crash(struct run *run)
{
	if (run->keeps_merger) {
		task_destroy(run->rows.tasks[0]);
		run->rows.tasks[0] = task_create(run->options, fixture_key, INPUT_COUNT);
		merger_drop_task(run->rows.merger, 0);
	} else {
		drop(run);
		begin(run);
	}
	page_store_destroy(&run->open);
	run->is_committing = false;
	run->at = run->committed_at;
	assert_null(page_store_restore(&run->store, run->rows.tasks[0]));
	assert_nothing_is_dirty(run);
	merger_each_parents(run->rows.merger, tell_parents, &run->rows);
}

static struct buffer run_undisturbed(struct run *run)
{
	begin(run);
	while (run->at < run->feed->count)
		step(run);
	return task_rows_print(&run->rows);
}

/* Commits about every `commit_events`, at once or while it goes on; crashes, collects and commits twice at
 * random. */
static struct buffer run_disturbed(struct run *run, uint64_t seed, int commit_events)
{
	struct random random = {seed};
	begin(run);
	commit(run);
	for (size_t steps = 0; run->at < run->feed->count; steps++) {
		step(run);
		if (run->is_committing)
			go_on_with_commit(run, (size_t)random_below(&random, 600));
		else if (random_below(&random, commit_events) == 0)
			commit(run);
		else if (random_below(&random, commit_events) == 0)
			begin_commit(run);
		if (steps < 4 * run->feed->count && random_below(&random, 2 * commit_events) == 0)
			crash(run);
		if (random_below(&random, 10) == 0)
			task_rows_collect(&run->rows);
	}
	if (seed % 2)
		crash(run);
	while (run->at < run->feed->count)
		step(run);
	return task_rows_print(&run->rows);
}

static void assert_same_counts(const struct task *got, const struct task *wanted)
{
	for (size_t i = 0; i < INPUT_COUNT; i++)
		assert_memory_equal(&got->inputs[i], &wanted->inputs[i], sizeof(struct counts));
	assert_int_equal(got->join.folded_early_count, wanted->join.folded_early_count);
	assert_int_equal(got->window.frozen_count, wanted->window.frozen_count);
	assert_int_equal(got->max_ms, wanted->max_ms);
	assert_int_equal(people_count(got->people), people_count(wanted->people));
}

static void compare_runs(const struct options *options, const struct feed_shape *shape, bool keeps_merger)
{
	struct feed feed;
	feed_create(&feed, shape);
	struct run calm = {.options = options, .feed = &feed};
	struct buffer wanted = run_undisturbed(&calm);
	assert_true(wanted.len > 10000);
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct run wild = {.options = options, .feed = &feed, .keeps_merger = keeps_merger};
		struct buffer got = run_disturbed(&wild, seed, 20 + 100 * (int)(seed - 1));
		fixture_assert_same_rows(buffer_slice(&got), buffer_slice(&wanted), "after crashes");
		assert_same_counts(wild.rows.tasks[0], calm.rows.tasks[0]);
		drop(&wild);
		page_store_destroy(&wild.store);
		buffer_destroy(&got);
	}
	drop(&calm);
	buffer_destroy(&wanted);
	feed_destroy(&feed);
}

static void test_crashes(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	compare_runs(&fixture.options, &(struct feed_shape){1, 1200, 20 * DAY_MS, DAY_MS, 3, 5, 3}, false);
	fixture_destroy(&fixture);
}

/* The merger lives on and knows what the task says only later: as if another process had it. Names that come
 * too early change nothing while everything is in the tails. */
static void test_crashes_beside_a_merger(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	compare_runs(&fixture.options, &(struct feed_shape){2, 600, 6 * DAY_MS, AN_HOUR_MS, 0, 20, 3}, true);
	fixture_destroy(&fixture);
}

/* More people than the first number of pages is for. */
static void test_crashes_with_many_people(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	compare_runs(&fixture.options, &(struct feed_shape){4, 1200, 6 * DAY_MS, AN_HOUR_MS, 0, 0, 300},
		     false);
	fixture_destroy(&fixture);
}

/* Tails that are folded soon, by age and by number, and conversations and people that end. */
static void test_crashes_with_short_times(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	fixture.options.lateness_ms = 6 * AN_HOUR_MS;
	fixture.options.gap_ms = 12 * AN_HOUR_MS;
	fixture.options.attribution_ms = DAY_MS;
	fixture.options.max_tail = 8;
	compare_runs(&fixture.options, &(struct feed_shape){3, 1200, 12 * DAY_MS, 3 * AN_HOUR_MS, 3, 5, 3},
		     false);
	fixture_destroy(&fixture);
}

/* The counts can be had from their page alone. */
static void test_counts(void **state)
{
	(void)state;
	struct fixture fixture;
	struct feed feed;
	struct counts counts[INPUT_COUNT + 1];
	fixture_create(&fixture);
	feed_create(&feed, &(struct feed_shape){5, 300, 20 * DAY_MS, DAY_MS, 3, 5, 3});
	struct run run = {.options = &fixture.options, .feed = &feed};
	begin(&run);
	while (run.at < feed.count)
		step(&run);
	commit(&run);
	size_t at = 0;
	while (!slice_equal(run.store.pages[at].name, slice_from("m")))
		at++;
	struct slice page = run.store.pages[at].bytes;
	const struct task *task = run.rows.tasks[0];
	assert_true(task->inputs[1].classes[CLASS_APPLIED] > 100 && task->inputs[1].classes[CLASS_DUPLICATE]);
	assert_true(task_read_counts(page, counts, INPUT_COUNT + 1));
	assert_memory_equal(counts, task->inputs, INPUT_COUNT * sizeof(*counts));
	assert_int_equal(counts[INPUT_COUNT].classes[CLASS_APPLIED], 0);
	assert_true(task_read_counts(page, counts, 1));
	assert_memory_equal(counts, task->inputs, sizeof(*counts));
	assert_false(task_read_counts((struct slice){page.data, page.len - 1}, counts, INPUT_COUNT));
	drop(&run);
	page_store_destroy(&run.store);
	feed_destroy(&feed);
	fixture_destroy(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_crashes_with_short_times),
		cmocka_unit_test(test_crashes_beside_a_merger),
		cmocka_unit_test(test_crashes_with_many_people),
		cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
