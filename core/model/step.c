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
	list->capacity = list->capacity ? 2 * list->capacity : 64;
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

void step_list_subtract(struct step_list *after, struct step_list *before)
{
	for (size_t i = 0; i < before->count; i++) {
		before->steps[i].delta = -before->steps[i].delta;
		step_list_push(after, &before->steps[i]);
	}
	before->count = 0;
	if (after->count == 0)
		return;
	qsort(after->steps, after->count, sizeof(*after->steps), step_compare);
	size_t kept = 0;
	for (size_t i = 0; i < after->count;) {
		struct step sum = after->steps[i];
		size_t same = i + 1;
		for (; same < after->count && step_compare(&after->steps[same], &sum) == 0; same++)
			sum.delta += after->steps[same].delta;
		if (sum.delta)
			after->steps[kept++] = sum;
		i = same;
	}
	after->count = kept;
}
