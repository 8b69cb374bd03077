#include <stdlib.h>

#include "core/decode/decode.h"
#include "core/diagnose/diagnose.h"
#include "core/pipeline.h"
#include "daemon/task_merge.h"
#include "tests/sim/sim_feed.h"

struct reference {
	struct decoder *decoder;
	struct task *tasks[SIM_TASKS];
	struct merge_sink merge;
	uint32_t task; /* that reads */
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

static void tell_parents(struct reference *reference, const struct task_sink *sink)
{
	struct merge_sink *merge = &reference->merge;
	struct buffer moved = merge->moved;
	merge->moved = (struct buffer){0};
	for (merge->task = 0; merge->task < SIM_TASKS; merge->task++)
		merge_put_parents(reference->tasks[merge->task], merge->merger, &moved, sink);
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
	struct merge_sink *merge = &reference->merge;
	struct task_sink sink = merge_sink(merge);
	int64_t now_ms = read_inputs(reference, feed);
	if (feed->now_ms > now_ms)
		now_ms = feed->now_ms;
	for (merge->task = 0; merge->task < SIM_TASKS; merge->task++)
		task_collect_names(reference->tasks[merge->task], &sink);
	tell_parents(reference, &sink);
	merger_advance(merge->merger, now_ms);
	for (merge->task = 0; merge->task < SIM_TASKS; merge->task++) {
		task_advance(reference->tasks[merge->task], now_ms);
		task_collect_reports(reference->tasks[merge->task], &sink);
		task_collect(reference->tasks[merge->task], ~0u, true, &sink);
	}
	merger_check(merge->merger);
}

struct reference *reference_create(const struct feed *feed, const struct config *config,
				   const struct identity *identity)
{
	struct reference *reference = calloc(1, sizeof(*reference));
	CHECK(reference);
	reference->decoder = decoder_create(&(struct decode_limits){1 << 20, 256, 16});
	reference->merge.merger = merger_create(&config->options, diagnose);
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		reference->tasks[i] = task_create(&config->options, identity->person_key, SIM_INPUTS);
	read_all(reference, feed);
	return reference;
}

void reference_destroy(struct reference *reference)
{
	decoder_destroy(reference->decoder);
	merger_destroy(reference->merge.merger);
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		task_destroy(reference->tasks[i]);
	buffer_destroy(&reference->merge.moved);
	free(reference);
}

struct merger *reference_merger(struct reference *reference)
{
	return reference->merge.merger;
}

const struct counts *reference_counts(const struct reference *reference, uint32_t task, size_t input)
{
	return &reference->tasks[task]->inputs[input];
}
