#include "core/row_parts.h"

#include <stdlib.h>

#include "core/base/civil.h"
#include "core/base/rfc3339.h"

enum { PIECE_MAX = 12 };

/* ---- Numbers ---- */

struct collecting {
	struct task *task;
	const struct row_scope *scope;
	struct row_parts *parts;
	struct pane sum;
	int64_t piece_ms; /* how long a piece is */
};

static const enum counter amount_counters[AMOUNT_COUNT] = {
	[AMOUNT_IMPRESSIONS] = COUNTER_impressions,
	[AMOUNT_CLICKS] = COUNTER_reported_clicks,
	[AMOUNT_CONVERSATIONS] = COUNTER_reported_conversations,
	[AMOUNT_SPEND] = COUNTER_spend,
};

/* Adds what panes keep; true where it is anything. */
static bool add_counts(const struct pane *pane, enum basis basis, int64_t counts[COUNTER_COUNT])
{
	bool is_any = false;
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		int64_t count = slot_of[i][basis] == SLOT_NONE ? 0 : pane->sums[slot_of[i][basis]];
		counts[i] += count;
		is_any |= count != 0;
	}
	return is_any;
}

static void add_history(const struct series *series, int64_t from_ms, int64_t to_ms, struct pane *sum)
{
	int64_t begin = civil_floor(from_ms, HISTORY_SLICE_MS), end = civil_floor(to_ms, HISTORY_SLICE_MS);
	size_t at = series_history_place(series, begin);
	for (; at < series->history_count && series->history[at].index < end; at++)
		thin_add_to_pane(series->history[at].pane, sum, 1);
}

static void add_ring(const struct series *series, const struct frame *frame, size_t grain, int64_t from_ms,
		     int64_t to_ms, struct pane *sum)
{
	int64_t slide_ms = frame->grains[grain].slide_ms, pane_count = frame->grains[grain].pane_count;
	int64_t end = series->ends[grain], first = end - pane_count;
	for (int64_t i = civil_floor(from_ms, slide_ms); i < civil_floor(to_ms, slide_ms); i++)
		if (i >= first && i < end && series->rings && series->rings[grain])
			thin_add_to_pane(series->rings[grain][i % pane_count], sum, 1);
}

/* The sum of an ad's panes in [from_ms, to_ms), which are whole panes. */
static void sum_span(struct collecting *collecting, const struct series *series, int64_t from_ms,
		     int64_t to_ms)
{
	const struct frame *frame = &collecting->task->series.frame;
	size_t grain = frame->windows[collecting->scope->window].grain;
	pane_clear(&collecting->sum);
	if (collecting->scope->kind == ROW_BUCKET || frame->grains[grain].is_history)
		add_history(series, from_ms, to_ms, &collecting->sum);
	else
		add_ring(series, frame, grain, from_ms, to_ms, &collecting->sum);
}

/* ---- The row's span, and its pieces ---- */

static void find_span(struct collecting *collecting, const struct zone *zone)
{
	const struct row_scope *scope = collecting->scope;
	struct row_parts *parts = collecting->parts;
	int64_t pane_ms = HISTORY_SLICE_MS;
	if (scope->kind == ROW_ROLLING) {
		const struct window_options *window = &collecting->task->options->windows[scope->window];
		pane_ms = window->slide_ms;
		parts->to_ms = (civil_floor(collecting->task->window.now_ms, pane_ms) + 1) * pane_ms;
		parts->from_ms = parts->to_ms - window->length_ms;
	} else {
		parts->from_ms = scope->from_ms;
		parts->to_ms = scope->is_day ? zone_day_start_ms(zone, zone_day_of(zone, scope->from_ms) + 1)
					     : scope->from_ms + HOUR_MS;
	}
	int64_t pane_count = (parts->to_ms - parts->from_ms) / pane_ms;
	collecting->piece_ms = (pane_count + PIECE_MAX - 1) / PIECE_MAX * pane_ms;
}

static void add_pieces(struct collecting *collecting, const struct series *series)
{
	struct row_parts *parts = collecting->parts;
	for (size_t i = 0; i < parts->piece_count; i++) {
		struct row_part *piece = &parts->pieces[i];
		sum_span(collecting, series, piece->from_ms, piece->to_ms);
		add_counts(&collecting->sum, collecting->scope->basis, piece->counts);
	}
}

static void create_pieces(struct collecting *collecting)
{
	struct row_parts *parts = collecting->parts;
	parts->pieces = calloc(PIECE_MAX + 1, sizeof(*parts->pieces));
	CHECK(parts->pieces);
	for (int64_t at = parts->from_ms; at < parts->to_ms; at += collecting->piece_ms)
		parts->pieces[parts->piece_count++] = (struct row_part){
			.from_ms = at,
			.to_ms = at + collecting->piece_ms < parts->to_ms ? at + collecting->piece_ms
									  : parts->to_ms};
}

static void drop_empty_pieces(struct row_parts *parts)
{
	size_t kept = 0;
	for (size_t i = 0; i < parts->piece_count; i++) {
		bool is_any = false;
		for (size_t j = 0; j < COUNTER_COUNT; j++)
			is_any |= parts->pieces[i].counts[j] != 0;
		if (is_any)
			parts->pieces[kept++] = parts->pieces[i];
	}
	parts->piece_count = kept;
}

/* ---- Ads ---- */

static void add_reports(struct collecting *collecting, uint32_t at, struct row_part *ad, bool *is_any)
{
	struct row_parts *parts = collecting->parts;
	if (at >= collecting->task->ad_capacity)
		return;
	const struct reports *reports = &collecting->task->ads[at].reports;
	size_t next = 0;
	for (const struct report *report; (report = reports_next(reports, &next));) {
		struct row_report part = {.ad = ad->ad, .report = report};
		if (report->from_ms >= parts->to_ms || report->to_ms <= parts->from_ms)
			continue;
		struct report counted = *report; /* as the merger takes it */
		counted.frozen_ms = report->time_ms - collecting->task->options->retention_ms;
		report_part(&counted, parts->from_ms, parts->to_ms, part.amounts);
		for (int i = 0; i < AMOUNT_COUNT; i++)
			ad->counts[amount_counters[i]] += part.amounts[i];
		parts->reports = realloc(parts->reports, (parts->report_count + 1) * sizeof(part));
		CHECK(parts->reports);
		parts->reports[parts->report_count++] = part;
		*is_any = true;
	}
}

static void add_ad(struct collecting *collecting, uint32_t at)
{
	struct row_parts *parts = collecting->parts;
	const struct series *series = window_look(&collecting->task->window, at);
	struct row_part ad = {.ad = series->id, .from_ms = parts->from_ms, .to_ms = parts->to_ms};
	sum_span(collecting, series, parts->from_ms, parts->to_ms);
	bool is_any = add_counts(&collecting->sum, collecting->scope->basis, ad.counts);
	add_reports(collecting, at, &ad, &is_any);
	if (!is_any)
		return;
	if (parts->is_spend_from_clicks)
		ad.counts[COUNTER_spend] = ad.counts[COUNTER_click_cost];
	add_pieces(collecting, series);
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		parts->sums[i] += ad.counts[i];
	parts->ads = realloc(parts->ads, (parts->ad_count + 1) * sizeof(ad));
	CHECK(parts->ads);
	parts->ads[parts->ad_count++] = ad;
}

static uint32_t find_series(const struct collecting *collecting)
{
	const struct series_table *table = &collecting->task->series;
	for (uint32_t i = 0; i < table->count; i++)
		if (table->series[i].level == collecting->scope->level &&
		    slice_equal(table->series[i].id, collecting->scope->id))
			return i;
	return SERIES_NONE;
}

static int64_t count_people(const struct collecting *collecting, uint32_t at)
{
	const struct row_scope *scope = collecting->scope;
	const struct series *series = window_look(&collecting->task->window, at);
	if (scope->kind == ROW_ROLLING)
		return series->people_totals[scope->window];
	return scope->is_day ? series_tally_count(&series->days, zone_day_of(series->zone, scope->from_ms))
			     : series_tally_count(&series->hours, civil_floor(scope->from_ms, HOUR_MS));
}

static void find_spend_source(struct collecting *collecting, uint32_t at)
{
	const struct series_table *table = &collecting->task->series;
	bool is_account = collecting->scope->level == LEVEL_ACCOUNT;
	uint32_t account = is_account ? at : table->series[at].parents[LEVEL_ACCOUNT];
	struct slice id = account == SERIES_NONE ? collecting->task->options->default_account
						 : table->series[account].id;
	collecting->parts->is_spend_from_clicks =
		options_account(collecting->task->options, id).spend_from == SPEND_FROM_CLICKS;
}

static void collect(struct collecting *collecting, uint32_t at)
{
	const struct series_table *table = &collecting->task->series;
	enum level level = collecting->scope->level;
	find_span(collecting, table->series[at].zone);
	find_spend_source(collecting, at);
	create_pieces(collecting);
	for (uint32_t i = 0; i < table->count; i++)
		if (table->series[i].level == LEVEL_AD &&
		    (level == LEVEL_AD ? i == at : table->series[i].parents[level] == at))
			add_ad(collecting, i);
	collecting->parts->sums[COUNTER_people] = count_people(collecting, at);
	drop_empty_pieces(collecting->parts);
}

struct row_parts *row_parts_collect(struct task *task, const struct row_scope *scope)
{
	struct collecting collecting = {.task = task, .scope = scope};
	uint32_t at = task->window.now_ms == TIME_NONE ? SERIES_NONE : find_series(&collecting);
	if (at == SERIES_NONE)
		return NULL;
	struct row_parts *parts = collecting.parts = calloc(1, sizeof(*parts));
	CHECK(parts);
	collect(&collecting, at);
	pane_clear(&collecting.sum);
	if (parts->ad_count > 0 || parts->sums[COUNTER_people] > 0)
		return parts;
	row_parts_destroy(parts);
	return NULL;
}

void row_parts_destroy(struct row_parts *parts)
{
	if (!parts)
		return;
	free(parts->ads);
	free(parts->pieces);
	free(parts->reports);
	free(parts);
}
