/* Status: what the threads of the daemon last said of themselves, for whoever asks by HTTP.
 *
 *   main thread ---\
 *   worker 0 -------> board: one place each, the newest snapshot in it --> view of the HTTP thread
 *   publisher -----/
 *
 * A snapshot is one block of memory. Its thread makes a new one about every STATUS_EVERY_MS and puts it in
 * its place, from where the HTTP thread takes it and keeps it until there is a newer one. A place is a
 * pointer that both sides exchange: nobody waits, and nothing is counted while events are read. */
#ifndef LADDER_DAEMON_STATUS_H
#define LADDER_DAEMON_STATUS_H

#include <stdatomic.h>

#include "config/config.h"
#include "core/pipeline.h"
#include "daemon/kafka_in.h"
#include "daemon/ledger.h"
#include "daemon/row_shelf.h"

enum { STATUS_EVERY_MS = 500 };

/* What of an input was skipped because Kafka no longer had it. */
struct input_gap {
	uint64_t offset_count; /* in all */
	int64_t from;          /* the last of them: [from, to) */
	int64_t to;
};

/* One input of one task. */
struct input_status {
	int64_t offset;  /* that is read next; below 0: not known yet */
	int64_t log_end; /* the same */
	struct kafka_problem problem;
	struct input_gap gap;
	struct counts counts;
};

struct task_status {
	uint32_t number;
	const char *state; /* of worker.h's picture, as a word: static text */
	bool is_here;       /* this instance has it, or is about to */
	bool is_reading;
	bool is_caught_up;
	size_t people;
	int64_t restore_ms; /* how long its state took to read back; below 0: it is not */
};

struct worker_status {
	int64_t at_ms; /* loop time, as in all of them */
	size_t number;
	bool is_redis_up;
	bool is_uring;
	struct ledger_counts ledger;
	int64_t longest_pause_us;
	size_t task_count;
	size_t input_count;
	struct task_status *tasks;   /* [task_count], behind the struct, as these: */
	struct input_status *inputs; /* [task_count][input_count] */
};

enum { STATUS_TOPIC_CURRENT, STATUS_TOPIC_HISTORY, STATUS_TOPIC_DEAD, STATUS_TOPIC_COUNT };

struct publisher_status {
	int64_t at_ms;
	bool is_kafka_up; /* something has come from it lately */
	bool is_merging;
	size_t rows_waiting;
	size_t dead_waiting;
	uint64_t unacknowledged; /* records that are sent and not delivered yet */
	struct topic_status {
		const char *name; /* the configuration's */
		uint64_t delivered;
	} topics[STATUS_TOPIC_COUNT];
};

/* The main thread's. */
struct instance_status {
	int64_t at_ms;
	bool is_member;  /* the group has said what tasks are its own, if any */
	int64_t now_ms;  /* stream time T; TIME_NONE: not known yet */
	bool is_memory_full;
	uint64_t memory_limit_bytes;
	size_t wanted_count;
	size_t task_count; /* of all instances together */
	bool is_wanted[];  /* by task */
};

struct status_board;

/* `worker_max`: no worker has a greater number. Borrows the configuration. */
struct status_board *status_board_create(const struct config *config, size_t worker_max);
void status_board_destroy(struct status_board *board); /* NULL is fine */

/* Any one thread per place. What is put is the board's, which frees it. */
void status_put_instance(struct status_board *board, struct instance_status *status);
void status_put_publisher(struct status_board *board, struct publisher_status *status);
void status_put_worker(struct status_board *board, struct worker_status *status);

/* Zeroed, with room for its tasks and inputs. */
struct worker_status *status_create_worker(size_t task_count, size_t input_count);

/* What there is now; the HTTP thread's. Members are NULL until their threads have said something. Valid until
 * the next call. */
struct status_view {
	const struct config *config;
	const struct instance_status *instance;
	const struct publisher_status *publisher;
	size_t worker_count;
	const struct worker_status *const *workers; /* some may be NULL */
	struct row_shelf_counts shelf;
};

const struct status_view *status_look(struct status_board *board);

static inline const struct input_status *status_inputs(const struct worker_status *worker, size_t task)
{
	return worker->inputs + task * worker->input_count;
}

static inline bool status_is_wanted(const struct status_view *view, uint32_t task)
{
	return view->instance && task < view->instance->task_count && view->instance->is_wanted[task];
}

/* Every worker there is has a connection to Redis. */
bool status_is_redis_up(const struct status_view *view);

#endif
