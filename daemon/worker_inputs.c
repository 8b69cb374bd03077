#include <inttypes.h>
#include <stdio.h>

#include "daemon/worker_private.h"
#include "daemon/log.h"

static struct worker_input *input_of(struct worker_task *task, size_t input)
{
	return &task->inputs[input];
}

static const char *topic_of(const struct worker *worker, size_t input)
{
	return worker_config(worker)->kafka.inputs.items[input].topic;
}

static void put_header(struct buffer *headers, const char *name, struct slice value)
{
	dead_letter_put_header(headers, slice_from(name), value);
}

static void copy_header(void *ctx, const char *name, struct slice value)
{
	put_header(ctx, name, value);
}

/* The original headers, then ours. */
static void put_headers(struct worker *worker, const char *reason, const char *detail, struct buffer *headers)
{
	char number[24];
	kafka_in_headers(worker->record->handle, copy_header, headers);
	put_header(headers, "ladderd.reason", slice_from(reason));
	put_header(headers, "ladderd.topic", slice_from(topic_of(worker, worker->input)));
	snprintf(number, sizeof(number), "%" PRIu32, worker->task->number);
	put_header(headers, "ladderd.partition", slice_from(number));
	snprintf(number, sizeof(number), "%" PRId64, worker->record->offset);
	put_header(headers, "ladderd.offset", slice_from(number));
	put_header(headers, "ladderd.detail", slice_from(detail));
}

static void bury(struct worker *worker, const char *reason, const char *detail)
{
	struct buffer headers = {0};
	put_headers(worker, reason, detail, &headers);
	bool is_redacted = worker_config(worker)->dead_letters == CONFIG_DEAD_LETTERS_REDACT;
	bulletin_put_dead(worker->bulletin, &(struct dead_letter){
						    .sequence = ++worker->dead_sequence,
						    .key = worker->record->key,
						    .value = is_redacted ? (struct slice){NULL, 0}
									 : worker->record->value,
						    .headers = buffer_slice(&headers),
					    });
	buffer_destroy(&headers);
}

static const char *detail_of(const struct verdict *verdict)
{
	if (verdict->class == CLASS_LATE)
		return "older than the newest event of its partition by more than lateness";
	return verdict->reason == REASON_future ? "further ahead of the wall clock than max_ahead"
						: "another currency than its account's";
}

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct worker *worker = ctx;
	(void)item;
	struct verdict verdict =
		task_event(worker->task->task, worker->input, event,
			   worker_config(worker)->kafka.inputs.items[worker->input].types, worker->wall_ms);
	struct worker_input *input = input_of(worker->task, worker->input);
	if (verdict.class != CLASS_REJECTED && event->ts_ms > input->max_ms)
		input->max_ms = event->ts_ms;
	if (verdict.class == CLASS_REJECTED)
		bury(worker, reason_name(verdict.reason), detail_of(&verdict));
	else if (verdict.class == CLASS_LATE)
		bury(worker, class_name(verdict.class), detail_of(&verdict));
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct worker *worker = ctx;
	(void)item;
	task_count_rejected(worker->task->task, worker->input, reason);
	bury(worker, reason_name(reason), detail);
}

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct worker *worker = ctx;
	worker->record = record;
	decode_record(worker->decoder, record->value, &(struct decode_sink){take_event, take_reject, worker});
	input_of(worker->task, worker->input)->offset = record->offset + 1;
	worker->task->is_dirty = true;
}

static void log_problem(struct worker_task *task, size_t input)
{
	struct worker *worker = task->worker;
	const struct kafka_problem *problem = kafka_in_problem(worker->in, input, (int32_t)task->number);
	bool is_problem = problem->kind != KAFKA_PROBLEM_NONE;
	if (is_problem && !input_of(task, input)->is_problem_logged)
		log_error("a partition cannot be read", "topic=%s partition=%" PRIu32 " why=%s",
			  topic_of(worker, input), task->number, log_quoted(problem->text).text);
	input_of(task, input)->is_problem_logged = is_problem;
}

/* How far an input may be ahead of the others of its task, in event time: well within `lateness`. */
static int64_t slack_ms(const struct worker *worker)
{
	const int64_t most_ms = HOUR_MS;
	int64_t part_ms = worker_config(worker)->options.lateness_ms / 8;
	return part_ms < most_ms ? part_ms : most_ms;
}

/* The input that is furthest behind in event time, of those that have more to come; the number of
 * inputs where all are at their ends. One that has not said anything yet is behind all. */
static size_t hindmost_input(struct worker_task *task, const bool *is_drained)
{
	struct worker *worker = task->worker;
	size_t hindmost = worker->input_count;
	for (size_t i = 0; i < worker->input_count; i++) {
		if (is_drained[i] || kafka_in_at_end(worker->in, i, (int32_t)task->number))
			continue;
		if (hindmost == worker->input_count ||
		    input_of(task, i)->max_ms < input_of(task, hindmost)->max_ms)
			hindmost = i;
	}
	return hindmost;
}

static size_t read_input(struct worker_task *task, size_t input)
{
	struct worker *worker = task->worker;
	worker->task = task;
	worker->input = input;
	return kafka_in_consume(worker->in, input, (int32_t)task->number, BATCH_RECORDS, take_record, worker);
}

/* Whether an input that gave nothing just now, though its log goes on, is too far behind for this
 * one to read on. */
static bool must_wait(struct worker_task *task, size_t input, const bool *is_drained)
{
	struct worker *worker = task->worker;
	int64_t ahead_ms = input_of(task, input)->max_ms;
	for (size_t i = 0; i < worker->input_count; i++) {
		if (!is_drained[i] || kafka_in_at_end(worker->in, i, (int32_t)task->number))
			continue;
		int64_t behind_ms = input_of(task, i)->max_ms;
		if (ahead_ms != TIME_NONE &&
		    (behind_ms == TIME_NONE || ahead_ms - behind_ms > slack_ms(worker)))
			return true;
	}
	return false;
}

static size_t read_task(struct worker_task *task)
{
	struct worker *worker = task->worker;
	bool is_drained[worker->input_count];
	memset(is_drained, 0, sizeof(is_drained));
	for (;;) {
		size_t input = hindmost_input(task, is_drained);
		if (input == worker->input_count || must_wait(task, input, is_drained))
			break;
		size_t count = read_input(task, input);
		if (count)
			return count;
		is_drained[input] = true;
		log_problem(task, input);
	}
	/* What was at its end may have got something new. */
	size_t count = 0;
	for (size_t i = 0; i < worker->input_count; i++)
		if (kafka_in_at_end(worker->in, i, (int32_t)task->number))
			count += read_input(task, i);
	return count;
}

static bool has_problem(const struct worker_task *task, size_t input)
{
	return kafka_in_problem(task->worker->in, input, (int32_t)task->number)->kind != KAFKA_PROBLEM_NONE;
}

static int64_t task_position_ms(const struct worker_task *task)
{
	const struct worker *worker = task->worker;
	int64_t position_ms = INT64_MAX;
	if (task->state != TASK_READING)
		return position_ms;
	for (size_t i = 0; i < worker->input_count; i++)
		if (!kafka_in_at_end(worker->in, i, (int32_t)task->number) && !has_problem(task, i) &&
		    task->inputs[i].max_ms < position_ms)
			position_ms = task->inputs[i].max_ms;
	return position_ms;
}

int64_t worker_say_position(struct worker *worker)
{
	int64_t position_ms = INT64_MAX;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		int64_t task_ms = task_position_ms(&worker->tasks[i]);
		if (task_ms < position_ms)
			position_ms = task_ms;
	}
	atomic_store_explicit(&worker->options.shared->positions[worker->options.number], position_ms,
			      memory_order_relaxed);
	return position_ms;
}

/* Where no task may be far ahead of. A partition that gives nothing, though its log goes on, holds
 * the others up for a while only. */
static int64_t hindmost_position_ms(struct worker *worker)
{
	const int64_t patience_ms = 5000;
	struct shared *shared = worker->options.shared;
	int64_t hindmost_ms = INT64_MAX;
	for (size_t i = 0; i < shared->worker_count; i++) {
		int64_t position_ms = atomic_load_explicit(&shared->positions[i], memory_order_relaxed);
		if (position_ms < hindmost_ms)
			hindmost_ms = position_ms;
	}
	if (hindmost_ms != worker->hindmost_ms) {
		worker->hindmost_ms = hindmost_ms;
		worker->hindmost_since = loop_now_ms();
	}
	return loop_now_ms() - worker->hindmost_since > patience_ms ? INT64_MAX : hindmost_ms;
}

/* Tasks keep together in event time as the inputs of a task do: what one of them learns of an ad
 * the others need, and it must not come later than `lateness`. */
size_t worker_read(struct worker *worker)
{
	size_t count = 0;
	worker_say_position(worker);
	int64_t hindmost_ms = hindmost_position_ms(worker);
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		int64_t position_ms = task_position_ms(task);
		bool is_ahead = position_ms != TIME_NONE && position_ms != INT64_MAX &&
				hindmost_ms != INT64_MAX &&
				(hindmost_ms == TIME_NONE || position_ms - hindmost_ms > slack_ms(worker));
		if (task->state == TASK_READING && !is_ahead)
			count += read_task(task);
	}
	return count;
}
