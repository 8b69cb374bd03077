/* Goal: panes, totals, history and people of a series against a naive recomputation from the list of
 * all that was added: every window's total is the sum over [end - length, end), after random adds,
 * late adds, small and big jumps of time; also after a page and its days were stored and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/civil.h"
#include "core/state/series.h"
#include "tests/core/fixture.h"

enum { ADD_COUNT = 600, MANY_COUNT = 3 * WAITING_MAX, PERSON_COUNT = 12 };

struct added {
	int64_t time_ms;
	unsigned slot; /* SLOT_WROTE: a person wrote */
	int64_t delta;
	int person;
};

struct naive {
	struct fixture fixture;
	struct series_table table;
	uint32_t at;
	int64_t now_ms;
	struct added added[MANY_COUNT];
	size_t count;
	int64_t wrote_ms[PERSON_COUNT]; /* the last time, TIME_NONE before */
	struct random random;
};

static struct series *series_of(struct naive *naive)
{
	return &naive->table.series[naive->at];
}

static void create(struct naive *naive, uint64_t seed, const char *zone, bool has_default_windows)
{
	*naive = (struct naive){.random = {seed}, .now_ms = START_MS};
	fixture_create(&naive->fixture);
	struct options *options = &naive->fixture.options;
	if (!has_default_windows) { /* rings that are small, and shared by windows of other lengths */
		options->window_count = 0;
		fixture_add_window(options, "1m", MINUTE_MS, 10 * SECOND_MS, 0);
		fixture_add_window(options, "3m", 3 * MINUTE_MS, 10 * SECOND_MS, 0);
		fixture_add_window(options, "10m", 10 * MINUTE_MS, MINUTE_MS, 0);
		fixture_add_window(options, "1h", 60 * MINUTE_MS, 60 * MINUTE_MS, 0);
	}
	series_table_create(&naive->table, options);
	naive->at = series_intern(&naive->table, LEVEL_AD, TEXT("ad"), false);
	series_of(naive)->zone = zones_find(naive->fixture.zones, zone);
	assert_non_null(series_of(naive)->zone);
	for (int i = 0; i < PERSON_COUNT; i++)
		naive->wrote_ms[i] = TIME_NONE;
}

static void destroy(struct naive *naive)
{
	series_table_destroy(&naive->table);
	fixture_destroy(&naive->fixture);
}

static unsigned random_slot(struct random *random)
{
	return random_percent(random, 70)
		       ? (unsigned)random_below(random, SLOT_COUNT)
		       : slot_of_bin((enum histogram_kind)random_below(random, 2),
				     (enum basis)random_below(random, 2), (unsigned)random_below(random, 4));
}

static void add(struct naive *naive, int64_t age_ms)
{
	struct added added = {naive->now_ms - age_ms, random_slot(&naive->random),
			      random_below(&naive->random, 9) - 3, 0};
	series_add(series_of(naive), &naive->table.frame, added.time_ms, added.slot, added.delta);
	naive->added[naive->count++] = added;
}

/* A person's messages come in time order, as the fold says them. */
static void write(struct naive *naive, int64_t age_ms)
{
	int person = (int)random_below(&naive->random, PERSON_COUNT);
	struct added added = {naive->now_ms - age_ms, SLOT_WROTE, 1, person};
	if (added.time_ms < naive->wrote_ms[person])
		added.time_ms = naive->wrote_ms[person];
	series_add_people(series_of(naive), &naive->table.frame, added.time_ms, naive->wrote_ms[person], 1);
	naive->wrote_ms[person] = added.time_ms;
	naive->added[naive->count++] = added;
}

static void sum_span(const struct naive *naive, int64_t from_ms, int64_t to_ms, struct pane *sum)
{
	for (size_t i = 0; i < naive->count; i++) {
		const struct added *added = &naive->added[i];
		if (added->slot != SLOT_WROTE && added->time_ms >= from_ms && added->time_ms < to_ms)
			pane_add(sum, added->slot, added->delta);
	}
}

static int64_t people_in(const struct naive *naive, int64_t from_ms, int64_t to_ms)
{
	bool wrote[PERSON_COUNT] = {false};
	int64_t count = 0;
	for (size_t i = 0; i < naive->count; i++) {
		const struct added *added = &naive->added[i];
		if (added->slot != SLOT_WROTE || added->time_ms < from_ms || added->time_ms >= to_ms)
			continue;
		count += !wrote[added->person];
		wrote[added->person] = true;
	}
	return count;
}

static void check_windows(const struct naive *naive, const struct series *series)
{
	series_settle((struct series *)series, &naive->table.frame);
	series_check(series, &naive->table.frame);
	for (size_t w = 0; w < naive->fixture.options.window_count; w++) {
		const struct window_options *window = &naive->fixture.options.windows[w];
		int64_t to_ms = (civil_floor(naive->now_ms, window->slide_ms) + 1) * window->slide_ms;
		struct pane sum = {0};
		sum_span(naive, to_ms - window->length_ms, to_ms, &sum);
		assert_true(pane_equal(&sum, &series->totals[w]));
		assert_int_equal(series->people_totals[w],
				 people_in(naive, to_ms - window->length_ms, to_ms));
		pane_clear(&sum);
	}
}

static void check_history(const struct naive *naive, const struct series *series)
{
	size_t slice_count = 0;
	for (size_t i = 0; i < series->history_count; i++) {
		const struct history_slice *slice = &series->history[i];
		struct pane sum = {0};
		assert_true(i == 0 || series->history[i - 1].index < slice->index);
		int64_t from_ms = (int64_t)slice->index * HISTORY_SLICE_MS;
		sum_span(naive, from_ms, from_ms + HISTORY_SLICE_MS, &sum);
		struct pane own = {0};
		thin_add_to_pane(slice->pane, &own, 1);
		assert_true(pane_equal(&sum, &own));
		pane_clear(&own);
		slice_count += !pane_is_zero(&sum);
		pane_clear(&sum);
	}
	struct pane all = {0};
	sum_span(naive, INT64_MIN, INT64_MAX, &all);
	for (size_t i = 0; i < series->history_count; i++)
		thin_add_to_pane(series->history[i].pane, &all, -1);
	assert_true(pane_is_zero(&all));
	assert_true(slice_count > 0);
	pane_clear(&all);
}

static int64_t tally_of(const struct tallies *tallies, int64_t index)
{
	for (size_t i = 0; i < tallies->count; i++)
		if (tallies->entries[i].index == index)
			return tallies->entries[i].count;
	return 0;
}

static void check_tallies(const struct naive *naive, const struct series *series)
{
	for (size_t i = 0; i < naive->count; i++) {
		int64_t hour = civil_floor(naive->added[i].time_ms, HOUR_MS);
		int64_t day = zone_day_of(series->zone, naive->added[i].time_ms);
		assert_int_equal(tally_of(&series->hours, hour),
				 people_in(naive, hour * HOUR_MS, (hour + 1) * HOUR_MS));
		assert_int_equal(tally_of(&series->days, day),
				 people_in(naive, zone_day_start_ms(series->zone, day),
									 zone_day_start_ms(series->zone,
											   day + 1)));
	}
}

/* Stores the series, and every day of its history, and reads them into another table. */
static void check_stored(struct naive *naive)
{
	struct series_table copy;
	struct buffer page = {0};
	const struct series *series = series_of(naive);
	series_table_create(&copy, &naive->fixture.options);
	series_encode(&naive->table, naive->at, &page);
	assert_true(series_decode(&copy, buffer_slice(&page)));
	struct series *stored = &copy.series[naive->at];
	for (int64_t day = START_MS / UTC_DAY_MS - 40; day <= naive->now_ms / UTC_DAY_MS; day++) {
		page.len = 0;
		series_encode_day(series, day, &page);
		assert_true(series_decode_day(stored, &copy.frame, buffer_slice(&page)));
	}
	stored->zone = series->zone;
	assert_true(slice_equal(stored->id, series->id));
	assert_memory_equal(stored->ends, series->ends,
			    naive->table.frame.grain_count * sizeof(*series->ends));
	check_windows(naive, stored);
	check_history(naive, stored);
	check_tallies(naive, stored);
	buffer_destroy(&page);
	series_table_destroy(&copy);
}

static void move_on(struct naive *naive)
{
	static const int64_t steps_ms[] = {1, 9999, 10 * SECOND_MS, 70 * SECOND_MS, 5 * MINUTE_MS, AN_HOUR_MS,
					   7 * AN_HOUR_MS,
					   3 * DAY_MS, 40 * DAY_MS};
	int64_t step_ms = steps_ms[random_below(&naive->random, random_percent(&naive->random, 15) ? 9 : 5)];
	naive->now_ms += random_below(&naive->random, step_ms) + 1;
	series_advance(series_of(naive), &naive->table.frame, naive->now_ms);
}

static void run_random(struct naive *naive)
{
	static const int64_t ages_ms[] = {1, 30 * SECOND_MS, 5 * MINUTE_MS, 2 * AN_HOUR_MS, 8 * DAY_MS,
					  30 * DAY_MS};
	series_advance(series_of(naive), &naive->table.frame, naive->now_ms);
	for (int i = 0; naive->count < ADD_COUNT; i++) {
		int64_t age_ms = random_below(&naive->random, ages_ms[random_below(&naive->random, 6)]);
		if (random_percent(&naive->random, 30))
			move_on(naive);
		else if (random_percent(&naive->random, 60))
			add(naive, age_ms);
		else
			write(naive, age_ms);
		if (i % 20 == 0)
			check_windows(naive, series_of(naive));
	}
	series_settle(series_of(naive), &naive->table.frame);
	check_history(naive, series_of(naive));
	check_tallies(naive, series_of(naive));
	check_stored(naive);
}

static void test_random(void **state)
{
	(void)state;
	static const char *const zones[] = {"UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"};
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct naive naive;
		create(&naive, seed, zones[seed % 4], seed > 6);
		run_random(&naive);
		destroy(&naive);
	}
}

/* More than can wait, in no order, before anybody looks. */
static void test_many_waiting(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct naive naive;
		create(&naive, seed, "UTC", true);
		naive.now_ms += 40 * DAY_MS;
		series_advance(series_of(&naive), &naive.table.frame, naive.now_ms);
		while (naive.count < MANY_COUNT) {
			int64_t age_ms = random_below(&naive.random, random_percent(&naive.random, 50)
						      ? 10 * MINUTE_MS : 35 * DAY_MS);
			if (random_percent(&naive.random, 70))
				add(&naive, age_ms);
			else
				write(&naive, age_ms);
		}
		check_windows(&naive, series_of(&naive));
		check_history(&naive, series_of(&naive));
		check_tallies(&naive, series_of(&naive));
		check_stored(&naive);
		destroy(&naive);
	}
}

/* What leaves, leaves: after a jump over everything the totals are empty, and windows that changed say so. */
static void test_jump(void **state)
{
	(void)state;
	struct naive naive;
	create(&naive, 1, "UTC", true);
	struct series *series = series_of(&naive);
	series_advance(series, &naive.table.frame, naive.now_ms);
	add(&naive, 0);
	write(&naive, 0);
	series_settle(series, &naive.table.frame);
	assert_int_equal(series->changed_windows, 0x1f);
	series->changed_windows = 0;
	naive.now_ms += 2 * AN_HOUR_MS;
	series_advance(series, &naive.table.frame, naive.now_ms);
	assert_int_equal(series->changed_windows, 0x03);
	check_windows(&naive, series);
	naive.now_ms += 1000 * DAY_MS;
	series_advance(series, &naive.table.frame, naive.now_ms);
	assert_int_equal(series->changed_windows, 0x1f);
	check_windows(&naive, series);
	for (size_t w = 0; w < 5; w++)
		assert_true(pane_is_zero(&series->totals[w]));
	series->changed_windows = 0;
	series_advance(series, &naive.table.frame, naive.now_ms + 1000 * DAY_MS);
	series_advance(series, &naive.table.frame, naive.now_ms);
	assert_int_equal(series->changed_windows, 0);
	destroy(&naive);
}

/* A person taken back was never there. */
static void test_people_taken_back(void **state)
{
	(void)state;
	struct naive naive;
	create(&naive, 1, "UTC", true);
	struct series *series = series_of(&naive);
	const struct frame *frame = &naive.table.frame;
	series_advance(series, frame, START_MS + DAY_MS);
	for (int sign = 1; sign >= -1; sign -= 2) {
		series_add_people(series, frame, START_MS, TIME_NONE, sign);
		series_add_people(series, frame, START_MS + AN_HOUR_MS, START_MS, sign);
		series_add_people(series, frame, START_MS + AN_HOUR_MS, START_MS + AN_HOUR_MS, sign);
	}
	series_settle(series, frame);
	for (size_t w = 0; w < 5; w++)
		assert_int_equal(series->people_totals[w], 0);
	assert_int_equal(tally_of(&series->hours, START_MS / HOUR_MS), 0);
	assert_int_equal(tally_of(&series->days, START_MS / UTC_DAY_MS), 0);
	series_check(series, frame);
	destroy(&naive);
}

static void test_forget(void **state)
{
	(void)state;
	struct naive naive;
	create(&naive, 1, "Asia/Kolkata", true);
	struct series *series = series_of(&naive);
	series_advance(series, &naive.table.frame, START_MS + 3 * DAY_MS);
	for (int i = 0; i < 4 * 24; i++) {
		series_add(series, &naive.table.frame, START_MS + i * HISTORY_SLICE_MS, SLOT_clicks, 1);
		series_add_people(series, &naive.table.frame, START_MS + i * HISTORY_SLICE_MS, TIME_NONE, 1);
	}
	series_settle(series, &naive.table.frame);
	series_forget(series, START_MS + 6 * AN_HOUR_MS);
	assert_int_equal(series->history_count, 4 * 18);
	assert_int_equal(series->history[0].index, (START_MS + 6 * AN_HOUR_MS) / HISTORY_SLICE_MS);
	assert_int_equal(series->hours.entries[0].index, START_MS / HOUR_MS + 6);
	assert_int_equal(series->days.entries[0].index, zone_day_of(series->zone, START_MS + 6 * AN_HOUR_MS));
	series_check(series, &naive.table.frame);
	destroy(&naive);
}

/* Many ids: each is found again, under its number, at its level. */
static void test_intern(void **state)
{
	(void)state;
	struct fixture fixture;
	struct series_table table;
	fixture_create(&fixture);
	fixture.options.window_count = 1;
	series_table_create(&table, &fixture.options);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 1000; i++) {
			char text[16];
			int len = snprintf(text, sizeof(text), "id-%u", i / 4);
			struct slice id = {text, (size_t)len};
			assert_int_equal(series_intern(&table, (enum level)(i % 4), id, i == 7), i);
			assert_int_equal(table.series[i].is_organic, i == 7);
		}
	assert_int_equal(table.count, 1000);
	series_table_destroy(&table);
	fixture_destroy(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_many_waiting),
		cmocka_unit_test(test_jump),
			cmocka_unit_test(test_people_taken_back),
		cmocka_unit_test(test_forget), cmocka_unit_test(test_intern),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
