/* Worker batch: records on their way into a task, some at a time. Spec section 7, promise P2.
 *
 *   record --copy, decode, task_add--> waiting for its people ... --task_flush--> verdicts --> dead letters
 *
 * A record is copied, for the consumer has it only while it hands it out, and its events wait until the
 * batch is ended. What of it is dead goes to the bulletin then, one letter for a record however many of its
 * items are dead: each holds the whole record. Memory: BATCH_RECORDS records. Thread: the worker's. */
#ifndef LADDER_DAEMON_WORKER_BATCH_H
#define LADDER_DAEMON_WORKER_BATCH_H

#include "daemon/kafka_in.h"

struct worker;
struct worker_task;
struct worker_batch;

struct worker_batch *worker_batch_create(struct worker *worker);
void worker_batch_destroy(struct worker_batch *batch); /* NULL is fine */

/* At most BATCH_RECORDS records of an input follow. */
void worker_batch_begin(struct worker_batch *batch, struct worker_task *task, size_t input);
kafka_in_record_callback worker_batch_take; /* ctx: the batch */
void worker_batch_end(struct worker_batch *batch);

#endif
