/* What a task forgets: history is said before, its pages are deleted, and it does not come back with them. */
#include "core/pipeline.h"
#include "tests/core/fixture.h"
#include "tests/core/page_store.h"

struct heard {
	int64_t earliest_ms; /* of hours and days */
	bool days[200]; /* of which an hour was said, from START_MS */
	size_t day_count;
	size_t empty_count;
	size_t report_count;
};

static void hear_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			int64_t people)
{
	(void)ctx, (void)ref, (void)window, (void)pane, (void)people;
}

static void hear_names(void *ctx, struct slice ad, const struct names *names)
{
	(void)ctx, (void)ad, (void)names;
}

static void hear_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct heard *heard = ctx;
	(void)ad;
	heard->report_count += reports->count;
}

static void hear_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		      const struct pane *pane, int64_t people)
{
	struct heard *heard = ctx;
	(void)to_ms;
	if (ref.level != LEVEL_AD)
		return;
	if (from_ms < heard->earliest_ms)
		heard->earliest_ms = from_ms;
	bool *day = &heard->days[(from_ms - START_MS + DAY_MS) / DAY_MS];
	heard->day_count += !is_day && !*day;
	*day |= !is_day;
	heard->empty_count += people == 0 && !(pane && !pane_is_zero(pane));
}

static struct heard hear(struct task *task)
{
	struct heard heard = {.earliest_ms = INT64_MAX};
	task_advance(task, task->max_ms);
	const struct task_sink sink = {hear_names, hear_reports, hear_window, hear_span, &heard};
	task_collect(task, ~0u, true, &sink);
	return heard;
}

/* Somebody else writes at every time: nobody's tail holds old days open. */
static void write_at(struct task *task, int64_t time_ms)
{
	char id[32];
	snprintf(id, sizeof(id), "%lld", (long long)time_ms);
	struct slice text = slice_from(id);
	const struct event click = {.type = EVENT_CLICK, .ts_ms = time_ms, .id = text, .user = text,
				    .ad = TEXT("ad"), .account = TEXT("act_kol")};
	assert_int_equal(task_event(task, 0, &click, ~0u, TIME_NONE).class, CLASS_APPLIED);
	char message_id[40];
	snprintf(message_id, sizeof(message_id), "m%s", id);
	const struct event message = {.type = EVENT_MESSAGE, .ts_ms = time_ms + 1,
				      .id = slice_from(message_id), .user = text};
	assert_int_equal(task_event(task, 0, &message, ~0u, TIME_NONE).class, CLASS_APPLIED);
}

static struct task *make_task(const struct options *options)
{
	struct task *task = task_create(options, fixture_key, 1);
	struct heard heard = {0};
	struct ad_parents change = {.ad = TEXT("ad"), .parents.ids[LEVEL_ACCOUNT] = TEXT("act_kol")};
	task_put_parents(task, &change, 1, &(struct task_sink){.span = hear_span, .ctx = &heard});
	return task;
}

struct deletions {
	struct page_store store;
	size_t deleted_count;
};

static void keep_pages(void *ctx, struct slice name, struct slice bytes)
{
	struct deletions *deletions = ctx;
	struct page_store *store = &deletions->store;
	page_store_put(store, name, bytes);
	if (bytes.data)
		return;
	deletions->deleted_count += name.data[0] == 'h';
	size_t at = 0;
	while (!slice_equal(store->pages[at].name, name))
		at++;
	free((char *)store->pages[at].name.data);
	free((char *)store->pages[at].bytes.data);
	store->pages[at] = store->pages[--store->count];
}

static size_t history_page_count(const struct page_store *store)
{
	size_t count = 0;
	for (size_t i = 0; i < store->count; i++)
		count += store->pages[i].name.data[0] == 'h';
	return count;
}

static void pages_of_forgotten_days_are_deleted(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	struct task *task = make_task(&fixture.options);
	struct deletions deletions = {0};
	for (int day = 0; day < 40; day++) {
		write_at(task, START_MS + day * DAY_MS + 20 * AN_HOUR_MS);
		hear(task);
	}
	task_commit(task, keep_pages, &deletions);
	assert_int_equal(history_page_count(&deletions.store), 40);
	write_at(task, START_MS + 117 * DAY_MS);
	hear(task);
	task_commit(task, keep_pages, &deletions);
	/* days 0 to 19 of 117 - 90 - 7, but for the two more that are kept; and day 117 is there */
	size_t gone = deletions.deleted_count;
	assert_in_range(gone, 16, 19);
	assert_int_equal(history_page_count(&deletions.store), 41 - gone);
	task_commit(task, keep_pages, &deletions);
	assert_int_equal(deletions.deleted_count, gone);
	task_destroy(task);

	task = task_create(&fixture.options, fixture_key, 1);
	assert_null(page_store_restore(&deletions.store, task));
	assert_int_equal(task->forgotten_ms, START_MS + 117 * DAY_MS + 1);
	struct heard heard = hear(task);
	assert_int_equal(heard.empty_count, 0);
	assert_int_equal(heard.day_count, 41 - gone);
	assert_true(heard.earliest_ms >= START_MS + (int64_t)gone * DAY_MS);
	page_store_destroy(&deletions.store);
	task_destroy(task);
	fixture_destroy(&fixture);
}

/* A restore long after the last time that anything was forgotten: pages of old days are there, but not
 * said. */
static void old_pages_are_forgotten_when_they_come_back(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	struct task *task = make_task(&fixture.options);
	struct deletions deletions = {0};
	for (int day = 0; day < 150; day += 10)
		write_at(task, START_MS + day * DAY_MS);
	write_at(task, START_MS + 150 * DAY_MS);
	task_commit(task, keep_pages, &deletions);
	assert_int_equal(history_page_count(&deletions.store), 16);
	task_destroy(task);

	task = task_create(&fixture.options, fixture_key, 1);
	assert_null(page_store_restore(&deletions.store, task));
	struct heard heard = hear(task);
	assert_int_equal(heard.empty_count, 0);
	assert_true(heard.earliest_ms > START_MS + 49 * DAY_MS);
	task_commit(task, keep_pages, &deletions);
	assert_int_equal(deletions.deleted_count, 5 + 1);
	page_store_destroy(&deletions.store);
	task_destroy(task);
	fixture_destroy(&fixture);
}

/* However far T jumps between two collects, what is forgotten has been said. */
static void nothing_is_forgotten_before_it_is_said(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	struct task *task = make_task(&fixture.options);
	write_at(task, START_MS);
	hear(task);
	write_at(task, START_MS + 10 * DAY_MS);
	write_at(task, START_MS + 150 * DAY_MS);
	struct heard heard = hear(task);
	assert_int_equal(heard.earliest_ms, START_MS + 10 * DAY_MS - 330 * MINUTE_MS); /* midnight there */
	assert_int_equal(heard.day_count, 2);
	task_destroy(task);
	fixture_destroy(&fixture);
}

/* A task far behind the others takes in a report that is forgotten by their time. */
static void reports_are_said_before_they_are_forgotten(void **state)
{
	(void)state;
	struct fixture fixture;
	fixture_create(&fixture);
	struct task *task = make_task(&fixture.options);
	write_at(task, START_MS + DAY_MS);
	hear(task);
	const struct event spend = {.type = EVENT_SPEND, .ts_ms = START_MS + DAY_MS, .id = TEXT("spend"),
				    .ad = TEXT("ad"), .account = TEXT("act_kol"), .from_ms = START_MS,
				    .to_ms = START_MS + DAY_MS, .reported_at_ms = START_MS + DAY_MS,
				    .money_micros = 5};
	assert_int_equal(task_event(task, 0, &spend, ~0u, TIME_NONE).class, CLASS_APPLIED);
	task_advance(task, START_MS + 200 * DAY_MS);
	assert_int_equal(hear(task).report_count, 1);
	for (size_t i = 0; i < task->ad_capacity; i++)
		assert_int_equal(task->ads[i].reports.count, 0);
	task_destroy(task);
	fixture_destroy(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_forgotten_days_are_deleted),
		cmocka_unit_test(old_pages_are_forgotten_when_they_come_back),
		cmocka_unit_test(nothing_is_forgotten_before_it_is_said),
		cmocka_unit_test(reports_are_said_before_they_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
