#include "daemon/kafka_mock.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "daemon/kafka_client.h"
#include "daemon/kafka_threads.h"

struct kafka_mock {
	rd_kafka_t *handle; /* the cluster needs one for its books */
	rd_kafka_mock_cluster_t *cluster;
};

static void kafka_mock_log(const rd_kafka_t *handle, int level, const char *kind, const char *text)
{
	(void)handle;
	(void)level;
	(void)kind;
	(void)text;
}

struct kafka_mock *kafka_mock_create(int broker_count, struct kafka_error *error)
{
	char text[512];
	kafka_threads_use();
	struct kafka_mock *mock = calloc(1, sizeof *mock);
	CHECK(mock);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, kafka_mock_log);
	mock->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	if (!mock->handle) {
		rd_kafka_conf_destroy(conf);
		free(mock);
		kafka_error_set(error, KAFKA_FAULT_RETRY, "the broker in this process does not start: %s",
				text);
		return NULL;
	}
	mock->cluster = rd_kafka_mock_cluster_new(mock->handle, broker_count);
	if (!mock->cluster) {
		rd_kafka_destroy(mock->handle);
		free(mock);
		kafka_error_set(error, KAFKA_FAULT_RETRY,
				"the broker in this process gets no port on 127.0.0.1");
		return NULL;
	}
	return mock;
}

void kafka_mock_destroy(struct kafka_mock *mock)
{
	if (!mock)
		return;
	rd_kafka_mock_cluster_destroy(mock->cluster);
	rd_kafka_destroy(mock->handle);
	free(mock);
}

const char *kafka_mock_brokers(const struct kafka_mock *mock)
{
	return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void kafka_mock_create_topic(struct kafka_mock *mock, const char *topic, int partition_count)
{
	rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, topic, partition_count, 1);
	CHECK(!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
}

void kafka_mock_set_away(struct kafka_mock *mock, bool is_away)
{
	if (is_away)
		CHECK(!rd_kafka_mock_broker_set_down(mock->cluster, -1));
	else
		CHECK(!rd_kafka_mock_broker_set_up(mock->cluster, -1));
}

void kafka_mock_fail_next(struct kafka_mock *mock, enum kafka_mock_request request, int code, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rd_kafka_mock_push_request_errors(mock->cluster, (int16_t)request, 1, code);
}

void kafka_mock_fail_topic(struct kafka_mock *mock, const char *topic, int code)
{
	rd_kafka_mock_topic_set_error(mock->cluster, topic, code);
}
