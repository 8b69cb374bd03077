/* Step: a fact that changes a number, the noun between join and window. Spec sections 3 and 5.
 *
 * A step adds `delta` to one slot of one series at one time. A slot is a counter on a basis, or a bin of
 * a histogram on a basis. Steps are plain sums: taking one back is the same step with the sign changed. */
#ifndef LADDER_MODEL_STEP_H
#define LADDER_MODEL_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/check.h"
#include "core/base/histogram.h"

enum basis { BASIS_EVENT, BASIS_COHORT, BASIS_COUNT };

enum counter {
#define COUNTER(name, time, unit, sentence) COUNTER_##name,
#include "core/model/counters.def"
#undef COUNTER
	COUNTER_COUNT
};

enum counter_time { TIME_SHARED, TIME_MOVED, TIME_REPORT, TIME_PEOPLE };
enum counter_unit { UNIT_COUNT, UNIT_MICROS };

struct counter_row {
	const char *name;
	enum counter_time time;
	enum counter_unit unit;
	const char *sentence;
};
extern const struct counter_row counter_rows[COUNTER_COUNT];

/* Slots: what a pane keeps a sum for. A shared counter has one, a moved one has one per basis;
 * spend reports and people are kept elsewhere. Behind them come the bins of the histograms. */
#define SLOT_SHARED(name) SLOT_##name,
#define SLOT_MOVED(name) SLOT_##name, SLOT_cohort_##name,
#define SLOT_REPORT(name)
#define SLOT_PEOPLE(name)
enum {
#define COUNTER(name, time, unit, sentence) SLOT_##time(name)
#include "core/model/counters.def"
#undef COUNTER
	SLOT_COUNT
};
#undef SLOT_SHARED
#undef SLOT_MOVED
#undef SLOT_REPORT
#undef SLOT_PEOPLE

/* The slot of a counter on each basis, SLOT_NONE for those that panes do not keep. */
enum { SLOT_NONE = UINT16_MAX };
extern const uint16_t slot_of[COUNTER_COUNT][BASIS_COUNT];

enum histogram_kind { HISTOGRAM_RESPONSE, HISTOGRAM_CLOSE_TIME, HISTOGRAM_KIND_COUNT };

static inline unsigned slot_of_bin(enum histogram_kind kind, enum basis basis, unsigned bin)
{
	return SLOT_COUNT + (kind * BASIS_COUNT + basis) * HISTOGRAM_BIN_COUNT + bin;
}

/* The slot of a step that says a person wrote: not kept in panes but in the series' people. */
enum { SLOT_WROTE = SLOT_COUNT + HISTOGRAM_KIND_COUNT * BASIS_COUNT * HISTOGRAM_BIN_COUNT };
_Static_assert((int)SLOT_WROTE < (int)SLOT_NONE, "slots are stored in 16 bits");

enum { SERIES_NONE = UINT32_MAX };
#define TIME_NONE INT64_MIN

struct step {
	int64_t time_ms;
	int64_t before_ms; /* SLOT_WROTE: when the person wrote last before, in this series, or TIME_NONE */
	int64_t delta;
	uint32_t series;   /* index in the task's series table */
	uint16_t slot;
};

/* Steps in the order in which they were made. Owned by whoever creates it; grows, never shrinks. */
struct step_list {
	struct step *steps;
	size_t count;
	size_t capacity;
};

void step_list_destroy(struct step_list *list);
void step_list_grow(struct step_list *list); /* by STEP_LIST_ROOM at least */

/* Room for so many more. */
enum { STEP_LIST_ROOM = 64 };
static inline void step_list_reserve(struct step_list *list)
{
	if (list->capacity - list->count < STEP_LIST_ROOM)
		step_list_grow(list);
}

static inline void step_list_push(struct step_list *list, const struct step *step)
{
	if (list->count == list->capacity)
		step_list_grow(list);
	list->steps[list->count++] = *step;
}

/* As few steps as say the same: at one place there is one, and none says nothing. Sorted by place. */
void step_list_sum(struct step_list *list);

/* after - before: what is the same in both falls out. `after` holds the result, in any order; `before` is
 * empty. */
void step_list_subtract(struct step_list *after, struct step_list *before);

#endif
