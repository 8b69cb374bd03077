#include "daemon/kafka_client.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "daemon/kafka_threads.h"
#include "daemon/log.h"

/* Properties that this program's promises rest on, and why each is not the user's. */
static const struct kafka_property owned[] = {
	{"bootstrap.servers", "kafka.brokers says this"},
	{"metadata.broker.list", "kafka.brokers says this"},
	{"group.id", "kafka.group says this"},
	{"partition.assignment.strategy", "tasks move one by one, which only cooperative-sticky does"},
	{"enable.auto.commit", "offsets are kept with the state"},
	{"auto.commit.enable", "offsets are kept with the state"},
	{"auto.commit.interval.ms", "offsets are kept with the state"},
	{"enable.auto.offset.store", "offsets are kept with the state"},
	{"auto.offset.reset", "a gap in the log is reported, never skipped"},
	{"enable.partition.eof", "the end of a partition moves the clock"},
	{"check.crcs", "damaged records must not be counted"},
	{"queued.min.messages", "memory for records read ahead is bounded by a setting of its own"},
	{"queued.max.messages.kbytes", "memory for records read ahead is bounded by a setting of its own"},
	{"consume.callback.max.messages", "batches have a setting of their own"},
	{"queuing.strategy", "rows of one key must stay in order"},
	{"enable.idempotence", "rows of one key must stay in order"},
	{"acks", "a row counts as delivered when all replicas have it"},
	{"request.required.acks", "a row counts as delivered when all replicas have it"},
	{"retries", "rows are sent until they are delivered"},
	{"message.send.max.retries", "rows are sent until they are delivered"},
	{"message.timeout.ms", "rows are sent until they are delivered"},
	{"delivery.timeout.ms", "rows are sent until they are delivered"},
	{"delivery.report.only.error", "deliveries are counted"},
	{"enable.gapless.guarantee", "a refused row must not stop the others"},
	{"transactional.id", "rows are upserts and need no transaction"},
	{"partitioner", "rows of one key must meet in one partition, the one that other clients expect"},
	{"allow.auto.create.topics", "topics are created with their own cleanup policy"},
	{"log.queue", "log lines belong to one thread"},
	{"test.mock.num.brokers", "ladderd demo is the way to try without a broker"},
};

int64_t kafka_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kafka_error_set(struct kafka_error *error, enum kafka_fault fault, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof error->text, format, arguments);
	va_end(arguments);
	error->fault = fault;
	error->is_silence = false;
}

enum kafka_fault kafka_fault_of(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return KAFKA_FAULT_NONE;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return KAFKA_FAULT_DENIED;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
	case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
	case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
		return KAFKA_FAULT_CONFIG;
	default:
		return KAFKA_FAULT_RETRY;
	}
}

/* The entry of this kind, or the one that was used longest ago. */
static struct kafka_hush *kafka_client_find_hush(struct kafka_client *client, const char *kind)
{
	struct kafka_hush *oldest = &client->hushes[0];
	for (size_t i = 0; i < KAFKA_HUSH_COUNT; i++) {
		struct kafka_hush *hush = &client->hushes[i];
		if (strncmp(hush->kind, kind, sizeof hush->kind - 1) == 0)
			return hush;
		if (hush->logged_at_ms < oldest->logged_at_ms)
			oldest = hush;
	}
	*oldest = (struct kafka_hush){.logged_at_ms = -KAFKA_HUSH_MS};
	snprintf(oldest->kind, sizeof oldest->kind, "%s", kind);
	return oldest;
}

bool kafka_client_may_log(struct kafka_client *client, const char *kind, uint64_t *left_out)
{
	int64_t now_ms = kafka_now_ms();
	struct kafka_hush *hush = kafka_client_find_hush(client, kind);
	*left_out = hush->left_out;
	if (now_ms - hush->logged_at_ms < KAFKA_HUSH_MS) {
		hush->left_out++;
		return false;
	}
	hush->logged_at_ms = now_ms;
	hush->left_out = 0;
	return true;
}

/* CONFWARN only says that a consumer's property was given to a producer or the other way round, which is
 * how kafka.properties is meant; AUTOCREATE that the broker is older than 0.11, which the mock says it
 * is. */
static void kafka_client_log(const rd_kafka_t *handle, int level, const char *kind, const char *text)
{
	enum { SYSLOG_ERROR = 3, SYSLOG_WARNING = 4, SYSLOG_DEBUG = 7 };
	struct kafka_client *client = rd_kafka_opaque(handle);
	uint64_t left_out = 0;
	if (strcmp(kind, "CONFWARN") == 0 || strcmp(kind, "AUTOCREATE") == 0)
		return;
	if (level < SYSLOG_DEBUG && !kafka_client_may_log(client, kind, &left_out))
		return;
	enum log_level ours = level <= SYSLOG_ERROR ? LOG_LEVEL_ERROR :
			      level == SYSLOG_WARNING ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
	log_event(ours, "kafka client", "client=%s kind=%s text=%s left_out=%llu", client->name, kind,
		  log_quoted(text).text, (unsigned long long)left_out);
}

static void kafka_client_fail(rd_kafka_t *handle, int code, const char *text, void *opaque)
{
	struct kafka_client *client = opaque;
	(void)handle;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (!client->is_away)
			log_warn("no kafka broker can be reached", "client=%s why=%s", client->name,
				 log_quoted(client->why ? client->why_text : text).text);
		client->is_away = true;
		return;
	}
	client->why = code;
	snprintf(client->why_text, sizeof client->why_text, "%s", text);
}

void kafka_client_arrived(struct kafka_client *client)
{
	if (client->is_away)
		log_info("kafka is back", "client=%s", client->name);
	client->is_away = false;
}

static const char *kafka_client_owned(const char *name)
{
	for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
		if (strcmp(owned[i].name, name) == 0)
			return owned[i].value;
	return NULL;
}

/* What librdkafka says of a value may quote it. */
static bool kafka_client_set(rd_kafka_conf_t *conf, const struct kafka_property *property, bool is_secret,
			     struct kafka_error *error)
{
	char text[512];
	const char *setting = is_secret ? "kafka.secrets" : "kafka.properties";
	const char *why = kafka_client_owned(property->name);
	if (why) {
		kafka_error_set(error, KAFKA_FAULT_CONFIG, "%s: %s cannot be set here: %s", setting,
				property->name, why);
		return false;
	}
	rd_kafka_conf_res_t result =
		rd_kafka_conf_set(conf, property->name, property->value, text, sizeof text);
	bool is_unknown = result == RD_KAFKA_CONF_UNKNOWN;
	if (result == RD_KAFKA_CONF_OK || (!property->value && !is_unknown))
		return true;
	if (is_secret)
		snprintf(text, sizeof text, "%s", is_unknown ? "No such configuration property"
							     : "librdkafka does not take its value");
	kafka_error_set(error, KAFKA_FAULT_CONFIG, "%s: %s: %s", setting, property->name, text);
	return false;
}

static bool kafka_client_set_all(rd_kafka_conf_t *conf, const struct kafka_connection *connection,
				 struct kafka_error *error)
{
	char text[512];
	for (size_t i = 0; i < connection->property_count; i++)
		if (!kafka_client_set(conf, &connection->properties[i],
				      i + connection->secret_count >= connection->property_count, error))
			return false;
	if (rd_kafka_conf_set(conf, "bootstrap.servers", connection->brokers, text, sizeof text)) {
		kafka_error_set(error, KAFKA_FAULT_CONFIG, "kafka.brokers: %s: %s", connection->brokers,
				text);
		return false;
	}
	return true;
}

rd_kafka_conf_t *kafka_client_configure(const struct kafka_connection *connection,
					const struct kafka_property *settings, struct kafka_error *error)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	for (; settings->name; settings++)
		CHECK(!rd_kafka_conf_set(conf, settings->name, settings->value, text, sizeof text));
	CHECK(!rd_kafka_conf_set(conf, "client.id", "ladderd", text, sizeof text));
	CHECK(!rd_kafka_conf_set(conf, "log.queue", "true", text, sizeof text));
	CHECK(!rd_kafka_conf_set(conf, "log.connection.close", "false", text, sizeof text));
	CHECK(!rd_kafka_conf_set(conf, "socket.keepalive.enable", "true", text, sizeof text));
	CHECK(!rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "3000", text, sizeof text));
	if (!kafka_client_set_all(conf, connection, error)) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_log_cb(conf, kafka_client_log);
	rd_kafka_conf_set_error_cb(conf, kafka_client_fail);
	return conf;
}

bool kafka_client_open(struct kafka_client *client, const char *name, rd_kafka_type_t type,
		       rd_kafka_conf_t *conf, struct kafka_error *error)
{
	char text[512];
	kafka_threads_use();
	*client = (struct kafka_client){.name = name};
	rd_kafka_conf_set_opaque(conf, client);
	client->handle = rd_kafka_new(type, conf, text, sizeof text);
	if (!client->handle) {
		rd_kafka_conf_destroy(conf);
		kafka_error_set(error, KAFKA_FAULT_CONFIG, "kafka.properties: %s", text);
		return false;
	}
	CHECK(!rd_kafka_set_log_queue(client->handle, NULL));
	return true;
}

struct closing {
	rd_kafka_t *handle;
	int flags;
	sem_t is_closed;
};

static void *close_handle(void *argument)
{
	struct closing *closing = argument;
	rd_kafka_destroy_flags(closing->handle, closing->flags);
	sem_post(&closing->is_closed);
	return NULL;
}

bool kafka_client_close(rd_kafka_t *handle, int flags)
{
	struct closing *closing = calloc(1, sizeof(*closing));
	pthread_t thread;
	struct timespec until;
	CHECK(closing && sem_init(&closing->is_closed, 0, 0) == 0);
	closing->handle = handle;
	closing->flags = flags;
	CHECK(pthread_create(&thread, NULL, close_handle, closing) == 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += KAFKA_CLOSE_MS % 1000 * 1000000L;
	until.tv_sec += KAFKA_CLOSE_MS / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	int result;
	do
		result = sem_timedwait(&closing->is_closed, &until);
	while (result != 0 && errno == EINTR);
	if (result != 0) {
		pthread_detach(thread);
		return false;
	}
	pthread_join(thread, NULL);
	sem_destroy(&closing->is_closed);
	free(closing);
	return true;
}

bool kafka_connection_check(const struct kafka_connection *connection, struct kafka_error *error)
{
	static const struct kafka_property none[] = {{NULL, NULL}};
	struct kafka_client client;
	rd_kafka_conf_t *conf = kafka_client_configure(connection, none, error);
	if (!conf)
		return false;
	for (size_t i = 0; i < connection->property_count; i++) {
		if (connection->properties[i].value)
			continue;
		rd_kafka_conf_destroy(conf);
		return true;
	}
	if (!kafka_client_open(&client, "check", RD_KAFKA_PRODUCER, conf, error))
		return false;
	rd_kafka_destroy(client.handle);
	return true;
}
