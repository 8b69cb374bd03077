#include "daemon/replay_arrival.h"

#include <stdio.h>

#include "core/decode/decode.h"
#include "daemon/load_config.h"
#include "daemon/replay_lines.h"
#include "daemon/task_merge.h"
#include "daemon/uring_reader.h"

/* How often the numbers are made known: after so many events, and then the rarer the more there were. */
enum { MERGE_EVERY = 500, MERGE_SHARE = 20 };

struct arrival {
	struct task *task;
	struct decoder *decoder;
	struct merger *merger;
	unsigned type_mask;
	size_t event_count;
	size_t unmerged_count;
	size_t batch_size;
	struct buffer ids; /* of the events that wait: never moved while some do */
};

static void flush(struct arrival *arrival)
{
	struct verdict verdicts[TASK_BATCH_MAX];
	task_flush(arrival->task, verdicts);
	arrival->ids.len = 0;
}

static void merge(struct arrival *arrival)
{
	arrival->unmerged_count = 0;
	flush(arrival);
	if (arrival->task->max_ms == TIME_NONE)
		return;
	task_advance(arrival->task, arrival->task->max_ms);
	merger_advance(arrival->merger, arrival->task->max_ms);
	task_merge(arrival->task, 0, arrival->merger);
	merger_freeze(arrival->merger, arrival->task->max_ms);
	task_confirm(arrival->task, arrival->task->max_ms);
}

/* Ids of events that wait are copied: the decoder has those that had escapes only until the next line. */
static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct arrival *arrival = ctx;
	struct event kept = *event;
	struct verdict verdict;
	(void)item;
	if (arrival->ids.capacity - arrival->ids.len < event->id.len)
		flush(arrival);
	buffer_reserve(&arrival->ids, event->id.len);
	kept.id.data = arrival->ids.data + arrival->ids.len;
	buffer_put(&arrival->ids, event->id.data, event->id.len);
	task_add(arrival->task, 0, &kept, arrival->type_mask, TIME_NONE, &verdict);
	if (arrival->task->batch_count >= arrival->batch_size)
		flush(arrival);
	arrival->event_count++;
	if (++arrival->unmerged_count >= MERGE_EVERY + arrival->event_count / MERGE_SHARE)
		merge(arrival);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct arrival *arrival = ctx;
	(void)detail, (void)item;
	task_count_rejected(arrival->task, 0, reason);
}

static void take_chunk(struct arrival *arrival, struct slice chunk)
{
	const struct decode_sink sink = {take_event, take_reject, arrival};
	for (struct slice line; line_next(&chunk, &line);)
		decode_record(arrival->decoder, line, &sink);
}

static bool take_file(struct arrival *arrival, const char *path, char *error, size_t error_size)
{
	struct uring_reader *reader = uring_reader_open(path, 0);
	struct slice chunk;
	int result;
	while ((result = uring_reader_next(reader, &chunk)) > 0)
		take_chunk(arrival, chunk);
	if (result < 0)
		snprintf(error, error_size, "%s", uring_reader_error(reader));
	uring_reader_close(reader);
	return result == 0;
}

bool replay_arrival(const struct config *config, const unsigned char identity_key[16], char *const *paths,
		    size_t path_count, size_t batch_size, struct merger *merger, struct counts *counts,
		    uint64_t *frozen_count, uint64_t *folded_early_count, char *error, size_t error_size)
{
	struct arrival arrival = {.merger = merger, .type_mask = config_type_mask(config),
				  .batch_size = batch_size};
	arrival.task = task_create(&config->options, identity_key, 1);
	task_confirm(arrival.task, TIME_NONE);
	arrival.decoder = decoder_create(&(struct decode_limits){
		.record_bytes = (size_t)config->limits.record_bytes,
		.id_bytes = (size_t)config->limits.id_bytes,
		.depth = config->limits.depth,
	});
	bool is_read = true;
	for (size_t i = 0; i < path_count && is_read; i++)
		is_read = take_file(&arrival, paths[i], error, error_size);
	merge(&arrival);
	*counts = arrival.task->inputs[0];
	*frozen_count = arrival.task->window.frozen_count;
	*folded_early_count = arrival.task->join.folded_early_count;
	buffer_destroy(&arrival.ids);
	decoder_destroy(arrival.decoder);
	task_destroy(arrival.task);
	return is_read;
}
