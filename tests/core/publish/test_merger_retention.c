/* What the merger keeps of old spans, what reports may cost, and whose turn it is when rows are rationed. */
#include "core/publish/cells.h"
#include "tests/core/fixture.h"
#include "tests/core/publish/row_topic.h"

#define NOW_MS (START_MS + 200 * DAY_MS)
#define OLD_MS (NOW_MS - 100 * DAY_MS)

static const struct entity_ref ad_ref = {LEVEL_AD, false, TEXT("ad")};

struct stage {
	struct fixture fixture;
	struct merger *merger;
	struct row_topic topic;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	fixture_create(&stage->fixture);
	stage->merger = merger_create(&stage->fixture.options, diagnose);
	row_topic_create(&stage->topic, 1, 0);
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

static struct report make_report(struct slice id, int64_t from_ms, int64_t to_ms, int64_t time_ms,
				 int64_t clicks)
{
	return (struct report){.from_ms = from_ms, .to_ms = to_ms, .reported_at_ms = time_ms,
			       .time_ms = time_ms, .amounts = {[AMOUNT_CLICKS] = clicks}, .id = id};
}

static void put_reports(struct stage *stage, const struct report *some, size_t count)
{
	struct reports reports = {0};
	for (size_t i = 0; i < count; i++)
		reports_put_best(&reports, &some[i]);
	merger_put_reports(stage->merger, 0, ad_ref.id, &reports);
	reports_destroy(&reports);
}

static void put_hour(struct stage *stage, int64_t from_ms, int64_t messages)
{
	struct pane pane = {0};
	pane_add(&pane, 0, messages);
	merger_put_span(stage->merger, 0, ad_ref, false, from_ms, from_ms + AN_HOUR_MS, &pane, messages);
	pane_clear(&pane);
}

/* What an hour or a day of the ad holds, -1 if there is no such cell. */
static int64_t clicks_of(struct stage *stage, enum span_kind kind, int64_t from_ms)
{
	int64_t length_ms = kind == SPAN_DAY ? DAY_MS : AN_HOUR_MS;
	uint32_t ad = entity_find(stage->merger, LEVEL_AD, ad_ref.id);
	const struct cell *cell =
		cell_find(stage->merger, ad, &(struct span){kind, 0, from_ms, from_ms + length_ms});
	return cell ? cell->amounts[AMOUNT_CLICKS] : -1;
}

static size_t hour_count(struct stage *stage)
{
	size_t count = 0;
	for (uint32_t i = 0; i < stage->merger->entity_count; i++)
		count += stage->merger->entities[i].hours.count;
	return count;
}

static size_t publish_all(struct stage *stage)
{
	size_t before = stage->topic.sent_count;
	int64_t due_ms;
	while (merger_is_waiting(stage->merger, &due_ms))
		merger_publish(stage->merger, MERGER_AT_ONCE, 1000, 0, row_topic_put, &stage->topic);
	return stage->topic.sent_count - before;
}

static void no_cell_holds_nothing(void **state)
{
	struct stage *stage = *state;
	struct report thin = make_report(TEXT("r"), START_MS, START_MS + 400 * DAY_MS, START_MS, 3);
	put_reports(stage, &thin, 1);
	assert_int_equal(hour_count(stage), 3 * 2); /* the ad and its account */
	struct report none = make_report(TEXT("s"), START_MS, START_MS + 400 * DAY_MS, START_MS + 1, 0);
	put_reports(stage, &none, 1);
	assert_int_equal(hour_count(stage), 3 * 2);
	merger_check(stage->merger);
}

static void a_report_reaches_back_so_far(void **state)
{
	struct stage *stage = *state;
	int64_t time_ms = START_MS + 91 * DAY_MS + 30 * MINUTE_MS;
	struct report late = make_report(TEXT("r"), START_MS, START_MS + 2 * DAY_MS, time_ms, 48 * 60);
	merger_advance(stage->merger, NOW_MS);
	put_reports(stage, &late, 1);
	assert_int_equal(clicks_of(stage, SPAN_DAY, START_MS), -1);
	assert_int_equal(clicks_of(stage, SPAN_HOUR, START_MS + DAY_MS), 30);
	assert_int_equal(clicks_of(stage, SPAN_HOUR, START_MS + DAY_MS + AN_HOUR_MS), 60);
	assert_int_equal(clicks_of(stage, SPAN_DAY, START_MS + DAY_MS), 24 * 60 - 30);
}

/* A new merger: T of the one who speaks first leaves the hour open, that of the second does not. */
static void a_part_of_an_hour_is_no_row(void **state)
{
	struct stage *stage = *state;
	merger_expect_published(stage->merger, true);
	merger_freeze(stage->merger, OLD_MS);
	put_hour(stage, OLD_MS, 1);
	put_hour(stage, NOW_MS, 1);
	merger_freeze(stage->merger, NOW_MS);
	merger_leave_frozen(stage->merger);
	put_hour(stage, NOW_MS - AN_HOUR_MS, 1);
	merger_advance(stage->merger, NOW_MS);
	assert_int_equal(publish_all(stage), 2 * 2 * BASIS_COUNT); /* two hours of the ad and its account */
	merger_publish_again(stage->merger);
	assert_int_equal(publish_all(stage), 2 * 2 * BASIS_COUNT);
	merger_check(stage->merger);
}

static void history_stays_open_unless_it_is_frozen(void **state)
{
	struct stage *stage = *state;
	merger_advance(stage->merger, NOW_MS);
	put_hour(stage, OLD_MS, 1);
	assert_int_equal(hour_count(stage), 2);
	merger_forget(stage->merger);
	assert_int_equal(hour_count(stage), 2);
	merger_freeze(stage->merger, NOW_MS);
	put_hour(stage, OLD_MS + AN_HOUR_MS, 1);
	assert_int_equal(hour_count(stage), 2);
	publish_all(stage);
	merger_forget(stage->merger);
	assert_int_equal(hour_count(stage), 0);
	put_hour(stage, OLD_MS, 2);
	assert_int_equal(hour_count(stage), 0);
}

static void the_edge_is_not_frozen(void **state)
{
	struct stage *stage = *state;
	int64_t edge_ms = NOW_MS - stage->fixture.options.retention_ms;
	merger_advance(stage->merger, NOW_MS);
	merger_freeze(stage->merger, NOW_MS);
	put_hour(stage, edge_ms - AN_HOUR_MS, 1);
	assert_int_equal(hour_count(stage), 2);
	put_hour(stage, edge_ms - 2 * AN_HOUR_MS, 1);
	assert_int_equal(hour_count(stage), 2);
}

static void note(struct names *names, enum name_field field, struct slice text, int64_t time_ms)
{
	names_note(names, field, &(struct name_note){.time_ms = time_ms, .id = TEXT("e"), .text = text});
}

/* An old hour and a young one are published; then the ad moves from campaign to campaign. */
static void frozen_history_does_not_move(void **state)
{
	struct stage *stage = *state;
	struct names names;
	names_create(&names);
	note(&names, NAME_CAMPAIGN, TEXT("a"), 1);
	merger_put_names(stage->merger, ad_ref.id, &names);
	merger_advance(stage->merger, OLD_MS + DAY_MS);
	put_hour(stage, OLD_MS, 1);
	merger_advance(stage->merger, NOW_MS);
	merger_freeze(stage->merger, NOW_MS);
	put_hour(stage, NOW_MS - DAY_MS, 1);
	assert_true(publish_all(stage) > 0);
	size_t hours = hour_count(stage);
	note(&names, NAME_CAMPAIGN, TEXT("b"), 2);
	merger_put_names(stage->merger, ad_ref.id, &names);
	assert_int_equal(hour_count(stage), hours + 1);
	publish_all(stage);
	merger_drop_task(stage->merger, 0);
	uint32_t ad = entity_find(stage->merger, LEVEL_AD, ad_ref.id);
	const struct span old = {SPAN_HOUR, 0, OLD_MS, OLD_MS + AN_HOUR_MS};
	assert_int_equal(cell_find(stage->merger, ad, &old)->people, 1);
	uint32_t first = entity_find(stage->merger, LEVEL_CAMPAIGN, TEXT("a"));
	assert_int_equal(cell_find(stage->merger, first, &old)->sums.sums[0], 1);
	uint32_t second = entity_find(stage->merger, LEVEL_CAMPAIGN, TEXT("b"));
	assert_null(cell_find(stage->merger, second, &old));
	merger_check(stage->merger);
	names_destroy(&names);
}

/* Tasks forget reports; a report that vanishes otherwise, as a duplicate does, is taken back. */
static void forgotten_reports_stay_in_history(void **state)
{
	struct stage *stage = *state;
	const struct report reports[] = {
		make_report(TEXT("old"), OLD_MS, OLD_MS + AN_HOUR_MS, OLD_MS + DAY_MS, 5),
		make_report(TEXT("new"), NOW_MS - DAY_MS, NOW_MS - DAY_MS + AN_HOUR_MS, NOW_MS, 7),
	};
	merger_advance(stage->merger, NOW_MS);
	put_reports(stage, reports, 2);
	assert_int_equal(clicks_of(stage, SPAN_HOUR, OLD_MS), 5);
	put_reports(stage, NULL, 0);
	assert_int_equal(clicks_of(stage, SPAN_HOUR, OLD_MS), 5);
	assert_int_equal(clicks_of(stage, SPAN_HOUR, NOW_MS - DAY_MS), 0);
}

static void put_window(struct stage *stage, const char *ad, int64_t messages)
{
	struct pane pane = {0};
	pane_add(&pane, 0, messages);
	struct entity_ref ref = {LEVEL_AD, false, slice_from(ad)};
	merger_put_window(stage->merger, 0, ref, 0, &pane, messages);
	pane_clear(&pane);
}

/* Rows of the shortest window alone take all that is allowed, for as long as they change. */
static void history_gets_its_turn(void **state)
{
	struct stage *stage = *state;
	char ad[16];
	merger_advance(stage->merger, NOW_MS);
	put_hour(stage, NOW_MS - DAY_MS, 1);
	stage->topic.wall_ms = 10 * MINUTE_MS;
	for (int turn = 1; turn <= WAITING_COUNT; turn++) {
		for (int i = 0; i < 200; i++) {
			snprintf(ad, sizeof(ad), "ad-%d", i);
			put_window(stage, ad, turn);
		}
		stage->topic.wall_ms += 2 * SECOND_MS;
		merger_publish(stage->merger, stage->topic.wall_ms, 20, 0, row_topic_put, &stage->topic);
	}
	size_t history = 0;
	for (size_t i = 0; i < stage->topic.count; i++)
		history += stage->topic.rows[i].is_history;
	assert_true(history > 0);
}

/* However small the ration, no row goes out twice within its emit time. */
static void rationed_rows_keep_their_distance(void **state)
{
	struct stage *stage = *state;
	char ad[16];
	merger_advance(stage->merger, NOW_MS);
	stage->topic.wall_ms = 10 * MINUTE_MS;
	for (int turn = 1; turn <= 200; turn++) {
		for (int i = 0; i < 5; i++) {
			snprintf(ad, sizeof(ad), "ad-%d", i);
			put_window(stage, ad, turn);
		}
		stage->topic.wall_ms += 100;
		merger_publish(stage->merger, stage->topic.wall_ms, 2, 0, row_topic_put, &stage->topic);
	}
	assert_true(stage->topic.sent_count > 50);
	assert_true(stage->topic.spacing_ms >= SECOND_MS);
}

static void at_once_nothing_waits(void **state)
{
	struct stage *stage = *state;
	int64_t due_ms;
	merger_advance(stage->merger, NOW_MS);
	for (int round = 1; round <= 3; round++) {
		put_window(stage, "ad-1", round);
		size_t sent = merger_publish(stage->merger, MERGER_AT_ONCE, 1000, 0, row_topic_put,
					     &stage->topic);
		assert_true(sent > 0);
		assert_false(merger_is_waiting(stage->merger, &due_ms));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_cell_holds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_report_reaches_back_so_far, setup, teardown),
		cmocka_unit_test_setup_teardown(a_part_of_an_hour_is_no_row, setup, teardown),
		cmocka_unit_test_setup_teardown(history_stays_open_unless_it_is_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(the_edge_is_not_frozen, setup, teardown),
		cmocka_unit_test_setup_teardown(frozen_history_does_not_move, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten_reports_stay_in_history, setup, teardown),
		cmocka_unit_test_setup_teardown(history_gets_its_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(rationed_rows_keep_their_distance, setup, teardown),
		cmocka_unit_test_setup_teardown(at_once_nothing_waits, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
