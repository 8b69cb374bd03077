/* Audit topics: what Kafka holds of some topics now, read once from beginning to end.
 *
 * Thread: one. */
#ifndef LADDER_DAEMON_AUDIT_TOPICS_H
#define LADDER_DAEMON_AUDIT_TOPICS_H

#include "daemon/kafka_in.h"

struct audit_record {
	size_t topic; /* its number in topics */
	int32_t partition;
	const struct kafka_record *record;
};
typedef void audit_record_callback(void *ctx, const struct audit_record *record);

/* Offsets that a partition no longer holds: [0, end), or from somewhere up to `end` while it was read. */
typedef void audit_gap_callback(void *ctx, const char *topic, int32_t partition, int64_t end);

struct audit_reading {
	struct kafka_connection connection;
	const char *group;
	const char *const *topics; /* all with the same number of partitions */
	size_t topic_count;
	audit_record_callback *record;
	audit_gap_callback *gap;
	void *ctx;
};

/* How many partitions the topics have, all the same. False with the error told. */
must_check bool audit_count_partitions(const struct audit_reading *reading, int32_t *count,
				       struct kafka_error *error);

/* Hands out every record up to where the logs ended at the call, and every gap. False with the error told
 * where Kafka does not answer, or the topics are not as they must be, or audit_interrupt was called. */
must_check bool audit_read(const struct audit_reading *reading, struct kafka_error *error);

/* A signal handler: audit_read returns soon. */
void audit_interrupt(void);
bool audit_is_interrupted(void);

#endif
