#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/worker_private.h"
#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/task_meta.h"

enum {
	COMMIT_STEP_BYTES = 64 << 10, /* of pages written in one turn */
	SETTLE_AT_ONCE = 8192, /* steps, in one turn before a commit */
	PROGRESS_MS = 1000,           /* between two lines of a restore */
	STORED_INPUTS_MAX = 256,      /* more than a configuration may have */
};

size_t worker_find_input(const struct worker *worker, struct slice topic)
{
	size_t input = 0;
	while (input < worker->input_count && !slice_equal(slice_from(worker_topic(worker, input)), topic))
		input++;
	return input;
}

static struct worker_input *find_input(struct worker_task *task, struct slice topic)
{
	size_t input = worker_find_input(task->worker, topic);
	return input < task->worker->input_count ? &task->inputs[input] : NULL;
}

/* The vector: each input's topic and the offset that is read next. */
static void put_vector(const struct worker_task *task, struct buffer *out)
{
	const struct worker *worker = task->worker;
	buffer_put_unsigned(out, worker->input_count);
	for (size_t i = 0; i < worker->input_count; i++) {
		buffer_put_text(out, slice_from(worker_topic(worker, i)));
		buffer_put_signed(out, task->inputs[i].offset);
	}
}

static bool get_vector(struct worker_task *task, struct slice vector)
{
	struct reader reader = reader_of(vector);
	uint64_t count = vector.len ? reader_unsigned(&reader) : 0;
	for (uint64_t i = 0; i < count && !reader.failed; i++) {
		struct slice topic = reader_text(&reader);
		int64_t offset = reader_signed(&reader);
		struct worker_input *input = find_input(task, topic);
		if (input)
			input->offset = offset;
	}
	return !reader.failed;
}

static void fail_restore(struct worker_task *task, const char *error)
{
	log_error("the state of a task cannot be read back", "task=%" PRIu32 " why=%s", task->number,
		  log_quoted(error).text);
	worker_fail(task->worker, EXIT_FAILED);
}

/* Greater than every one before, also where Redis has lost some of them. */
static uint64_t next_term(uint64_t stored)
{
	uint64_t now = wall_micros();
	return stored < now ? now : stored + 1;
}

/* When this is, and of each input: the trace of what was read last, what was skipped, and what it brought. */
static void put_traces(const struct worker_task *task, struct buffer *out)
{
	const struct worker *worker = task->worker;
	buffer_put_signed(out, (int64_t)(wall_micros() / 1000));
	buffer_put_unsigned(out, worker->input_count);
	for (size_t i = 0; i < worker->input_count; i++) {
		const struct worker_input *input = &task->inputs[i];
		task_trace_put(out, &(struct task_trace){slice_from(worker_topic(worker, i)), input->trace,
							 input->gap, input->activity});
	}
}

static void get_traces(struct worker_task *task, struct reader *reader)
{
	task->covered_ms = reader_signed(reader);
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		struct task_trace read = task_trace_read(reader);
		struct worker_input *input = find_input(task, read.topic);
		if (!input)
			continue;
		input->trace = read.trace;
		input->gap = read.gap;
		input->activity = read.activity;
	}
}

/* The page has the counts in the order of the vector; the inputs may stand in another one now. */
static bool place_counts(struct worker_task *task, struct slice vector, struct slice page)
{
	struct reader reader = reader_of(vector);
	uint64_t count = vector.len ? reader_unsigned(&reader) : 0;
	if (count > STORED_INPUTS_MAX)
		return false;
	struct counts stored[STORED_INPUTS_MAX];
	if (!task_read_counts(page, stored, (size_t)count))
		return false;
	memset(task->task->inputs, 0, task->task->input_count * sizeof(*task->task->inputs));
	for (uint64_t i = 0; i < count && !reader.failed; i++) {
		size_t input = worker_find_input(task->worker, reader_text(&reader));
		(void)reader_signed(&reader); /* the offset */
		if (input < task->worker->input_count)
			task->task->inputs[input] = stored[i];
	}
	return !reader.failed;
}

/* The meta: the greatest revision given out, the term of the owner, the number of partitions, the shuffle
 * mode, the traces, the marks, then the task's own page "m". */
static bool take_meta(struct worker_task *task, struct slice vector, struct slice meta)
{
	task->term = next_term(0);
	if (meta.len == 0)
		return true;
	struct reader reader = reader_of(meta);
	struct task_meta head = task_meta_read(&reader);
	task->restore.meta = head;
	get_traces(task, &reader);
	worker_get_marks(task, &reader);
	if (reader.failed)
		return false;
	task->term = next_term(head.term);
	raise_revision(&task->worker->options.shared->revision, head.revision);
	struct slice page = {reader.at, (size_t)(reader.end - reader.at)};
	return task_restore_page(task->task, "m", page) && place_counts(task, vector, page);
}

/* The task begins anew, with nothing. */
static void clear_task(struct worker_task *task)
{
	struct worker *worker = task->worker;
	if (task->task)
		task_destroy(task->task);
	task->task = task_create(&worker_config(worker)->options, worker->options.identity->person_key,
				 worker->input_count);
	task->covered_ms = TIME_NONE;
	task_confirm(task->task, worker->confirmed_ms);
	worker_place_task(task);
	if (worker->erased)
		(void)task_set_erased(task->task, worker->erased);
	marks_clear(&task->marks);
	for (size_t i = 0; i < worker->input_count; i++) {
		task->inputs[i].log = 0;
		task->inputs[i].offset = KAFKA_IN_BEGINNING;
		task->inputs[i].trace = (struct kafka_trace){.offset = -1};
		task->inputs[i].gap = (struct input_gap){0};
		task->inputs[i].activity = (struct activity_digest){0};
		task->inputs[i].empty_since = 0;
		task->inputs[i].ended_ms = TIME_NONE;
	}
}

static void begin_restore(void *ctx, struct slice vector, struct slice meta, size_t page_count)
{
	struct worker_task *task = ctx;
	clear_task(task);
	task->restore = (struct restore_progress){.page_total = page_count, .said_ms = loop_now_ms()};
	task->restore.is_foreign = !get_vector(task, vector) || !take_meta(task, vector, meta);
	CRASH_POINT(restore_begins);
}

static void restore_page(void *ctx, const char *name, struct slice bytes)
{
	struct worker_task *task = ctx;
	struct restore_progress *restore = &task->restore;
	restore->page_count++;
	CRASH_POINT(restore_page);
	restore->is_too_large |=
		memory_is_full(task->worker->options.memory,
			       &(struct memory_use){.resident_bytes = memory_resident_bytes()}, false);
	if (restore->is_foreign || restore->bad_page[0] || restore->is_too_large)
		return;
	if (!task_restore_page(task->task, name, bytes))
		snprintf(restore->bad_page, sizeof(restore->bad_page), "%s", name);
	if (loop_now_ms() - restore->said_ms < PROGRESS_MS)
		return;
	restore->said_ms = loop_now_ms();
	log_info("a task is being read back", "task=%" PRIu32 " pages=%zu of=%zu people=%zu", task->number,
		 restore->page_count, restore->page_total, people_count(task->task->people));
}

/* What is wrong with what was read, NULL if nothing is. */
static const char *find_fault(struct worker_task *task, char text[TASK_FIT_MAX])
{
	struct restore_progress *restore = &task->restore;
	if (restore->is_foreign)
		return "its offsets are not ours; is redis.namespace used by something else?";
	if (restore->meta.partition_count &&
	    !task_meta_fits(&restore->meta, worker_config(task->worker),
			    task->worker->options.shared->task_count, text))
		return text;
	if (restore->is_too_large)
		return "it fills more than limits.memory leaves: raise that, or give the machine more";
	uint32_t unsound = restore->bad_page[0] ? SERIES_NONE : task_end_restore(task->task);
	if (unsound != SERIES_NONE)
		snprintf(restore->bad_page, sizeof(restore->bad_page), "s/%" PRIu32, unsound);
	if (!restore->bad_page[0])
		return NULL;
	snprintf(text, TASK_FIT_MAX,
		 "page %s does not fit this configuration: the windows' slides and lengths must be "
		 "those that it was written with, or redis.namespace a new one", restore->bad_page);
	return text;
}

static void end_restore(void *ctx, enum ledger_result result, const char *error)
{
	struct worker_task *task = ctx;
	char text[TASK_FIT_MAX];
	if (result == LEDGER_DONE)
		error = find_fault(task, text);
	if (error) {
		fail_restore(task, error);
		return;
	}
	log_info("a task is read back", "task=%" PRIu32 " pages=%zu people=%zu", task->number,
		 task->restore.page_count, people_count(task->task->people));
	CRASH_POINT(restore_ends);
	bool is_aligned = task->task->aligned_ms != TIME_NONE;
	task->covered_time_ms = is_aligned ? task->task->aligned_ms : task->task->max_ms;
	task->restore_ms = loop_now_ms() - task->restore_since_ms;
	task->state = TASK_CLAIMING;
	task->is_dirty = true;
	task->commit_due_ms = loop_now_ms();
}

void worker_restore(struct worker_task *task)
{
	if (task->number == 0)
		atomic_store(&task->worker->options.shared->is_merger, false);
	kafka_in_stop_task(task->worker->in, (int32_t)task->number);
	if (task->commit)
		commit_destroy(task->commit);
	task->commit = NULL;
	task->is_committing = task->is_commit_open = task->is_dirty = task->is_caught_up = false;
	task->state = TASK_RESTORING;
	task->restore_since_ms = loop_now_ms();
	task->restore_ms = -1;
	clear_task(task);
	ledger_restore(task->ledger, &(struct ledger_reader){task_compare_pages, begin_restore, restore_page,
							     end_restore, task});
}

static void put_page(void *ctx, struct slice name, struct slice bytes)
{
	struct worker_task *task = ctx;
	if (name.data[0] == 'm') {
		struct buffer meta = {0};
		struct shared *shared = task->worker->options.shared;
		task_meta_put(&meta, &(struct task_meta){
			.revision = atomic_load_explicit(&shared->revision, memory_order_relaxed),
			.term = task->term,
			.partition_count = shared->task_count,
			.shuffle_mode = shuffle_mode(worker_config(task->worker)),
			.shuffle_stamp = task->worker->shuffle_stamp,
		});
		buffer_put(&meta, task->traces.data, task->traces.len);
		buffer_put(&meta, bytes.data, bytes.len);
		commit_set_meta(task->commit, buffer_slice(&meta));
		buffer_destroy(&meta);
		return;
	}
	if (bytes.data)
		memcpy(commit_put_page(task->commit, name, bytes.len), bytes.data, bytes.len);
	else
		commit_put_deletion(task->commit, name);
}

static void begin_commit(struct worker_task *task)
{
	struct buffer vector = {0};
	CRASH_POINT(commit_begins);
	task->commit = commit_create();
	task->traces.len = 0;
	put_traces(task, &task->traces);
	worker_put_marks(task, &task->traces);
	task_begin_commit(task->task, put_page, task);
	put_vector(task, &vector);
	commit_set_vector(task->commit, buffer_slice(&vector));
	buffer_destroy(&vector);
	task->commit_dead = task->worker->dead_sequence;
	task->commit_forward = task->worker->forward_sequence;
	task->is_dirty = false;
	task->is_commit_open = true;
}

/* At most `bandwidth` on average: a large commit puts off the next. */
static void end_commit(struct worker_task *task)
{
	const struct config *config = worker_config(task->worker);
	task->is_commit_open = false;
	CRASH_POINT(commit_copied);
	int64_t paid_ms = (int64_t)task->commit->bytes * 1000 / config->commit.bandwidth_bytes_per_s;
	int64_t wait_ms = paid_ms > config->commit.interval_ms ? paid_ms : config->commit.interval_ms;
	task->commit_due_ms = loop_now_ms() + wait_ms;
}

/* What was put off for longer is not. */
void worker_change_interval(struct worker *worker)
{
	int64_t due_ms = loop_now_ms() + worker_config(worker)->commit.interval_ms;
	for (size_t i = 0; i < worker->options.task_count; i++)
		if (worker->tasks[i].commit_due_ms > due_ms)
			worker->tasks[i].commit_due_ms = due_ms;
}

static void tell_group(struct worker_task *task)
{
	struct worker *worker = task->worker;
	for (size_t i = 0; i < worker->input_count; i++)
		if (task->inputs[i].offset >= 0)
			kafka_group_commit(worker->options.group, worker_topic(worker, i),
					   (int32_t)task->number, task->inputs[i].offset);
}

static void committed(void *ctx, enum ledger_result result, const char *error)
{
	struct worker_task *task = ctx;
	task->is_committing = false;
	if (result == LEDGER_FENCED && task->state == TASK_LEAVING) {
		log_warn("the task that is left has another owner already", "task=%" PRIu32, task->number);
		worker_let_go(task);
	} else if (result == LEDGER_FENCED) {
		log_warn("the stored state is not the one this worker goes on from: the task is read back",
			 "task=%" PRIu32, task->number);
		worker_restore(task);
	} else if (result == LEDGER_FAILED) {
		log_error("a task cannot be committed", "task=%" PRIu32 " why=%s", task->number,
			  log_quoted(error).text);
		task->state = TASK_FAILED;
		worker_fail(task->worker, EXIT_FAILED);
	} else if (task->state == TASK_CLAIMING) {
		CRASH_POINT(claim_committed);
		worker_claimed(task);
		task->is_dirty |= task_is_rewriting(task->task);
	} else if (!task->is_dirty) {
		CRASH_POINT(commit_told);
		tell_group(task);
		task->is_dirty = task_is_rewriting(task->task);
	}
}

/* What was not read yet has nothing to commit. */
bool worker_is_committed(const struct worker_task *task)
{
	bool has_read = task->state == TASK_READING || task->state == TASK_LEAVING;
	return !has_read || (!task->commit && !task->is_committing && !task->is_dirty);
}

static bool may_commit(const struct worker_task *task)
{
	return task->state == TASK_CLAIMING || task->state == TASK_READING || task->state == TASK_LEAVING;
}

/* What a commit has behind it is in Kafka: dead letters, and what went to other tasks. */
static bool is_delivered(const struct worker_task *task)
{
	const struct worker_options *options = &task->worker->options;
	return publisher_dead_delivered(options->publisher, options->number) >= task->commit_dead &&
	       publisher_forward_delivered(options->publisher, options->number) >= task->commit_forward;
}

void worker_commit(struct worker_task *task, bool is_last)
{
	if (!may_commit(task) || task->is_committing)
		return;
	is_last |= task->state == TASK_LEAVING;
	bool is_due = !task->commit && task->is_dirty && (is_last || loop_now_ms() >= task->commit_due_ms);
	if (is_due && (is_last || !task_prepare_commit(task->task, SETTLE_AT_ONCE)))
		begin_commit(task);
	if (task->is_commit_open && !task_step_commit(task->task, is_last ? SIZE_MAX / 2 : COMMIT_STEP_BYTES))
		end_commit(task);
	if (!task->commit || task->is_commit_open || !is_delivered(task))
		return;
	struct commit *commit = task->commit;
	task->commit = NULL;
	task->is_committing = true;
	task->committing_bytes = commit->bytes;
	ledger_commit(task->ledger, commit, committed, task);
}
