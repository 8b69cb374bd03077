/* Goal: the state of a robot, of an ad with very many reports or years of history is bounded or found fast,
 * and is the same in whatever order it came. */
#include "core/state/person.h"
#include "core/state/reports.h"
#include "core/state/series.h"
#include "tests/core/fixture.h"

static void fill_conversations(struct ladder *ladder)
{
	ladder_reset(ladder);
	for (uint32_t i = 0; i < CONVERSATION_COUNT_MAX; i++)
		*ladder_add_conversation(ladder) = (struct conversation){.ad = i, .last_in_ms = i};
}

static void test_conversations(void **state)
{
	(void)state;
	struct ladder ladder = {0};
	fill_conversations(&ladder);
	ladder.fixed.ongoing = 0;
	ladder.fixed.opened_last = 1;
	assert_int_equal(ladder_add_conversation(&ladder)->ad, 2);
	ladder.conversations[500].last_in_ms = -1;
	assert_int_equal(ladder_add_conversation(&ladder)->ad, 500);
	ladder.fixed.ongoing = CONVERSATION_NONE;
	ladder.conversations[500].last_in_ms = 500;
	assert_int_equal(ladder_add_conversation(&ladder)->ad, 0);
	assert_int_equal(ladder.fixed.conversation_count, CONVERSATION_COUNT_MAX);
	ladder_destroy(&ladder);
}

static void test_touches(void **state)
{
	(void)state;
	struct ladder ladder = {0};
	ladder_reset(&ladder);
	for (uint32_t i = 0; i < TOUCH_COUNT_MAX; i++)
		ladder_set_touch(&ladder, i + 1, 1000 + (i + 7) % TOUCH_COUNT_MAX, i);
	const uint64_t oldest = TOUCH_COUNT_MAX - 7 + 1;
	ladder_set_touch(&ladder, 1000000, 999, 1); /* older than all: not even taken */
	assert_null(ladder_find_touch(&ladder, 1000000));
	assert_int_equal(ladder_find_touch(&ladder, oldest)->time_ms, 1000);
	ladder_set_touch(&ladder, 1000001, 1001, 2);
	assert_int_equal(ladder_find_touch(&ladder, 1000001)->ad, 2);
	assert_null(ladder_find_touch(&ladder, oldest));
	ladder_set_touch(&ladder, 5, 5000, 3); /* known: nobody gives way */
	assert_int_equal(ladder_find_touch(&ladder, 5)->ad, 3);
	assert_int_equal(ladder_find_touch(&ladder, oldest + 1)->time_ms, 1001);
	assert_int_equal(ladder.fixed.touch_count, TOUCH_COUNT_MAX);
	ladder_destroy(&ladder);
}

/* The horizon is a place in the order, id and all, and is stored. */
static void test_horizon(void **state)
{
	(void)state;
	struct person person = {0}, again = {0};
	struct buffer blob = {0};
	person_reset(&person, (struct key128){1, 2});
	struct fact fact = {.time_ms = 100, .rank = RANK_IN, .ad = SERIES_NONE};
	fact.id_hash = hash_text(TEXT("m"));
	assert_false(person_has_passed(&person, &fact, TEXT("a")));
	person_insert_fact(&person, 0, &fact, TEXT("m"));
	person_set_horizon(&person, 0);
	person_store(&person, &blob);
	assert_true(person_load(&again, buffer_slice(&blob)));
	assert_true(person_has_passed(&again, &fact, TEXT("a")));
	assert_true(person_has_passed(&again, &fact, TEXT("m")));
	assert_false(person_has_passed(&again, &fact, TEXT("m2")));
	fact.rank = RANK_OPEN;
	assert_true(person_has_passed(&again, &fact, TEXT("z")));
	fact.rank = RANK_OUT;
	assert_false(person_has_passed(&again, &fact, TEXT("a")));
	blob.len--;
	assert_false(person_load(&again, buffer_slice(&blob)));
	buffer_destroy(&blob);
	person_destroy(&person);
	person_destroy(&again);
}

static void assert_unsound(struct person *person, const struct series_table *table, const struct fact *fact)
{
	person->facts[0] = *fact;
	assert_false(person_is_sound(person, table, START_MS));
}

/* Of what a damaged page says nothing is believed that would reach beyond the tables or into the future. */
static void test_sound(void **state)
{
	(void)state;
	struct fixture fixture;
	struct series_table table;
	struct person person = {0};
	fixture_create(&fixture);
	series_table_create(&table, &fixture.options);
	uint32_t ad = series_intern(&table, LEVEL_AD, TEXT("a"), false);
	uint32_t account = series_intern(&table, LEVEL_ACCOUNT, TEXT("x"), false);
	const struct fact fact = {.time_ms = START_MS, .rank = RANK_OPEN, .ad = SERIES_NONE, .organic = ad};
	person_reset(&person, (struct key128){1, 2});
	person_insert_fact(&person, 0, &fact, TEXT("m"));
	person.head.fixed.last_ms = START_MS;
	*ladder_add_conversation(&person.head) = (struct conversation){.ad = ad, .first_out_ms = TIME_NONE};
	assert_true(person_is_sound(&person, &table, START_MS));
	assert_false(person_is_sound(&person, &table, START_MS - 1));
	struct fact other = fact;
	other.rank = RANK_CLICK;
	assert_unsound(&person, &table, &other);
	other.ad = account;
	assert_unsound(&person, &table, &other);
	other = fact;
	other.organic = account + 1;
	assert_unsound(&person, &table, &other);
	person.facts[0] = fact;
	person.head.fixed.ongoing = 1;
	assert_false(person_is_sound(&person, &table, START_MS));
	person.head.fixed.ongoing = 0;
	assert_true(person_is_sound(&person, &table, START_MS));
	person.head.conversations[0].ad = account;
	assert_false(person_is_sound(&person, &table, START_MS));
	person_destroy(&person);
	series_table_destroy(&table);
	fixture_destroy(&fixture);
}

/* Facts with one id are told apart by what they say, and by the ids of their ads, not by their numbers. */
static void test_content(void **state)
{
	(void)state;
	struct fixture fixture;
	struct series_table left, right;
	fixture_create(&fixture);
	series_table_create(&left, &fixture.options);
	series_table_create(&right, &fixture.options);
	struct fact a = {.ad = series_intern(&left, LEVEL_AD, TEXT("a"), false), .organic = SERIES_NONE};
	struct fact b = {.ad = series_intern(&right, LEVEL_AD, TEXT("b"), false), .organic = SERIES_NONE};
	assert_int_equal(a.ad, b.ad);
	assert_true(fact_compare_content(&a, &left, &b, &right) < 0);
	assert_true(fact_compare_content(&b, &right, &a, &left) > 0);
	b.ad = series_intern(&right, LEVEL_AD, TEXT("a"), false);
	assert_int_equal(fact_compare_content(&a, &left, &b, &right), 0);
	b.money_micros = INT64_MAX;
	assert_true(fact_compare_content(&a, &left, &b, &right) < 0);
	series_table_destroy(&left);
	series_table_destroy(&right);
	fixture_destroy(&fixture);
}

enum { SLICE_COUNT = 3000 };

static void test_history_in_any_order(void **state)
{
	(void)state;
	struct fixture fixture;
	struct series_table table;
	struct random random = {3};
	fixture_create(&fixture);
	fixture.options.window_count = 1;
	series_table_create(&table, &fixture.options);
	uint32_t ad = series_intern(&table, LEVEL_AD, TEXT("a"), false);
	struct series *series = &table.series[ad];
	series_advance(series, &table.frame, START_MS + DAY_MS);
	bool is_there[SLICE_COUNT] = {false};
	for (int i = 0; i < 2 * SLICE_COUNT; i++) {
		int64_t at = random_below(&random, SLICE_COUNT);
		is_there[at] = true;
		int64_t time_ms = START_MS - at * HISTORY_SLICE_MS;
		series_add(series, &table.frame, time_ms, SLOT_messages_in, 1);
		series_add_people(series, &table.frame, time_ms, TIME_NONE, 1);
	}
	series_settle(series, &table.frame);
	size_t count = 0;
	for (int i = 0; i < SLICE_COUNT; i++)
		count += is_there[i];
	int64_t sum = 0, people = 0;
	for (size_t i = 0; i < series->history_count; i++) {
		assert_true(i == 0 || series->history[i - 1].index < series->history[i].index);
		struct pane pane = {0};
		thin_add_to_pane(series->history[i].pane, &pane, 1);
		sum += pane.sums[SLOT_messages_in];
	}
	for (size_t i = 0; i < series->hours.count; i++) {
		assert_true(i == 0 || series->hours.entries[i - 1].index < series->hours.entries[i].index);
		people += series->hours.entries[i].count;
	}
	assert_int_equal(series->history_count, count);
	assert_int_equal(sum, 2 * SLICE_COUNT);
	assert_int_equal(people, 2 * SLICE_COUNT);
	series_table_destroy(&table);
	fixture_destroy(&fixture);
}

enum { REPORT_COUNT = 4000, PERIOD_COUNT = 50 };

static struct report numbered_report(char text[16], int number, int64_t time_ms)
{
	int len = snprintf(text, 16, "s%d", number);
	struct event event = {.type = EVENT_SPEND, .ts_ms = time_ms, .id = {text, (size_t)len}};
	event.from_ms = number % PERIOD_COUNT * AN_HOUR_MS;
	event.to_ms = event.from_ms + AN_HOUR_MS;
	event.reported_at_ms = DAY_MS * 100 + number;
	event.money_micros = number;
	return report_of_event(&event);
}

static void put_shuffled(struct reports *reports, struct random *random)
{
	static int order[REPORT_COUNT];
	char text[16];
	for (int i = 0; i < REPORT_COUNT; i++) {
		int64_t other = random_below(random, i + 1);
		order[i] = order[other];
		order[other] = i;
	}
	for (int i = 0; i < REPORT_COUNT; i++) {
		struct report report = numbered_report(text, order[i], 5000);
		assert_true(reports_put(reports, &report));
	}
	for (int i = 0; i < REPORT_COUNT; i++) { /* every other one was earlier, and says something else */
		struct report report = numbered_report(text, order[i], order[i] % 2 ? 4000 : 6000);
		report.amounts[AMOUNT_SPEND] += 1000000;
		assert_false(reports_put(reports, &report));
	}
}

static void assert_last_of_each(const struct reports *reports, int first_period)
{
	size_t at = 0;
	int period = first_period;
	for (const struct report *report; (report = reports_next(reports, &at)); period++) {
		int number = REPORT_COUNT - PERIOD_COUNT + period;
		assert_int_equal(report->from_ms, period * AN_HOUR_MS);
		assert_int_equal(report->amounts[AMOUNT_SPEND], number + (number % 2 ? 1000000 : 0));
	}
	assert_int_equal(period, PERIOD_COUNT);
}

static void test_reports_in_any_order(void **state)
{
	(void)state;
	struct random random = {11};
	struct reports reports = {0}, others = {0}, best = {0};
	struct buffer bytes = {0}, other_bytes = {0};
	put_shuffled(&reports, &random);
	put_shuffled(&others, &random);
	assert_int_equal(reports.count, REPORT_COUNT);
	assert_last_of_each(&reports, 0);
	reports_encode(&reports, &bytes);
	reports_encode(&others, &other_bytes);
	assert_true(slice_equal(buffer_slice(&bytes), buffer_slice(&other_bytes)));
	for (size_t i = 0; i < reports.count; i++)
		reports_put_best(&best, &reports.reports[i]);
	assert_int_equal(best.count, PERIOD_COUNT);
	assert_last_of_each(&best, 0);
	reports_forget(&reports, 10 * AN_HOUR_MS + 1);
	assert_int_equal(reports.count, REPORT_COUNT / PERIOD_COUNT * (PERIOD_COUNT - 10));
	assert_last_of_each(&reports, 10);
	char text[16];
	struct report known = numbered_report(text, 49, 7000), forgotten = numbered_report(text, 9, 7000);
	assert_true(reports_put(&reports, &forgotten));
	known.id = TEXT("s49");
	assert_false(reports_put(&reports, &known));
	reports_destroy(&reports);
	reports_destroy(&others);
	reports_destroy(&best);
	buffer_destroy(&bytes);
	buffer_destroy(&other_bytes);
}

/* Sums beyond int64 wrap, and what was added can be taken back. */
static void test_great_sums(void **state)
{
	(void)state;
	struct pane pane = {0}, other = {0};
	for (int i = 0; i < 30; i++)
		pane_add(&pane, SLOT_cohort_revenue, INT64_C(1000000000000000000));
	pane_add_pane(&other, &pane, 1);
	pane_add_pane(&other, &pane, -1);
	assert_true(pane_is_zero(&other));
	for (int i = 0; i < 30; i++)
		pane_add(&pane, SLOT_cohort_revenue, -INT64_C(1000000000000000000));
	assert_true(pane_is_zero(&pane));
	pane_clear(&pane);
	pane_clear(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_touches),
		cmocka_unit_test(test_horizon),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_history_in_any_order),
		cmocka_unit_test(test_reports_in_any_order),
		cmocka_unit_test(test_great_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
