#include <stdlib.h>

#include "core/state/series.h"

enum { SLICES_PER_DAY = 24 * HOUR_MS / HISTORY_SLICE_MS };

/* No pane begins later. */
#define YEAR_10000_MS INT64_C(253402300800000)

static void encode_tallies(const struct tallies *tallies, struct buffer *out)
{
	buffer_put_unsigned(out, tallies->count);
	for (size_t i = 0; i < tallies->count; i++) {
		buffer_put_signed(out, tallies->entries[i].index);
		buffer_put_signed(out, tallies->entries[i].count);
	}
}

static void decode_tallies(struct tallies *tallies, struct reader *reader)
{
	uint64_t count = reader_unsigned(reader);
	if (reader->failed || count > (size_t)(reader->end - reader->at)) {
		reader->failed = true;
		return;
	}
	free(tallies->entries); /* of a page that came twice, by another name */
	tallies->entries = calloc(count ? count : 1, sizeof(*tallies->entries));
	CHECK(tallies->entries);
	tallies->count = tallies->capacity = count;
	for (size_t i = 0; i < count; i++) {
		tallies->entries[i].index = (int32_t)reader_signed(reader);
		tallies->entries[i].count = reader_signed(reader);
	}
}

/* The panes of a grain, each with the number of slides that it lies before the end; 0 ends the list. */
static void encode_ring(const struct series *series, const struct frame *frame, size_t g, struct buffer *out)
{
	uint32_t ring_count = frame->grains[g].pane_count;
	bool has_panes = series->rings && series->rings[g];
	for (uint32_t age = 1; has_panes && age <= ring_count && age <= series->ends[g]; age++) {
		const struct thin *pane = series->rings[g][(series->ends[g] - age) % ring_count];
		if (!pane)
			continue;
		buffer_put_unsigned(out, age);
		thin_encode(pane, out);
	}
	buffer_put_unsigned(out, 0);
	for (uint32_t age = 1; series->people_rings[g] && age <= ring_count && age <= series->ends[g];
	     age++) {
		int32_t people = series->people_rings[g][(series->ends[g] - age) % ring_count];
		if (people == 0)
			continue;
		buffer_put_unsigned(out, age);
		buffer_put_signed(out, people);
	}
	buffer_put_unsigned(out, 0);
}

static void decode_panes(struct series *series, const struct frame *frame, size_t g, struct reader *reader)
{
	uint32_t ring_count = frame->grains[g].pane_count;
	for (uint64_t age; (age = reader_unsigned(reader)) != 0;) {
		if (age > ring_count || age > (uint64_t)series->ends[g] || !series->rings ||
		    frame->grains[g].is_history) {
			reader->failed = true;
			return;
		}
		if (!series->rings[g]) {
			series->rings[g] = calloc(ring_count, sizeof(**series->rings));
			CHECK(series->rings[g]);
		}
		struct thin **place = &series->rings[g][(series->ends[g] - (int64_t)age) % ring_count];
		free(*place);
		*place = thin_decode(reader);
		for (size_t w = 0; w < frame->window_count; w++)
			if (frame->windows[w].grain == g && age <= frame->windows[w].pane_count)
				thin_add_to_pane(*place, &series->totals[w], 1);
	}
}

static void decode_people(struct series *series, const struct frame *frame, size_t g, struct reader *reader)
{
	uint32_t ring_count = frame->grains[g].pane_count;
	for (uint64_t age; (age = reader_unsigned(reader)) != 0;) {
		int64_t people = reader_signed(reader);
		if (age > ring_count || age > (uint64_t)series->ends[g]) {
			reader->failed = true;
			return;
		}
		if (!series->people_rings[g]) {
			series->people_rings[g] = calloc(ring_count, sizeof(**series->people_rings));
			CHECK(series->people_rings[g]);
		}
		series->people_rings[g][(series->ends[g] - (int64_t)age) % ring_count] = (int32_t)people;
		for (size_t w = 0; w < frame->window_count; w++)
			if (frame->windows[w].grain == g && age <= frame->windows[w].pane_count)
				series->people_totals[w] += people;
	}
}

/* The windows that the rings were made for: others find too little in them. */
static void encode_frame(const struct frame *frame, struct buffer *out)
{
	buffer_put_unsigned(out, frame->window_count);
	for (size_t w = 0; w < frame->window_count; w++) {
		buffer_put_signed(out, frame->grains[frame->windows[w].grain].slide_ms);
		buffer_put_unsigned(out, frame->windows[w].pane_count);
	}
}

static bool is_frame(const struct frame *frame, struct reader *reader)
{
	bool is_same = reader_unsigned(reader) == frame->window_count;
	for (size_t w = 0; is_same && w < frame->window_count; w++) {
		is_same = reader_signed(reader) == frame->grains[frame->windows[w].grain].slide_ms;
		is_same &= reader_unsigned(reader) == frame->windows[w].pane_count;
	}
	return is_same && !reader->failed;
}

void series_encode(const struct series_table *table, uint32_t at, struct buffer *out)
{
	const struct series *series = &table->series[at];
	buffer_put_unsigned(out, at);
	buffer_put_unsigned(out, series->level);
	buffer_put_text(out, series->id);
	buffer_put_unsigned(out, series->is_organic);
	buffer_put_unsigned(out, series->has_people);
	for (int level = 0; level < PARENT_COUNT; level++)
		buffer_put_unsigned(out, series->parents[level]);
	encode_frame(&table->frame, out);
	for (size_t g = 0; g < table->frame.grain_count; g++) {
		buffer_put_signed(out, series->ends[g]);
		encode_ring(series, &table->frame, g, out);
	}
	encode_tallies(&series->hours, out);
	encode_tallies(&series->days, out);
}

static bool is_organic_id(uint64_t level, struct slice id)
{
	static const char organic[] = "organic:";
	const size_t len = sizeof(organic) - 1;
	return level == LEVEL_AD && id.len >= len && memcmp(id.data, organic, len) == 0;
}

bool series_decode(struct series_table *table, struct slice page)
{
	struct reader reader = reader_of(page);
	uint64_t at = reader_unsigned(&reader);
	uint64_t level = reader_unsigned(&reader);
	struct slice id = reader_text(&reader);
	bool is_organic = reader_unsigned(&reader) != 0;
	if (reader.failed || level >= LEVEL_COUNT || (is_organic && !is_organic_id(level, id)))
		return false;
	if (series_intern(table, (enum level)level, id, is_organic) != at)
		return false;
	struct series *series = &table->series[at];
	series->has_people = reader_unsigned(&reader) != 0;
	for (int parent = 0; parent < PARENT_COUNT; parent++)
		series->parents[parent] = (uint32_t)reader_unsigned(&reader);
	if (!is_frame(&table->frame, &reader))
		return false;
	for (size_t g = 0; g < table->frame.grain_count && !reader.failed; g++) {
		series->ends[g] = reader_signed(&reader);
		int64_t ends_max = YEAR_10000_MS / table->frame.grains[g].slide_ms + 1;
		if (series->ends[g] < 0 || series->ends[g] > ends_max)
			return false;
		decode_panes(series, &table->frame, g, &reader);
		decode_people(series, &table->frame, g, &reader);
	}
	decode_tallies(&series->hours, &reader);
	decode_tallies(&series->days, &reader);
	series->is_dirty = false;
	return !reader.failed && reader.at == reader.end;
}

static bool is_parent(const struct series_table *table, uint32_t series, int level)
{
	return series == SERIES_NONE ||
	       (series < table->count && table->series[series].level == (enum level)level);
}

uint32_t series_find_unsound(const struct series_table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		for (int level = 0; level < PARENT_COUNT; level++)
			if (!is_parent(table, table->series[i].parents[level], level))
				return i;
	return SERIES_NONE;
}

void series_encode_day(const struct series *series, int64_t utc_day, struct buffer *out)
{
	for (size_t i = 0; i < series->history_count; i++) {
		const struct history_slice *slice = &series->history[i];
		if (slice->index < utc_day * SLICES_PER_DAY || slice->index >= (utc_day + 1) * SLICES_PER_DAY)
			continue;
		buffer_put_signed(out, slice->index);
		thin_encode(slice->pane, out);
	}
}

/* What a slice adds to the windows whose panes are the history's. */
static void add_to_totals(struct series *series, const struct frame *frame, const struct history_slice *slice,
			  int64_t sign)
{
	for (size_t w = 0; w < frame->window_count; w++) {
		size_t g = frame->windows[w].grain;
		if (frame->grains[g].is_history && slice->index < series->ends[g] &&
		    slice->index >= series->ends[g] - frame->windows[w].pane_count)
			thin_add_to_pane(slice->pane, &series->totals[w], sign);
	}
}

bool series_decode_day(struct series *series, const struct frame *frame, struct slice page)
{
	struct reader reader = reader_of(page);
	while (!reader_at_end(&reader)) {
		int64_t index = reader_signed(&reader);
		if (reader.failed || !series->totals || index < 0 ||
		    index > YEAR_10000_MS / HISTORY_SLICE_MS) {
			reader.failed = true;
			break;
		}
		struct history_slice *slice = series_history_at(series, index);
		add_to_totals(series, frame, slice, -1);
		free(slice->pane);
		slice->pane = thin_decode(&reader);
		add_to_totals(series, frame, slice, 1);
	}
	return !reader.failed;
}
