#include "daemon/kafka_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kafka_client.h"
#include "daemon/log.h"

enum { KAFKA_OUT_PURGE_ROUNDS = 200 };

struct kafka_out_topic {
	char *name;
	rd_kafka_topic_t *handle;
	struct kafka_out_counts counts;
};

struct kafka_out {
	struct kafka_client client; /* first: librdkafka's opaque pointer is both */
	rd_kafka_conf_t *conf;      /* to open it anew */
	kafka_report_callback *report;
	void *ctx;
	bool is_denied; /* the brokers open no session */
	size_t topic_count;
	struct kafka_out_topic topics[];
};
_Static_assert(offsetof(struct kafka_out, client) == 0, "the opaque pointer is both");

/* The error's own text does not say which topic, so a refusal is told here. */
static void kafka_out_report(struct kafka_out *out, const rd_kafka_message_t *message)
{
	char why[256] = "";
	size_t topic = 0;
	while (topic < out->topic_count && out->topics[topic].handle != message->rkt)
		topic++;
	CHECK(topic < out->topic_count);
	struct kafka_out_counts *counts = &out->topics[topic].counts;
	enum kafka_fault fault = kafka_fault_of(message->err);
	bool is_final = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
			message->err == RD_KAFKA_RESP_ERR_INVALID_RECORD || fault == KAFKA_FAULT_DENIED;
	if (message->err) {
		counts->failed_count++;
		snprintf(why, sizeof why, "%s: a record was not delivered: %s%s", out->topics[topic].name,
			 rd_kafka_err2str(message->err),
			 message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ?
				": raise the topic's max.message.bytes" :
			 fault == KAFKA_FAULT_DENIED ? ": grant WRITE on the topic" : "");
		uint64_t left_out;
		if (kafka_client_may_log(&out->client, rd_kafka_err2name(message->err), &left_out))
			log_error("a record was not delivered", "why=%s left_out=%llu", log_quoted(why).text,
				  (unsigned long long)left_out);
	} else {
		counts->delivered_count++;
		kafka_client_arrived(&out->client);
	}
	const struct kafka_report report = {
		.topic = topic,
		.key = {message->key, message->key_len},
		.token = message->_private,
		.is_delivered = !message->err,
		.is_final = is_final,
		.is_denied = fault == KAFKA_FAULT_DENIED,
		.why = message->err ? why : NULL,
	};
	out->report(out->ctx, &report);
}

static void kafka_out_delivered(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	(void)handle;
	kafka_out_report(opaque, message);
}

/* ---- Opening ---- */

static rd_kafka_conf_t *kafka_out_configure(const struct kafka_out_options *options,
					    struct kafka_error *error)
{
	char records[24], kbytes[24];
	snprintf(records, sizeof records, "%zu", options->queue_records);
	snprintf(kbytes, sizeof kbytes, "%zu", options->queue_bytes / 1024);
	const struct kafka_property settings[] = {
		{"enable.idempotence", "true"},
		{"acks", "all"},
		{"message.timeout.ms", "0"},
		{"retries", "2147483647"},
		{"partitioner", "murmur2_random"},
		{"compression.codec", "lz4"},
		{"linger.ms", options->is_gapless ? "5" : "50"},
		{"enable.gapless.guarantee", options->is_gapless ? "true" : "false"},
		{"allow.auto.create.topics", "false"},
		{"queue.buffering.max.messages", records},
		{"queue.buffering.max.kbytes", kbytes},
		{NULL, NULL},
	};
	rd_kafka_conf_t *conf = kafka_client_configure(&options->connection, settings, error);
	if (conf)
		rd_kafka_conf_set_dr_msg_cb(conf, kafka_out_delivered);
	return conf;
}

static bool kafka_out_open(struct kafka_out *out, struct kafka_error *error)
{
	if (!kafka_client_open(&out->client, "publisher", RD_KAFKA_PRODUCER, rd_kafka_conf_dup(out->conf),
			       error))
		return false;
	for (size_t i = 0; i < out->topic_count; i++) {
		out->topics[i].handle = rd_kafka_topic_new(out->client.handle, out->topics[i].name, NULL);
		if (!out->topics[i].handle) {
			kafka_error_set(error, KAFKA_FAULT_CONFIG, "kafka.outputs: %s: %s",
					out->topics[i].name,
					rd_kafka_err2str(rd_kafka_last_error()));
			return false;
		}
	}
	return true;
}

static void kafka_out_close_topics(struct kafka_out *out)
{
	for (size_t i = 0; i < out->topic_count; i++)
		if (out->topics[i].handle)
			rd_kafka_topic_destroy(out->topics[i].handle);
}

struct kafka_out *kafka_out_create(const struct kafka_out_options *options, struct kafka_error *error)
{
	struct kafka_out *out = calloc(1, sizeof *out + options->topic_count * sizeof out->topics[0]);
	CHECK(out && options->report);
	out->conf = kafka_out_configure(options, error);
	if (!out->conf) {
		free(out);
		return NULL;
	}
	out->report = options->report;
	out->ctx = options->ctx;
	out->topic_count = options->topic_count;
	for (size_t i = 0; i < out->topic_count; i++) {
		out->topics[i].name = strdup(options->topics[i]);
		CHECK(out->topics[i].name);
	}
	if (!kafka_out_open(out, error)) {
		kafka_out_destroy(out);
		return NULL;
	}
	return out;
}

void kafka_out_destroy(struct kafka_out *out)
{
	if (!out)
		return;
	if (out->client.handle)
		rd_kafka_purge(out->client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	kafka_out_close_topics(out);
	if (out->client.handle && !kafka_client_close(out->client.handle, 0))
		return;
	for (size_t i = 0; i < out->topic_count; i++)
		free(out->topics[i].name);
	rd_kafka_conf_destroy(out->conf);
	free(out);
}

/* ---- Sending ---- */

static rd_kafka_headers_t *kafka_out_headers(const struct kafka_header *headers, size_t header_count)
{
	rd_kafka_headers_t *made = rd_kafka_headers_new(header_count);
	for (size_t i = 0; i < header_count; i++)
		CHECK(!rd_kafka_header_add(made, headers[i].name, -1, headers[i].value.data,
					   (ssize_t)headers[i].value.len));
	return made;
}

static enum kafka_sent kafka_out_settle(struct kafka_out *out, struct kafka_out_topic *to,
					rd_kafka_resp_err_t code)
{
	if (!code) {
		to->counts.sent_count++;
		return KAFKA_SENT;
	}
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
		to->counts.too_large_count++;
		return KAFKA_SENT_TOO_LARGE;
	}
	uint64_t left_out;
	if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL &&
	    kafka_client_may_log(&out->client, rd_kafka_err2name(code), &left_out))
		log_error("a record cannot be sent now", "topic=%s why=%s left_out=%llu", to->name,
			  log_quoted(rd_kafka_err2str(code)).text, (unsigned long long)left_out);
	to->counts.full_count++;
	return KAFKA_SENT_FULL;
}

enum kafka_sent kafka_out_send(struct kafka_out *out, size_t topic, struct slice key, struct slice value,
			       const struct kafka_header *headers, size_t header_count, void *token)
{
	CHECK(topic < out->topic_count);
	struct kafka_out_topic *to = &out->topics[topic];
	rd_kafka_headers_t *made = header_count ? kafka_out_headers(headers, header_count) : NULL;
	rd_kafka_resp_err_t code = rd_kafka_producev(
		out->client.handle, RD_KAFKA_V_RKT(to->handle), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(key.data, key.len), RD_KAFKA_V_VALUE((void *)value.data, value.len),
		RD_KAFKA_V_OPAQUE(token), RD_KAFKA_V_HEADERS(made), RD_KAFKA_V_END);
	if (code && made)
		rd_kafka_headers_destroy(made);
	return kafka_out_settle(out, to, code);
}

enum kafka_sent kafka_out_send_to(struct kafka_out *out, size_t topic, int32_t partition, struct slice key,
				  struct slice value, void *token)
{
	CHECK(topic < out->topic_count);
	struct kafka_out_topic *to = &out->topics[topic];
	rd_kafka_resp_err_t code = rd_kafka_producev(
		out->client.handle, RD_KAFKA_V_RKT(to->handle), RD_KAFKA_V_PARTITION(partition),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data, key.len),
		RD_KAFKA_V_VALUE((void *)value.data, value.len), RD_KAFKA_V_OPAQUE(token), RD_KAFKA_V_END);
	return kafka_out_settle(out, to, code);
}

static void kafka_out_give_up(struct kafka_out *out)
{
	rd_kafka_purge(out->client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (int rounds = 0; rounds < KAFKA_OUT_PURGE_ROUNDS && kafka_out_pending(out) > 0; rounds++)
		rd_kafka_poll(out->client.handle, 10);
}

static void kafka_out_reopen(struct kafka_out *out)
{
	char why[256];
	struct kafka_error error;
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(out->client.handle, why, sizeof why);
	if (!code || out->is_denied)
		return;
	out->is_denied = kafka_fault_of(code) == KAFKA_FAULT_DENIED;
	if (out->is_denied)
		return;
	log_error("the producer is opened anew", "why=%s", log_quoted(why).text);
	kafka_out_give_up(out);
	kafka_out_close_topics(out);
	rd_kafka_destroy(out->client.handle);
	CHECK(kafka_out_open(out, &error)); /* as it could be at first */
}

void kafka_out_poll(struct kafka_out *out, int wait_ms)
{
	rd_kafka_poll(out->client.handle, wait_ms);
	kafka_out_reopen(out);
}

uint64_t kafka_out_flush(struct kafka_out *out, int timeout_ms)
{
	rd_kafka_flush(out->client.handle, timeout_ms);
	uint64_t left = kafka_out_pending(out);
	if (left > 0)
		kafka_out_give_up(out);
	return left;
}

/* ---- Counts ---- */

const char *kafka_out_denied(const struct kafka_out *out)
{
	return out->is_denied ? "the brokers refuse a producer: grant WRITE on the topics of kafka.outputs, "
				"or IDEMPOTENT_WRITE on the cluster" : NULL;
}

bool kafka_out_is_away(const struct kafka_out *out)
{
	return out->client.is_away;
}

uint64_t kafka_out_pending(const struct kafka_out *out)
{
	uint64_t pending = 0;
	for (size_t i = 0; i < out->topic_count; i++) {
		const struct kafka_out_counts *counts = &out->topics[i].counts;
		pending += counts->sent_count - counts->delivered_count - counts->failed_count;
	}
	return pending;
}

struct kafka_out_counts kafka_out_counts(const struct kafka_out *out, size_t topic)
{
	CHECK(topic < out->topic_count);
	return out->topics[topic].counts;
}
