/* Reshard keys: whether the records that tasks have read lay where their keys belong. For `ladderd reshard`,
 * where all inputs are keyed by the person.
 *
 * From now on it is the key of a record that says where its people are kept: in the partition that the key
 * had while there were as many as home partitions. That is so if producers choose partitions as the
 * configuration says, and if nothing was read that was written after there were more of them. Both are seen
 * from what was read last: of each partition up to 1,000 records before the offset that is read next. A log
 * that was created anew since, or that holds none of them any more, tells nothing.
 *
 * Blocks. Thread: one. */
#ifndef LADDER_DAEMON_RESHARD_KEYS_H
#define LADDER_DAEMON_RESHARD_KEYS_H

#include "config/config.h"
#include "daemon/connections.h"
#include "daemon/reshard_state.h"

struct keys_seen {
	uint64_t looked_at;   /* records with a key, before the offsets */
	const char *topic;    /* of the first that lies elsewhere; NULL: none does */
	int32_t partition;
	int64_t offset;
	uint32_t belongs;     /* the partition where its key belongs */
};

/* `tasks` are the home tasks, by number; those that were resharded before are left out. False where Kafka
 * does not answer. */
must_check bool reshard_look_at_keys(const struct config *config, const struct kafka_connection *connection,
				     const struct stored_task *const *tasks, size_t task_count,
				     struct keys_seen *seen, struct kafka_error *error);

#endif
