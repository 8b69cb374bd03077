#include "core/model/step.h"

#include <stdlib.h>

const struct counter_row counter_rows[COUNTER_COUNT] = {
#define COUNTER(name, time, unit, sentence) {#name, TIME_##time, UNIT_##unit, sentence},
#include "core/model/counters.def"
#undef COUNTER
};

#define BOTH_SHARED(name) {SLOT_##name, SLOT_##name}
#define BOTH_MOVED(name) {SLOT_##name, SLOT_cohort_##name}
#define BOTH_REPORT(name) {SLOT_NONE, SLOT_NONE}
#define BOTH_PEOPLE(name) {SLOT_NONE, SLOT_NONE}
const uint16_t slot_of[COUNTER_COUNT][BASIS_COUNT] = {
#define COUNTER(name, time, unit, sentence) BOTH_##time(name),
#include "core/model/counters.def"
#undef COUNTER
};

void step_list_destroy(struct step_list *list)
{
	free(list->steps);
	*list = (struct step_list){0};
}

void step_list_grow(struct step_list *list)
{
	list->capacity = list->capacity ? 2 * list->capacity : STEP_LIST_ROOM;
	list->steps = realloc(list->steps, list->capacity * sizeof(*list->steps));
	CHECK(list->steps);
}

static int step_compare(const void *left, const void *right)
{
	const struct step *a = left, *b = right;
	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->time_ms != b->time_ms)
		return a->time_ms < b->time_ms ? -1 : 1;
	return (a->before_ms > b->before_ms) - (a->before_ms < b->before_ms);
}

static void drop_zeros(struct step_list *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++)
		if (list->steps[i].delta)
			list->steps[kept++] = list->steps[i];
	list->count = kept;
}

/* Where both are short, looking through them is quicker than sorting. */
static void subtract_few(struct step_list *after, const struct step_list *before)
{
	size_t count = after->count;
	for (size_t i = 0; i < before->count; i++) {
		struct step taken = before->steps[i];
		size_t j = 0;
		while (j < count && step_compare(&after->steps[j], &taken) != 0)
			j++;
		taken.delta = -taken.delta;
		if (j < count)
			after->steps[j].delta += taken.delta;
		else
			step_list_push(after, &taken);
	}
	drop_zeros(after);
}

void step_list_sum(struct step_list *list)
{
	if (list->count == 0)
		return;
	qsort(list->steps, list->count, sizeof(*list->steps), step_compare);
	size_t kept = 0;
	for (size_t i = 1; i < list->count; i++) {
		if (step_compare(&list->steps[i], &list->steps[kept]) == 0)
			list->steps[kept].delta += list->steps[i].delta;
		else
			list->steps[++kept] = list->steps[i];
	}
	list->count = kept + 1;
	drop_zeros(list);
}

static bool is_same_step(const struct step *a, const struct step *b)
{
	return a->delta == b->delta && step_compare(a, b) == 0;
}

/* Mostly the two say the same for long stretches, in the same order: what meets its like falls out. */
static void drop_alike(struct step_list *after, struct step_list *before)
{
	enum { LOOK_AHEAD = 4 };
	size_t after_kept = 0, before_kept = 0, at = 0;
	for (size_t i = 0; i < before->count; i++) {
		const struct step *taken = &before->steps[i];
		size_t end = at + LOOK_AHEAD < after->count ? at + LOOK_AHEAD : after->count, met = at;
		while (met < end && !is_same_step(&after->steps[met], taken))
			met++;
		if (met == end) {
			before->steps[before_kept++] = *taken;
			continue;
		}
		while (at < met)
			after->steps[after_kept++] = after->steps[at++];
		at++;
	}
	while (at < after->count)
		after->steps[after_kept++] = after->steps[at++];
	after->count = after_kept;
	before->count = before_kept;
}

void step_list_subtract(struct step_list *after, struct step_list *before)
{
	enum { FEW = 256 };
	drop_alike(after, before);
	if (after->count * before->count <= FEW) {
		subtract_few(after, before);
	} else {
		for (size_t i = 0; i < before->count; i++) {
			before->steps[i].delta = -before->steps[i].delta;
			step_list_push(after, &before->steps[i]);
		}
		step_list_sum(after);
	}
	before->count = 0;
}
