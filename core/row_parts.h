/* Row parts: what one task has behind the numbers of a row. Spec sections 4 to 6 and 9 (`ladderd explain`).
 *
 *   the row's span   [ piece | piece | piece | ... ]     the same numbers by time
 *                    ad + ad + ad                        and by ad
 *                    spend reports                       those that count, and their amounts in the span
 *
 * The row is the sum of this over all tasks, but where several tasks have reports of one ad and `from`: of
 * those only the newest counts in the row.
 * Made by the thread that owns the task. Aborts where memory is missing. */
#ifndef LADDER_ROW_PARTS_H
#define LADDER_ROW_PARTS_H

#include "core/pipeline.h"
#include "core/publish/row_scope.h"

/* Of an ad, or of the time [from_ms, to_ms). Money in micros. */
struct row_part {
	struct slice ad; /* borrowed from the task, as those below */
	int64_t from_ms;
	int64_t to_ms;
	int64_t counts[COUNTER_COUNT];
};

struct row_report {
	struct slice ad;
	const struct report *report;
	int64_t amounts[AMOUNT_COUNT]; /* within the span */
};

struct row_parts {
	int64_t from_ms;
	int64_t to_ms;
	int64_t sums[COUNTER_COUNT]; /* of all ads, and people */
	bool is_spend_from_clicks;
	struct row_part *ads;        /* those that have something */
	size_t ad_count;
	struct row_part *pieces;     /* the same; in the order of time */
	size_t piece_count;
	struct row_report *reports;
	size_t report_count;
};

/* NULL: the task has nothing there. What is borrowed is valid until the next call on the task. */
struct row_parts *row_parts_collect(struct task *task, const struct row_scope *scope);
void row_parts_destroy(struct row_parts *parts); /* NULL is fine */

#endif
