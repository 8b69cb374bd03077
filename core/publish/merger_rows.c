#include <stdlib.h>

#include "core/publish/norms.h"
#include "core/publish/row_json.h"

/* Where an amount of the reports stands in a row. */
static const enum counter amount_counters[AMOUNT_COUNT] = {
	[AMOUNT_IMPRESSIONS] = COUNTER_impressions,
	[AMOUNT_CLICKS] = COUNTER_reported_clicks,
	[AMOUNT_CONVERSATIONS] = COUNTER_reported_conversations,
	[AMOUNT_SPEND] = COUNTER_spend,
};

static void put_counts(const struct cell *cell, enum basis basis, const struct account_options *account,
		       struct row *row)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		row->counts[i] = slot_of[i][basis] == SLOT_NONE ? 0 : cell->sums.sums[slot_of[i][basis]];
	for (int i = 0; i < AMOUNT_COUNT; i++)
		row->counts[amount_counters[i]] = cell->amounts[i];
	row->counts[COUNTER_people] = cell->people;
	if (account->spend_from == SPEND_FROM_CLICKS)
		row->counts[COUNTER_spend] = row->counts[COUNTER_click_cost];
}

static void put_times(const struct cell *cell, enum basis basis, struct row *row)
{
	row->times_ms[ROW_RESPONSE_P50] = pane_quantile_ms(&cell->sums, HISTOGRAM_RESPONSE, basis, 50);
	row->times_ms[ROW_RESPONSE_P90] = pane_quantile_ms(&cell->sums, HISTOGRAM_RESPONSE, basis, 90);
	row->times_ms[ROW_CLOSE_TIME_P50] = pane_quantile_ms(&cell->sums, HISTOGRAM_CLOSE_TIME, basis, 50);
	row->times_ms[ROW_CLOSE_TIME_P90] = pane_quantile_ms(&cell->sums, HISTOGRAM_CLOSE_TIME, basis, 90);
}

static bool row_is_empty(const struct row *row)
{
	int64_t any = 0;
	for (int i = 0; i < COUNTER_COUNT; i++)
		any |= row->counts[i];
	return any == 0;
}

static struct slice window_name(const struct merger *merger, const struct span *span)
{
	if (span->kind == SPAN_WINDOW)
		return slice_from(merger->options->windows[span->window].name);
	return slice_from(span->kind == SPAN_HOUR ? "1h" : "1d");
}

static struct row make_row(const struct merger *merger, const struct cell *cell, enum basis basis)
{
	const struct entity *entity = &merger->entities[cell->entity];
	struct shown shown = entity_shown(merger, cell->entity);
	struct span span = span_bounds(merger, &cell->span);
	struct account_options account = options_account(merger->options, shown.parents[LEVEL_ACCOUNT]);
	struct row row = {
		.kind = span.kind == SPAN_WINDOW ? ROW_ROLLING : ROW_BUCKET,
		.basis = basis,
		.level = entity->level,
		.is_settled = span_is_settled(merger, &span, basis),
		.id = entity->id,
		.name = shown.name,
		.account = shown.parents[LEVEL_ACCOUNT],
		.campaign = shown.parents[LEVEL_CAMPAIGN],
		.adset = shown.parents[LEVEL_ADSET],
		.window = window_name(merger, &span),
		.currency = account.currency,
		.from_ms = span.from_ms,
		.to_ms = span.to_ms,
	};
	if (entity->level == LEVEL_AD)
		row.ad = entity->id;
	put_counts(cell, basis, &account, &row);
	put_times(cell, basis, &row);
	row.judgement = norms_judge(merger, cell, basis);
	return row;
}

static bool send(struct row_text *text, const struct row *row, merger_row_sink *sink, void *ctx)
{
	text->key.len = text->value.len = 0;
	row_put_key(row, &text->key);
	row_put_json(row, buffer_slice(&text->key), &text->value);
	return sink(ctx, buffer_slice(&text->key), buffer_slice(&text->value), row->kind == ROW_BUCKET);
}

/* Publishes both rows of a cell. False: there was no room. */
static bool publish_cell(struct merger *merger, struct cell *cell, merger_row_sink *sink, void *ctx,
			 size_t *count)
{
	struct judgement said[BASIS_COUNT] = {0};
	if (cell->is_left)
		return true;
	norms_prepare(merger, cell);
	for (enum basis basis = 0; basis < BASIS_COUNT; basis++) {
		struct row row = make_row(merger, cell, basis);
		bool is_empty = row_is_empty(&row);
		if (is_empty && !cell->is_published[basis])
			continue;
		row.revision = ++merger->revision;
		if (!send(&merger->text, &row, sink, ctx))
			return false;
		cell->is_published[basis] = !is_empty;
		cell->is_settled[basis] = row.is_settled;
		said[basis] = row.judgement;
		if (cell->span.kind != SPAN_WINDOW && !row.is_settled)
			cell_note_unsettled(merger, cell, basis);
		++*count;
	}
	norms_keep(merger, cell, said);
	return true;
}

/* A 64th of the emit time, rounded up. */
static int64_t tick_ms(const struct merger *merger, size_t list)
{
	int64_t emit_ms = list == WAITING_HISTORY
			  ? merger->options->history_emit_ms
			  : merger->options->windows[list].emit_ms;
	return emit_ms > WAITING_TICKS ? (emit_ms + WAITING_TICKS - 1) / WAITING_TICKS : 1;
}

/* The cells at the front go out, what is left moves up. False: some are left. */
static bool publish_slot(struct merger *merger, struct waiting *waiting, size_t row_limit,
			 merger_row_sink *sink, void *ctx, size_t *row_count)
{
	struct cell_list *list = &waiting->slots[waiting->tick % WAITING_SLOTS];
	size_t done = 0;
	for (; done < list->count && *row_count < row_limit; done++) {
		struct cell *cell = list->cells[done];
		if (!publish_cell(merger, cell, sink, ctx, row_count))
			break;
		cell->is_waiting = false;
		cell->out_tick = (uint16_t)waiting->now;
	}
	waiting->count -= done;
	list->count -= done;
	if (done)
		memmove(list->cells, list->cells + done, list->count * sizeof(struct cell *));
	return list->count == 0;
}

/* The wheel reaches WAITING_TICKS beyond now: whoever has waited too long for that stands in one slot. */
static void keep_up(struct waiting *waiting)
{
	const uint64_t behind_max = WAITING_SLOTS - WAITING_TICKS - 2;
	uint64_t least = waiting->now > behind_max ? waiting->now - behind_max : 0;
	struct cell_list all = {0};
	if (waiting->tick >= least)
		return;
	for (uint64_t i = 0; i < WAITING_SLOTS && waiting->tick + i <= least; i++) {
		struct cell_list *slot = &waiting->slots[(waiting->tick + i) % WAITING_SLOTS];
		for (size_t j = 0; j < slot->count; j++)
			cell_list_push(&all, slot->cells[j]);
		slot->count = 0;
	}
	struct cell_list *slot = &waiting->slots[least % WAITING_SLOTS];
	free(slot->cells);
	*slot = all;
	waiting->tick = least;
}

/* Whoever is due by now. */
static void publish_due(struct merger *merger, struct waiting *waiting, uint64_t until, size_t row_limit,
			merger_row_sink *sink, void *ctx, size_t *row_count)
{
	while (waiting->count > 0 && waiting->tick <= until) {
		if (!publish_slot(merger, waiting, row_limit, sink, ctx, row_count))
			return;
		if (waiting->tick == until)
			break;
		waiting->tick++;
	}
	if (waiting->count == 0)
		waiting->tick = waiting->now;
}

size_t merger_publish(struct merger *merger, int64_t wall_ms, size_t row_limit, uint64_t revision_floor,
		      merger_row_sink *sink, void *ctx)
{
	size_t row_count = 0, first = merger->next_waiting;
	bool is_at_once = wall_ms >= MERGER_AT_ONCE;
	if (merger->revision < revision_floor)
		merger->revision = revision_floor;
	norms_renew(merger, wall_ms);
	for (size_t i = 0; i < WAITING_COUNT && row_count < row_limit; i++) {
		size_t number = (first + i) % WAITING_COUNT, row_count_before = row_count;
		struct waiting *waiting = &merger->waiting[number];
		uint64_t now = is_at_once ? waiting->now : (uint64_t)(wall_ms / tick_ms(merger, number));
		waiting->now = now > waiting->now ? now : waiting->now;
		keep_up(waiting);
		publish_due(merger, waiting, is_at_once ? waiting->tick + WAITING_SLOTS - 1 : waiting->now,
			    row_limit, sink, ctx, &row_count);
		if (row_count > row_count_before)
			merger->next_waiting = (number + 1) % WAITING_COUNT;
	}
	return row_count;
}

uint64_t merger_revision(const struct merger *merger)
{
	return merger->revision;
}

/* When the first of a list is due; there is one. */
static int64_t first_due_ms(const struct merger *merger, size_t list)
{
	const struct waiting *waiting = &merger->waiting[list];
	uint64_t tick = waiting->tick;
	while (waiting->slots[tick % WAITING_SLOTS].count == 0)
		tick++;
	return (int64_t)tick * tick_ms(merger, list);
}

bool merger_is_waiting(const struct merger *merger, int64_t *due_ms)
{
	bool is_waiting = norms_are_waiting(merger, due_ms);
	for (size_t i = 0; i < WAITING_COUNT; i++) {
		if (merger->waiting[i].count == 0)
			continue;
		int64_t at_ms = first_due_ms(merger, i);
		if (!is_waiting || at_ms < *due_ms)
			*due_ms = at_ms;
		is_waiting = true;
	}
	return is_waiting;
}

size_t merger_waiting_count(const struct merger *merger)
{
	size_t cell_count = 0;
	for (size_t i = 0; i < WAITING_COUNT; i++)
		cell_count += merger->waiting[i].count;
	return cell_count * BASIS_COUNT;
}

/* Cells of one entity whose keys differ by their time alone, in that order. */
struct print_run {
	struct cell *const *cells;
	size_t count;
	enum basis basis;
	struct slice key; /* of the first; owned */
};

struct merger_print {
	const struct merger *merger;
	struct print_run *runs;
	size_t count;
	size_t capacity;
};

static void add_run(struct merger_print *print, struct cell *const *cells, size_t count)
{
	for (enum basis basis = 0; basis < BASIS_COUNT && count > 0; basis++) {
		if (print->count == print->capacity) {
			print->capacity = print->capacity ? 2 * print->capacity : 256;
			print->runs = realloc(print->runs, print->capacity * sizeof(*print->runs));
			CHECK(print->runs);
		}
		struct row row = make_row(print->merger, cells[0], basis);
		struct buffer key = {0};
		row_put_key(&row, &key);
		print->runs[print->count++] = (struct print_run){cells, count, basis, buffer_slice(&key)};
	}
}

static int compare_runs(const void *a, const void *b)
{
	return slice_compare(((const struct print_run *)a)->key, ((const struct print_run *)b)->key);
}

struct merger_print *merger_print_create(struct merger *merger)
{
	struct merger_print *print = calloc(1, sizeof(*print));
	CHECK(print);
	print->merger = merger;
	norms_prepare_all(merger);
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		const struct entity *entity = &merger->entities[i];
		for (size_t w = 0; w < merger->options->window_count; w++)
			add_run(print, &entity->windows[w], entity->windows[w] != NULL);
		add_run(print, entity->hours.cells, entity->hours.count);
		add_run(print, entity->days.cells, entity->days.count);
	}
	if (print->count)
		qsort(print->runs, print->count, sizeof(*print->runs), compare_runs);
	return print;
}

void merger_print_destroy(struct merger_print *print)
{
	for (size_t i = 0; i < print->count; i++)
		free((char *)print->runs[i].key.data);
	free(print->runs);
	free(print);
}

size_t merger_print_parts(const struct merger_print *print)
{
	return print->count;
}

void merger_print_part(const struct merger_print *print, size_t part, merger_row_sink *sink, void *ctx)
{
	const struct print_run *run = &print->runs[part];
	struct row_text text = {0};
	for (size_t i = 0; i < run->count; i++) {
		struct row row = make_row(print->merger, run->cells[i], run->basis);
		if (!row_is_empty(&row))
			send(&text, &row, sink, ctx);
	}
	buffer_destroy(&text.key);
	buffer_destroy(&text.value);
}

void merger_print(struct merger *merger, merger_row_sink *sink, void *ctx)
{
	struct merger_print *print = merger_print_create(merger);
	for (size_t i = 0; i < merger_print_parts(print); i++)
		merger_print_part(print, i, sink, ctx);
	merger_print_destroy(print);
}

static bool cell_is_sum_of_parts(const struct cell *cell, bool has_panes)
{
	struct pane sum = {0};
	int64_t people = 0;
	for (size_t i = 0; i < cell->part_count; i++) {
		people += cell->parts[i].people;
		thin_add_to_pane(cell->parts[i].sums, &sum, 1);
	}
	bool is_sum = people == cell->people && (!has_panes || pane_equal(&sum, &cell->sums));
	pane_clear(&sum);
	return is_sum;
}

void merger_check(const struct merger *merger)
{
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		const struct entity *entity = &merger->entities[i];
		bool is_ad = entity->level == LEVEL_AD;
		if (entity->level == LEVEL_ACCOUNT)
			norms_check(merger, i);
		for (size_t w = 0; w < merger->options->window_count; w++)
			CHECK(!entity->windows[w] || cell_is_sum_of_parts(entity->windows[w], is_ad));
		for (size_t h = 0; h < entity->hours.count; h++)
			CHECK(cell_is_sum_of_parts(entity->hours.cells[h], is_ad));
		for (size_t d = 0; d < entity->days.count; d++)
			CHECK(cell_is_sum_of_parts(entity->days.cells[d], is_ad));
	}
}
