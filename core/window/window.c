#include "core/window/window.h"

#include "core/base/civil.h"

enum { SLICES_PER_HOUR = HOUR_MS / HISTORY_SLICE_MS };

void window_create(struct window *window, const struct options *options, struct series_table *series)
{
	*window = (struct window){.options = options, .series = series, .now_ms = TIME_NONE};
}

void window_advance(struct window *window, int64_t now_ms)
{
	if (now_ms > window->now_ms)
		window->now_ms = now_ms;
}

static void advance(struct window *window, uint32_t at)
{
	if (window->series->series[at].is_due)
		window->before_change(window->before_change_ctx, at);
	series_advance(&window->series->series[at], &window->series->frame, window->now_ms);
}

void window_apply(struct window *window, const struct step_list *steps, int64_t cause_ms)
{
	const struct frame *frame = &window->series->frame;
	for (size_t i = 0; i < steps->count; i++) {
		const struct step *step = &steps->steps[i];
		if (step->time_ms < cause_ms - window->options->retention_ms) {
			window->frozen_count++;
			continue;
		}
		struct series *series = &window->series->series[step->series];
		if (series_is_full(series))
			advance(window, step->series);
		if (step->slot == SLOT_WROTE) {
			series->has_people = true;
			series_add_people(series, frame, step->time_ms, step->before_ms, step->delta);
		} else {
			series_add(series, frame, step->time_ms, step->slot, step->delta);
		}
	}
}

/* Returns how many steps waited. */
static size_t settle(struct window *window, uint32_t at)
{
	const struct series *series = &window->series->series[at];
	size_t step_count = (size_t)series->step_count + series->person_count;
	if (step_count > 0)
		advance(window, at);
	return step_count;
}

void window_settle(struct window *window)
{
	for (uint32_t i = 0; window->now_ms != TIME_NONE && i < window->series->count; i++)
		settle(window, i);
}

bool window_settle_some(struct window *window, size_t step_count)
{
	size_t done = 0;
	while (window->now_ms != TIME_NONE && window->next_settled < window->series->count) {
		if (done >= step_count)
			return true;
		done += settle(window, window->next_settled++);
	}
	window->next_settled = 0;
	return false;
}

const struct series *window_look(struct window *window, uint32_t series)
{
	if (window->now_ms != TIME_NONE)
		advance(window, series);
	return &window->series->series[series];
}

static void add_slices(const struct series *series, size_t begin, size_t end, struct pane *sum)
{
	for (size_t at = begin; at < end; at++)
		thin_add_to_pane(series->history[at].pane, sum, 1);
}

static size_t place_at(const struct series *series, int64_t time_ms)
{
	return series_history_place(series, civil_floor(time_ms, HISTORY_SLICE_MS));
}

struct collect {
	struct series *series;
	uint32_t at;
	const struct window_sink *sink;
	struct pane sum; /* of an hour */
	struct pane day; /* of a day */
	int64_t hour_said; /* the last, INT64_MIN: none */
};

static void say_hour(struct collect *collect, int64_t hour)
{
	struct series *series = collect->series;
	int64_t from_ms = hour * HOUR_MS;
	pane_clear(&collect->sum);
	add_slices(series, place_at(series, from_ms), place_at(series, from_ms + HOUR_MS), &collect->sum);
	collect->hour_said = hour;
	collect->sink->hour(collect->sink->ctx, collect->at, from_ms,
			    series->level == LEVEL_AD ? &collect->sum : NULL,
			    series_tally_say(&series->hours, hour));
}

/* Adds slices of an hour to those of their day; what changed in it is said. */
static void add_hour(struct collect *collect, size_t begin, size_t end, bool is_in_day)
{
	struct series *series = collect->series;
	int64_t hour = civil_floor(series->history[begin].index, SLICES_PER_HOUR);
	bool is_changed = false;
	for (size_t at = begin; at < end; at++) {
		is_changed |= series->history[at].is_changed;
		series->history[at].is_changed = false;
	}
	if (is_changed && hour != collect->hour_said)
		say_hour(collect, hour);
	if (is_in_day && hour == collect->hour_said)
		pane_add_pane(&collect->day, &collect->sum, 1);
	else
		add_slices(series, begin, end, &collect->day);
}

/* The day's hours that changed, too; some of them may lie in two days. Returns the place behind it. */
static size_t say_day_and_hours(struct collect *collect, int64_t day)
{
	struct series *series = collect->series;
	int64_t from_ms = zone_day_start_ms(series->zone, day);
	int64_t to_ms = zone_day_start_ms(series->zone, day + 1);
	size_t begin = place_at(series, from_ms), end = place_at(series, to_ms);
	pane_clear(&collect->day);
	for (size_t next = begin; begin < end; begin = next) {
		int64_t hour = civil_floor(series->history[begin].index, SLICES_PER_HOUR);
		while (next < end && civil_floor(series->history[next].index, SLICES_PER_HOUR) == hour)
			next++;
		add_hour(collect, begin, next, hour * HOUR_MS >= from_ms && (hour + 1) * HOUR_MS <= to_ms);
	}
	collect->sink->day(collect->sink->ctx, collect->at, from_ms, to_ms,
			   series->level == LEVEL_AD ? &collect->day : NULL,
			   series_tally_say(&series->days, day));
	return end;
}

static void say_day(struct collect *collect, int64_t day)
{
	say_day_and_hours(collect, day);
}

static void say_slices(struct collect *collect)
{
	const struct series *series = collect->series;
	collect->hour_said = INT64_MIN;
	for (size_t at = 0; at < series->history_count;) {
		int64_t to_ms = ((int64_t)series->history[at].index + 1) * HISTORY_SLICE_MS;
		if (series->history[at].is_changed)
			at = say_day_and_hours(collect, zone_day_of(series->zone, to_ms - 1));
		else
			at++;
	}
}

static void say_tallies(struct collect *collect, struct tallies *tallies,
			void (*say)(struct collect *, int64_t))
{
	for (size_t i = 0; i < tallies->count; i++) {
		if (tallies->entries[i].is_changed)
			say(collect, tallies->entries[i].index);
	}
}

static void say_windows(struct collect *collect, uint32_t window_mask)
{
	struct series *series = collect->series;
	for (size_t w = 0; series->changed_windows & window_mask; w++) {
		uint32_t bit = 1u << w;
		if (!(series->changed_windows & window_mask & bit))
			continue;
		series->changed_windows &= ~bit;
		collect->sink->window(collect->sink->ctx, collect->at, w,
				      series->totals ? &series->totals[w] : NULL, series->people_totals[w]);
	}
}

void window_collect(struct window *window, uint32_t window_mask, bool with_history,
		    const struct window_sink *sink)
{
	struct collect collect = {.sink = sink};
	for (uint32_t i = 0; i < window->series->count; i++) {
		collect.series = &window->series->series[i];
		collect.at = i;
		if (window->now_ms != TIME_NONE)
			advance(window, i);
		say_windows(&collect, window_mask);
		if (!with_history || !collect.series->is_history_changed)
			continue;
		collect.series->is_history_changed = false;
		say_slices(&collect);
		say_tallies(&collect, &collect.series->hours, say_hour);
		say_tallies(&collect, &collect.series->days, say_day);
	}
	pane_clear(&collect.sum);
	pane_clear(&collect.day);
}

static void mark_tallies(struct tallies *tallies)
{
	for (size_t i = 0; i < tallies->count; i++)
		tallies->entries[i].is_changed = true;
}

void window_mark_days_changed(struct series *series)
{
	for (size_t i = 0; i < series->history_count; i++)
		series->history[i].is_changed = true;
	mark_tallies(&series->days);
	series->is_history_changed = true;
}

void window_mark_changed(struct window *window)
{
	for (uint32_t i = 0; i < window->series->count; i++) {
		struct series *series = &window->series->series[i];
		series->changed_windows = (uint32_t)(((uint64_t)1 << window->series->frame.window_count) - 1);
		window_mark_days_changed(series);
		mark_tallies(&series->hours);
	}
}
