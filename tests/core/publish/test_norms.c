/* Goal: what rows are held against (core/publish/norms.h), and when they go out again because of it: not
 * with every change of their account, but when something else is to be said of them, at the pace of the
 * window of 28 days; hours by the 28 days before; the median ad of the same span; nothing that is older than
 * its norm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/rfc3339.h"
#include "tests/core/publish/row_topic.h"

enum { WINDOW_HOUR, WINDOW_NORM };

struct stage {
	struct fixture fixture;
	struct merger *merger;
	struct row_topic topic;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	assert_non_null(stage);
	fixture_create(&stage->fixture);
	struct options *options = &stage->fixture.options;
	options->window_count = 0;
	fixture_add_window(options, "1h", AN_HOUR_MS, MINUTE_MS, SECOND_MS);
	fixture_add_window(options, "28d", 28 * DAY_MS, 6 * AN_HOUR_MS, 10 * SECOND_MS);
	fixture_add_window(options, "56d", 56 * DAY_MS, 12 * AN_HOUR_MS, 10 * SECOND_MS);
	stage->merger = merger_create(options, diagnose);
	row_topic_create(&stage->topic, 1, 0);
	merger_advance(stage->merger, START_MS);
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	merger_destroy(stage->merger);
	row_topic_destroy(&stage->topic);
	fixture_destroy(&stage->fixture);
	free(stage);
	return 0;
}

/* Conversations and replies, and if `sells` as many handoffs as conversations, half of them customers. */
struct ladder {
	int64_t conversations;
	int64_t replies;
	bool sells;
};

static struct pane pane_of(const struct ladder *ladder)
{
	struct pane pane = {0};
	pane_add(&pane, SLOT_conversations, ladder->conversations);
	pane_add(&pane, SLOT_replies, ladder->replies);
	if (ladder->sells) {
		pane_add(&pane, SLOT_handoffs, ladder->conversations);
		pane_add(&pane, SLOT_customers, ladder->conversations / 2);
	}
	return pane;
}

static struct entity_ref ref_of(const char *ad)
{
	return (struct entity_ref){LEVEL_AD, strncmp(ad, "organic:", 8) == 0, slice_from(ad)};
}

static void say_window(struct stage *stage, const char *ad, size_t window, struct ladder ladder)
{
	struct pane pane = pane_of(&ladder);
	merger_put_window(stage->merger, 0, ref_of(ad), window, &pane, 0);
	pane_clear(&pane);
}

static void say_hour(struct stage *stage, const char *ad, int64_t from_ms, struct ladder ladder)
{
	struct pane pane = pane_of(&ladder);
	merger_put_span(stage->merger, 0, ref_of(ad), false, from_ms, from_ms + AN_HOUR_MS, &pane, 0);
	pane_clear(&pane);
}

static void publish(struct stage *stage, int64_t wall_ms)
{
	stage->topic.wall_ms = wall_ms;
	merger_publish(stage->merger, wall_ms, SIZE_MAX, 0, row_topic_put, &stage->topic);
	merger_check(stage->merger);
}

static size_t count_of(struct stage *stage, const char *key)
{
	return row_topic_find(&stage->topic, key)->count;
}

static void assert_says(struct stage *stage, const char *key, const char *weakest, const char *diagnosis)
{
	char wanted[128];
	snprintf(wanted, sizeof(wanted), "\"weakest_rung\":%s,\"diagnosis\":\"%s\"}", weakest, diagnosis);
	const struct topic_row *row = row_topic_find(&stage->topic, key);
	assert_non_null(row);
	if (!strstr(row->value, wanted))
		fail_msg("%s: %s is not at the end of %s", key, wanted, row->value);
}

#define ROW_OF_AD "rolling/event/1h/ad/ad"

static void test_pace(void **state)
{
	struct stage *stage = *state;
	int64_t due_ms;
	say_window(stage, "ad", WINDOW_HOUR, (struct ladder){100, 40, false});
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 400, false});
	publish(stage, 0);
	assert_says(stage, ROW_OF_AD, "null", "healthy");
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 401, false});
	publish(stage, 500);
	assert_int_equal(count_of(stage, ROW_OF_AD), 1);
	publish(stage, 1100);
	assert_int_equal(count_of(stage, ROW_OF_AD), 2);
	assert_says(stage, ROW_OF_AD, "\"reply\"", "healthy");
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 410, false});
	publish(stage, 2000);
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 900, false});
	publish(stage, 10499);
	assert_int_equal(count_of(stage, ROW_OF_AD), 2);
	assert_true(merger_is_waiting(stage->merger, &due_ms));
	assert_true(due_ms <= 10500);
	publish(stage, 10500);
	assert_int_equal(count_of(stage, ROW_OF_AD), 3);
	assert_says(stage, ROW_OF_AD, "\"reply\"", "fix_first_response");
	for (int64_t wall_ms = 11000; wall_ms < 60000; wall_ms += 1000)
		publish(stage, wall_ms);
	assert_false(merger_is_waiting(stage->merger, &due_ms));
	assert_int_equal(count_of(stage, ROW_OF_AD), 3);
	row_topic_check_against(&stage->topic, stage->merger);
}

/* What the account's change does not concern is not counted as waiting. */
static void test_nothing_judged(void **state)
{
	struct stage *stage = *state;
	int64_t due_ms;
	say_window(stage, "ad", WINDOW_HOUR, (struct ladder){29, 0, false});
	publish(stage, 0);
	assert_says(stage, ROW_OF_AD, "null", "too_little_data");
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 401, false});
	publish(stage, 1000);
	publish(stage, 10000);
	say_window(stage, "ad", WINDOW_HOUR, (struct ladder){30, 0, false});
	publish(stage, 11000);
	assert_says(stage, ROW_OF_AD, "\"reply\"", "fix_first_response");
	say_window(stage, "ad", WINDOW_HOUR, (struct ladder){29, 0, false});
	publish(stage, 30000);
	assert_says(stage, ROW_OF_AD, "null", "too_little_data");
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 1, false});
	publish(stage, 60000);
	assert_false(merger_is_waiting(stage->merger, &due_ms));
	assert_int_equal(count_of(stage, ROW_OF_AD), 3);
}

/* MERGER_AT_ONCE waits for no pace: a daemon that stops leaves exact rows. */
static void test_at_once(void **state)
{
	struct stage *stage = *state;
	int64_t due_ms;
	say_window(stage, "ad", WINDOW_HOUR, (struct ladder){100, 40, false});
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 400, false});
	publish(stage, 0);
	say_window(stage, "other", WINDOW_NORM, (struct ladder){1000, 900, false});
	publish(stage, 1);
	while (merger_is_waiting(stage->merger, &due_ms))
		publish(stage, MERGER_AT_ONCE);
	assert_says(stage, ROW_OF_AD, "\"reply\"", "fix_first_response");
	row_topic_check_against(&stage->topic, stage->merger);
}

/* The hours that end in the 28 days up to the end of the row's, and no others. */
static void test_hours(void **state)
{
	struct stage *stage = *state;
	const int64_t last_ms = START_MS - AN_HOUR_MS, first_ms = last_ms - 28 * DAY_MS + AN_HOUR_MS;
	static const char key[] = "bucket/event/1h/ad/ad/2026-02-26T23:00:00Z";
	const struct ladder all = {1000, 1000, false}, none = {0, 0, false};
	say_hour(stage, "ad", last_ms, (struct ladder){100, 40, false});
	say_hour(stage, "other", first_ms - AN_HOUR_MS, all);
	say_hour(stage, "other", last_ms + AN_HOUR_MS, all);
	publish(stage, 0);
	assert_says(stage, key, "null", "healthy");
	say_hour(stage, "other", first_ms, all);
	row_topic_drain(&stage->topic, stage->merger);
	assert_says(stage, key, "\"reply\"", "fix_first_response");
	say_hour(stage, "other", first_ms, none);
	row_topic_drain(&stage->topic, stage->merger);
	assert_says(stage, key, "null", "healthy");
	row_topic_check_against(&stage->topic, stage->merger);
}

/* Of the ads of the account that have conversations in the same span; of an even number the lower. */
static void test_median(void **state)
{
	struct stage *stage = *state;
	say_window(stage, "ad", WINDOW_HOUR, (struct ladder){30, 30, true});
	say_window(stage, "ad", WINDOW_NORM, (struct ladder){30, 30, true});
	say_window(stage, "b", WINDOW_HOUR, (struct ladder){301, 0, false});
	say_window(stage, "c", WINDOW_HOUR, (struct ladder){999, 0, false});
	publish(stage, 0);
	assert_says(stage, ROW_OF_AD, "null", "reach_or_creative");
	say_window(stage, "b", WINDOW_HOUR, (struct ladder){300, 0, false});
	row_topic_drain(&stage->topic, stage->merger);
	assert_says(stage, ROW_OF_AD, "null", "healthy");
	say_window(stage, "organic:default", WINDOW_HOUR, (struct ladder){5000, 0, false});
	row_topic_drain(&stage->topic, stage->merger);
	assert_says(stage, ROW_OF_AD, "null", "healthy");
	say_window(stage, "d", WINDOW_HOUR, (struct ladder){301, 0, false});
	row_topic_drain(&stage->topic, stage->merger);
	assert_says(stage, ROW_OF_AD, "null", "healthy");
	say_window(stage, "e", WINDOW_HOUR, (struct ladder){301, 0, false});
	row_topic_drain(&stage->topic, stage->merger);
	assert_says(stage, ROW_OF_AD, "null", "reach_or_creative");
	row_topic_check_against(&stage->topic, stage->merger);
}

static void put_key(char key[80], int64_t from_ms)
{
	char time[TIME_TEXT_BYTES];
	time_format_rfc3339(from_ms, time);
	snprintf(key, 80, "bucket/event/1h/ad/ad/%s", time);
}

/* A row whose 28 days begin before what is kept stays as it was; one that begins there does not. */
static void test_old(void **state)
{
	struct stage *stage = *state;
	const int64_t kept_ms = START_MS - stage->fixture.options.retention_ms;
	const int64_t young_ms = kept_ms + 28 * DAY_MS - AN_HOUR_MS, old_ms = young_ms - AN_HOUR_MS;
	merger_freeze(stage->merger, START_MS);
	say_hour(stage, "ad", young_ms, (struct ladder){100, 40, false});
	say_hour(stage, "ad", old_ms, (struct ladder){100, 40, false});
	publish(stage, 0);
	say_hour(stage, "other", old_ms, (struct ladder){1000, 1000, false});
	row_topic_drain(&stage->topic, stage->merger);
	char young[80], old[80];
	put_key(young, young_ms);
	put_key(old, old_ms);
	assert_says(stage, young, "\"reply\"", "fix_first_response");
	assert_says(stage, old, "null", "healthy");
}

static bool count_weak(void *ctx, struct slice key, struct slice value, bool is_history)
{
	static const char word[] = "\"fix_first_response\"";
	(void)key, (void)is_history;
	*(size_t *)ctx += memmem(value.data, value.len, word, sizeof(word) - 1) != NULL;
	return true;
}

/* More cells than a turn takes: all are judged again, in several turns. */
static void test_many(void **state)
{
	struct stage *stage = *state;
	enum { HOURS = 25000 };
	size_t count = 0;
	int64_t due_ms, wall_ms = 0;
	for (int hour = HOURS; hour > 0; hour--)
		say_hour(stage, "ad", START_MS - hour * AN_HOUR_MS, (struct ladder){100, 20, false});
	merger_publish(stage->merger, wall_ms, SIZE_MAX, 0, count_weak, &count);
	assert_int_equal(count, 0);
	for (int hour = HOURS; hour > 0; hour -= 24)
		say_hour(stage, "other", START_MS - hour * AN_HOUR_MS, (struct ladder){5000, 5000, false});
	wall_ms += 2 * MINUTE_MS;
	merger_publish(stage->merger, wall_ms, SIZE_MAX, 0, count_weak, &count);
	merger_check(stage->merger);
	assert_true(merger_is_waiting(stage->merger, &due_ms) && due_ms <= wall_ms);
	assert_in_range(count, 1, HOURS - 1);
	for (; merger_is_waiting(stage->merger, &due_ms); wall_ms += 2 * MINUTE_MS)
		merger_publish(stage->merger, wall_ms, SIZE_MAX, 0, count_weak, &count);
	assert_int_equal(count, HOURS);
	merger_check(stage->merger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_median, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
