/* Goal: whoever keeps what a window says last has the numbers: totals of windows, hours and days are
 * those of a naive sum over all steps, people are said at every level, what is unchanged is not said
 * again, and steps older than `retention` change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/civil.h"
#include "core/window/window.h"
#include "tests/core/fixture.h"

enum { STEP_COUNT = 400, SPAN_COUNT_MAX = 1000 };

struct heard {
	bool is_day;
	int64_t from_ms;
	int64_t to_ms;
	int64_t clicks;
};

/* What was said last of the one ad. */
struct listener {
	struct fixture fixture;
	struct series_table series;
	struct window window;
	uint32_t ad;
	int64_t totals[WINDOW_COUNT_MAX];
	struct heard spans[SPAN_COUNT_MAX];
	size_t span_count;
	size_t said_count;
	struct step steps[STEP_COUNT];
	size_t step_count;
};

static void hear_window(void *ctx, uint32_t series, size_t window, const struct pane *pane, int64_t people)
{
	struct listener *listener = ctx;
	assert_int_equal(series, listener->ad);
	assert_int_equal(people, 0);
	listener->totals[window] = pane->sums[SLOT_clicks];
	listener->said_count++;
}

static void hear_span(struct listener *listener, struct heard heard)
{
	size_t at = 0;
	while (at < listener->span_count && (listener->spans[at].is_day != heard.is_day ||
					     listener->spans[at].from_ms != heard.from_ms))
		at++;
	assert_true(at < SPAN_COUNT_MAX);
	listener->span_count += at == listener->span_count;
	listener->spans[at] = heard;
	listener->said_count++;
}

static void hear_hour(void *ctx, uint32_t series, int64_t from_ms, const struct pane *pane, int64_t people)
{
	(void)series, (void)people;
	hear_span(ctx, (struct heard){false, from_ms, from_ms + HOUR_MS, pane->sums[SLOT_clicks]});
}

static void hear_day(void *ctx, uint32_t series, int64_t from_ms, int64_t to_ms, const struct pane *pane,
		     int64_t people)
{
	(void)series, (void)people;
	hear_span(ctx, (struct heard){true, from_ms, to_ms, pane->sums[SLOT_clicks]});
}

static void create(struct listener *listener)
{
	*listener = (struct listener){0};
	fixture_create(&listener->fixture);
	series_table_create(&listener->series, &listener->fixture.options);
	window_create(&listener->window, &listener->fixture.options, &listener->series);
	listener->ad = series_intern(&listener->series, LEVEL_AD, TEXT("ad"), false);
	listener->series.series[listener->ad].zone = listener->fixture.accounts[1].zone;
}

static void destroy(struct listener *listener)
{
	series_table_destroy(&listener->series);
	fixture_destroy(&listener->fixture);
}

static void collect(struct listener *listener, uint32_t window_mask, bool with_history)
{
	const struct window_sink sink = {hear_window, hear_hour, hear_day, listener};
	listener->said_count = 0;
	window_collect(&listener->window, window_mask, with_history, &sink);
}

static void apply(struct listener *listener, int64_t time_ms, int64_t delta)
{
	struct step step = {time_ms, TIME_NONE, delta, listener->ad, SLOT_clicks};
	struct step_list steps = {&step, 1, 1};
	window_apply(&listener->window, &steps, listener->window.now_ms);
	listener->steps[listener->step_count++] = step;
}

static int64_t sum_of(const struct listener *listener, int64_t from_ms, int64_t to_ms)
{
	int64_t sum = 0;
	for (size_t i = 0; i < listener->step_count; i++)
		if (listener->steps[i].time_ms >= from_ms && listener->steps[i].time_ms < to_ms)
			sum += listener->steps[i].delta;
	return sum;
}

static void check(const struct listener *listener)
{
	for (size_t w = 0; w < listener->fixture.options.window_count; w++) {
		const struct window_options *window = &listener->fixture.options.windows[w];
		int64_t to_ms = (civil_floor(listener->window.now_ms,
					     window->slide_ms) + 1) * window->slide_ms;
		assert_int_equal(listener->totals[w], sum_of(listener, to_ms - window->length_ms, to_ms));
	}
	int64_t hours = 0, days = 0;
	for (size_t i = 0; i < listener->span_count; i++) {
		const struct heard *span = &listener->spans[i];
		assert_int_equal(span->clicks, sum_of(listener, span->from_ms, span->to_ms));
		*(span->is_day ? &days : &hours) += span->clicks;
	}
	assert_int_equal(hours, sum_of(listener, INT64_MIN, INT64_MAX));
	assert_int_equal(days, hours);
}

static void test_random(void **state)
{
	(void)state;
	struct random random = {1};
	struct listener *listener = malloc(sizeof(*listener));
	create(listener);
	int64_t now_ms = START_MS + 3 * DAY_MS;
	window_advance(&listener->window, now_ms);
	while (listener->step_count < STEP_COUNT) {
		apply(listener, now_ms - random_below(&random, random_percent(&random, 50)
						      ? DAY_MS : 9 * DAY_MS),
		      random_below(&random, 5) - 2);
		if (random_percent(&random, 30))
			now_ms += random_below(&random, random_percent(&random, 20) ? DAY_MS : MINUTE_MS);
		window_advance(&listener->window, now_ms);
		if (random_percent(&random, 90))
			continue;
		collect(listener, 0x15, false);
		collect(listener, ~0u, true);
		check(listener);
		collect(listener, ~0u, true);
		assert_int_equal(listener->said_count, 0);
	}
	collect(listener, ~0u, true);
	check(listener);
	destroy(listener);
	free(listener);
}

/* Windows that are not asked for keep what they have to say. */
static void test_mask(void **state)
{
	(void)state;
	struct listener *listener = malloc(sizeof(*listener));
	create(listener);
	window_advance(&listener->window, START_MS);
	apply(listener, START_MS, 3);
	collect(listener, 1u << 1, false);
	assert_int_equal(listener->said_count, 1);
	assert_int_equal(listener->totals[1], 3);
	collect(listener, ~0u, false);
	assert_int_equal(listener->said_count, 4);
	collect(listener, ~0u, true);
	assert_int_equal(listener->said_count, 2);
	window_mark_changed(&listener->window);
	collect(listener, ~0u, true);
	assert_int_equal(listener->said_count, 7);
	apply(listener, START_MS - 3 * DAY_MS, 1); /* another hour and day; the first is as it was */
	collect(listener, ~0u, true);
	assert_int_equal(listener->said_count, 2 + 2);
	check(listener);
	destroy(listener);
	free(listener);
}

static void test_frozen(void **state)
{
	(void)state;
	struct listener *listener = malloc(sizeof(*listener));
	create(listener);
	int64_t retention_ms = listener->fixture.options.retention_ms;
	window_advance(&listener->window, START_MS);
	window_advance(&listener->window, START_MS - DAY_MS);
	assert_true(listener->window.now_ms == START_MS);
	apply(listener, START_MS - retention_ms, 1);
	assert_int_equal(listener->window.frozen_count, 0);
	apply(listener, START_MS - retention_ms - 1, 1);
	assert_int_equal(listener->window.frozen_count, 1);
	listener->step_count--;
	collect(listener, ~0u, true);
	check(listener);
	destroy(listener);
	free(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_frozen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
