/* Demo feed: generated events into Kafka at a steady rate, on a thread of its own, event time faster than
 * ours. */
#ifndef LADDER_DAEMON_DEMO_FEED_H
#define LADDER_DAEMON_DEMO_FEED_H

#include "daemon/generate_kafka.h"

struct demo_feed_options {
	struct generator_options events;
	int64_t lap_ms;            /* one span of event time passes in this time of ours */
	const char *brokers;
	const char *const *topics; /* by enum generate_topic; they exist */
};

struct demo_feed;

/* Borrows nothing after it returns. NULL with the error told. Aborts where no thread can be had. */
must_check struct demo_feed *demo_feed_start(const struct demo_feed_options *options,
					     struct kafka_error *error);

/* Ends within a second; what is not in Kafka by then is dropped. NULL is fine. */
void demo_feed_stop(struct demo_feed *feed);

/* How many events so far, and the time of the last. Any thread. */
uint64_t demo_feed_count(const struct demo_feed *feed);
int64_t demo_feed_time_ms(const struct demo_feed *feed);

#endif
