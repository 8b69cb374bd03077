#include <stdlib.h>

#include "core/decode/decode.h"
#include "core/diagnose/diagnose.h"
#include "core/pipeline.h"
#include "tests/sim/sim_feed.h"

struct reference {
	struct decoder *decoder;
	struct task *tasks[SIM_TASKS];
	struct merger *merger;
	struct buffer moved; /* ads with other parents */
	uint32_t task;
	size_t input;
};

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct reference *reference = ctx;
	(void)item;
	(void)task_event(reference->tasks[reference->task], reference->input, event, UINT32_MAX, TIME_NONE);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct reference *reference = ctx;
	(void)detail, (void)item;
	task_count_rejected(reference->tasks[reference->task], reference->input, reason);
}

static void take_names(void *ctx, struct slice ad, const struct names *names)
{
	struct reference *reference = ctx;
	if (merger_put_names(reference->merger, ad, names))
		buffer_put_text(&reference->moved, ad);
}

static void take_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct reference *reference = ctx;
	merger_put_reports(reference->merger, reference->task, ad, reports);
}

static void take_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			int64_t people)
{
	struct reference *reference = ctx;
	merger_put_window(reference->merger, reference->task, ref, window, pane, people);
}

static void take_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		      const struct pane *pane, int64_t people)
{
	struct reference *reference = ctx;
	merger_put_span(reference->merger, reference->task, ref, is_day, from_ms, to_ms, pane, people);
}

static void tell_parents(struct reference *reference, const struct task_sink *sink)
{
	struct buffer moved = reference->moved;
	reference->moved = (struct buffer){0};
	struct reader reader = reader_of(buffer_slice(&moved));
	while (!reader_at_end(&reader)) {
		struct ad_parents change = {.ad = reader_text(&reader)};
		change.parents = merger_parents(reference->merger, change.ad);
		for (reference->task = 0; reference->task < SIM_TASKS; reference->task++)
			(void)task_put_parents(reference->tasks[reference->task], &change, 1, sink);
	}
	buffer_destroy(&moved);
}

/* One partition after another, one input after another: what came in which order does not count. Where events
 * lie anywhere, one task has everybody. */
static int64_t read_inputs(struct reference *reference, const struct feed *feed)
{
	const struct decode_sink events = {take_event, take_reject, reference};
	int64_t now_ms = TIME_NONE;
	for (uint32_t partition = 0; partition < SIM_TASKS; partition++) {
		reference->task = feed->is_shuffled ? 0 : partition;
		for (reference->input = 0; reference->input < SIM_INPUTS; reference->input++) {
			const struct sim_log *log = &feed->logs[reference->input][partition];
			for (size_t i = 0; i < log->count; i++)
				if (!feed_is_missing(feed, reference->input, partition, i))
					decode_record(reference->decoder, log->records[i].value, &events);
		}
		if (reference->tasks[reference->task]->max_ms > now_ms)
			now_ms = reference->tasks[reference->task]->max_ms;
	}
	return now_ms;
}

static void read_all(struct reference *reference, const struct feed *feed)
{
	struct task_sink sink = {take_names, take_reports, take_window, take_span, reference};
	int64_t now_ms = read_inputs(reference, feed);
	if (feed->now_ms > now_ms)
		now_ms = feed->now_ms;
	for (reference->task = 0; reference->task < SIM_TASKS; reference->task++)
		task_collect_names(reference->tasks[reference->task], &sink);
	tell_parents(reference, &sink);
	merger_advance(reference->merger, now_ms);
	for (reference->task = 0; reference->task < SIM_TASKS; reference->task++) {
		task_advance(reference->tasks[reference->task], now_ms);
		task_collect_reports(reference->tasks[reference->task], &sink);
		task_collect(reference->tasks[reference->task], ~0u, true, &sink);
	}
	merger_check(reference->merger);
}

struct reference *reference_create(const struct feed *feed, const struct config *config,
				   const struct identity *identity)
{
	struct reference *reference = calloc(1, sizeof(*reference));
	CHECK(reference);
	reference->decoder = decoder_create(&(struct decode_limits){1 << 20, 256, 16});
	reference->merger = merger_create(&config->options, diagnose);
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		reference->tasks[i] = task_create(&config->options, identity->person_key, SIM_INPUTS);
	read_all(reference, feed);
	return reference;
}

void reference_destroy(struct reference *reference)
{
	decoder_destroy(reference->decoder);
	merger_destroy(reference->merger);
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		task_destroy(reference->tasks[i]);
	buffer_destroy(&reference->moved);
	free(reference);
}

struct merger *reference_merger(struct reference *reference)
{
	return reference->merger;
}

const struct counts *reference_counts(const struct reference *reference, uint32_t task, size_t input)
{
	return &reference->tasks[task]->inputs[input];
}
