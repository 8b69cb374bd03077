/* Publisher: the thread that merges what all workers make known and sends rows and dead letters.
 * Spec section 6.2.
 *
 *   worker 0 --ring--\                                  /--> current, history
 *   worker 1 --ring----> merger --- emit times, rate -------> kafka_out
 *            <--ring--- parents                         \--> dead
 *
 * The merger is in the instance that has task 0; elsewhere the bulletins go on to that one (exchange.h).
 * Rows are held back until every task has caught up, at most `catch_up`. A full queue towards Kafka
 * only makes rows wait, in the merger, as their newest values. Dead letters are kept until
 * delivered, and so is what workers forward to other tasks; a worker commits no offset behind one that is
 * not (publisher_dead_delivered, publisher_forward_delivered). */
#ifndef LADDER_DAEMON_PUBLISHER_H
#define LADDER_DAEMON_PUBLISHER_H

#include "config/config.h"
#include "core/base/ring.h"
#include "daemon/alert_shelf.h"
#include "daemon/bulletin.h"
#include "daemon/kafka_connection.h"
#include "daemon/loop.h"
#include "daemon/shared.h"
#include "daemon/status.h"

/* Two topics of rows, and alerts: read_back.h. */
enum { PUBLISHER_READ_BACK_COUNT = 3 };

struct publisher;

struct publisher_options {
	struct kafka_connection connection;
	struct shared *shared;
	size_t worker_count;
	size_t task_count; /* of all instances together */
	int current_partitions; /* of the topics of rows */
	int history_partitions;
	int alert_partitions;
	int session_ms;    /* how long a member of the group may be silent: kafka_group.h */
	size_t waiting_bytes; /* that the workers' bulletins take, of each worker: memory_plan, as these */
	size_t queue_records;
	size_t queue_bytes;
	struct status_board *board; /* borrowed; NULL: nobody asks */
	struct row_shelf *shelf;    /* the same, as this: */
	struct alert_shelf *alert_shelf;
};

/* Any thread; the thread starts with publisher_start. NULL with the error told. */
must_check struct publisher *publisher_create(const struct publisher_options *options,
					      struct kafka_error *error);
void publisher_start(struct publisher *publisher);

/* After all workers have ended: sends what waits, for at most timeout_ms, and ends the thread. False where
 * something could not be delivered in time; rows are published anew by the next start. */
bool publisher_stop(struct publisher *publisher, int timeout_ms);
void publisher_destroy(struct publisher *publisher);

/* A worker's side, from its thread. */

/* False: no room, try again later. Else the bulletin is the publisher's. */
must_check bool publisher_put(struct publisher *publisher, size_t worker, struct bulletin *bulletin);
bool publisher_has_room(struct publisher *publisher, size_t worker);

/* A bulletin of parents for this worker's tasks, or NULL; the worker destroys it. `loop` is woken
 * when one comes. */
struct bulletin *publisher_take(struct publisher *publisher, size_t worker);
void publisher_wake_by(struct publisher *publisher, size_t worker, struct loop *loop);

/* Every dead letter of the worker up to this sequence is in Kafka. */
uint64_t publisher_dead_delivered(struct publisher *publisher, size_t worker);
/* The same of what is forwarded. */
uint64_t publisher_forward_delivered(struct publisher *publisher, size_t worker);

#endif
