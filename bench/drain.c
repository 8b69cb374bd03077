/* Drain: librdkafka alone, reading topics to their ends and doing nothing with the records. One JSON line on
 * stdout.
 *
 * One consumer a thread, as ladderd has one a worker; mimalloc is linked, as in ladderd; the settings are
 * those of daemon/kafka_in.c, but for the memory: the queues may hold so much that no fetch ever waits for
 * room. */
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/check.h"

enum { TOPICS_MAX = 16 };

struct drain {
	const char *brokers;
	char *topics[TOPICS_MAX];
	int topic_count;
	int partition_count;
	int thread_count;
};

struct reader {
	const struct drain *drain;
	pthread_t thread;
	int number;
	uint64_t record_count;
	uint64_t bytes;
	bool is_at_end;
	double end_s;
};

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[512];
	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) == RD_KAFKA_CONF_OK)
		return;
	fprintf(stderr, "bench_drain: %s\n", error);
	exit(1);
}

static rd_kafka_conf_t *configure(const struct drain *drain)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", drain->brokers);
	set(conf, "enable.partition.eof", "true");
	set(conf, "check.crcs", "true");
	set(conf, "queued.min.messages", "1000000");
	set(conf, "queued.max.messages.kbytes", "1000000");
	set(conf, "consume.callback.max.messages", "128");
	set(conf, "fetch.wait.max.ms", "20");
	set(conf, "fetch.max.bytes", "4194304");
	set(conf, "max.partition.fetch.bytes", "1048576");
	return conf;
}

static void take(rd_kafka_message_t *message, void *opaque)
{
	struct reader *reader = opaque;
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		reader->is_at_end = true;
	} else if (message->err) {
		fprintf(stderr, "bench_drain: %s\n", rd_kafka_message_errstr(message));
		exit(1);
	} else {
		reader->record_count++;
		reader->bytes += message->len;
	}
}

struct part {
	rd_kafka_topic_t *topic;
	int32_t partition;
	bool is_at_end;
};

static int start(struct reader *reader, rd_kafka_t *kafka, struct part *parts)
{
	const struct drain *drain = reader->drain;
	int count = 0;
	for (int t = 0; t < drain->topic_count; t++)
		for (int p = reader->number; p < drain->partition_count; p += drain->thread_count) {
			rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, drain->topics[t], NULL);
			CHECK(topic && rd_kafka_consume_start(topic, p, RD_KAFKA_OFFSET_BEGINNING) == 0);
			parts[count++] = (struct part){topic, p, false};
		}
	return count;
}

/* Returns how many of the parts came to their end. */
static int read_once(struct reader *reader, struct part *parts, int count)
{
	int ended_count = 0;
	for (int i = 0; i < count; i++) {
		if (parts[i].is_at_end)
			continue;
		reader->is_at_end = false;
		rd_kafka_consume_callback(parts[i].topic, parts[i].partition, 0, take, reader);
		parts[i].is_at_end = reader->is_at_end;
		ended_count += reader->is_at_end;
	}
	return ended_count;
}

static void *run(void *argument)
{
	struct reader *reader = argument;
	const struct drain *drain = reader->drain;
	char error[512];
	struct part parts[drain->topic_count * drain->partition_count];
	rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, configure(drain), error, sizeof(error));
	CHECK(kafka);
	int count = start(reader, kafka, parts);
	for (int open_count = count; open_count > 0;) {
		uint64_t before = reader->record_count;
		open_count -= read_once(reader, parts, count);
		if (reader->record_count == before)
			nanosleep(&(struct timespec){0, 200000}, NULL);
	}
	reader->end_s = now_s();
	for (int i = 0; i < count; i++) {
		rd_kafka_consume_stop(parts[i].topic, parts[i].partition);
		rd_kafka_topic_destroy(parts[i].topic);
	}
	rd_kafka_destroy(kafka);
	return NULL;
}

static int number_of(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);
	return *end == '\0' && number > 0 && number < 1000 ? (int)number : 0;
}

static bool parse(struct drain *drain, int argc, char **argv)
{
	static const struct option options[] = {{"brokers", 1, NULL, 'b'},
						{"topic", 1, NULL, 't'},
						{"partitions", 1, NULL, 'p'},
						{"threads", 1, NULL, 'n'},
						{NULL, 0, NULL, 0}};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'b')
			drain->brokers = optarg;
		else if (option == 'p')
			drain->partition_count = number_of(optarg);
		else if (option == 'n')
			drain->thread_count = number_of(optarg);
		else if (option == 't' && drain->topic_count < TOPICS_MAX)
			drain->topics[drain->topic_count++] = optarg;
		else
			return false;
	}
	return drain->brokers && drain->topic_count && drain->partition_count >= drain->thread_count &&
	       drain->thread_count > 0;
}

int main(int argc, char **argv)
{
	struct drain drain = {.partition_count = 4, .thread_count = 2};
	if (!parse(&drain, argc, argv)) {
		fputs("usage: bench_drain --brokers HOST:PORT --topic NAME... [--partitions 4] "
		      "[--threads 2]\n",
		      stderr);
		return 2;
	}
	struct reader readers[drain.thread_count];
	double begin = now_s();
	for (int i = 0; i < drain.thread_count; i++) {
		readers[i] = (struct reader){.drain = &drain, .number = i};
		CHECK(pthread_create(&readers[i].thread, NULL, run, &readers[i]) == 0);
	}
	uint64_t record_count = 0, bytes = 0;
	double end = begin;
	for (int i = 0; i < drain.thread_count; i++) {
		pthread_join(readers[i].thread, NULL);
		record_count += readers[i].record_count;
		bytes += readers[i].bytes;
		end = readers[i].end_s > end ? readers[i].end_s : end;
	}
	double seconds = end - begin;
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
	printf("{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
	       record_count, bytes, seconds, cpu);
	return 0;
}
