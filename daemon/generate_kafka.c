#include "daemon/generate_kafka.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/kafka_admin.h"
#include "daemon/kafka_out.h"

enum { QUEUE_RECORDS = 500000, QUEUE_BYTES = 256 << 20, ADMIN_TIMEOUT_MS = 30000 };

struct generate_kafka {
	struct kafka_out *out;
	uint64_t lost_count;
	char problem[256];
};

static enum generate_topic topic_of(enum event_type type)
{
	static const enum generate_topic topics[EVENT_TYPE_COUNT] = {
		[EVENT_CLICK] = TOPIC_CLICKS, [EVENT_OPEN] = TOPIC_CLICKS, [EVENT_MESSAGE] = TOPIC_MESSAGES,
		[EVENT_OUTCOME] = TOPIC_OUTCOMES, [EVENT_SPEND] = TOPIC_SPEND};
	return topics[type];
}

static void note_report(void *ctx, const struct kafka_report *report)
{
	struct generate_kafka *kafka = ctx;
	if (report->is_delivered)
		return;
	kafka->lost_count++;
	snprintf(kafka->problem, sizeof kafka->problem, "%s", report->why);
}

static bool create_topics(const struct kafka_connection *connection, const char *const topics[TOPIC_COUNT],
			  int partition_count, struct kafka_error *error)
{
	struct kafka_output outputs[TOPIC_COUNT];
	size_t output_count = 0;
	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		bool is_known = false;
		for (size_t j = 0; j < i; j++)
			is_known |= strcmp(topics[i], topics[j]) == 0;
		if (!is_known)
			outputs[output_count++] = (struct kafka_output){topics[i], false, partition_count,
									KAFKA_ADMIN_DEFAULT, 0, 0};
	}
	struct kafka_admin *admin = kafka_admin_create(connection, error);
	if (!admin)
		return false;
	bool is_done = kafka_admin_ensure_outputs(admin, outputs, output_count, ADMIN_TIMEOUT_MS, error);
	kafka_admin_destroy(admin);
	return is_done;
}

struct generate_kafka *generate_kafka_open(const char *brokers, const char *const *topics,
					   int partition_count, bool do_create,
					   struct kafka_error *error)
{
	struct kafka_connection connection = {.brokers = brokers};
	if (do_create && !create_topics(&connection, topics, partition_count, error))
		return NULL;
	struct generate_kafka *kafka = calloc(1, sizeof *kafka);
	CHECK(kafka);
	struct kafka_out_options options = {
		.connection = connection, .topics = topics, .topic_count = TOPIC_COUNT,
		.queue_records = QUEUE_RECORDS, .queue_bytes = QUEUE_BYTES,
		.report = note_report, .ctx = kafka};
	kafka->out = kafka_out_create(&options, error);
	if (kafka->out)
		return kafka;
	free(kafka);
	return NULL;
}

void generate_kafka_send(struct generate_kafka *kafka, const struct generated *generated)
{
	for (;;) {
		enum kafka_sent sent = kafka_out_send(kafka->out, topic_of(generated->type), generated->key,
						      generated->json, NULL, 0, NULL);
		CHECK(sent != KAFKA_SENT_TOO_LARGE);
		if (sent == KAFKA_SENT)
			return;
		kafka_out_poll(kafka->out, 100);
	}
}

void generate_kafka_poll(struct generate_kafka *kafka, int wait_ms)
{
	kafka_out_poll(kafka->out, wait_ms);
}

uint64_t generate_kafka_close(struct generate_kafka *kafka, int timeout_ms)
{
	kafka_out_flush(kafka->out, timeout_ms);
	uint64_t lost_count = kafka->lost_count;
	if (lost_count)
		fprintf(stderr, "ladderd: %llu events were not delivered: %s\n",
			(unsigned long long)lost_count, kafka->problem);
	kafka_out_destroy(kafka->out);
	free(kafka);
	return lost_count;
}
