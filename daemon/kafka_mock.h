/* Kafka mock: a broker inside this process, for `ladderd demo` and the tests. Spec section 9.
 *
 * librdkafka's mock cluster behind 127.0.0.1: topics, producing, consuming, groups; no topic
 * administration, and each partition keeps its newest 5 MB only. Any client of any thread may talk to it.
 *
 * Thread: created, used and destroyed by one. */
#ifndef LADDER_DAEMON_KAFKA_MOCK_H
#define LADDER_DAEMON_KAFKA_MOCK_H

#include "daemon/kafka_connection.h"

/* By their numbers in the protocol. */
enum kafka_mock_request {
	KAFKA_MOCK_PRODUCE = 0,
	KAFKA_MOCK_FETCH = 1,
	KAFKA_MOCK_LIST_OFFSETS = 2,
	KAFKA_MOCK_METADATA = 3,
	KAFKA_MOCK_OFFSET_COMMIT = 8,
	KAFKA_MOCK_FIND_COORDINATOR = 10,
	KAFKA_MOCK_JOIN_GROUP = 11,
	KAFKA_MOCK_HEARTBEAT = 12,
	KAFKA_MOCK_SYNC_GROUP = 14,
	KAFKA_MOCK_INIT_PRODUCER_ID = 22
};

struct kafka_mock;

/* NULL with the error told: no socket or thread could be had. */
must_check struct kafka_mock *kafka_mock_create(int broker_count, struct kafka_error *error);
void kafka_mock_destroy(struct kafka_mock *mock);

/* For kafka_connection.brokers; lives as long as the mock. */
const char *kafka_mock_brokers(const struct kafka_mock *mock);

/* A topic that exists keeps its partitions. */
void kafka_mock_create_topic(struct kafka_mock *mock, const char *topic, int partition_count);

/* Every broker hangs up and takes no connections, or takes them again. */
void kafka_mock_set_away(struct kafka_mock *mock, bool is_away);

/* The next `count` requests of this kind are answered with this error code of the Kafka protocol; those
 * of librdkafka's own, below 0, make the broker hang up. */
void kafka_mock_fail_next(struct kafka_mock *mock, enum kafka_mock_request request, int code, size_t count);

/* From now on metadata requests are told this code for the topic; 0 ends it. */
void kafka_mock_fail_topic(struct kafka_mock *mock, const char *topic, int code);

#endif
