/* Kafka admin: are the inputs as they must be, and are the outputs there? Design decision 4, spec
 * sections 1 and 9.
 *
 * For the start of `run`, for `check --connect` and for `reshard`. Each call blocks, at most for the
 * timeout it is given.
 *
 * Thread: one. */
#ifndef LADDER_DAEMON_KAFKA_ADMIN_H
#define LADDER_DAEMON_KAFKA_ADMIN_H

#include <stdint.h>

#include "daemon/kafka_connection.h"

enum { KAFKA_ADMIN_DEFAULT = -1 };

struct kafka_output {
	const char *topic;
	bool is_compacted;      /* cleanup.policy=compact, else delete */
	int partition_count;    /* when it is created; KAFKA_ADMIN_DEFAULT: as the brokers do it */
	int replication_factor; /* the same */
	int64_t retention_ms;   /* when it is created; 0: as the brokers do it */
	int least_partitions;   /* fewer are refused; 0: any number will do */
};

struct kafka_admin;

/* Talks to nobody yet. NULL with the error told: settings. */
must_check struct kafka_admin *kafka_admin_create(const struct kafka_connection *connection,
						  struct kafka_error *error);
void kafka_admin_destroy(struct kafka_admin *admin);

/* Every input exists and has the same number of partitions, which is also the number of tasks. */
must_check bool kafka_admin_check_inputs(struct kafka_admin *admin, const char *const *topics,
					 size_t topic_count,
					 int timeout_ms, int *partition_count, struct kafka_error *error);

/* How many partitions a topic has that is there. */
must_check bool kafka_admin_count_partitions(struct kafka_admin *admin, const char *topic, int timeout_ms,
					     int *partition_count, struct kafka_error *error);

/* Whether an output that is there has the cleanup policy that it needs: rows would pile up in it, or be
 * deleted by age. False with an English sentence, also where the brokers do not tell. */
must_check bool kafka_admin_check_policy(struct kafka_admin *admin, const struct kafka_output *output,
					 char *text, size_t text_size);

/* False with the error told: the topic has fewer partitions than it needs. */
must_check bool kafka_admin_check_count(const struct kafka_output *output, int partition_count,
					struct kafka_error *error);

/* Creates the outputs that are absent. One that is there and has another cleanup policy is logged as a
 * warning and left alone; one that has too few partitions is an error. */
must_check bool kafka_admin_ensure_outputs(struct kafka_admin *admin, const struct kafka_output *outputs,
					   size_t output_count, int timeout_ms, struct kafka_error *error);

/* Gives a topic that is there more partitions. */
must_check bool kafka_admin_grow_topic(struct kafka_admin *admin, const char *topic, int partition_count,
				       int timeout_ms, struct kafka_error *error);

/* How many members a consumer group has now, and who one of them is; a static one that has left counts until
 * its session is over. A group that nobody knows has none. */
must_check bool kafka_admin_count_members(struct kafka_admin *admin, const char *group, int timeout_ms,
					  size_t *count, char *member, size_t member_size,
					  struct kafka_error *error);

#endif
