/* Kafka out: a producer: the one which sends rows, alerts and dead letters, and that of what is forwarded
 * (forwards.h). Design decision 4, spec section 6.2.
 *
 * Idempotent, acknowledged by all replicas, tried until delivered: rows of a key arrive in the order
 * sent, and a broker that is away only makes them wait. The queue is bounded; when it is full, send says
 * so at once, and the caller keeps the row and tries later. What a broker refuses for good is reported
 * with its key, not retried. Records are placed by the murmur2 hash of the key, as the Java clients do
 * it.
 *
 * Memory: at most options.queue_records records and options.queue_bytes bytes, and 300 bytes for each
 * record.
 *
 * Thread: the publisher's. Reports come from within kafka_out_poll and kafka_out_flush. */
#ifndef LADDER_DAEMON_KAFKA_OUT_H
#define LADDER_DAEMON_KAFKA_OUT_H

#include <stdint.h>

#include "core/base/slice.h"
#include "daemon/kafka_connection.h"

struct kafka_header {
	const char *name;
	struct slice value;
};

/* What became of one record. The slices are valid during the call only. */
struct kafka_report {
	size_t topic;         /* as given to kafka_out_send */
	struct slice key;
	void *token;          /* the same */
	bool is_delivered;
	bool is_final;        /* not delivered, and sending it again is of no use: too large, no right */
	bool is_denied;       /* no right: only somebody's hand can help */
	const char *why;      /* NULL where delivered, else a sentence that names the topic */
};

/* Must not call kafka_out_*. */
typedef void kafka_report_callback(void *ctx, const struct kafka_report *report);

struct kafka_out_options {
	struct kafka_connection connection;
	const char *const *topics; /* by number */
	size_t topic_count;
	/* Of one partition nothing is delivered behind what was refused: then all that is under way is
	 * reported as not delivered. And records wait for others to go with for 5 ms at most, not 50. */
	bool is_gapless;
	size_t queue_records;      /* 1 to 10,000,000 */
	size_t queue_bytes;        /* 1 MiB to 2 GiB */
	kafka_report_callback *report;
	void *ctx;
};

enum kafka_sent {
	KAFKA_SENT,           /* copied; a report follows */
	KAFKA_SENT_FULL,      /* not taken: try again after kafka_out_poll */
	KAFKA_SENT_TOO_LARGE  /* not taken, and never will be: over message.max.bytes; no report follows */
};

/* Of one topic. sent = delivered + failed + what is still under way. */
struct kafka_out_counts {
	uint64_t sent_count;      /* KAFKA_SENT */
	uint64_t delivered_count;
	uint64_t failed_count;    /* reported as not delivered */
	uint64_t full_count;      /* KAFKA_SENT_FULL */
	uint64_t too_large_count; /* KAFKA_SENT_TOO_LARGE */
};

struct kafka_out;

/* Talks to nobody yet. NULL with the error told: settings. */
must_check struct kafka_out *kafka_out_create(const struct kafka_out_options *options,
					      struct kafka_error *error);

/* What was not flushed is lost, unreported. */
void kafka_out_destroy(struct kafka_out *out);

/* A value whose data is NULL is a tombstone. The token comes back in the report. */
must_check enum kafka_sent kafka_out_send(struct kafka_out *out, size_t topic, struct slice key,
					  struct slice value, const struct kafka_header *headers,
					  size_t header_count, void *token);

/* The same into one partition, without headers. The data of a missing key is NULL. */
must_check enum kafka_sent kafka_out_send_to(struct kafka_out *out, size_t topic, int32_t partition,
					     struct slice key, struct slice value, void *token);

/* Reports what has been delivered or refused; waits for at most wait_ms for something. Where the
 * producer's session with the brokers cannot go on, it is opened anew, and what was under way is reported
 * as not delivered. */
void kafka_out_poll(struct kafka_out *out, int wait_ms);

/* Waits until everything is delivered, at most timeout_ms. What is not by then is given up and reported
 * as not delivered. Returns how many records were. */
uint64_t kafka_out_flush(struct kafka_out *out, int timeout_ms);

/* NULL, or why nothing at all may be written: a right is missing. It stays so. */
const char *kafka_out_denied(const struct kafka_out *out);

/* No broker could be reached, and nothing has been delivered since. */
bool kafka_out_is_away(const struct kafka_out *out);

/* Records that are sent and not yet reported. */
uint64_t kafka_out_pending(const struct kafka_out *out);

struct kafka_out_counts kafka_out_counts(const struct kafka_out *out, size_t topic);

#endif
