/* Erasures: the people that `ladderd erase` has asked to forget, as they stand in a compacted topic, in its
 * partition 0, however many it has. Promise P6.
 *
 *   key     32 hexadecimal digits: the keyed hash of a user or a click id (identity.h); no raw id
 *   value   the time in milliseconds up to which the person's events are left out, a space, and 8 hexadecimal
 *           digits: the print of the identity key; null: not any more
 *
 * In Kafka, so that a state that is lost and read again does not bring anybody back. Every instance reads the
 * topic before anything else, and then follows it.
 *
 * Thread: one; what erasures_current returns is immutable and may be read by any until erasures_free_older
 * frees it. */
#ifndef LADDER_DAEMON_ERASURES_H
#define LADDER_DAEMON_ERASURES_H

#include "core/state/erased.h"
#include "config/config.h"
#include "daemon/kafka_connection.h"
#include "daemon/progress.h"

struct erasures;

/* Talks to nobody yet. A record under a key of another print is of nobody here: it is logged as an error.
 * NULL with the error told: settings. */
must_check struct erasures *erasures_create(const struct config *config, uint32_t identity_print,
					    const struct kafka_connection *connection,
					    struct kafka_error *error);
void erasures_destroy(struct erasures *erasures); /* NULL is fine */

/* Reads on; to be called many times a second. At first it may block for a few seconds. False: a right is
 * missing, as the error says. */
must_check bool erasures_poll(struct erasures *erasures, struct kafka_error *error);

/* Everybody who is erased; NULL until the topic has been read to its end once. */
const struct erased *erasures_current(const struct erasures *erasures);

/* Frees what was current once and is older than what every one of these workers goes by. */
void erasures_free_older(struct erasures *erasures, const struct pulse *pulses, size_t worker_count);

/* A record of the topic. */
enum { ERASURE_PARTITION = 0, ERASURE_KEY_LEN = 32, ERASURE_VALUE_MAX = 32 };
void erasure_key(struct key128 key, char text[ERASURE_KEY_LEN + 1]);
void erasure_value(int64_t until_ms, uint32_t identity_print, char text[ERASURE_VALUE_MAX]);

#endif
