/* Forwards: records on their way to the shuffle topic, and so to other tasks. Design decision 6.
 *
 * Kept, in the order of each worker's sequence, until Kafka has them; whatever happens, of one worker none is
 * delivered behind one that never was: who receives them goes by that (core/state/marks.h). So they have a
 * producer of their own, and after a failure all that are not delivered are sent again, from the first.
 *
 * Memory: all that wait; forwards_bytes says how much that is, and FORWARDS_QUEUE_BYTES in the producer.
 * Thread: the publisher's. */
#ifndef LADDER_DAEMON_FORWARDS_H
#define LADDER_DAEMON_FORWARDS_H

#include "daemon/bulletin.h"
#include "daemon/kafka_out.h"

enum { FORWARDS_QUEUE_BYTES = 8 << 20, FORWARDS_QUEUE_RECORDS = 20000 };

struct forwards;

/* Talks to nobody yet. NULL with the error told: settings. */
must_check struct forwards *forwards_create(size_t worker_count, const char *topic,
					    const struct kafka_connection *connection,
					    struct kafka_error *error);
void forwards_destroy(struct forwards *forwards); /* NULL is fine */

/* The forward is copied. */
void forwards_put(struct forwards *forwards, size_t worker, const struct forward *forward);

/* Sends what is not under way, as far as there is room, and hears what has been delivered. */
void forwards_turn(struct forwards *forwards);

/* The greatest sequence of a worker up to which all is delivered. */
uint64_t forwards_delivered(const struct forwards *forwards, size_t worker);

/* How many are not delivered; and the memory that those of a worker take. */
size_t forwards_waiting(const struct forwards *forwards);
size_t forwards_bytes(const struct forwards *forwards, size_t worker);

#endif
