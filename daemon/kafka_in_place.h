/* Kafka in, inside: kafka_in_place.c knows where reading stands in each partition and what keeps it from
 * going on, kafka_in.c opens, reads, and owns the struct. Private to these two; the contract is
 * kafka_in.h.
 *
 * Invariants: a record is handed out only if its offset is at or after `position`, which then moves
 * behind it; a held partition hands out nothing, and only kafka_in_place.c ends that; retry_count is the
 * number of partitions with a retry_at_ms. */
#ifndef LADDER_DAEMON_KAFKA_IN_PLACE_H
#define LADDER_DAEMON_KAFKA_IN_PLACE_H

#include "daemon/kafka_client.h"
#include "daemon/kafka_in.h"

struct kafka_partition {
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *topic_handle;
	const char *topic;    /* its name */
	int32_t task;         /* the partition's number */
	bool is_assigned;     /* librdkafka knows that we want it */
	bool is_held;
	bool is_paused;
	bool is_at_end;
	int64_t position;     /* offset of the next record */
	struct kafka_trace trace; /* looked for before anything is handed out; offset -1: no more */
	int64_t behind_trace; /* the position when it was found, or cannot be */
	struct kafka_trace known; /* kafka_in_know */
	int64_t log_start;    /* both ends of the log when it was last asked for them */
	int64_t log_end;
	int64_t retry_at_ms;  /* when to look again at what it is held for; 0: never */
	struct kafka_in_counts counts;
	struct kafka_problem problem;
};

struct kafka_in {
	struct kafka_client client; /* first: librdkafka's opaque pointer is both */
	rd_kafka_queue_t *main_queue;
	int fd;
	size_t input_count;
	size_t task_count;
	size_t prefetch_bytes;
	int32_t task_limit;         /* the greatest task number and one */
	size_t *task_indexes;       /* by task number; SIZE_MAX for those that are not ours */
	size_t retry_count;
	int64_t nudge_bytes;        /* librdkafka is nudged after so many; 0: never */
	int64_t nudge_left;
	char *username;             /* for the nudge; empty without SASL */
	char *password;
	size_t partition_count;
	struct kafka_partition *partitions; /* by kafka_in_index */
	int64_t *start_offsets;             /* the same: both ends of the log at kafka_in_start */
	int64_t *end_offsets;
};

/* An error that came in place of a record. */
void kafka_in_place_error(struct kafka_in *in, struct kafka_partition *partition,
			  const rd_kafka_message_t *message);

/* A record or the end came at this offset while the trace is looked for; `message` is NULL for the end.
 * True: the record is to be handed out. */
bool kafka_in_place_check_trace(struct kafka_in *in, struct kafka_partition *partition, int64_t offset,
				const rd_kafka_message_t *message);

/* A record or the end came of a topic that was away: held until it is seen that it is the same. */
bool kafka_in_place_doubts(struct kafka_in *in, struct kafka_partition *partition);

/* A record or the end came: what was wrong is over. */
void kafka_in_place_heal(struct kafka_in *in, struct kafka_partition *partition);

/* Makes the fd readable. librdkafka signals a queue once and then not again until it was served, even if
 * a seek has emptied it meanwhile. */
void kafka_in_place_wake(struct kafka_in *in);

/* Looks again at the partitions that are held, where it is time. */
void kafka_in_place_retry(struct kafka_in *in, int64_t now_ms);

#endif
