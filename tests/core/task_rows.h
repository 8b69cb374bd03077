/* From tasks to rows in one thread: what a task says goes to the merger, what the merger finds of
 * parents goes to all tasks, until nothing is left to say. */
#ifndef LADDER_TESTS_CORE_TASK_ROWS_H
#define LADDER_TESTS_CORE_TASK_ROWS_H

#include "core/diagnose/diagnose.h"
#include "core/pipeline.h"
#include "tests/core/fixture.h"

enum { TASK_ROWS_MAX = 4 };

struct task_rows {
	struct merger *merger;
	struct task *tasks[TASK_ROWS_MAX];
	uint32_t task_count;
	uint32_t speaking;
	struct buffer moved;
};

static inline void task_rows_names(void *ctx, struct slice ad, const struct names *names)
{
	struct task_rows *rows = ctx;
	if (merger_put_names(rows->merger, ad, names))
		buffer_put_text(&rows->moved, ad);
}

static inline void task_rows_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct task_rows *rows = ctx;
	merger_put_reports(rows->merger, rows->speaking, ad, reports);
}

static inline void task_rows_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
				    int64_t people)
{
	struct task_rows *rows = ctx;
	merger_put_window(rows->merger, rows->speaking, ref, window, pane, people);
}

static inline void task_rows_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms,
				  int64_t to_ms,
				  const struct pane *pane, int64_t people)
{
	struct task_rows *rows = ctx;
	merger_put_span(rows->merger, rows->speaking, ref, is_day, from_ms, to_ms, pane, people);
}

static inline struct task_sink task_rows_sink(struct task_rows *rows)
{
	return (struct task_sink){task_rows_names, task_rows_reports, task_rows_window, task_rows_span, rows};
}

/* Tells every task of the ads whose parents moved. */
static inline void task_rows_tell_parents(struct task_rows *rows)
{
	struct task_sink sink = task_rows_sink(rows);
	struct buffer moved = rows->moved;
	rows->moved = (struct buffer){0};
	struct reader reader = reader_of(buffer_slice(&moved));
	while (!reader_at_end(&reader)) {
		struct ad_parents change = {.ad = reader_text(&reader)};
		change.parents = merger_parents(rows->merger, change.ad);
		for (rows->speaking = 0; rows->speaking < rows->task_count; rows->speaking++)
			task_put_parents(rows->tasks[rows->speaking], &change, 1, &sink);
	}
	buffer_destroy(&moved);
}

/* Names and reports that changed go round. */
static inline void task_rows_settle_names(struct task_rows *rows)
{
	struct task_sink sink = task_rows_sink(rows);
	for (rows->speaking = 0; rows->speaking < rows->task_count; rows->speaking++)
		task_collect_names(rows->tasks[rows->speaking], &sink);
	task_rows_tell_parents(rows);
}

/* Everything that changed goes to the merger, at the greatest time of all tasks. */
static inline void task_rows_collect(struct task_rows *rows)
{
	struct task_sink sink = task_rows_sink(rows);
	int64_t now_ms = TIME_NONE;
	task_rows_settle_names(rows);
	for (uint32_t i = 0; i < rows->task_count; i++)
		if (rows->tasks[i]->window.now_ms > now_ms)
			now_ms = rows->tasks[i]->window.now_ms;
	if (now_ms == TIME_NONE)
		return;
	merger_advance(rows->merger, now_ms);
	for (rows->speaking = 0; rows->speaking < rows->task_count; rows->speaking++) {
		task_advance(rows->tasks[rows->speaking], now_ms);
		task_collect(rows->tasks[rows->speaking], ~0u, true, &sink);
	}
}

/* Every row that holds anything; the caller's to destroy. */
static inline struct buffer task_rows_print(struct task_rows *rows)
{
	struct buffer text = {0};
	task_rows_collect(rows);
	merger_check(rows->merger);
	merger_print(rows->merger, fixture_keep_row, &text);
	return text;
}

#endif
