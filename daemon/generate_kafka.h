/* Generated events to Kafka: the topics of `ladderd generate --kafka`, created where absent. Spec section 9.
 * Thread: one. */
#ifndef LADDER_DAEMON_GENERATE_KAFKA_H
#define LADDER_DAEMON_GENERATE_KAFKA_H

#include "daemon/generate_options.h"
#include "daemon/kafka_connection.h"

struct generate_kafka;

/* `topics` by enum generate_topic, TOPIC_COUNT of them; two may be the same. NULL with the error told. Where
 * the brokers create no topics, as a mock's, they exist already and do_create is false. */
must_check struct generate_kafka *generate_kafka_open(const char *brokers, const char *const *topics,
						      int partition_count, bool do_create,
						      struct kafka_error *error);

/* Waits while the producer's queue is full. */
void generate_kafka_send(struct generate_kafka *kafka, const struct generated *generated);

/* Serves the producer, for up to wait_ms. */
void generate_kafka_poll(struct generate_kafka *kafka, int wait_ms);

/* Waits until all is delivered, for up to timeout_ms, and closes. Returns how many events were not; stderr
 * has been told why. */
uint64_t generate_kafka_close(struct generate_kafka *kafka, int timeout_ms);

#endif
