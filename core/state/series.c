#include "core/state/series.h"

#include <stddef.h>
#include <stdlib.h>

#include "core/base/civil.h"
#include "core/base/hash.h"

enum { HISTORY_OPEN = 4, PANES_AHEAD = 2 };

static void *allocate(size_t count, size_t size)
{
	void *array = calloc(count ? count : 1, size);
	CHECK(array);
	return array;
}

static void *grow(void *array, size_t *capacity, size_t count, size_t size)
{
	if (count <= *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 8;
	array = realloc(array, *capacity * size);
	CHECK(array);
	return array;
}

void frame_create(struct frame *frame, const struct options *options)
{
	*frame = (struct frame){.window_count = options->window_count};
	for (size_t w = 0; w < options->window_count; w++) {
		const struct window_options *window = &options->windows[w];
		uint32_t pane_count = (uint32_t)(window->length_ms / window->slide_ms);
		size_t g = 0;
		while (g < frame->grain_count && frame->grains[g].slide_ms != window->slide_ms)
			g++;
		if (g == frame->grain_count)
			frame->grains[frame->grain_count++] = (struct grain){window->slide_ms, 0, false};
		if (frame->grains[g].pane_count < pane_count)
			frame->grains[g].pane_count = pane_count;
		frame->windows[w] = (struct frame_window){(uint32_t)g, pane_count};
	}
	for (size_t g = 0; g < frame->grain_count; g++) {
		struct grain *grain = &frame->grains[g];
		grain->is_history = grain->slide_ms == HISTORY_SLICE_MS &&
				    grain->pane_count * grain->slide_ms <= options->retention_ms;
	}
}

static void series_create(struct series *series, const struct frame *frame, enum level level, struct slice id)
{
	char *copy = allocate(id.len, 1);
	memcpy(copy, id.data, id.len);
	*series = (struct series){.id = {copy, id.len}, .level = level, .zone = zone_utc(), .is_dirty = true};
	for (int i = 0; i < PARENT_COUNT; i++)
		series->parents[i] = SERIES_NONE;
	series->ends = allocate(frame->grain_count, sizeof(*series->ends));
	series->people_rings = allocate(frame->grain_count, sizeof(*series->people_rings));
	series->people_totals = allocate(frame->window_count, sizeof(*series->people_totals));
	if (level != LEVEL_AD)
		return;
	series->totals = allocate(frame->window_count, sizeof(*series->totals));
	series->rings = allocate(frame->grain_count, sizeof(*series->rings));
}

static void series_destroy(struct series *series, const struct frame *frame)
{
	for (size_t g = 0; g < frame->grain_count; g++) {
		free(series->people_rings[g]);
		if (!series->rings || !series->rings[g])
			continue;
		for (uint32_t i = 0; i < frame->grains[g].pane_count; i++)
			free(series->rings[g][i]);
		free(series->rings[g]);
	}
	for (size_t w = 0; series->totals && w < frame->window_count; w++)
		pane_clear(&series->totals[w]);
	for (size_t i = 0; i < series->history_count; i++)
		free(series->history[i].pane);
	free(series->steps);
	free(series->persons);
	free(series->rings);
	free(series->totals);
	free(series->people_rings);
	free(series->people_totals);
	free(series->ends);
	free(series->history);
	free(series->hours.entries);
	free(series->days.entries);
	free((char *)series->id.data);
}

void series_table_create(struct series_table *table, const struct options *options)
{
	*table = (struct series_table){.index_size = 64};
	frame_create(&table->frame, options);
	table->index = allocate(table->index_size, sizeof(*table->index));
	memset(table->index, 0xff, table->index_size * sizeof(*table->index));
}

void series_table_destroy(struct series_table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		series_destroy(&table->series[i], &table->frame);
	free(table->series);
	free(table->index);
	*table = (struct series_table){0};
}

static uint32_t find_index(const struct series_table *table, enum level level, struct slice id)
{
	uint32_t mask = table->index_size - 1;
	uint32_t at = (uint32_t)(hash_text(id) + level) & mask;
	for (;; at = (at + 1) & mask) {
		uint32_t found = table->index[at];
		if (found == SERIES_NONE)
			return at;
		if (table->series[found].level == level && slice_equal(table->series[found].id, id))
			return at;
	}
}

static void grow_index(struct series_table *table)
{
	free(table->index);
	table->index_size *= 2;
	table->index = allocate(table->index_size, sizeof(*table->index));
	memset(table->index, 0xff, table->index_size * sizeof(*table->index));
	for (uint32_t i = 0; i < table->count; i++)
		table->index[find_index(table, table->series[i].level, table->series[i].id)] = i;
}

uint32_t series_intern(struct series_table *table, enum level level, struct slice id, bool is_organic)
{
	uint32_t at = find_index(table, level, id);
	if (table->index[at] != SERIES_NONE)
		return table->index[at];
	size_t capacity = table->capacity;
	table->series = grow(table->series, &capacity, (size_t)table->count + 1, sizeof(*table->series));
	table->capacity = (uint32_t)capacity;
	series_create(&table->series[table->count], &table->frame, level, id);
	table->series[table->count].is_organic = is_organic;
	table->index[at] = table->count++;
	if (table->count * 2 > table->index_size)
		grow_index(table);
	return table->count - 1;
}

/* The slices that leave the windows over the history. */
static void leave_history(struct series *series, const struct frame *frame, size_t g, int64_t begin,
			  int64_t end)
{
	for (size_t w = 0; w < frame->window_count; w++) {
		int64_t pane_count = frame->windows[w].pane_count;
		if (frame->windows[w].grain != g)
			continue;
		int64_t stop = end - pane_count < begin ? end - pane_count : begin;
		size_t at = series_history_place(series, begin - pane_count);
		for (; at < series->history_count && series->history[at].index < stop; at++) {
			if (at + 1 < series->history_count)
				__builtin_prefetch(series->history[at + 1].pane);
			thin_add_to_pane(series->history[at].pane, &series->totals[w], -1);
			series->changed_windows |= 1u << w;
		}
	}
}

/* The pane at place `at` of the ring is entered again: what each window loses by that. */
static void leave_windows(struct series *series, const struct frame *frame, size_t g, int64_t entering,
			  uint32_t at)
{
	uint32_t ring_count = frame->grains[g].pane_count;
	bool has_panes = series->rings && series->rings[g];
	for (size_t w = 0; w < frame->window_count; w++) {
		uint32_t pane_count = frame->windows[w].pane_count;
		if (frame->windows[w].grain != g || entering < pane_count)
			continue;
		uint32_t leaving = at + (ring_count - pane_count);
		leaving -= leaving >= ring_count ? ring_count : 0;
		const struct thin *pane = has_panes ? series->rings[g][leaving] : NULL;
		int64_t people = series->people_rings[g] ? series->people_rings[g][leaving] : 0;
		if (!pane && !people)
			continue;
		thin_add_to_pane(pane, series->totals ? &series->totals[w] : NULL, -1);
		series->people_totals[w] -= people;
		series->changed_windows |= 1u << w;
	}
}

/* All but the newest two hardly change any more. Those before `begin` were packed before. */
static void pack_panes(struct thin **ring, uint32_t ring_count, int64_t begin, int64_t end)
{
	int64_t first = begin - 2 > end - ring_count ? begin - 2 : end - ring_count;
	for (int64_t i = first < 0 ? 0 : first; i < begin && i < end - 2; i++)
		ring[i % ring_count] = thin_pack(ring[i % ring_count]);
}

static void move_grain(struct series *series, const struct frame *frame, size_t g, int64_t end)
{
	int64_t begin = series->ends[g];
	uint32_t ring_count = frame->grains[g].pane_count;
	bool has_panes = series->rings && series->rings[g];
	bool has_people = series->people_rings[g];
	series->ends[g] = end;
	if (frame->grains[g].is_history && series->totals && series->history_count)
		leave_history(series, frame, g, begin, end);
	if (!has_panes && !has_people)
		return;
	if (has_panes && frame->grains[g].slide_ms > HISTORY_SLICE_MS)
		pack_panes(series->rings[g], ring_count, begin, end);
	/* At most once round the ring: by then everything has left. */
	int64_t stop = end - begin > ring_count ? begin + ring_count : end;
	uint32_t at = (uint32_t)(begin % ring_count);
	for (int64_t entering = begin; entering < stop; entering++) {
		if (has_panes && at + PANES_AHEAD < ring_count)
			__builtin_prefetch(series->rings[g][at + PANES_AHEAD]);
		leave_windows(series, frame, g, entering, at);
		if (has_panes) {
			free(series->rings[g][at]);
			series->rings[g][at] = NULL;
		}
		if (has_people)
			series->people_rings[g][at] = 0;
		at = at + 1 == ring_count ? 0 : at + 1;
	}
}

void series_advance(struct series *series, const struct frame *frame, int64_t now_ms)
{
	for (size_t g = 0; g < frame->grain_count; g++) {
		int64_t end_ms = series->ends[g] * frame->grains[g].slide_ms;
		if (now_ms >= end_ms)
			move_grain(series, frame, g,
				   civil_floor(now_ms, frame->grains[g].slide_ms) + 1);
	}
	series_settle(series, frame);
}

static int64_t index_at(const void *entries, size_t size, size_t at)
{
	return *(const int32_t *)((const char *)entries + at * size);
}

/* The place behind all entries of a sorted array that are not greater. Each begins with its index, which no
 * other has: so there are no more of them between two than their indexes differ by, and where nothing is
 * missing the place follows from the first and the last one. */
static size_t find_place(const void *entries, size_t count, size_t size, int64_t index)
{
	if (count == 0 || index < index_at(entries, size, 0))
		return 0;
	int64_t below = index - index_at(entries, size, 0);
	int64_t above = index_at(entries, size, count - 1) - index;
	if (above <= 0)
		return count;
	size_t low = (uint64_t)above < count ? count - (size_t)above : 0;
	size_t high = (uint64_t)below < count ? (size_t)below + 1 : count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (index_at(entries, size, middle) <= index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* All but the newest few: the one that has just ceased to be one of them. */
static void pack_history(struct series *series)
{
	if (series->history_count <= HISTORY_OPEN)
		return;
	struct history_slice *slice = &series->history[series->history_count - 1 - HISTORY_OPEN];
	slice->pane = thin_pack(slice->pane);
}

struct history_slice *series_history_at(struct series *series, int64_t index)
{
	size_t at = find_place(series->history, series->history_count, sizeof(*series->history), index);
	if (at > 0 && series->history[at - 1].index == index)
		return &series->history[at - 1];
	series->history = grow(series->history, &series->history_capacity, series->history_count + 1,
			       sizeof(*series->history));
	struct history_slice *slice = &series->history[at];
	memmove(slice + 1, slice, (series->history_count - at) * sizeof(*slice));
	series->history_count++;
	*slice = (struct history_slice){.index = (int32_t)index};
	pack_history(series);
	return slice;
}

size_t series_history_place(const struct series *series, int64_t index)
{
	return find_place(series->history, series->history_count, sizeof(*series->history), index - 1);
}

static struct tally *find_tally(const struct tallies *tallies, int64_t index)
{
	size_t at = find_place(tallies->entries, tallies->count, sizeof(*tallies->entries), index);
	return at > 0 && tallies->entries[at - 1].index == index ? &tallies->entries[at - 1] : NULL;
}

int64_t series_tally_count(const struct tallies *tallies, int64_t index)
{
	const struct tally *tally = find_tally(tallies, index);
	return tally ? tally->count : 0;
}

int64_t series_tally_say(struct tallies *tallies, int64_t index)
{
	struct tally *tally = find_tally(tallies, index);
	if (tally)
		tally->is_changed = false;
	return tally ? tally->count : 0;
}

struct tally *series_tally_at(struct tallies *tallies, int64_t index)
{
	size_t at = find_place(tallies->entries, tallies->count, sizeof(*tallies->entries), index);
	if (at > 0 && tallies->entries[at - 1].index == index)
		return &tallies->entries[at - 1];
	tallies->entries =
		grow(tallies->entries, &tallies->capacity, tallies->count + 1, sizeof(*tallies->entries));
	struct tally *tally = &tallies->entries[at];
	memmove(tally + 1, tally, (tallies->count - at) * sizeof(*tally));
	tallies->count++;
	*tally = (struct tally){.index = (int32_t)index};
	return tally;
}

_Static_assert(offsetof(struct history_slice, index) == 0 && offsetof(struct tally, index) == 0,
	       "find_place looks there");

static void forget_tallies(struct tallies *tallies, int64_t before)
{
	size_t gone = 0;
	while (gone < tallies->count && tallies->entries[gone].index < before)
		gone++;
	tallies->count -= gone;
	if (gone)
		memmove(tallies->entries, tallies->entries + gone,
			tallies->count * sizeof(*tallies->entries));
}

void series_forget(struct series *series, int64_t before_ms)
{
	size_t gone = 0;
	while (gone < series->history_count &&
	       series->history[gone].index < civil_floor(before_ms, HISTORY_SLICE_MS))
		free(series->history[gone++].pane);
	series->history_count -= gone;
	if (gone)
		memmove(series->history, series->history + gone,
			series->history_count * sizeof(*series->history));
	forget_tallies(&series->hours, civil_floor(before_ms, HOUR_MS));
	forget_tallies(&series->days, zone_day_of(series->zone, before_ms));
}

void series_check(const struct series *series, const struct frame *frame)
{
	CHECK(series->step_count == 0 && series->person_count == 0);
	for (size_t w = 0; w < frame->window_count; w++) {
		size_t g = frame->windows[w].grain;
		uint32_t ring_count = frame->grains[g].pane_count;
		struct pane sum = {0};
		int64_t people = 0, begin = series->ends[g] - frame->windows[w].pane_count;
		for (size_t i = 0; frame->grains[g].is_history && i < series->history_count; i++)
			if (series->history[i].index >= begin && series->history[i].index < series->ends[g])
				thin_add_to_pane(series->history[i].pane, &sum, 1);
		for (int64_t i = begin; i < series->ends[g]; i++) {
			if (i >= 0 && series->rings && series->rings[g])
				thin_add_to_pane(series->rings[g][i % ring_count], &sum, 1);
			if (i >= 0 && series->people_rings[g])
				people += series->people_rings[g][i % ring_count];
		}
		CHECK(people == series->people_totals[w]);
		CHECK(!series->totals || pane_equal(&sum, &series->totals[w]));
		pane_clear(&sum);
	}
}
