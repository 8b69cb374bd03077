#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/worker_private.h"
#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/worker_batch.h"

enum {
	POLL_EVERY_MS = 500,
	IDLE_MS = 50,
	HELD_BACK_MS = 1,
	LAST_COMMIT_MS = 6000,
	BATCHES_PER_TURN = 16,
	KNOWN_EVERY_MS = 50,
	REPORTS_EVERY_MS = 500,
	REPORTS_EVERY_BEHIND_MS = 4000, /* all of an ad each time, the more the more of a backlog was read */
	MENDED_MS = 900000,
	SAID_PER_EMIT = 8, /* so that a row is hardly older than its emit allows */
	WORKER_MAX = 64, /* settings.def */
	SAID_PER_EMIT_FAR = 2, /* where it has to travel to another instance */
	SAID_PER_EMIT_BEHIND = 1, /* by who has so much to read that a row is older anyway */
	BEHIND_RECORDS = 100000,
};

void worker_fail(struct worker *worker, int exit_code)
{
	struct shared *shared = worker->options.shared;
	atomic_store(&shared->exit_code, exit_code);
	atomic_store(&shared->is_stopping, true);
}

static void read_wall_clock(struct worker *worker)
{
	struct timespec now;
	if (worker_config(worker)->clock == CONFIG_CLOCK_EVENT)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	worker->wall_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool task_is_at_end(const struct worker_task *task)
{
	const struct worker *worker = task->worker;
	if (task->state != TASK_READING)
		return false;
	for (size_t i = 0; i < worker->input_count; i++)
		if (!kafka_in_at_end(worker->in, i, (int32_t)task->number))
			return false;
	return true;
}

/* T: the greatest ts of all tasks, and the wall clock once a task has read to its end. Never less than it
 * was for a task that is read back: its windows do not move back, though what moved them may be lost. */
static int64_t stream_time(struct worker *worker)
{
	_Atomic int64_t *now_ms = &worker->options.shared->now_ms;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		const struct worker_task *task = &worker->tasks[i];
		if (task->state == TASK_ABSENT)
			continue;
		raise_to(now_ms, task->task->max_ms);
		raise_to(now_ms, task->task->window.now_ms);
		if (worker->wall_ms != TIME_NONE && task_is_at_end(task))
			raise_to(now_ms, worker->wall_ms);
	}
	return atomic_load_explicit(now_ms, memory_order_relaxed);
}

/* What stands before a gap goes on only when somebody has decided: nothing waits for that. */
static bool is_input_caught_up(const struct worker_task *task, size_t input)
{
	const struct kafka_in *in = task->worker->in;
	enum kafka_problem_kind problem = kafka_in_problem(in, input, (int32_t)task->number)->kind;
	return kafka_in_position(in, input, (int32_t)task->number) >= task->inputs[input].caught_up ||
	       problem == KAFKA_PROBLEM_GAP || problem == KAFKA_PROBLEM_FOREIGN;
}

static bool is_task_caught_up(const struct worker_task *task)
{
	for (size_t i = 0; i < task->worker->input_count; i++)
		if (!is_input_caught_up(task, i))
			return false;
	return true;
}

static void say_caught_up(struct worker_task *task)
{
	if (task->is_caught_up || !task->is_told || !is_task_caught_up(task))
		return;
	task->is_caught_up = true;
	bulletin_put_mark(task->worker->bulletin, NOTE_CAUGHT_UP);
}

static bool is_far_behind(const struct worker *worker)
{
	const struct pulse *pulse = &worker->options.shared->pulses[worker->options.number];
	return atomic_load_explicit(&pulse->behind_count, memory_order_relaxed) > BEHIND_RECORDS;
}

static int64_t said_per_emit(const struct worker *worker)
{
	const struct shared *shared = worker->options.shared;
	if (is_far_behind(worker))
		return SAID_PER_EMIT_BEHIND;
	bool is_near = atomic_load_explicit(&shared->is_merger, memory_order_relaxed);
	return is_near ? SAID_PER_EMIT : SAID_PER_EMIT_FAR;
}

/* Which windows may be said again by now; the bit behind the last stands for the history. */
static uint32_t due_windows(struct worker *worker, bool is_last)
{
	const struct options *options = &worker_config(worker)->options;
	int64_t times = said_per_emit(worker);
	int64_t now_ms = loop_now_ms();
	uint32_t mask = 0;
	for (size_t i = 0; i <= options->window_count; i++) {
		int64_t emit_ms = i < options->window_count
				  ? options->windows[i].emit_ms
				  : options->history_emit_ms;
		if (!is_last && now_ms < worker->due_ms[i])
			continue;
		worker->due_ms[i] = now_ms + emit_ms / times;
		mask |= 1u << i;
	}
	return mask;
}

static void hand_over(struct worker *worker)
{
	if (worker->bulletin->notes.len == 0 && worker->bulletin->now_ms == TIME_NONE)
		return;
	uint64_t announcement = worker->bulletin->announcement;
	if (!publisher_put(worker->options.publisher, worker->options.number, worker->bulletin))
		return;
	worker->bulletin = bulletin_create();
	worker->bulletin->announcement = announcement;
}

/* Everything, where it is asked for: by a merger that has nothing yet, or because something was lost. */
static void say_again(struct worker *worker)
{
	struct shared *shared = worker->options.shared;
	uint64_t asked_count = atomic_load_explicit(&shared->asked_count, memory_order_acquire);
	if (asked_count == worker->asked_count)
		return;
	worker->asked_count = asked_count;
	uint64_t announcement = atomic_load_explicit(&shared->announcement, memory_order_acquire);
	bool is_other_merger = announcement != worker->bulletin->announcement;
	worker->bulletin->announcement = announcement;
	if (is_other_merger)
		worker->confirmed_ms = TIME_NONE;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		if (worker->tasks[i].state != TASK_READING)
			continue;
		task_confirm(worker->tasks[i].task, worker->confirmed_ms);
		task_say_again(worker->tasks[i].task);
		worker->tasks[i].is_told = worker->tasks[i].is_caught_up = false;
	}
	memset(worker->due_ms, 0, sizeof(worker->due_ms));
	worker->reports_said_ms = 0;
}

static void say_activity(struct worker_task *task, int64_t now_ms)
{
	for (size_t i = 0; i < task->worker->input_count; i++) {
		struct worker_input *input = &task->inputs[i];
		uint64_t count = worker_count_events(task, i) - input->told_count;
		if (!task->is_told)
			bulletin_put_activity_before(task->worker->bulletin, i, &input->activity);
		if (count == 0 || now_ms == TIME_NONE)
			continue;
		bulletin_put_activity(task->worker->bulletin, i, count);
		activity_digest_note(&input->activity, now_ms, count);
		input->told_count += count;
	}
}

/* Since when there may be rows in the topics that the task knows nothing of: not for long after it was read
 * back, for the merger before this one has mended them by then. */
static int64_t covered_ms(const struct worker_task *task)
{
	int64_t mended_ms = (int64_t)(wall_micros() / 1000) - MENDED_MS;
	bool is_mended = loop_now_ms() - task->restore_since_ms > MENDED_MS;
	return is_mended && task->covered_ms < mended_ms ? mended_ms : task->covered_ms;
}

/* By how far behind it is now: once it has caught up they come as soon as they do then. */
static bool are_reports_due(struct worker *worker)
{
	int64_t every_ms = is_far_behind(worker) ? REPORTS_EVERY_BEHIND_MS : REPORTS_EVERY_MS;
	bool are_due = loop_now_ms() >= worker->reports_said_ms + every_ms;
	if (are_due)
		worker->reports_said_ms = loop_now_ms();
	return are_due;
}

/* Makes known what changed. What comes after a full ring waits in the panes. */
static void make_known(struct worker *worker, bool is_last)
{
	bool is_due = loop_now_ms() >= worker->known_due_ms;
	if ((!is_due && !is_last) || !publisher_has_room(worker->options.publisher, worker->options.number))
		return;
	worker->known_due_ms = loop_now_ms() + KNOWN_EVERY_MS;
	say_again(worker);
	uint32_t mask = due_windows(worker, is_last);
	int64_t now_ms = stream_time(worker);
	struct task_sink sink = bulletin_sink(worker->bulletin);
	size_t window_count = worker_config(worker)->options.window_count;
	bool with_history = mask >> window_count & 1;
	bool with_everything = mask == (2u << window_count) - 1;
	bool with_reports = are_reports_due(worker);
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		if (task->state != TASK_READING)
			continue;
		bulletin_put_task(worker->bulletin, task->number, task->term);
		if (!task->is_told)
			bulletin_put_covered(worker->bulletin, covered_ms(task), task->covered_time_ms);
		if (now_ms != TIME_NONE)
			task_advance(task->task, now_ms);
		if (with_reports)
			task_collect_reports(task->task, &sink);
		if (mask)
			task_collect(task->task, mask, with_history, &sink);
		else
			task_collect_names(task->task, &sink);
		say_activity(task, now_ms);
		task->is_told |= with_everything;
		say_caught_up(task);
	}
	worker->bulletin->now_ms = now_ms;
	worker->bulletin->position_ms = worker_sent_position(worker, worker_say_position(worker));
	hand_over(worker);
}

/* The texts are borrowed from the bulletin. */
static void take_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	struct worker *worker = ctx;
	if (worker->parent_count == worker->parent_capacity) {
		worker->parent_capacity = worker->parent_capacity ? 2 * worker->parent_capacity : 64;
		worker->parents =
			realloc(worker->parents, worker->parent_capacity * sizeof(*worker->parents));
		CHECK(worker->parents);
	}
	worker->parents[worker->parent_count++] = (struct ad_parents){ad, *parents};
}

static void take_confirmed(void *ctx, int64_t position_ms)
{
	struct worker *worker = ctx;
	worker->confirmed_ms = position_ms;
}

/* Also to a task that waits for Kafka: the merger says them once under a term, which began with the claim. */
static void put_parents(struct worker *worker)
{
	struct task_sink sink = bulletin_sink(worker->bulletin);
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		if (task->state != TASK_CLAIMED && task->state != TASK_READING)
			continue;
		bulletin_put_task(worker->bulletin, task->number, task->term);
		task->is_dirty |= task_put_parents(task->task, worker->parents, worker->parent_count, &sink);
		task_confirm(task->task, worker->confirmed_ms);
	}
	worker->parent_count = 0;
}

static void read_mailbox(struct worker *worker)
{
	struct bulletin *bulletin;
	while ((bulletin = publisher_take(worker->options.publisher, worker->options.number))) {
		bulletin_read(bulletin, &(struct bulletin_reader){.parents = take_parents,
								  .confirmed = take_confirmed,
								  .ctx = worker});
		put_parents(worker);
		bulletin_destroy(bulletin);
	}
}

static void poll_kafka(void *ctx, unsigned ready)
{
	struct worker *worker = ctx;
	(void)ready;
	kafka_in_poll(worker->in);
	worker->poll_due_ms = loop_now_ms() + POLL_EVERY_MS;
}

static bool may_read(const struct worker *worker)
{
	const struct worker_options *options = &worker->options;
	return publisher_has_room(options->publisher, options->number) &&
	       !atomic_load_explicit(&options->shared->is_memory_full, memory_order_relaxed);
}

static size_t read_batches(struct worker *worker)
{
	size_t count = 0;
	for (int i = 0; i < BATCHES_PER_TURN; i++) {
		size_t batch = worker_read(worker);
		count += batch;
		if (batch == 0 || worker->bulletin->notes.len > BULLETIN_BYTES_MAX)
			break;
	}
	return count;
}

/* How fast a backlog was read: once. */
static void say_at_end(struct worker *worker, size_t count)
{
	struct pulse *pulse = &worker->options.shared->pulses[worker->options.number];
	atomic_fetch_add_explicit(&pulse->record_count, count, memory_order_relaxed);
	worker->read_count += count;
	if (worker->read_since_ms == 0)
		return;
	for (size_t i = 0; i < worker->options.task_count; i++)
		if (worker->tasks[i].state != TASK_ABSENT && !task_is_at_end(&worker->tasks[i]))
			return;
	log_info("a worker has read to the end", "worker=%zu records=%" PRIu64 " ms=%" PRId64,
		 worker->options.number, worker->read_count, loop_now_ms() - worker->read_since_ms);
	worker->read_since_ms = 0;
}

static int64_t clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void commit_all(struct worker *worker, bool is_last)
{
	int64_t begin_us = clock_us();
	for (size_t i = 0; i < worker->options.task_count; i++)
		worker_commit(&worker->tasks[i], is_last);
	int64_t pause_us = clock_us() - begin_us;
	if (is_last)
		return;
	worker->pauses[histogram_bin(pause_us)]++;
	if (pause_us > worker->longest_pause_us)
		worker->longest_pause_us = pause_us;
}

static int64_t pause_at(const struct worker *worker, uint64_t permille)
{
	uint64_t all = 0, seen = 0;
	for (unsigned bin = 0; bin < HISTOGRAM_BIN_COUNT; bin++)
		all += worker->pauses[bin];
	for (unsigned bin = 0; bin < HISTOGRAM_BIN_COUNT; bin++) {
		seen += worker->pauses[bin];
		if (seen && seen * 1000 >= all * permille)
			return histogram_value_ms(bin);
	}
	return 0;
}

/* What commits did to reading, and what they wrote. */
static void say_commits(const struct worker *worker)
{
	const struct ledger_counts *counts = ledger_counts(worker->ledger);
	log_info("a worker has ended",
		 "worker=%zu commits=%" PRIu64 " pages=%" PRIu64 " page_bytes=%" PRIu64
		 " pause_p50_us=%" PRId64 " pause_p999_us=%" PRId64 " pause_max_us=%" PRId64,
		 worker->options.number, counts->commits, counts->pages_out, counts->bytes_out,
		 pause_at(worker, 500), pause_at(worker, 999), worker->longest_pause_us);
}

static bool has_open_commit(const struct worker *worker)
{
	for (size_t i = 0; i < worker->options.task_count; i++)
		if (worker->tasks[i].is_commit_open)
			return true;
	return false;
}

void worker_turn(struct worker *worker)
{
	size_t count = 0;
	worker_beat(worker);
	if (shared_take_config(worker->options.shared, &worker->own))
		worker_change_interval(worker);
	read_wall_clock(worker);
	read_mailbox(worker);
	worker_erase(worker);
	worker_answer(worker);
	worker_follow_group(worker);
	worker_begin_reading(worker);
	worker_note_arrived(worker);
	if (loop_now_ms() >= worker->poll_due_ms)
		poll_kafka(worker, LOOP_READ);
	if (may_read(worker))
		count = read_batches(worker);
	say_at_end(worker, count);
	make_known(worker, false);
	commit_all(worker, false);
	worker_say_status(worker);
	bool is_busy = count > 0 || has_open_commit(worker);
	loop_run_once(worker->loop, is_busy ? 0 : worker->is_held_back ? HELD_BACK_MS : IDLE_MS);
}

static bool is_all_committed(const struct worker *worker)
{
	for (size_t i = 0; i < worker->options.task_count; i++)
		if (!worker_is_committed(&worker->tasks[i]))
			return false;
	return true;
}

/* The last turns: nothing is read any more, what was read is made known and committed. */
static void finish(struct worker *worker)
{
	int64_t until_ms = loop_now_ms() + LAST_COMMIT_MS;
	while (loop_now_ms() < until_ms) {
		worker_beat(worker);
		read_mailbox(worker);
		make_known(worker, true);
		commit_all(worker, true);
		worker->is_all_committed = is_all_committed(worker);
		if (worker->is_all_committed || atomic_load(&worker->options.shared->exit_code) != 0)
			break;
		loop_run_once(worker->loop, IDLE_MS / 5);
	}
	while (worker->bulletin->notes.len && loop_now_ms() < until_ms) {
		hand_over(worker);
		loop_run_once(worker->loop, IDLE_MS / 5);
	}
}

static struct kafka_in *create_consumer(struct worker *worker)
{
	const struct config *config = worker_config(worker);
	const char *topics[worker->input_count];
	for (size_t i = 0; i < worker->input_count; i++)
		topics[i] = worker_topic(worker, i);
	struct kafka_in_options options = {
		.connection = worker->options.connection,
		.name = "worker",
		.group = config->kafka.group,
		.topics = topics,
		.topic_count = worker->input_count,
		.tasks = worker->options.tasks,
		.task_count = worker->options.task_count,
		.prefetch_bytes = worker->options.memory->prefetch_bytes,
	};
	struct kafka_error error;
	struct kafka_in *in = kafka_in_create(&options, &error);
	if (!in) {
		log_error("the consumer cannot be made", "why=%s", log_quoted(error.text).text);
		worker_fail(worker, EXIT_CONFIG);
	}
	return in;
}

static void prepare_task(struct worker *worker, size_t number)
{
	struct worker_task *task = &worker->tasks[number];
	task->worker = worker;
	task->number = (uint32_t)worker->options.tasks[number];
	task->restore_ms = -1;
	task->inputs = calloc(worker->input_count, sizeof(*task->inputs));
	CHECK(task->inputs);
	marks_create(&task->marks, worker->shuffle_input, worker->options.shared->task_count);
}

static void woken(void *ctx)
{
	(void)ctx; /* being awake is all that was asked for */
}

bool worker_begin(struct worker *worker)
{
	worker->loop = loop_create();
	CHECK(worker->loop);
	loop_on_wake(worker->loop, woken, worker);
	publisher_wake_by(worker->options.publisher, worker->options.number, worker->loop);
	sem_post(&worker->is_started);
	worker->ledger = ledger_create(worker->loop, &worker->options.redis,
				       worker_config(worker)->redis.namespace, worker->options.identity);
	worker->in = create_consumer(worker);
	if (!worker->in)
		return false;
	loop_watch(worker->loop, kafka_in_fd(worker->in), LOOP_READ, poll_kafka, worker);
	for (size_t i = 0; i < worker->options.task_count; i++)
		prepare_task(worker, i);
	return true;
}

static void *run(void *ctx)
{
	struct worker *worker = ctx;
	char name[16];
	snprintf(name, sizeof(name), "worker %zu", worker->options.number % WORKER_MAX);
	pthread_setname_np(pthread_self(), name);
	if (!worker_begin(worker))
		return NULL;
	while (!atomic_load(&worker->options.shared->is_stopping))
		worker_turn(worker);
	finish(worker);
	say_commits(worker);
	for (size_t i = 0; i < worker->options.task_count; i++)
		atomic_store(&worker->options.shared->duties[worker->tasks[i].number].is_held, false);
	return NULL;
}

struct worker *worker_create(const struct worker_options *options)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	CHECK(worker);
	worker->options = *options;
	shared_begin_config(options->shared, &worker->own);
	const struct config *config = worker_config(worker);
	worker->input_count = config_read_count(config);
	worker->shuffle_input = config->kafka.inputs.count;
	worker->shuffle_stamp = shuffle_stamp(config, options->shared->task_count);
	worker->wall_ms = TIME_NONE;
	worker->sent_position_ms = worker->next_position_ms = TIME_NONE;
	worker->confirmed_ms = TIME_NONE;
	worker->tasks = calloc(options->task_count ? options->task_count : 1, sizeof(*worker->tasks));
	CHECK(worker->tasks);
	worker->bulletin = bulletin_create();
	worker->decoder = decoder_create(&(struct decode_limits){
		.record_bytes = (size_t)config->limits.record_bytes,
		.id_bytes = (size_t)config->limits.id_bytes,
		.depth = config->limits.depth,
	});
	worker->batch = worker_batch_create(worker);
	CHECK(sem_init(&worker->is_started, 0, 0) == 0);
	return worker;
}

struct worker *worker_start(const struct worker_options *options)
{
	struct worker *worker = worker_create(options);
	CHECK(pthread_create(&worker->thread, NULL, run, worker) == 0);
	while (sem_wait(&worker->is_started) != 0)
		continue;
	return worker;
}

void worker_wake(struct worker *worker)
{
	loop_wake(worker->loop);
}

bool worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	return worker->is_all_committed;
}

static void close_task(struct worker_task *task)
{
	free(task->inputs);
	marks_destroy(&task->marks);
	buffer_destroy(&task->traces);
	if (task->commit)
		commit_destroy(task->commit);
	if (task->task)
		task_destroy(task->task);
}

void worker_destroy(struct worker *worker)
{
	if (worker->in)
		kafka_in_destroy(worker->in);
	ledger_destroy(worker->ledger);
	for (size_t i = 0; i < worker->options.task_count; i++)
		close_task(&worker->tasks[i]);
	free(worker->tasks);
	free(worker->parents);
	bulletin_destroy(worker->bulletin);
	buffer_destroy(&worker->forward);
	worker_batch_destroy(worker->batch);
	decoder_destroy(worker->decoder);
	loop_destroy(worker->loop);
	sem_destroy(&worker->is_started);
	free(worker);
}
