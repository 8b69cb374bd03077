#include "daemon/worker_private.h"

bool worker_forward(struct worker_task *task, uint32_t to, const struct shuffle_record *record)
{
	struct worker *worker = task->worker;
	struct shuffle_record sent = *record;
	sent.from = task->number;
	sent.sent_ms = task->task->max_ms;
	worker->forward.len = 0;
	shuffle_encode(worker->shuffle_stamp, &sent, &worker->forward);
	if (worker->forward.len > SHUFFLE_BYTES_MAX)
		return false;
	bulletin_put_forward(worker->bulletin,
			     &(struct forward){++worker->forward_sequence, to,
					       buffer_slice(&worker->forward)});
	return true;
}

static void send_note(void *ctx, uint32_t to, struct slice note)
{
	struct worker_task *task = ctx;
	const struct shuffle_record record = {.kind = SHUFFLE_NOTE, .note = note};
	CHECK(worker_forward(task, to, &record)); /* abroad.c keeps them small */
}

void worker_place_record(struct worker_task *task, struct slice key)
{
	const struct task_place *place = &task->task->place;
	if (place->is_by_key)
		task_set_record_home(task->task, shuffle_record_home(place->users, place->home_count,
								     task->number, key));
}

void worker_place_task(struct worker_task *task)
{
	const struct config_shuffle shuffle = config_shuffle(worker_config(task->worker));
	const struct task_place place = {
		.task = task->number,
		.home_count = config_home_count(worker_config(task->worker),
						task->worker->options.shared->task_count),
		.is_by_key = shuffle.is_by_key,
		.users = shuffle.users,
		.clicks = shuffle.clicks,
	};
	if (!shuffle.is_on)
		return;
	task_set_place(task->task, &place, send_note, task);
	for (size_t i = 0; i < ARRIVAL_LOOK_COUNT; i++)
		task->looks[i] = TIME_NONE;
	task_note_arrived(task->task, TIME_NONE);
}

int64_t worker_sent_position(struct worker *worker, int64_t position_ms)
{
	const struct worker_options *options = &worker->options;
	uint64_t delivered = publisher_forward_delivered(options->publisher, options->number);
	if (delivered >= worker->next_sequence) {
		worker->sent_position_ms = worker->next_position_ms;
		worker->next_position_ms = position_ms;
		worker->next_sequence = worker->forward_sequence;
	}
	if (delivered >= worker->forward_sequence || position_ms < worker->sent_position_ms)
		worker->sent_position_ms = position_ms;
	return worker->sent_position_ms;
}

static int64_t hindmost_look(const struct worker_task *task)
{
	int64_t hindmost_ms = INT64_MAX;
	for (size_t i = 0; i < ARRIVAL_LOOK_COUNT; i++)
		if (task->looks[i] < hindmost_ms)
			hindmost_ms = task->looks[i];
	return hindmost_ms;
}

/* What other tasks had sent when they were as far as this one was a while ago is here by now, if all have
 * been there since. Where one is away, its positions are not confirmed (publisher_confirm); where the merging
 * instance is, nothing is. */
void worker_note_arrived(struct worker *worker)
{
	if (worker->input_count == worker->shuffle_input || loop_now_ms() < worker->look_due_ms)
		return;
	int64_t heard_ms = atomic_load_explicit(&worker->options.shared->merger_heard_ms,
						memory_order_relaxed);
	bool is_merger_away = loop_now_ms() - heard_ms > MERGER_SILENT_MS;
	worker->look_due_ms = loop_now_ms() + ARRIVAL_LOOK_MS;
	for (size_t i = 0; i < worker->options.task_count; i++) {
		struct worker_task *task = &worker->tasks[i];
		if (task->state != TASK_READING)
			continue;
		task->looks[task->look_count++ % ARRIVAL_LOOK_COUNT] =
			is_merger_away ? TIME_NONE : task_known_ms(task->task);
		task_note_arrived(task->task, hindmost_look(task));
	}
}

/* How often each topic was created anew, and what of other tasks' partitions of it was applied here. */
void worker_put_marks(const struct worker_task *task, struct buffer *out)
{
	const struct worker *worker = task->worker;
	buffer_put_unsigned(out, worker->shuffle_input);
	for (size_t i = 0; i < worker->shuffle_input; i++) {
		buffer_put_text(out, slice_from(worker_topic(worker, i)));
		buffer_put_unsigned(out, task->inputs[i].log);
		marks_encode(&task->marks, i, out);
	}
}

void worker_get_marks(struct worker_task *task, struct reader *reader)
{
	struct worker *worker = task->worker;
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		size_t input = worker_find_input(worker, reader_text(reader));
		uint64_t log = reader_unsigned(reader);
		bool is_known = input < worker->shuffle_input;
		if (is_known)
			task->inputs[input].log = log;
		marks_decode(&task->marks, is_known ? input : SIZE_MAX, reader);
	}
}
