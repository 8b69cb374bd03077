/* Kafka group: the instance as a member of the consumer group, which says what tasks are its own. Design
 * decision 6.
 *
 * Subscribes to one input and reads nothing of it: partition p of it stands for task p, and the workers read
 * partition p of every input themselves (kafka_in.h). Tasks move one by one (cooperative-sticky): what stays
 * where it is goes on meanwhile. A static member (kafka.properties: group.instance.id) that comes back within
 * session.timeout.ms finds its tasks as they were.
 *
 * Who is a member is for Kafka to say and may be out of date: what keeps two owners from doing harm is the
 * ledger (ledger.h).
 *
 * Thread: the one that created it, but for kafka_group_commit. Callbacks come from within kafka_group_poll
 * and kafka_group_leave. */
#ifndef LADDER_DAEMON_KAFKA_GROUP_H
#define LADDER_DAEMON_KAFKA_GROUP_H

#include <stdint.h>

#include "daemon/kafka_connection.h"

enum { KAFKA_GROUP_SESSION_MS = 10000 }; /* session.timeout.ms where the properties do not say it */

struct kafka_group_options {
	struct kafka_connection connection; /* what it points to outlives the group */
	const char *group; /* kafka.group */
	const char *topic; /* the input whose partitions stand for the tasks; outlives the group */
	/* These tasks are ours from now on. */
	void (*take)(void *ctx, const int32_t *tasks, size_t task_count);
	/* These are ours no longer: returns when they are committed and let go, in much less than
	 * max.poll.interval.ms. `is_lost`: others may have them already. */
	void (*leave)(void *ctx, const int32_t *tasks, size_t task_count, bool is_lost);
	void *ctx;
};

struct kafka_group;

/* Joins in the background. NULL with the error told: settings. */
must_check struct kafka_group *kafka_group_create(const struct kafka_group_options *options,
						  struct kafka_error *error);

/* How long a member may be silent before others get its tasks: session.timeout.ms. */
int kafka_group_session_ms(const struct kafka_group *group);

/* Takes part, and waits at most wait_ms for something to hear; to be called many times a second. False: it
 * cannot be a member any more, `error` says why. */
must_check bool kafka_group_poll(struct kafka_group *group, int wait_ms, struct kafka_error *error);

/* Has the group's coordinator told how far a task has been read in a topic: for lag tools only. Any thread;
 * sent by kafka_group_poll once a second, failures are logged once. */
void kafka_group_commit(struct kafka_group *group, const char *topic, int32_t task, int64_t offset);

/* Leaves the group: `leave` is called for what it still has. At most about timeout_ms. */
void kafka_group_leave(struct kafka_group *group, int timeout_ms);
void kafka_group_destroy(struct kafka_group *group); /* NULL is fine */

#endif
