#include "daemon/task_merge.h"

static void merge_names(void *ctx, struct slice ad, const struct names *names)
{
	struct merge_sink *merge = ctx;
	if (merger_put_names(merge->merger, ad, names))
		buffer_put_text(&merge->moved, ad);
}

static void merge_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct merge_sink *merge = ctx;
	merger_put_reports(merge->merger, merge->task, ad, reports);
}

static void merge_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			 int64_t people)
{
	struct merge_sink *merge = ctx;
	merger_put_window(merge->merger, merge->task, ref, window, pane, people);
}

static void merge_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		       const struct pane *pane, int64_t people)
{
	struct merge_sink *merge = ctx;
	merger_put_span(merge->merger, merge->task, ref, is_day, from_ms, to_ms, pane, people);
}

struct task_sink merge_sink(struct merge_sink *merge)
{
	return (struct task_sink){merge_names, merge_reports, merge_window, merge_span, merge};
}

/* All at once: looking for the people of one ad reads everybody. */
void merge_put_parents(struct task *task, const struct merger *merger, const struct buffer *moved,
		       const struct task_sink *sink)
{
	struct buffer changes = {0};
	struct reader reader = reader_of(buffer_slice(moved));
	while (!reader_at_end(&reader)) {
		struct ad_parents change = {.ad = reader_text(&reader)};
		change.parents = merger_parents(merger, change.ad);
		buffer_put(&changes, &change, sizeof(change));
	}
	task_put_parents(task, (const struct ad_parents *)changes.data,
			 changes.len / sizeof(struct ad_parents), sink);
	buffer_destroy(&changes);
}

void task_merge(struct task *task, uint32_t number, struct merger *merger)
{
	struct merge_sink merge = {.merger = merger, .task = number};
	struct task_sink sink = merge_sink(&merge);
	do {
		struct buffer moved = merge.moved;
		merge.moved = (struct buffer){0};
		merge_put_parents(task, merger, &moved, &sink);
		buffer_destroy(&moved);
		task_collect(task, ~0u, true, &sink);
	} while (merge.moved.len);
	buffer_destroy(&merge.moved);
}
