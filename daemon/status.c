#include "daemon/status.h"

#include <stdlib.h>

/* `newest` is written by one thread, which hands the block over with it (release), and emptied by the HTTP
 * thread, which may read the block then (acquire). `kept` is the HTTP thread's. */
struct place {
	_Atomic(void *) newest;
	void *kept;
};

struct status_board {
	struct status_view view;
	struct place instance;
	struct place publisher;
	const struct worker_status **seen; /* [worker_max] */
	struct place workers[];            /* [worker_max] */
};

static void put(struct place *place, void *block)
{
	free(atomic_exchange_explicit(&place->newest, block, memory_order_acq_rel));
}

static void *take(struct place *place)
{
	void *block = atomic_exchange_explicit(&place->newest, NULL, memory_order_acq_rel);
	if (block) {
		free(place->kept);
		place->kept = block;
	}
	return place->kept;
}

static void clear(struct place *place)
{
	free(atomic_load(&place->newest));
	free(place->kept);
}

struct status_board *status_board_create(const struct config *config, size_t worker_max)
{
	struct status_board *board = calloc(1, sizeof(*board) + worker_max * sizeof(board->workers[0]));
	CHECK(board);
	board->seen = calloc(worker_max, sizeof(*board->seen));
	CHECK(board->seen);
	board->view = (struct status_view){.config = config, .worker_count = worker_max,
					   .workers = board->seen};
	return board;
}

void status_board_destroy(struct status_board *board)
{
	if (!board)
		return;
	clear(&board->instance);
	clear(&board->publisher);
	for (size_t i = 0; i < board->view.worker_count; i++)
		clear(&board->workers[i]);
	free(board->seen);
	free(board);
}

void status_put_instance(struct status_board *board, struct instance_status *status)
{
	put(&board->instance, status);
}

void status_put_publisher(struct status_board *board, struct publisher_status *status)
{
	put(&board->publisher, status);
}

void status_put_worker(struct status_board *board, struct worker_status *status)
{
	CHECK(status->number < board->view.worker_count);
	put(&board->workers[status->number], status);
}

struct worker_status *status_create_worker(size_t task_count, size_t input_count)
{
	size_t tasks_bytes = task_count * sizeof(struct task_status);
	size_t inputs_bytes = task_count * input_count * sizeof(struct input_status);
	struct worker_status *status = calloc(1, sizeof(*status) + tasks_bytes + inputs_bytes);
	CHECK(status);
	status->task_count = task_count;
	status->input_count = input_count;
	status->tasks = (struct task_status *)(status + 1);
	status->inputs = (struct input_status *)(status->tasks + task_count);
	return status;
}

const struct status_view *status_look(struct status_board *board)
{
	board->view.instance = take(&board->instance);
	board->view.publisher = take(&board->publisher);
	for (size_t i = 0; i < board->view.worker_count; i++)
		board->seen[i] = take(&board->workers[i]);
	return &board->view;
}

bool status_is_redis_up(const struct status_view *view)
{
	bool is_any = false;
	for (size_t i = 0; i < view->worker_count; i++) {
		if (view->workers[i] && !view->workers[i]->is_redis_up)
			return false;
		is_any |= view->workers[i] != NULL;
	}
	return is_any;
}
