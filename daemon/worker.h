/* Worker: a thread that owns tasks and everything in them. The picture in design.md, from left to right:
 *
 *   kafka_in --records--> decoder --events--> task --bulletin--> publisher
 *                                              |
 *                                           ledger      commit: pages and offsets, one atomic step
 *
 * Life of a task:
 *
 *   ABSENT --wanted--> RESTORING --ledger's image--> CLAIMING --committed--> CLAIMED --Kafka--> READING
 *      ^                   ^                            |                                        |  |
 *      |                   +----------------------------+-----------------fenced-----------------+  |
 *      +------------------------------committed, let go------------- LEAVING <---not wanted---------+
 *
 * A claim is a commit of what was read back: from then on the ledger refuses whoever had the task before.
 * Each claim has a term, greater than all before it, under which the task's numbers are made known, so that
 * the merger too tells an owner from one who was.
 *
 * Between its inputs a task reads in the order of event time (worker_inputs.c), so that a backlog
 * in one topic does not make the events of another late. */
#ifndef LADDER_DAEMON_WORKER_H
#define LADDER_DAEMON_WORKER_H

#include "config/config.h"
#include "daemon/desk.h"
#include "daemon/identity.h"
#include "daemon/kafka_group.h"
#include "daemon/kafka_in.h"
#include "daemon/memory.h"
#include "daemon/publisher.h"
#include "daemon/redis_url.h"
#include "daemon/shared.h"
#include "daemon/status.h"

struct worker;

struct worker_options {
	struct kafka_connection connection;
	struct redis_url redis;
	const struct identity *identity;
	struct shared *shared;
	struct publisher *publisher;
	size_t number;         /* of the worker, 0 ... */
	const int32_t *tasks;  /* partition numbers it may own; borrowed */
	size_t task_count;
	struct kafka_group *group; /* borrowed */
	const struct memory_plan *memory; /* borrowed */
	struct status_board *board; /* borrowed; NULL: nobody asks */
	struct desk *desk;          /* the same */
};

/* Starts the thread. It takes those of its tasks that are wanted (shared->duties), reads them back from
 * Redis, then events from Kafka, until shared->is_stopping; then it commits once more and ends. What cannot
 * pass by itself ends the daemon through shared->exit_code. */
struct worker *worker_start(const struct worker_options *options);

/* Any thread: shared->is_stopping was set, or a duty has changed. */
void worker_wake(struct worker *worker);

/* Waits for its end. True: everything it had read is committed. */
bool worker_join(struct worker *worker);

/* After the publisher has ended, who may wake it until then. */
void worker_destroy(struct worker *worker);

#endif
