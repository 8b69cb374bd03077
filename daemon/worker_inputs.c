#include <inttypes.h>

#include "daemon/worker_private.h"
#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/worker_batch.h"

/* So long after the brokers were asked an end is not asked for again. */
enum { END_KNOWN_MS = 100 };

static struct worker_input *input_of(struct worker_task *task, size_t input)
{
	return &task->inputs[input];
}

/* Goes on where the log begins now. Of a log that was created anew nothing was read yet, so nothing of it is
 * missing; what was missing in the old one nobody can say. */
static void skip_gap(struct worker_task *task, size_t input, const struct kafka_problem *problem)
{
	struct worker *worker = task->worker;
	struct worker_input *read = input_of(task, input);
	struct kafka_error error;
	bool is_same_log = problem->kind == KAFKA_PROBLEM_GAP && problem->wanted < problem->log_start;
	const struct input_gap gap = {
		.offset_count = read->gap.offset_count +
				(is_same_log ? (uint64_t)(problem->log_start - problem->wanted) : 0),
		.from = problem->wanted,
		.to = is_same_log ? problem->log_start : problem->wanted,
	};
	int64_t log_start = problem->log_start;
	if (!kafka_in_seek(worker->in, input, (int32_t)task->number, log_start, &error)) {
		log_warn("a gap cannot be skipped yet", "why=%s", log_quoted(error.text).text);
		return;
	}
	log_error("a gap in the log is skipped: what was there is missing in the numbers",
		  "topic=%s partition=%" PRIu32 " from=%" PRId64 " to=%" PRId64 " goes_on_at=%" PRId64
		  " missing=%" PRIu64 " new_log=%s",
		  worker_topic(worker, input), task->number, gap.from, gap.to, log_start, gap.offset_count,
		  is_same_log ? "no" : "yes");
	read->gap = gap;
	read->log += !is_same_log;
	read->offset = log_start;
	read->trace.offset = -1;
	task->is_dirty = true;
}

static void log_problem(struct worker_task *task, size_t input)
{
	struct worker *worker = task->worker;
	const struct kafka_problem *problem = kafka_in_problem(worker->in, input, (int32_t)task->number);
	bool is_problem = problem->kind != KAFKA_PROBLEM_NONE;
	if (is_problem && !input_of(task, input)->is_problem_logged)
		log_error("a partition cannot be read", "topic=%s partition=%" PRIu32 " why=%s",
			  worker_topic(worker, input), task->number, log_quoted(problem->text).text);
	input_of(task, input)->is_problem_logged = is_problem;
	if (problem->kind == KAFKA_PROBLEM_DENIED)
		worker_fail(worker, EXIT_NO_PERMISSION);
	bool is_gap = problem->kind == KAFKA_PROBLEM_GAP || problem->kind == KAFKA_PROBLEM_FOREIGN;
	if (is_gap && worker_config(worker)->kafka.on_gap == CONFIG_ON_GAP_SKIP)
		skip_gap(task, input, problem);
}

/* How far a task may be ahead of the others, in event time: well within `lateness`. */
static int64_t task_slack_ms(const struct worker *worker)
{
	return worker_config(worker)->options.lateness_ms / 8;
}

/* An input ahead of the others of its task: less, for what comes in order is folded in one step. */
static int64_t input_slack_ms(const struct worker *worker)
{
	const int64_t most_ms = HOUR_MS;
	return task_slack_ms(worker) < most_ms ? task_slack_ms(worker) : most_ms;
}

/* How far stream time may go on before it is asked whether an input that ended still does. */
static int64_t end_slack_ms(const struct worker *worker)
{
	return worker_config(worker)->options.lateness_ms / 2;
}

static bool has_problem(const struct worker_task *task, size_t input)
{
	return kafka_in_problem(task->worker->in, input, (int32_t)task->number)->kind != KAFKA_PROBLEM_NONE;
}

/* How far an input has been read, in event time. INT64_MAX: it has nothing more, or nothing that can be
 * waited for. TIME_NONE: it has not begun. */
static int64_t input_position_ms(const struct worker_task *task, size_t input)
{
	bool is_at_end = kafka_in_at_end(task->worker->in, input, (int32_t)task->number);
	bool is_over = is_at_end || has_problem(task, input);
	return is_over ? INT64_MAX : task->task->input_max_ms[input];
}

static int64_t others_position_ms(const struct worker_task *task, size_t input)
{
	int64_t hindmost_ms = INT64_MAX;
	for (size_t i = 0; i < task->worker->input_count; i++) {
		int64_t position_ms = i == input ? INT64_MAX : input_position_ms(task, i);
		if (position_ms < hindmost_ms)
			hindmost_ms = position_ms;
	}
	return hindmost_ms;
}

static size_t read_input(struct worker_task *task, size_t input, size_t record_count)
{
	struct worker *worker = task->worker;
	worker_batch_begin(worker->batch, task, input);
	task_align(task->task, others_position_ms(task, input));
	size_t count =
		kafka_in_consume(worker->in, input, (int32_t)task->number, record_count,
				 worker_batch_take, worker->batch);
	worker_batch_end(worker->batch);
	struct worker_input *read = input_of(task, input);
	if (count)
		read->empty_since = 0;
	else if (read->empty_since == 0)
		read->empty_since = loop_now_ms();
	return count;
}

/* One of a task's inputs that may be read next: the hindmost in event time that has more to come.
 * An input that gave nothing just now, though its log goes on, keeps those back that are far ahead
 * of it, for a while. */
static size_t next_input(const struct worker_task *task, const bool *is_drained)
{
	const struct worker *worker = task->worker;
	size_t next = worker->input_count;
	int64_t next_ms = INT64_MAX, awaited_ms = INT64_MAX;
	for (size_t i = 0; i < worker->input_count; i++) {
		int64_t position_ms = input_position_ms(task, i);
		int64_t empty_since = task->inputs[i].empty_since;
		bool is_awaited = is_drained[i] && loop_now_ms() - empty_since < PATIENCE_MS;
		if (is_awaited && position_ms < awaited_ms)
			awaited_ms = position_ms;
		if (is_drained[i] || position_ms == INT64_MAX ||
		    (next < worker->input_count && position_ms >= next_ms))
			continue;
		next = i;
		next_ms = position_ms;
	}
	if (awaited_ms == TIME_NONE)
		return worker->input_count;
	bool is_ahead = awaited_ms != INT64_MAX && next_ms != TIME_NONE &&
			next_ms - awaited_ms > input_slack_ms(worker);
	return is_ahead ? worker->input_count : next;
}

/* Whether stream time may go on beyond an input that was at its end when it was last fetched. */
static bool may_pass_end(struct worker_task *task, size_t input)
{
	struct worker *worker = task->worker;
	struct worker_input *read = input_of(task, input);
	if (!kafka_in_at_end(worker->in, input, (int32_t)task->number)) {
		read->ended_ms = TIME_NONE;
		return true;
	}
	int64_t time_ms = task->task->max_ms;
	if (read->ended_ms == TIME_NONE)
		read->ended_ms = time_ms;
	bool is_known = time_ms == TIME_NONE || time_ms - read->ended_ms <= end_slack_ms(worker);
	if (is_known || loop_now_ms() - read->asked_ms < END_KNOWN_MS)
		return true;
	if (!kafka_in_ask_end(worker->in, input, (int32_t)task->number))
		return false;
	read->ended_ms = time_ms;
	read->asked_ms = loop_now_ms();
	return true;
}

/* What was at its end may have got something new; what has a problem may be over it. One record says where
 * it stands now: before that is known the others would go far beyond it, and what it has would be late.
 * False: the others must wait. */
static bool look_at_ended_inputs(struct worker_task *task, size_t *count)
{
	bool may_pass = true;
	for (size_t i = 0; i < task->worker->input_count; i++) {
		if (input_position_ms(task, i) == INT64_MAX) {
			*count += read_input(task, i, 1);
			log_problem(task, i);
		}
		may_pass &= may_pass_end(task, i);
	}
	return may_pass;
}

/* An input that has not begun is read by one record, to learn where it stands. */
static size_t read_task(struct worker_task *task)
{
	struct worker *worker = task->worker;
	bool is_drained[worker->input_count];
	memset(is_drained, 0, sizeof(is_drained));
	size_t count = 0, input;
	while (count == 0 && (input = next_input(task, is_drained)) < worker->input_count) {
		bool has_begun = task->task->input_max_ms[input] != TIME_NONE;
		count = read_input(task, input, has_begun ? BATCH_RECORDS : 1);
		is_drained[input] = count == 0;
		log_problem(task, input);
	}
	return count;
}

static int64_t task_position_ms(const struct worker_task *task)
{
	int64_t position_ms = INT64_MAX;
	for (size_t i = 0; i < task->worker->input_count; i++)
		if (input_position_ms(task, i) < position_ms)
			position_ms = input_position_ms(task, i);
	return position_ms;
}

/* Of a task that is being taken it is not known yet what names it has. Others wait for it only while nothing
 * has been read at all. */
int64_t worker_say_position(struct worker *worker)
{
	int64_t position_ms = INT64_MAX;
	bool is_taking = false;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		const struct worker_task *task = &worker->tasks[i];
		is_taking |= task->state >= TASK_RESTORING && task->state <= TASK_CLAIMED;
		int64_t task_ms = task->state == TASK_READING ? task_position_ms(task) : INT64_MAX;
		if (task_ms < position_ms)
			position_ms = task_ms;
	}
	atomic_store_explicit(&worker->options.shared->positions[worker->options.number],
			      is_taking && !worker->has_read ? TIME_NONE : position_ms,
			      memory_order_relaxed);
	return is_taking ? TIME_NONE : position_ms;
}

/* Where no task may be far ahead of. A partition that gives nothing, though its log goes on, holds
 * the others up for a while only. */
static int64_t hindmost_position_ms(struct worker *worker)
{
	struct shared *shared = worker->options.shared;
	int64_t hindmost_ms = atomic_load_explicit(&shared->others_position_ms, memory_order_relaxed);
	for (size_t i = 0; i < shared->worker_count; i++) {
		int64_t position_ms = atomic_load_explicit(&shared->positions[i], memory_order_relaxed);
		if (position_ms < hindmost_ms)
			hindmost_ms = position_ms;
	}
	if (hindmost_ms != worker->hindmost_ms) {
		worker->hindmost_ms = hindmost_ms;
		worker->hindmost_since = loop_now_ms();
	}
	return loop_now_ms() - worker->hindmost_since > PATIENCE_MS ? INT64_MAX : hindmost_ms;
}

static bool is_ahead(const struct worker_task *task, int64_t hindmost_ms)
{
	int64_t position_ms = task_position_ms(task);
	if (position_ms == TIME_NONE || position_ms == INT64_MAX || hindmost_ms == INT64_MAX)
		return false;
	return hindmost_ms == TIME_NONE || position_ms - hindmost_ms > task_slack_ms(task->worker);
}

/* Tasks keep together in event time as the inputs of a task do: what one of them learns of an ad
 * the others need, and it must not come later than `lateness`. */
size_t worker_read(struct worker *worker)
{
	size_t count = 0;
	worker->is_held_back = false;
	worker_say_position(worker);
	int64_t hindmost_ms = hindmost_position_ms(worker);
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		if (task->state != TASK_READING)
			continue;
		bool may_read = look_at_ended_inputs(task, &count) && !is_ahead(task, hindmost_ms);
		worker->is_held_back |= !may_read;
		if (may_read)
			count += read_task(task);
	}
	return count;
}
