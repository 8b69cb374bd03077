/* Dead letters: late and rejected records on their way to the dead topic. Spec section 7.
 *
 * Kept, in the order of each worker's sequence, until Kafka has them. Thread: the publisher's. */
#ifndef LADDER_DAEMON_DEAD_LETTERS_H
#define LADDER_DAEMON_DEAD_LETTERS_H

#include "daemon/bulletin.h"
#include "daemon/kafka_out.h"

struct dead_letters;

struct dead_letters *dead_letters_create(size_t worker_count, size_t topic);
void dead_letters_destroy(struct dead_letters *letters);

void dead_letters_put(struct dead_letters *letters, size_t worker, const struct dead_letter *letter);

/* Sends what is not under way, as far as there is room. */
void dead_letters_send(struct dead_letters *letters, struct kafka_out *out);

/* The report of a record whose token is a letter's. */
void dead_letters_report(struct dead_letters *letters, const struct kafka_report *report);

/* The greatest sequence of a worker up to which all is delivered. */
uint64_t dead_letters_delivered(const struct dead_letters *letters, size_t worker);
size_t dead_letters_waiting(const struct dead_letters *letters);

#endif
