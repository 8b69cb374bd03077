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

void worker_place_task(struct worker_task *task)
{
	const struct config_shuffle shuffle = config_shuffle(worker_config(task->worker));
	const struct task_place place = {
		.task = task->number,
		.task_count = (uint32_t)task->worker->options.shared->task_count,
		.users = shuffle.users,
		.clicks = shuffle.clicks,
	};
	if (shuffle.is_on)
		task_set_place(task->task, &place, send_note, task);
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
