#include "core/publish/cells.h"

#include <stdlib.h>

#include "core/base/hash.h"
#include "core/publish/norms.h"

static void *allocate(size_t count, size_t size)
{
	void *array = calloc(count ? count : 1, size);
	CHECK(array);
	return array;
}

void cell_destroy(struct cell *cell)
{
	if (!cell)
		return;
	for (size_t i = 0; i < cell->part_count; i++)
		free(cell->parts[i].sums);
	free(cell->parts);
	pane_clear(&cell->sums);
	free(cell);
}

static void cell_list_destroy(struct cell_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		cell_destroy(list->cells[i]);
	free(list->cells);
}

void entity_destroy(struct entity *entity, size_t window_count)
{
	for (size_t w = 0; w < window_count; w++)
		cell_destroy(entity->windows[w]);
	free(entity->windows);
	cell_list_destroy(&entity->hours);
	cell_list_destroy(&entity->days);
	names_destroy(&entity->names);
	for (size_t i = 0; i < entity->task_report_count; i++)
		reports_destroy(&entity->task_reports[i].reports);
	free(entity->task_reports);
	reports_destroy(&entity->reports);
	norms_destroy(entity->norms);
	free((char *)entity->id.data);
}

static uint32_t find_index(const struct merger *merger, enum level level, struct slice id)
{
	uint32_t mask = merger->index_size - 1;
	uint32_t at = (uint32_t)(hash_text(id) + level) & mask;
	for (;; at = (at + 1) & mask) {
		uint32_t found = merger->index[at];
		if (found == ENTITY_NONE)
			return at;
		if (merger->entities[found].level == level && slice_equal(merger->entities[found].id, id))
			return at;
	}
}

uint32_t entity_find(const struct merger *merger, enum level level, struct slice id)
{
	return merger->index_size ? merger->index[find_index(merger, level, id)] : ENTITY_NONE;
}

static void grow_index(struct merger *merger)
{
	free(merger->index);
	merger->index_size = merger->index_size ? 2 * merger->index_size : 64;
	merger->index = allocate(merger->index_size, sizeof(*merger->index));
	memset(merger->index, 0xff, merger->index_size * sizeof(*merger->index));
	for (uint32_t i = 0; i < merger->entity_count; i++)
		merger->index[find_index(merger, merger->entities[i].level, merger->entities[i].id)] = i;
}

static struct entity *add_entity(struct merger *merger, struct entity_ref ref)
{
	if (merger->entity_count == merger->entity_capacity) {
		merger->entity_capacity = merger->entity_capacity ? 2 * merger->entity_capacity : 64;
		merger->entities =
			realloc(merger->entities, merger->entity_capacity * sizeof(*merger->entities));
		CHECK(merger->entities);
	}
	struct entity *entity = &merger->entities[merger->entity_count];
	char *copy = allocate(ref.id.len, 1);
	memcpy(copy, ref.id.data, ref.id.len);
	*entity = (struct entity){
		.level = ref.level,
		.is_organic = ref.is_organic,
		.id = {copy, ref.id.len},
		.windows = allocate(merger->options->window_count, sizeof(*entity->windows)),
		.first_ad = ENTITY_NONE,
	};
	names_create(&entity->names);
	for (int i = 0; i < PARENT_COUNT; i++)
		entity->parents[i] = entity->next_ad[i] = ENTITY_NONE;
	if (ref.level == LEVEL_ACCOUNT)
		entity->norms = norms_create(options_account(merger->options, ref.id).spend_from);
	return entity;
}

uint32_t entity_intern(struct merger *merger, struct entity_ref ref)
{
	if ((merger->entity_count + 1) * 2 > merger->index_size)
		grow_index(merger);
	uint32_t at = find_index(merger, ref.level, ref.id);
	if (merger->index[at] == ENTITY_NONE) {
		add_entity(merger, ref);
		merger->index[at] = merger->entity_count++;
	}
	return merger->index[at];
}

void cell_list_push(struct cell_list *list, struct cell *cell)
{
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 16;
		list->cells = realloc(list->cells, list->capacity * sizeof(struct cell *));
		CHECK(list->cells);
	}
	list->cells[list->count++] = cell;
}

static struct waiting *waiting_of(struct merger *merger, const struct span *span)
{
	return &merger->waiting[span->kind == SPAN_WINDOW ? span->window : WAITING_HISTORY];
}

static struct cell *create_cell(struct merger *merger, uint32_t entity, const struct span *span)
{
	struct cell *cell = allocate(1, sizeof(*cell));
	cell->entity = entity;
	cell->span = *span;
	cell->judged = JUDGED_NONE;
	cell->out_tick = (uint16_t)(waiting_of(merger, span)->now - WAITING_TICKS - 1); /* due at once */
	for (int basis = 0; basis < BASIS_COUNT; basis++)
		cell->is_published[basis] = merger->is_published_expected;
	return cell;
}

/* Days of two time zones may begin together and end apart: the list is sorted by both ends. */
static bool span_is_after(const struct span *a, const struct span *b)
{
	return a->from_ms != b->from_ms ? a->from_ms > b->from_ms : a->to_ms > b->to_ms;
}

/* Where the cell of a span is in its list, or belongs. Hours are distinct: where none is missing the place
 * follows from the first and the last one, without a look at those between. */
static size_t find_place(const struct cell_list *list, const struct span *span)
{
	size_t low = 0, high = list->count;
	if (span->kind == SPAN_HOUR && list->count > 0) {
		int64_t below = (span->from_ms - list->cells[0]->span.from_ms) / HOUR_MS;
		int64_t above = (list->cells[list->count - 1]->span.from_ms - span->from_ms) / HOUR_MS;
		if (below < 0)
			return 0;
		if (above < 0)
			return list->count;
		low = (uint64_t)above < list->count ? list->count - 1 - (size_t)above : 0;
		high = (uint64_t)below < list->count ? (size_t)below : list->count;
	}
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (span_is_after(span, &list->cells[middle]->span))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct cell_list *list_of(struct entity *entity, const struct span *span)
{
	return span->kind == SPAN_HOUR ? &entity->hours : &entity->days;
}

static bool is_at(const struct cell_list *list, size_t place, const struct span *span)
{
	return place < list->count && list->cells[place]->span.from_ms == span->from_ms &&
	       list->cells[place]->span.to_ms == span->to_ms;
}

struct cell *cell_find(const struct merger *merger, uint32_t at, const struct span *span)
{
	struct entity *entity = &merger->entities[at];
	if (span->kind == SPAN_WINDOW)
		return entity->windows[span->window];
	const struct cell_list *list = list_of(entity, span);
	size_t place = find_place(list, span);
	return is_at(list, place, span) ? list->cells[place] : NULL;
}

static size_t insert_cell(struct cell_list *list, struct cell *cell)
{
	size_t place = find_place(list, &cell->span);
	cell_list_push(list, cell);
	memmove(&list->cells[place + 1], &list->cells[place],
		(list->count - 1 - place) * sizeof(struct cell *));
	list->cells[place] = cell;
	return place;
}

static struct cell *add_cell(struct merger *merger, uint32_t at, const struct span *span)
{
	struct cell *cell = create_cell(merger, at, span);
	if (span->kind == SPAN_WINDOW) {
		merger->entities[at].windows[span->window] = cell;
	} else {
		struct cell_list *list = list_of(&merger->entities[at], span);
		list->last = insert_cell(list, cell);
	}
	if (merger->is_published_expected)
		cell_wait(merger, cell);
	return cell;
}

struct cell *cell_at(struct merger *merger, uint32_t at, const struct span *span)
{
	struct entity *entity = &merger->entities[at];
	if (span->kind == SPAN_WINDOW)
		return entity->windows[span->window] ? entity->windows[span->window]
						     : add_cell(merger, at, span);
	struct cell_list *list = list_of(entity, span);
	size_t place = list->last; /* mostly it or the next: tasks say an ad's spans in the order of time */
	if (!is_at(list, place, span) && !is_at(list, ++place, span)) {
		place = find_place(list, span);
		if (!is_at(list, place, span))
			return add_cell(merger, at, span);
	}
	list->last = place;
	return list->cells[place];
}

static int64_t settled_from_ms(const struct merger *merger, const struct span *span, enum basis basis)
{
	int64_t settled_ms = span->to_ms + merger->options->lateness_ms;
	return basis == BASIS_COHORT ? settled_ms + merger->options->outcome_window_ms : settled_ms;
}

bool span_is_settled(const struct merger *merger, const struct span *span, enum basis basis)
{
	return span->kind != SPAN_WINDOW && merger->now_ms >= settled_from_ms(merger, span, basis);
}

void cell_note_unsettled(struct merger *merger, const struct cell *cell, enum basis basis)
{
	int64_t settled_ms = settled_from_ms(merger, &cell->span, basis);
	if (settled_ms < merger->settle_due_ms)
		merger->settle_due_ms = settled_ms;
}

bool span_is_frozen(const struct merger *merger, const struct span *span)
{
	return merger->frozen_at_ms != TIME_NONE && span->kind != SPAN_WINDOW &&
	       span->to_ms < merger->frozen_at_ms - merger->options->retention_ms;
}

void entity_each_cell(struct merger *merger, uint32_t at,
		      void (*call)(struct merger *, struct cell *, void *), void *ctx)
{
	const struct entity *entity = &merger->entities[at];
	for (size_t w = 0; w < merger->options->window_count; w++)
		if (entity->windows[w])
			call(merger, entity->windows[w], ctx);
	for (size_t i = 0; i < entity->hours.count; i++)
		call(merger, entity->hours.cells[i], ctx);
	for (size_t i = 0; i < entity->days.count; i++)
		call(merger, entity->days.cells[i], ctx);
}

void cell_wait(struct merger *merger, struct cell *cell)
{
	if (cell->is_waiting)
		return;
	cell->is_waiting = true;
	struct waiting *waiting = waiting_of(merger, &cell->span);
	uint16_t age = (uint16_t)(waiting->now - cell->out_tick);
	uint64_t due = waiting->now + (age <= WAITING_TICKS ? WAITING_TICKS + 1u - age : 0);
	uint64_t last = waiting->tick + WAITING_SLOTS - 1;
	due = due < waiting->tick ? waiting->tick : due > last ? last : due;
	cell_list_push(&waiting->slots[due % WAITING_SLOTS], cell);
	waiting->count++;
}

struct span span_bounds(const struct merger *merger, const struct span *span)
{
	struct span bounds = *span;
	if (span->kind == SPAN_WINDOW) {
		bounds.to_ms = merger->window_ends_ms[span->window];
		bounds.from_ms = bounds.to_ms - merger->options->windows[span->window].length_ms;
	}
	return bounds;
}

static struct slice text_of(const struct entity *entity, enum name_field field)
{
	return entity->names.fields[field].time_ms == TIME_NONE
	       ? (struct slice){NULL, 0}
	       : entity->names.fields[field].text;
}

static struct shown shown_of_ad(const struct merger *merger, const struct entity *ad)
{
	struct shown shown = {.name = text_of(ad, NAME_AD_NAME)};
	for (int level = 0; level < PARENT_COUNT; level++)
		if (ad->parents[level] != ENTITY_NONE)
			shown.parents[level] = merger->entities[ad->parents[level]].id;
	return shown;
}

static struct shown shown_of_parent(const struct merger *merger, const struct entity *entity)
{
	struct shown shown = {0};
	for (enum level level = 0; level < entity->level; level++)
		shown.parents[level] = text_of(entity, (enum name_field)level);
	if (entity->level != LEVEL_ACCOUNT && shown.parents[LEVEL_ACCOUNT].len == 0)
		shown.parents[LEVEL_ACCOUNT] = merger->options->default_account;
	shown.parents[entity->level] = entity->id;
	if (entity->level == LEVEL_CAMPAIGN)
		shown.name = text_of(entity, NAME_CAMPAIGN_NAME);
	if (entity->level == LEVEL_ADSET)
		shown.name = text_of(entity, NAME_ADSET_NAME);
	return shown;
}

struct shown entity_shown(const struct merger *merger, uint32_t at)
{
	const struct entity *entity = &merger->entities[at];
	return entity->level == LEVEL_AD ? shown_of_ad(merger, entity) : shown_of_parent(merger, entity);
}

/* Whether the rows of a level show a field of the newest ad below. */
static bool is_shown(enum level level, enum name_field field)
{
	return (int)field < (int)level || (level == LEVEL_CAMPAIGN && field == NAME_CAMPAIGN_NAME) ||
	       (level == LEVEL_ADSET && field == NAME_ADSET_NAME);
}

bool entity_note_ad(struct merger *merger, uint32_t parent, uint32_t ad)
{
	struct entity *entity = &merger->entities[parent];
	bool is_other = false;
	for (enum name_field field = 0; field < NAME_FIELD_COUNT; field++) {
		const struct name_note *note = &merger->entities[ad].names.fields[field];
		if (note->time_ms != TIME_NONE && is_shown(entity->level, field))
			is_other |= names_note(&entity->names, field, note);
	}
	return is_other;
}
