#include "daemon/replay_arrival.h"

#include <stdio.h>

#include "core/diagnose/diagnose.h"
#include "daemon/load_config.h"
#include "daemon/replay_alerts.h"
#include "daemon/replay_lines.h"
#include "daemon/replay_sort.h"
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
	struct replay_alerts *alerts; /* NULL: nobody wants them */
};

static void flush(struct arrival *arrival)
{
	struct verdict verdicts[TASK_BATCH_MAX];
	task_flush(arrival->task, verdicts);
	arrival->ids.len = 0;
}

static void merge_at(struct arrival *arrival, int64_t now_ms)
{
	arrival->unmerged_count = 0;
	flush(arrival);
	if (now_ms == TIME_NONE)
		return;
	task_advance(arrival->task, now_ms);
	merger_advance(arrival->merger, now_ms);
	task_merge(arrival->task, 0, arrival->merger);
	merger_freeze(arrival->merger, now_ms);
	task_confirm(arrival->task, now_ms);
}

static void merge(struct arrival *arrival)
{
	merge_at(arrival, arrival->task->max_ms);
}

/* The event moves T on, to its own time; so it does past these minutes. */
static void pass_minutes(struct arrival *arrival, const struct event *event)
{
	enum reason reason;
	int64_t minute_ms;
	if (!(arrival->type_mask >> event->type & 1) ||
	    event_is_rejected(arrival->task->options, event, TIME_NONE, &reason))
		return;
	while (replay_alerts_is_due(arrival->alerts, event->ts_ms, &minute_ms)) {
		merge_at(arrival, minute_ms);
		replay_alerts_evaluate(arrival->alerts, minute_ms);
	}
	replay_alerts_note(arrival->alerts, event);
}

/* Ids of events that wait are copied: the decoder has those that had escapes only until the next line. */
static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct arrival *arrival = ctx;
	struct event kept = *event;
	struct verdict verdict;
	(void)item;
	if (arrival->alerts)
		pass_minutes(arrival, event);
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

static void begin(struct arrival *arrival, const struct config *config,
		  const struct replay_arrival_options *options, struct merger *merger)
{
	*arrival = (struct arrival){.merger = merger, .type_mask = config_type_mask(config),
				    .batch_size = options->batch_size};
	arrival->task = task_create(&config->options, options->identity_key, 1);
	task_confirm(arrival->task, TIME_NONE);
	arrival->decoder = replay_decoder(config);
	if (options->alerts)
		arrival->alerts = replay_alerts_create(&config->options, merger, options->alerts);
}

static void end(struct arrival *arrival)
{
	replay_alerts_destroy(arrival->alerts);
	buffer_destroy(&arrival->ids);
	decoder_destroy(arrival->decoder);
	task_destroy(arrival->task);
}

bool replay_arrival(const struct config *config, const struct replay_arrival_options *options,
		    struct merger *merger, struct replay_arrival_counts *counts, char *error,
		    size_t error_size)
{
	struct arrival arrival;
	bool is_read = true;
	begin(&arrival, config, options, merger);
	for (size_t i = 0; i < options->path_count && is_read; i++)
		is_read = take_file(&arrival, options->paths[i], error, error_size);
	merge(&arrival);
	counts->counts = arrival.task->inputs[0];
	counts->frozen = arrival.task->window.frozen_count;
	counts->folded_early = arrival.task->join.folded_early_count;
	end(&arrival);
	return is_read;
}

bool replay_arrival_sorted(const struct config *config, const struct replay_arrival_options *options,
			   char *error, size_t error_size)
{
	struct sorted_events *events =
		sorted_events_read(config, options->paths, options->path_count, error, error_size);
	if (!events)
		return false;
	struct merger *merger = merger_create(&config->options, diagnose);
	struct arrival arrival;
	const struct decode_sink sink = {take_event, take_reject, &arrival};
	begin(&arrival, config, options, merger);
	for (size_t i = 0; i < sorted_events_count(events); i++)
		decode_record(arrival.decoder, sorted_events_at(events, i), &sink);
	end(&arrival);
	merger_destroy(merger);
	sorted_events_destroy(events);
	return true;
}
