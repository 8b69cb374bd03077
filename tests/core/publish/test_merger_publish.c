/* Goal: when rows go out (spec section 6.2, 6.3): what changed, at most once per emit time, no more
 * than the limit, the newest value only; zeros once when everything has slid out; buckets again when
 * they settle; and a sink that has no room loses nothing. That revisions grow and zeros follow
 * something is checked with every row (row_topic.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/publish/recall.h"
#include "tests/core/publish/row_topic.h"

struct publish_case {
	struct fixture fixture;
	struct merger *merger;
	struct row_topic topic;
};

static int setup(void **state)
{
	struct publish_case *test = calloc(1, sizeof(*test));
	assert_non_null(test);
	fixture_create(&test->fixture);
	test->fixture.options.window_count = 0;
	fixture_add_window(&test->fixture.options, "5m", 5 * MINUTE_MS, 10 * SECOND_MS, SECOND_MS);
	fixture_add_window(&test->fixture.options, "1h", AN_HOUR_MS, MINUTE_MS, 5 * SECOND_MS);
	test->merger = merger_create(&test->fixture.options, diagnose);
	row_topic_create(&test->topic, 1, 0);
	merger_advance(test->merger, START_MS);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	struct publish_case *test = *state;
	merger_destroy(test->merger);
	row_topic_destroy(&test->topic);
	fixture_destroy(&test->fixture);
	free(test);
	return 0;
}

static struct entity_ref ad_number(char text[16], int number)
{
	int len = snprintf(text, 16, "ad-%d", number);
	return (struct entity_ref){LEVEL_AD, false, {text, (size_t)len}};
}

static void say_window(struct publish_case *test, int ad, size_t window, int64_t clicks)
{
	char text[16];
	struct pane pane = {0};
	pane_add(&pane, SLOT_clicks, clicks);
	merger_put_window(test->merger, 0, ad_number(text, ad), window, &pane, 0);
	pane_clear(&pane);
}

static void say_hour(struct publish_case *test, int ad, int64_t from_ms, int64_t clicks)
{
	char text[16];
	struct pane pane = {0};
	pane_add(&pane, SLOT_clicks, clicks);
	merger_put_span(test->merger, 0, ad_number(text, ad), false, from_ms, from_ms + AN_HOUR_MS, &pane, 0);
	pane_clear(&pane);
}

static size_t publish(struct publish_case *test, int64_t wall_ms, size_t limit)
{
	size_t before = test->topic.sent_count;
	test->topic.wall_ms = wall_ms;
	size_t count = merger_publish(test->merger, wall_ms, limit, 0, row_topic_put, &test->topic);
	assert_int_equal(count, test->topic.sent_count - before);
	return count;
}

/* An ad and its account, on two bases. */
enum { ROWS_OF_ONE = 4 };

/* Emit times are kept in ticks of a 64th: never shorter, a thirtieth longer at most. */
static void check_due(struct publish_case *test, int64_t least_ms, int64_t emit_ms)
{
	int64_t due_ms;
	assert_true(merger_is_waiting(test->merger, &due_ms));
	assert_in_range(due_ms, least_ms, least_ms + emit_ms / 30);
	assert_int_equal(publish(test, due_ms - 1, SIZE_MAX), 0);
	assert_int_equal(publish(test, due_ms, SIZE_MAX), ROWS_OF_ONE);
}

static void test_emit_times(void **state)
{
	struct publish_case *test = *state;
	int64_t due_ms;
	assert_false(merger_is_waiting(test->merger, &due_ms));
	say_window(test, 0, 0, 1);
	say_window(test, 0, 1, 1);
	say_hour(test, 0, START_MS, 1);
	assert_int_equal(publish(test, 1000, SIZE_MAX), 3 * ROWS_OF_ONE);
	assert_false(merger_is_waiting(test->merger, &due_ms));
	say_window(test, 0, 0, 2);
	say_window(test, 0, 1, 2);
	say_hour(test, 0, START_MS, 2);
	check_due(test, 2000, 1000);
	check_due(test, 6000, 5000);
	check_due(test, 61000, 60000);
	assert_false(merger_is_waiting(test->merger, &due_ms));
	assert_in_range(test->topic.spacing_ms, 1000, 1034);
	row_topic_check_against(&test->topic, test->merger);
}

/* A row that was not out for its emit time does not wait for one that was. */
static void test_fresh_rows(void **state)
{
	struct publish_case *test = *state;
	say_window(test, 0, 0, 1);
	publish(test, 1000, SIZE_MAX);
	say_window(test, 0, 0, 2);
	say_window(test, 1, 0, 1);
	assert_int_equal(publish(test, 1200, SIZE_MAX), 2); /* the account was out, too */
	say_window(test, 1, 0, 2);
	assert_int_equal(publish(test, 2100, SIZE_MAX), ROWS_OF_ONE);
	assert_int_equal(publish(test, 2300, SIZE_MAX), 2);
	row_topic_check_against(&test->topic, test->merger);
}

/* The newest value only, and nothing for what is as it was. */
static void test_coalesced(void **state)
{
	struct publish_case *test = *state;
	for (int i = 1; i <= 100; i++)
		say_window(test, 0, 0, i);
	assert_int_equal(publish(test, 0, SIZE_MAX), ROWS_OF_ONE);
	row_topic_check_against(&test->topic, test->merger);
	say_window(test, 0, 0, 100);
	assert_int_equal(publish(test, 100000, SIZE_MAX), 0);
}

/* No more than the limit at a time (but a cell's two rows go together), everything in the end. */
static void test_limit(void **state)
{
	struct publish_case *test = *state;
	size_t sent = 0;
	for (int ad = 0; ad < 50; ad++)
		say_window(test, ad, ad % 2, 1);
	for (int i = 0; i < 100; i++) {
		size_t limit = (size_t)(i % 7), count = publish(test, 0, limit);
		assert_true(count <= limit + (limit > 0));
		sent += count;
	}
	assert_int_equal(sent, 2 * 50 + 2 * 2);
	row_topic_check_against(&test->topic, test->merger);
}

/* Rows change while there is no room most of the time. */
static void test_no_room(void **state)
{
	struct publish_case *test = *state;
	struct random random = {3};
	test->topic.full_percent = 70;
	for (int i = 0; i < 2000; i++) {
		if (i < 1000)
			say_window(test, (int)random_below(&random, 20), (size_t)(i % 2),
				   random_below(&random, 3));
		publish(test, i * SECOND_MS, (size_t)random_below(&random, 5));
	}
	int64_t due_ms;
	assert_false(merger_is_waiting(test->merger, &due_ms));
	row_topic_check_against(&test->topic, test->merger);
}

/* The row of a key in the topic. */
static struct topic_row *row_at(struct publish_case *test, const char *key)
{
	struct topic_row *row = row_topic_find(&test->topic, key);
	assert_non_null(row);
	return row;
}

static void test_zeros_once(void **state)
{
	struct publish_case *test = *state;
	say_window(test, 0, 0, 5);
	publish(test, 0, SIZE_MAX);
	say_window(test, 0, 0, 0);
	assert_int_equal(publish(test, 1100, SIZE_MAX), ROWS_OF_ONE);
	assert_true(row_at(test, "rolling/event/5m/ad/ad-0")->is_empty);
	for (int i = 1; i < 20; i++) {
		merger_advance(test->merger, START_MS + i * MINUTE_MS);
		assert_int_equal(publish(test, i * MINUTE_MS, SIZE_MAX), 0);
	}
	say_window(test, 0, 0, 0);
	assert_int_equal(publish(test, AN_HOUR_MS, SIZE_MAX), 0);
	assert_int_equal(row_at(test, "rolling/event/5m/ad/ad-0")->empty_count, 1);
}

/* A row that stands moves on with T: its `to` is another. */
static void test_slides(void **state)
{
	struct publish_case *test = *state;
	say_window(test, 0, 1, 5);
	publish(test, 0, SIZE_MAX);
	merger_advance(test->merger, START_MS + MINUTE_MS - 1);
	assert_int_equal(publish(test, 10 * SECOND_MS, SIZE_MAX), 0);
	merger_advance(test->merger, START_MS + MINUTE_MS);
	assert_int_equal(publish(test, 20 * SECOND_MS, SIZE_MAX), ROWS_OF_ONE);
	const struct topic_row *row = row_at(test, "rolling/cohort/1h/account/default");
	assert_int_equal(row_micros(row->value, "to_ms") / 1000000, START_MS + 2 * MINUTE_MS);
	assert_int_equal(row_micros(row->value, "from_ms") / 1000000, START_MS + 2 * MINUTE_MS - AN_HOUR_MS);
	row_topic_check_against(&test->topic, test->merger);
}

static bool is_settled(struct publish_case *test, const char *key)
{
	return strstr(row_at(test, key)->value, "\"settled\":true") != NULL;
}

/* Once lateness has passed, and on basis cohort the outcome window too; not a millisecond before. */
static void test_settled(void **state)
{
	struct publish_case *test = *state;
	const struct options *options = &test->fixture.options;
	static const char event_key[] = "bucket/event/1h/ad/ad-0/2026-02-27T00:00:00Z";
	static const char cohort_key[] = "bucket/cohort/1h/ad/ad-0/2026-02-27T00:00:00Z";
	int64_t settled_ms = START_MS + AN_HOUR_MS + options->lateness_ms;
	say_hour(test, 0, START_MS, 5);
	publish(test, 0, SIZE_MAX);
	merger_advance(test->merger, settled_ms - 1);
	assert_int_equal(publish(test, AN_HOUR_MS, SIZE_MAX), 0);
	assert_false(is_settled(test, event_key));
	merger_advance(test->merger, settled_ms);
	assert_int_equal(publish(test, 2 * AN_HOUR_MS, SIZE_MAX), ROWS_OF_ONE);
	assert_true(is_settled(test, event_key));
	assert_false(is_settled(test, cohort_key));
	settled_ms += options->outcome_window_ms;
	merger_advance(test->merger, settled_ms - 1);
	assert_int_equal(publish(test, 3 * AN_HOUR_MS, SIZE_MAX), 0);
	merger_advance(test->merger, settled_ms + 1);
	assert_int_equal(publish(test, 4 * AN_HOUR_MS, SIZE_MAX), ROWS_OF_ONE);
	assert_true(is_settled(test, cohort_key));
	merger_advance(test->merger, settled_ms + 30 * DAY_MS);
	assert_int_equal(publish(test, 5 * AN_HOUR_MS, SIZE_MAX), 0);
	row_topic_check_against(&test->topic, test->merger);
}

/* At the very millisecond, which is not always a full hour: of days in Kolkata, or of such a `lateness`. */
static void test_settled_within_an_hour(void **state)
{
	struct publish_case *test = *state;
	test->fixture.options.lateness_ms += AN_HOUR_MS / 2;
	int64_t settled_ms = START_MS + AN_HOUR_MS + test->fixture.options.lateness_ms;
	say_hour(test, 0, START_MS, 5);
	say_hour(test, 0, START_MS + AN_HOUR_MS, 5);
	publish(test, 0, SIZE_MAX);
	merger_advance(test->merger, settled_ms - 1);
	assert_int_equal(publish(test, AN_HOUR_MS, SIZE_MAX), 0);
	merger_advance(test->merger, settled_ms);
	assert_int_equal(publish(test, 2 * AN_HOUR_MS, SIZE_MAX), ROWS_OF_ONE);
	assert_true(is_settled(test, "bucket/event/1h/ad/ad-0/2026-02-27T00:00:00Z"));
	assert_false(is_settled(test, "bucket/event/1h/ad/ad-0/2026-02-27T01:00:00Z"));
	merger_advance(test->merger, settled_ms + AN_HOUR_MS);
	assert_int_equal(publish(test, 3 * AN_HOUR_MS, SIZE_MAX), ROWS_OF_ONE);
	assert_true(is_settled(test, "bucket/event/1h/ad/ad-0/2026-02-27T01:00:00Z"));
}

/* A span that is no row any more has zeros in the topic, and once only. */
static void test_bucket_emptied(void **state)
{
	struct publish_case *test = *state;
	say_hour(test, 0, START_MS, 5);
	say_hour(test, 1, START_MS, 0);
	publish(test, 0, SIZE_MAX);
	assert_null(row_topic_find(&test->topic, "bucket/event/1h/ad/ad-1/2026-02-27T00:00:00Z"));
	say_hour(test, 0, START_MS, 0);
	assert_int_equal(publish(test, AN_HOUR_MS, SIZE_MAX), ROWS_OF_ONE);
	merger_advance(test->merger, START_MS + 60 * DAY_MS);
	assert_int_equal(publish(test, 2 * AN_HOUR_MS, SIZE_MAX), 0);
}

struct row_count {
	size_t current;
	size_t history;
};

static bool count_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct row_count *count = ctx;
	(void)key, (void)value;
	++*(is_history ? &count->history : &count->current);
	return true;
}

/* Another run may have published what is empty now, at an ad and above it: it is told so, once. */
static void test_expected(void **state)
{
	struct publish_case *test = *state;
	struct row_count count = {0};
	merger_expect_published(test->merger, true);
	say_window(test, 0, 0, 0);
	say_window(test, 0, 0, 1);
	say_window(test, 0, 0, 0);
	say_hour(test, 0, START_MS, 0);
	merger_publish(test->merger, 0, SIZE_MAX, 0, count_row, &count);
	assert_int_equal(count.current, ROWS_OF_ONE);
	assert_int_equal(count.history, ROWS_OF_ONE);
	merger_expect_published(test->merger, false);
	say_window(test, 0, 0, 0);
	say_hour(test, 0, START_MS, 0);
	say_window(test, 1, 1, 1);
	say_window(test, 1, 1, 0);
	say_hour(test, 1, START_MS, 0);
	merger_publish(test->merger, AN_HOUR_MS, SIZE_MAX, 0, count_row, &count);
	assert_int_equal(count.current, ROWS_OF_ONE);
	assert_int_equal(count.history, ROWS_OF_ONE);
}

/* What a merger before this one put out of an hour of which nobody says anything any more: how many of its
 * rows are taken back ten days later, by the stream time of the state that is gone on from. */
static size_t recalled_rows(struct publish_case *test, int64_t oldest_ms, int64_t state_ms)
{
	struct row_count count = {0};
	merger_destroy(test->merger);
	test->merger = merger_create(&test->fixture.options, diagnose);
	merger_advance(test->merger, START_MS + 10 * (int64_t)DAY_MS);
	merger_freeze(test->merger, START_MS + 10 * (int64_t)DAY_MS);
	for (size_t i = 0; i < test->topic.count; i++)
		merger_recall(test->merger,
			      &(struct recalled){slice_from(test->topic.rows[i].key), START_MS,
						 START_MS + AN_HOUR_MS, 1},
			      oldest_ms, state_ms);
	merger_publish(test->merger, 0, SIZE_MAX, 0, count_row, &count);
	assert_int_equal(count.current, 0);
	return count.history;
}

static void test_recalled(void **state)
{
	struct publish_case *test = *state;
	const int64_t settles_ms = START_MS + AN_HOUR_MS + test->fixture.options.lateness_ms;
	say_hour(test, 0, START_MS, 1);
	assert_int_equal(publish(test, 0, SIZE_MAX), ROWS_OF_ONE);
	assert_int_equal(recalled_rows(test, START_MS, START_MS), ROWS_OF_ONE);
	assert_int_equal(recalled_rows(test, START_MS, settles_ms), ROWS_OF_ONE);
	assert_int_equal(recalled_rows(test, START_MS, settles_ms + 1), 0);
	assert_int_equal(recalled_rows(test, START_MS, INT64_MAX), 0);
	assert_int_equal(recalled_rows(test, START_MS, TIME_NONE), ROWS_OF_ONE);
	assert_int_equal(recalled_rows(test, START_MS + 1, TIME_NONE), 0);
	test->fixture.options.retention_ms = 10 * (int64_t)DAY_MS - AN_HOUR_MS;
	assert_int_equal(recalled_rows(test, START_MS, TIME_NONE), ROWS_OF_ONE);
	test->fixture.options.retention_ms--;
	assert_int_equal(recalled_rows(test, START_MS, TIME_NONE), 0);
	assert_int_equal(recalled_rows(test, START_MS + 1, START_MS), 0);
}

static void test_revisions(void **state)
{
	struct publish_case *test = *state;
	assert_int_equal(merger_revision(test->merger), 0);
	say_window(test, 0, 0, 1);
	merger_publish(test->merger, 0, SIZE_MAX, 5000, row_topic_put, &test->topic);
	assert_int_equal(test->topic.revision, 5000 + ROWS_OF_ONE);
	assert_int_equal(merger_revision(test->merger), 5000 + ROWS_OF_ONE);
	merger_publish_again(test->merger);
	assert_int_equal(publish(test, AN_HOUR_MS, SIZE_MAX), ROWS_OF_ONE);
	assert_int_equal(test->topic.revision, 5000 + 2 * ROWS_OF_ONE);
}

/* What a task said of numbers and people is gone; what the others said stays. */
static void test_drop_task(void **state)
{
	struct publish_case *test = *state;
	struct pane pane = {0};
	const struct entity_ref ad = {LEVEL_AD, false, TEXT("ad")},
		account = {LEVEL_ACCOUNT, false, TEXT("default")};
	pane_add(&pane, SLOT_clicks, 3);
	for (uint32_t task = 0; task < 3; task++) {
		merger_put_window(test->merger, task, ad, 0, &pane, 2);
		merger_put_window(test->merger, task, account, 0, NULL, 2);
	}
	merger_drop_task(test->merger, 1);
	merger_drop_task(test->merger, 1);
	merger_check(test->merger);
	publish(test, 0, SIZE_MAX);
	assert_int_equal(row_micros(row_at(test, "rolling/event/5m/ad/ad")->value, "clicks"), 6000000);
	assert_int_equal(row_micros(row_at(test, "rolling/event/5m/account/default")->value, "clicks"),
			 6000000);
	assert_int_equal(row_micros(row_at(test, "rolling/event/5m/account/default")->value, "people"),
			 4000000);
	pane_clear(&pane);
}

static void say_campaign(struct publish_case *test, const char *ad, const char *name, int64_t time_ms)
{
	struct names names;
	const struct event event = {.ts_ms = time_ms, .id = TEXT("x"), .campaign = TEXT("camp"),
				    .campaign_name = slice_from(name)};
	names_create(&names);
	names_note_event(&names, &event);
	merger_put_names(test->merger, slice_from(ad), &names);
	names_destroy(&names);
}

/* A campaign is called what the newest of its ads' events says, also if that ad said so before. */
static void test_names_of_parents(void **state)
{
	struct publish_case *test = *state;
	say_window(test, 0, 0, 1);
	say_campaign(test, "ad-0", "A", 5);
	say_campaign(test, "ad-1", "B", 3);
	publish(test, 0, SIZE_MAX);
	assert_non_null(strstr(row_at(test, "rolling/event/5m/campaign/camp")->value, "\"name\":\"A\""));
	say_campaign(test, "ad-1", "B", 7);
	publish(test, AN_HOUR_MS, SIZE_MAX);
	assert_non_null(strstr(row_at(test, "rolling/event/5m/campaign/camp")->value, "\"name\":\"B\""));
	row_topic_check_against(&test->topic, test->merger);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_emit_times), CASE(test_fresh_rows), CASE(test_coalesced),
		CASE(test_limit),      CASE(test_no_room),
		CASE(test_zeros_once), CASE(test_slides),    CASE(test_settled),
		CASE(test_settled_within_an_hour), CASE(test_bucket_emptied),
		CASE(test_expected),   CASE(test_revisions), CASE(test_drop_task),
		CASE(test_names_of_parents), CASE(test_recalled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
