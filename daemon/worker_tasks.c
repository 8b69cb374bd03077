#include <inttypes.h>

#include "daemon/crash_point.h"
#include "daemon/worker_private.h"
#include "daemon/commands.h"
#include "daemon/log.h"

enum { START_TIMEOUT_MS = 3000, START_AGAIN_MS = 1000, LEAVE_MS = 6000 };

static struct shared *shared_of(const struct worker_task *task)
{
	return task->worker->options.shared;
}

static struct task_duty *duty_of(const struct worker_task *task)
{
	return &shared_of(task)->duties[task->number];
}

static void take(struct worker_task *task)
{
	atomic_store(&duty_of(task)->is_held, true);
	CRASH_POINT(task_taken);
	task->ledger = ledger_open_task(task->worker->ledger, task->number);
	worker_restore(task);
}

void worker_let_go(struct worker_task *task)
{
	if (task->number == 0)
		atomic_store(&shared_of(task)->is_merger, false);
	kafka_in_stop_task(task->worker->in, (int32_t)task->number);
	ledger_close_task(task->ledger);
	if (task->commit)
		commit_destroy(task->commit);
	task_destroy(task->task);
	task->ledger = NULL;
	task->commit = NULL;
	task->task = NULL;
	task->is_committing = task->is_commit_open = task->is_dirty = false;
	task->state = TASK_ABSENT;
	log_info("a task is let go", "task=%" PRIu32, task->number);
	atomic_store(&duty_of(task)->is_held, false);
	CRASH_POINT(task_let_go);
}

/* What was read is committed first; what was not read yet has nothing to be committed. */
static void leave(struct worker_task *task)
{
	if (task->state != TASK_READING) {
		worker_let_go(task);
		return;
	}
	CRASH_POINT(leave_begins);
	task->state = TASK_LEAVING;
	task->leave_by_ms = loop_now_ms() + LEAVE_MS;
}

void worker_follow_group(struct worker *worker)
{
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		bool is_wanted = atomic_load(&duty_of(task)->is_wanted);
		if (is_wanted && task->state == TASK_ABSENT)
			take(task);
		else if (!is_wanted && task->state >= TASK_RESTORING && task->state <= TASK_READING)
			leave(task);
		else if (task->state == TASK_LEAVING &&
			 (worker_is_committed(task) || loop_now_ms() > task->leave_by_ms)) {
			CRASH_POINT(leave_committed);
			worker_let_go(task);
		}
	}
}

void worker_erase(struct worker *worker)
{
	const struct erased *erased =
		atomic_load_explicit(&worker->options.shared->erased, memory_order_acquire);
	if (erased == worker->erased)
		return;
	worker->erased = erased;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		if (!task->task)
			continue;
		size_t count = task_set_erased(task->task, erased);
		task->is_dirty |= count > 0;
		if (count)
			log_info("people are erased", "task=%" PRIu32 " count=%zu", task->number, count);
	}
	atomic_store_explicit(&worker->options.shared->pulses[worker->options.number].erased, erased,
			      memory_order_release);
}

void worker_claimed(struct worker_task *task)
{
	task->state = TASK_CLAIMED;
	task->start_due_ms = 0;
	bulletin_put_task(task->worker->bulletin, task->number, task->term);
	if (task->number == 0)
		atomic_store(&shared_of(task)->is_merger, true);
}

uint64_t worker_count_events(const struct worker_task *task, size_t input)
{
	uint64_t count = 0;
	for (int i = 0; i < CLASS_COUNT; i++)
		count += task->task->inputs[input].classes[i];
	return count;
}

static bool begin_task(struct worker_task *task)
{
	struct worker *worker = task->worker;
	int64_t offsets[worker->input_count];
	struct kafka_trace traces[worker->input_count];
	struct kafka_error error;
	for (size_t i = 0; i < worker->input_count; i++) {
		offsets[i] = task->inputs[i].offset;
		traces[i] = task->inputs[i].trace;
	}
	CRASH_POINT(reading_begins);
	if (!kafka_in_start_task(worker->in, (int32_t)task->number, offsets, traces, START_TIMEOUT_MS,
				 &error)) {
		log_warn("reading cannot begin yet", "why=%s", log_quoted(error.text).text);
		if (error.fault == KAFKA_FAULT_DENIED && !worker->has_read)
			worker_fail(worker, EXIT_NO_PERMISSION);
		return false;
	}
	const int64_t *ends = kafka_in_end_offsets(worker->in);
	for (size_t i = 0; i < worker->input_count; i++)
		task->inputs[i].told_count = worker_count_events(task, i);
	for (size_t i = 0; i < worker->input_count; i++)
		task->inputs[i].caught_up = ends[kafka_in_index(worker->in, i, (int32_t)task->number)];
	CRASH_POINT(reading_begun);
	task->state = TASK_READING;
	task->is_told = false;
	memset(worker->due_ms, 0, sizeof(worker->due_ms)); /* it says everything first */
	return true;
}

void worker_begin_reading(struct worker *worker)
{
	if (!worker->erased)
		return;
	int64_t now_ms = loop_now_ms();
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		if (task->state != TASK_CLAIMED || now_ms < task->start_due_ms)
			continue;
		if (!begin_task(task)) {
			task->start_due_ms = loop_now_ms() + START_AGAIN_MS;
			return;
		}
		if (worker->read_since_ms == 0)
			worker->read_count = 0;
		if (worker->read_since_ms == 0)
			worker->read_since_ms = now_ms;
		worker->has_read = true;
	}
}
