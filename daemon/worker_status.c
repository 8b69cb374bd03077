#include "daemon/worker_private.h"

static const char *state_name(const struct worker_task *task)
{
	switch (task->state) {
	case TASK_ABSENT:
		return "absent";
	case TASK_RESTORING:
		return "restoring";
	case TASK_CLAIMING:
		return "claiming";
	case TASK_CLAIMED:
		return "claimed";
	case TASK_READING:
		return "reading";
	case TASK_LEAVING:
		return "leaving";
	case TASK_FAILED:
		break;
	}
	return "failed";
}

static void fill_input(const struct worker_task *task, size_t input, struct input_status *status)
{
	const struct kafka_in *in = task->worker->in;
	int32_t partition = (int32_t)task->number;
	*status = (struct input_status){.offset = task->inputs[input].offset, .log_end = -1,
					.gap = task->inputs[input].gap};
	if (task->task)
		status->counts = task->task->inputs[input];
	if (task->state != TASK_READING)
		return;
	status->offset = kafka_in_position(in, input, partition);
	status->log_end = kafka_in_log_end(in, input, partition);
	status->problem = *kafka_in_problem(in, input, partition);
	if (status->problem.kind == KAFKA_PROBLEM_GAP || status->problem.kind == KAFKA_PROBLEM_FOREIGN)
		status->log_end = status->problem.log_end;
}

static void fill_task(const struct worker_task *task, struct task_status *status)
{
	*status = (struct task_status){
		.number = task->number,
		.state = state_name(task),
		.is_here = task->state != TASK_ABSENT,
		.is_reading = task->state == TASK_READING,
		.is_caught_up = task->state == TASK_READING && task->is_caught_up,
		.people = task->task ? people_count(task->task->people) : 0,
		.restore_ms = task->state == TASK_ABSENT ? -1 : task->restore_ms,
	};
}

void worker_say_status(struct worker *worker)
{
	int64_t now_ms = loop_now_ms();
	if (!worker->options.board || now_ms < worker->status_due_ms)
		return;
	worker->status_due_ms = now_ms + STATUS_EVERY_MS;
	struct worker_status *status = status_create_worker(worker->options.task_count, worker->input_count);
	status->at_ms = now_ms;
	status->number = worker->options.number;
	status->is_redis_up = ledger_is_up(worker->ledger);
	status->is_uring = strcmp(loop_backend_name(worker->loop), "io_uring") == 0;
	status->ledger = *ledger_counts(worker->ledger);
	status->longest_pause_us = worker->longest_pause_us;
	for (size_t i = 0; i < status->task_count; i++) {
		fill_task(&worker->tasks[i], &status->tasks[i]);
		for (size_t input = 0; input < status->input_count; input++)
			fill_input(&worker->tasks[i], input,
				   &status->inputs[i * status->input_count + input]);
	}
	status_put_worker(worker->options.board, status);
}

static uint64_t count_behind(const struct worker_task *task)
{
	uint64_t count = 0;
	for (size_t i = 0; i < task->worker->input_count; i++) {
		struct input_status input;
		fill_input(task, i, &input);
		count += input.log_end > input.offset ? (uint64_t)(input.log_end - input.offset) : 0;
	}
	return count;
}

/* A task that was let go has neither. */
static void say_memory(struct worker *worker, struct pulse *pulse)
{
	uint64_t copied = 0, uncopied = 0;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		const struct worker_task *task = &worker->tasks[i];
		copied += (task->commit ? task->commit->bytes : 0) +
			  (task->is_committing ? task->committing_bytes : 0);
		uncopied += task->task ? task_unsaid_bytes(task->task) : 0;
	}
	atomic_store_explicit(&pulse->copied_bytes, copied, memory_order_relaxed);
	atomic_store_explicit(&pulse->uncopied_bytes, uncopied, memory_order_relaxed);
	atomic_store_explicit(&pulse->ahead_bytes, worker->in ? kafka_in_ahead_bytes(worker->in) : 0,
			      memory_order_relaxed);
}

void worker_beat(struct worker *worker)
{
	struct pulse *pulse = &worker->options.shared->pulses[worker->options.number];
	int64_t now_ms = loop_now_ms();
	pulse_beat(pulse, now_ms);
	if (now_ms >= worker->memory_due_ms) {
		worker->memory_due_ms = now_ms + MEMORY_EVERY_MS;
		say_memory(worker, pulse);
	}
	if (now_ms < worker->pulse_due_ms)
		return;
	worker->pulse_due_ms = now_ms + STATUS_EVERY_MS;
	uint64_t behind = 0;
	uint32_t reading = 0;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		if (worker->tasks[i].state != TASK_READING)
			continue;
		behind += count_behind(&worker->tasks[i]);
		reading++;
	}
	atomic_store_explicit(&pulse->behind_count, behind, memory_order_relaxed);
	atomic_store_explicit(&pulse->task_count, reading, memory_order_relaxed);
}
