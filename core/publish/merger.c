#include <stdlib.h>

#include "core/base/civil.h"
#include "core/publish/norms.h"

struct merger *merger_create(const struct options *options, judge_row *judge)
{
	struct merger *merger = calloc(1, sizeof(*merger));
	CHECK(merger);
	merger->options = options;
	merger->judge = judge;
	merger->norm_window = norms_find_window(options);
	merger->judged.first_free = JUDGED_NONE;
	merger->now_ms = merger->frozen_at_ms = TIME_NONE;
	merger->settle_due_ms = INT64_MAX;
	return merger;
}

void merger_destroy(struct merger *merger)
{
	for (uint32_t i = 0; i < merger->entity_count; i++)
		entity_destroy(&merger->entities[i], merger->options->window_count);
	free(merger->entities);
	free(merger->index);
	for (size_t i = 0; i < WAITING_COUNT * WAITING_SLOTS; i++)
		free(merger->waiting[i / WAITING_SLOTS].slots[i % WAITING_SLOTS].cells);
	norms_renewal_destroy(merger);
	buffer_destroy(&merger->text.key);
	buffer_destroy(&merger->text.value);
	free(merger);
}

/* The numbers that travel from an ad's cell to the cells above it. */
struct difference {
	const struct slot_sum *sums;
	size_t count;
	int64_t amounts[AMOUNT_COUNT];
};

static void cell_add(struct merger *merger, struct cell *cell, const struct difference *difference,
		     int64_t sign)
{
	pane_add_sums(&cell->sums, difference->sums, difference->count, sign);
	for (int i = 0; i < AMOUNT_COUNT; i++)
		cell->amounts[i] = wrap_add(cell->amounts[i], difference->amounts[i], sign);
	cell_wait(merger, cell);
	if (merger->entities[cell->entity].level == LEVEL_ACCOUNT)
		norms_note_change(merger, cell->entity);
}

/* All are found before any is added to: they come from memory at the same time then. */
static void add_to_ad_and_parents(struct merger *merger, uint32_t ad, const struct span *span,
				  const struct difference *difference)
{
	struct cell *cells[1 + PARENT_COUNT] = {cell_at(merger, ad, span)};
	size_t count = 1;
	for (int level = 0; level < PARENT_COUNT; level++) {
		uint32_t parent = merger->entities[ad].parents[level];
		if (parent != ENTITY_NONE)
			cells[count++] = cell_at(merger, parent, span);
	}
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(cells[i]->sums.bins);
	for (size_t i = 0; i < count; i++)
		cell_add(merger, cells[i], difference, 1);
}

/* Brings what the ad's reports give to a span up to date. Makes no cell to hold zeros. */
static void refresh_amounts(struct merger *merger, uint32_t ad, const struct span *span)
{
	if (span_is_frozen(merger, span))
		return;
	struct span bounds = span_bounds(merger, span);
	struct difference difference = {0};
	reports_sum(&merger->entities[ad].reports, bounds.from_ms, bounds.to_ms, difference.amounts);
	const struct cell *cell = cell_find(merger, ad, span);
	bool is_other = false;
	for (int i = 0; i < AMOUNT_COUNT; i++) {
		difference.amounts[i] = wrap_add(difference.amounts[i], cell ? cell->amounts[i] : 0, -1);
		is_other |= difference.amounts[i] != 0;
	}
	if (is_other)
		add_to_ad_and_parents(merger, ad, span, &difference);
}

static void refresh_history(struct merger *merger, uint32_t ad, bool is_day, int64_t from_ms, int64_t to_ms)
{
	const struct zone *zone = merger->entities[ad].zone;
	if (!is_day) {
		for (int64_t hour = civil_floor(from_ms, HOUR_MS); hour * HOUR_MS < to_ms; hour++)
			refresh_amounts(merger, ad,
					&(struct span){SPAN_HOUR, 0, hour * HOUR_MS, (hour + 1) * HOUR_MS});
		return;
	}
	for (int64_t day = zone_day_of(zone, from_ms); zone_day_start_ms(zone, day) < to_ms; day++) {
		struct span span =
			{SPAN_DAY, 0, zone_day_start_ms(zone, day), zone_day_start_ms(zone, day + 1)};
		if (span.from_ms < span.to_ms)
			refresh_amounts(merger, ad, &span);
	}
}

static void refresh_windows(struct merger *merger, uint32_t ad)
{
	for (size_t w = 0; merger->now_ms != TIME_NONE && w < merger->options->window_count; w++)
		refresh_amounts(merger, ad, &(struct span){.kind = SPAN_WINDOW, .window = w});
}

static bool report_equal(const struct report *a, const struct report *b)
{
	return a->from_ms == b->from_ms && a->to_ms == b->to_ms && a->frozen_ms == b->frozen_ms &&
	       memcmp(a->amounts, b->amounts, sizeof(a->amounts)) == 0;
}

/* Refreshes the history under every report of `some` that counts, is not in `others` and ended since
 * since_ms. */
static void refresh_changed(struct merger *merger, uint32_t ad, const struct reports *some,
			    const struct reports *others, int64_t since_ms)
{
	size_t at = 0, other_at = 0;
	const struct report *other = reports_next(others, &other_at);
	for (const struct report *report; (report = reports_next(some, &at));) {
		while (other && other->from_ms < report->from_ms)
			other = reports_next(others, &other_at);
		if (report->to_ms < since_ms || (other && report_equal(report, other)))
			continue;
		refresh_history(merger, ad, false, report->from_ms, report->to_ms);
		refresh_history(merger, ad, true, report->from_ms, report->to_ms);
	}
}

/* Tasks forget reports that ended before it: what those gave to history stays. */
static int64_t forgotten_ms(const struct merger *merger, int64_t now_ms)
{
	if (now_ms == TIME_NONE)
		return TIME_NONE;
	return now_ms - merger->options->retention_ms - merger->options->lateness_ms;
}

static struct reports *reports_of_task(struct entity *entity, uint32_t task)
{
	for (size_t i = 0; i < entity->task_report_count; i++)
		if (entity->task_reports[i].task == task)
			return &entity->task_reports[i].reports;
	size_t count = entity->task_report_count + 1;
	entity->task_reports = realloc(entity->task_reports, count * sizeof(*entity->task_reports));
	CHECK(entity->task_reports);
	entity->task_reports[count - 1] = (struct task_reports){.task = task};
	entity->task_report_count = count;
	return &entity->task_reports[count - 1].reports;
}

static void wait_again(struct merger *merger, struct cell *cell, void *ctx)
{
	(void)ctx;
	if (!span_is_frozen(merger, &cell->span))
		cell_wait(merger, cell);
}

static void link_ad(struct merger *merger, uint32_t ad, enum level level, uint32_t parent)
{
	merger->entities[ad].parents[level] = parent;
	merger->entities[ad].next_ad[level] = merger->entities[parent].first_ad;
	merger->entities[parent].first_ad = ad;
	if (entity_note_ad(merger, parent, ad))
		entity_each_cell(merger, parent, wait_again, NULL);
}

static void unlink_ad(struct merger *merger, uint32_t ad, enum level level)
{
	struct entity *parent = &merger->entities[merger->entities[ad].parents[level]];
	uint32_t *place = &parent->first_ad;
	while (*place != ad)
		place = &merger->entities[*place].next_ad[level];
	*place = merger->entities[ad].next_ad[level];
	merger->entities[ad].parents[level] = ENTITY_NONE;
	names_destroy(&parent->names);
	for (uint32_t left = parent->first_ad; left != ENTITY_NONE;) {
		entity_note_ad(merger, (uint32_t)(parent - merger->entities), left);
		left = merger->entities[left].next_ad[level];
	}
}

static struct slice account_of_organic(struct slice id)
{
	const size_t prefix_len = sizeof("organic:") - 1;
	return (struct slice){id.data + prefix_len, id.len - prefix_len};
}

uint32_t merger_intern_ad(struct merger *merger, struct entity_ref ref)
{
	uint32_t ad = entity_intern(merger, ref);
	if (merger->entities[ad].parents[LEVEL_ACCOUNT] != ENTITY_NONE)
		return ad;
	struct slice account = ref.is_organic ? account_of_organic(ref.id) : merger->options->default_account;
	uint32_t parent = entity_intern(merger, (struct entity_ref){LEVEL_ACCOUNT, false, account});
	merger->entities[ad].zone = options_account(merger->options, account).zone;
	link_ad(merger, ad, LEVEL_ACCOUNT, parent);
	return ad;
}

void merger_put_reports(struct merger *merger, uint32_t task, struct slice id, const struct reports *reports)
{
	uint32_t ad = merger_intern_ad(merger, (struct entity_ref){LEVEL_AD, false, id});
	struct entity *entity = &merger->entities[ad];
	struct reports *place = reports_of_task(entity, task);
	reports_destroy(place);
	size_t at = 0;
	for (const struct report *report; (report = reports_next(reports, &at));) {
		struct report frozen = *report;
		frozen.frozen_ms = report->time_ms - merger->options->retention_ms;
		reports_put_best(place, &frozen);
	}
	struct reports old = entity->reports;
	entity->reports = (struct reports){0};
	for (size_t i = 0; i < entity->task_report_count; i++)
		for (size_t j = 0; j < entity->task_reports[i].reports.count; j++)
			reports_put_best(&entity->reports, &entity->task_reports[i].reports.reports[j]);
	struct reports now = entity->reports;
	refresh_changed(merger, ad, &now, &old, TIME_NONE);
	refresh_changed(merger, ad, &old, &now, forgotten_ms(merger, merger->now_ms));
	refresh_windows(merger, ad);
	reports_destroy(&old);
}

struct move {
	uint32_t parent;
	int64_t sign;
};

static void move_cell(struct merger *merger, struct cell *cell, void *ctx)
{
	const struct move *move = ctx;
	if (span_is_frozen(merger, &cell->span))
		return;
	struct slot_sum sums[SLOT_WROTE];
	struct difference difference = {sums, thin_subtract(&cell->sums, NULL, sums), {0}};
	memcpy(difference.amounts, cell->amounts, sizeof(difference.amounts));
	struct span span = cell->span;
	cell_add(merger, cell_at(merger, move->parent, &span), &difference, move->sign);
}

/* The ad leaves a parent, or comes to it, with all its numbers. */
static void move_numbers(struct merger *merger, uint32_t ad, uint32_t parent, int64_t sign)
{
	entity_each_cell(merger, ad, move_cell, &(struct move){parent, sign});
}

/* Another time zone cuts other days: the old ones are empty from now on. */
static void empty_days(struct merger *merger, uint32_t ad)
{
	struct cell_list *days = &merger->entities[ad].days;
	for (size_t i = 0; i < days->count; i++) {
		struct cell *cell = days->cells[i];
		if (span_is_frozen(merger, &cell->span))
			continue;
		for (size_t j = 0; j < cell->part_count; j++)
			free(cell->parts[j].sums);
		cell->part_count = 0;
		pane_clear(&cell->sums);
		cell->people = 0;
		memset(cell->amounts, 0, sizeof(cell->amounts));
		cell_wait(merger, cell);
	}
}

static void change_parent(struct merger *merger, uint32_t ad, enum level level, struct slice id)
{
	uint32_t old = merger->entities[ad].parents[level];
	if (old != ENTITY_NONE) {
		move_numbers(merger, ad, old, -1);
		unlink_ad(merger, ad, level);
		entity_each_cell(merger, old, wait_again, NULL);
	}
	uint32_t parent = entity_intern(merger, (struct entity_ref){level, false, id});
	link_ad(merger, ad, level, parent);
	move_numbers(merger, ad, parent, 1);
}

static void change_zone(struct merger *merger, uint32_t ad, const struct zone *zone)
{
	struct entity *entity = &merger->entities[ad];
	for (int level = 0; level < PARENT_COUNT; level++) {
		if (entity->parents[level] == ENTITY_NONE)
			continue;
		for (size_t i = 0; i < entity->days.count; i++)
			move_cell(merger, entity->days.cells[i], &(struct move){entity->parents[level], -1});
	}
	empty_days(merger, ad);
	merger->entities[ad].zone = zone;
	struct reports none = {0}, now = merger->entities[ad].reports;
	refresh_changed(merger, ad, &now, &none, TIME_NONE);
}

bool merger_put_names(struct merger *merger, struct slice id, const struct names *names)
{
	uint32_t ad = merger_intern_ad(merger, (struct entity_ref){LEVEL_AD, false, id});
	bool is_other = false, has_moved = false;
	for (int field = 0; field < NAME_FIELD_COUNT; field++) {
		const struct name_note *note = &names->fields[field];
		if (note->time_ms == TIME_NONE)
			continue;
		if (!names_note(&merger->entities[ad].names, (enum name_field)field, note))
			continue;
		is_other = true;
		if (field < PARENT_COUNT && !merger->entities[ad].is_organic) {
			uint32_t parent = merger->entities[ad].parents[field];
			if (parent != ENTITY_NONE && slice_equal(merger->entities[parent].id, note->text))
				continue;
			has_moved = true;
			change_parent(merger, ad, (enum level)field, note->text);
		}
	}
	for (int level = 0; level < PARENT_COUNT; level++) {
		uint32_t parent = merger->entities[ad].parents[level];
		if (parent != ENTITY_NONE && entity_note_ad(merger, parent, ad))
			entity_each_cell(merger, parent, wait_again, NULL);
	}
	if (!is_other)
		return false;
	entity_each_cell(merger, ad, wait_again, NULL);
	struct slice account = merger->entities[merger->entities[ad].parents[LEVEL_ACCOUNT]].id;
	const struct zone *zone = options_account(merger->options, account).zone;
	if (zone != merger->entities[ad].zone)
		change_zone(merger, ad, zone);
	return has_moved;
}

struct parents merger_parents(const struct merger *merger, struct slice id)
{
	struct parents parents = {0};
	uint32_t ad = entity_find(merger, LEVEL_AD, id);
	CHECK(ad != ENTITY_NONE);
	for (int level = 0; level < PARENT_COUNT; level++)
		if (merger->entities[ad].parents[level] != ENTITY_NONE)
			parents.ids[level] = merger->entities[merger->entities[ad].parents[level]].id;
	return parents;
}

void merger_each_parents(const struct merger *merger, merger_parents_sink *sink, void *ctx)
{
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		const struct entity *entity = &merger->entities[i];
		bool is_said = false;
		for (int level = 0; level < PARENT_COUNT; level++)
			is_said |= entity->names.fields[level].time_ms != TIME_NONE;
		if (entity->level != LEVEL_AD || !is_said)
			continue;
		struct parents parents = merger_parents(merger, entity->id);
		sink(ctx, entity->id, &parents);
	}
}

static struct part *part_of_task(struct cell *cell, uint32_t task)
{
	for (size_t i = 0; i < cell->part_count; i++)
		if (cell->parts[i].task == task)
			return &cell->parts[i];
	cell->parts = realloc(cell->parts, (cell->part_count + 1) * sizeof(*cell->parts));
	CHECK(cell->parts);
	cell->parts[cell->part_count] = (struct part){.task = task};
	return &cell->parts[cell->part_count++];
}

/* What an ad gave to the rows above it before another run ended may be gone by now. */
static void expect_rows_above(struct merger *merger, uint32_t ad, const struct span *span)
{
	for (int level = 0; level < PARENT_COUNT; level++)
		if (merger->entities[ad].parents[level] != ENTITY_NONE)
			cell_at(merger, merger->entities[ad].parents[level], span);
}

/* What a task says now, by which it has more than before. */
static struct thin *replace_sums(struct thin *before, const struct pane *pane, const struct slot_sum *more,
				 size_t more_count)
{
	struct slot_sum sums[SLOT_WROTE];
	if (!before)
		return thin_create(more, more_count);
	free(before);
	return thin_create(sums, thin_subtract(pane, NULL, sums));
}

static void put_part(struct merger *merger, uint32_t task, uint32_t entity, const struct span *span,
		     const struct pane *pane, int64_t people)
{
	if (span_is_frozen(merger, span))
		return;
	struct cell *cell = cell_at(merger, entity, span);
	struct part *part = part_of_task(cell, task);
	if (people != part->people) {
		cell->people += people - part->people;
		part->people = people;
		cell_wait(merger, cell);
	}
	if (!pane)
		return;
	if (merger->is_published_expected)
		expect_rows_above(merger, entity, span);
	struct slot_sum sums[SLOT_WROTE];
	size_t count = thin_subtract(pane, part->sums, sums);
	if (count == 0)
		return;
	part->sums = replace_sums(part->sums, pane, sums, count);
	add_to_ad_and_parents(merger, entity, span, &(struct difference){.sums = sums, .count = count});
}

static uint32_t intern(struct merger *merger, struct entity_ref ref)
{
	return ref.level == LEVEL_AD ? merger_intern_ad(merger, ref) : entity_intern(merger, ref);
}

void merger_put_window(struct merger *merger, uint32_t task, struct entity_ref ref, size_t window,
		       const struct pane *pane, int64_t people)
{
	put_part(merger, task, intern(merger, ref), &(struct span){.kind = SPAN_WINDOW, .window = window},
		 pane, people);
}

static bool is_day_of(const struct zone *zone, int64_t from_ms, int64_t to_ms)
{
	int64_t day = zone_day_of(zone, from_ms);
	return zone_day_start_ms(zone, day) == from_ms && zone_day_start_ms(zone, day + 1) == to_ms;
}

void merger_put_span(struct merger *merger, uint32_t task, struct entity_ref ref, bool is_day,
		     int64_t from_ms, int64_t to_ms, const struct pane *pane, int64_t people)
{
	uint32_t entity = intern(merger, ref);
	if (is_day && ref.level == LEVEL_AD && !is_day_of(merger->entities[entity].zone, from_ms, to_ms))
		return;
	put_part(merger, task, entity, &(struct span){is_day ? SPAN_DAY : SPAN_HOUR, 0, from_ms, to_ms}, pane,
		 people);
}

static void drop_part(struct merger *merger, struct cell *cell, void *ctx)
{
	uint32_t task = *(const uint32_t *)ctx;
	for (size_t i = 0; i < cell->part_count; i++) {
		if (cell->parts[i].task != task)
			continue;
		struct pane zero = {0};
		struct span span = cell->span;
		put_part(merger, task, cell->entity, &span, cell->parts[i].sums ? &zero : NULL, 0);
		return;
	}
}

void merger_drop_task(struct merger *merger, uint32_t task)
{
	for (uint32_t i = 0; i < merger->entity_count; i++)
		entity_each_cell(merger, i, drop_part, &task);
}

static void publish_cell_again(struct merger *merger, struct cell *cell, void *ctx)
{
	(void)ctx;
	for (int basis = 0; basis < BASIS_COUNT; basis++)
		cell->is_published[basis] = true;
	cell_wait(merger, cell);
}

void merger_publish_again(struct merger *merger)
{
	for (uint32_t i = 0; i < merger->entity_count; i++)
		entity_each_cell(merger, i, publish_cell_again, NULL);
}

static void slide(struct merger *merger, size_t window)
{
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		struct entity *entity = &merger->entities[i];
		if (entity->reports.count)
			refresh_amounts(merger, i, &(struct span){.kind = SPAN_WINDOW, .window = window});
		struct cell *cell = merger->entities[i].windows[window];
		if (cell && (cell->is_published[BASIS_EVENT] || cell->is_published[BASIS_COHORT]))
			cell_wait(merger, cell);
	}
}

/* Hours and days that nothing can change any more say so once. */
static void settle(struct merger *merger, const struct cell_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct cell *cell = list->cells[i];
		for (enum basis basis = 0; basis < BASIS_COUNT; basis++) {
			if (!cell->is_published[basis] || cell->is_settled[basis])
				continue;
			if (span_is_settled(merger, &cell->span, basis))
				cell_wait(merger, cell);
			else
				cell_note_unsettled(merger, cell, basis);
		}
	}
}

static void settle_history(struct merger *merger)
{
	merger->settle_due_ms = INT64_MAX;
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		settle(merger, &merger->entities[i].hours);
		settle(merger, &merger->entities[i].days);
	}
}

void merger_advance(struct merger *merger, int64_t now_ms)
{
	if (now_ms <= merger->now_ms)
		return;
	merger->now_ms = now_ms;
	for (size_t w = 0; w < merger->options->window_count; w++) {
		int64_t slide_ms = merger->options->windows[w].slide_ms;
		int64_t end_ms = (civil_floor(now_ms, slide_ms) + 1) * slide_ms;
		if (end_ms == merger->window_ends_ms[w])
			continue;
		merger->window_ends_ms[w] = end_ms;
		slide(merger, w);
	}
	if (now_ms >= merger->settle_due_ms)
		settle_history(merger);
}

void merger_freeze(struct merger *merger, int64_t now_ms)
{
	if (now_ms > merger->frozen_at_ms)
		merger->frozen_at_ms = now_ms;
}

static void leave_frozen(struct merger *merger, struct cell *cell, void *ctx)
{
	(void)ctx;
	cell->is_left |= span_is_frozen(merger, &cell->span);
}

void merger_leave_frozen(struct merger *merger)
{
	for (uint32_t i = 0; i < merger->entity_count; i++)
		entity_each_cell(merger, i, leave_frozen, NULL);
}

void merger_expect_published(struct merger *merger, bool is_expected)
{
	merger->is_published_expected = is_expected;
}

static void forget_cells(struct merger *merger, struct cell_list *list)
{
	int64_t before_ms = forgotten_ms(merger, merger->frozen_at_ms);
	size_t gone = 0;
	while (gone < list->count && list->cells[gone]->span.to_ms < before_ms &&
	       !list->cells[gone]->is_waiting) {
		norms_drop(merger, list->cells[gone]);
		cell_destroy(list->cells[gone++]);
	}
	list->count -= gone;
	if (gone)
		memmove(list->cells, list->cells + gone, list->count * sizeof(struct cell *));
}

void merger_forget(struct merger *merger)
{
	for (uint32_t i = 0; i < merger->entity_count; i++) {
		forget_cells(merger, &merger->entities[i].hours);
		forget_cells(merger, &merger->entities[i].days);
	}
}
