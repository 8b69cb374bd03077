/* Dead letters: late and rejected records on their way to the dead topic. Spec section 7.
 *
 * Kept, in the order of each worker's sequence, until Kafka has them. A broker that is away, or that takes
 * none for want of a right, only makes them wait. One that refuses a letter as too large, sent alone,
 * gets it smaller: without its value, then without the original headers, then without its key. Refused
 * even so, the letter is given up, and the log names the record's topic, partition and offset.
 *
 * Letters that were sent together may be refused together, as the brokers' limit is one of a batch. They
 * are sent again, fewer at a time, before any of them is made smaller.
 *
 * Memory: all letters that wait; dead_letters_bytes says how much that is. Thread: the publisher's. */
#ifndef LADDER_DAEMON_DEAD_LETTERS_H
#define LADDER_DAEMON_DEAD_LETTERS_H

#include "daemon/bulletin.h"
#include "daemon/kafka_out.h"

struct dead_letters;

/* `topic` is the dead topic's number in kafka_out. */
struct dead_letters *dead_letters_create(size_t worker_count, size_t topic);
void dead_letters_destroy(struct dead_letters *letters);

/* The letter is copied. Its own headers, those named `ladderd.`, come first. */
void dead_letters_put(struct dead_letters *letters, size_t worker, const struct dead_letter *letter);

/* Sends what is not under way, as far as there is room. After a refusal nothing is sent for 3 s. */
void dead_letters_send(struct dead_letters *letters, struct kafka_out *out);

/* The report of a record whose token is a letter's. */
void dead_letters_report(struct dead_letters *letters, const struct kafka_report *report);

/* The greatest sequence of a worker up to which all is delivered or given up. */
uint64_t dead_letters_delivered(const struct dead_letters *letters, size_t worker);

/* Letters that are neither delivered nor given up. */
size_t dead_letters_waiting(const struct dead_letters *letters);

/* Memory that a worker's letters take: those that wait, and those delivered behind them. */
size_t dead_letters_bytes(const struct dead_letters *letters, size_t worker);

#endif
