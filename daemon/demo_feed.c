#include "daemon/demo_feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/loop.h"

enum { SLICE_MS = 10, LAST_MS = 500 };

/* The atomics order nothing: each is one number to look at, or one to end at. */
struct demo_feed {
	struct demo_feed_options options;
	struct generate_kafka *kafka;
	pthread_t thread;
	atomic_bool is_stopping;
	_Atomic uint64_t count;
	_Atomic int64_t time_ms;
};

static void sleep_until(const struct demo_feed *feed, int64_t due_ms)
{
	for (int64_t wait_ms; (wait_ms = due_ms - loop_now_ms()) > 0 && !atomic_load(&feed->is_stopping);) {
		generate_kafka_poll(feed->kafka, 0);
		struct timespec slice = {0, (wait_ms < SLICE_MS ? wait_ms : SLICE_MS) * 1000000};
		nanosleep(&slice, NULL);
	}
}

static void *feed_run(void *argument)
{
	struct demo_feed *feed = argument;
	const struct generator_options *events = &feed->options.events;
	struct generator *generator = generator_create(events);
	int64_t begin_ms = loop_now_ms();
	struct generated generated;
	while (!atomic_load(&feed->is_stopping) && generator_next(generator, &generated)) {
		int64_t passed_ms = generated.arrives_ms - events->start_ms;
		sleep_until(feed, begin_ms + passed_ms * feed->options.lap_ms / events->span_ms);
		generate_kafka_send(feed->kafka, &generated);
		atomic_fetch_add(&feed->count, 1);
		atomic_store(&feed->time_ms, generated.arrives_ms);
	}
	generator_destroy(generator);
	return NULL;
}

struct demo_feed *demo_feed_start(const struct demo_feed_options *options, struct kafka_error *error)
{
	struct generate_kafka *kafka = generate_kafka_open(options->brokers, options->topics, 0, false,
							   error);
	if (!kafka)
		return NULL;
	struct demo_feed *feed = calloc(1, sizeof *feed);
	CHECK(feed);
	feed->options = *options;
	feed->kafka = kafka;
	atomic_store(&feed->time_ms, options->events.start_ms);
	CHECK(pthread_create(&feed->thread, NULL, feed_run, feed) == 0);
	return feed;
}

void demo_feed_stop(struct demo_feed *feed)
{
	if (!feed)
		return;
	atomic_store(&feed->is_stopping, true);
	pthread_join(feed->thread, NULL);
	generate_kafka_close(feed->kafka, LAST_MS);
	free(feed);
}

uint64_t demo_feed_count(const struct demo_feed *feed)
{
	return atomic_load(&feed->count);
}

int64_t demo_feed_time_ms(const struct demo_feed *feed)
{
	return atomic_load(&feed->time_ms);
}
