/* Read back: one of the topics that we write to, all partitions, from a time on to where it ended when the
 * reading began. Thread: the publisher's. */
#ifndef LADDER_DAEMON_READ_BACK_H
#define LADDER_DAEMON_READ_BACK_H

#include "daemon/kafka_in.h"

/* What one reads ahead. */
enum { READ_BACK_PREFETCH_BYTES = 2 << 20 };

struct read_back_options {
	struct kafka_connection connection;
	const char *group;
	const char *topic;
	int partition_count;
	int64_t since_ms; /* wall clock of the records; not negative */
};

struct read_back;

/* Blocks for up to a few seconds for each partition. NULL with the error told. */
must_check struct read_back *read_back_begin(const struct read_back_options *options,
					     struct kafka_error *error);
void read_back_end(struct read_back *read_back); /* NULL is fine */

/* Hands out about `record_count` records at most, without waiting. Returns whether that was all. */
must_check bool read_back_turn(struct read_back *read_back, size_t record_count,
			       kafka_in_record_callback *callback, void *ctx);

#endif
