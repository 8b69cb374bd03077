/* Makes topics and fills them from files, for the integration tests. See USAGE. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/tools/tool.h"

static const char USAGE[] =
	"usage: kafka_admin --brokers B --create T [--partitions N] [--config NAME=VALUE...]\n"
	"       kafka_admin --brokers B --grow T --partitions N\n"
	"       kafka_admin --brokers B --delete T\n"
	"       kafka_admin --brokers B --delete-before OFFSET --topic T --partition P\n"
	"       kafka_admin --brokers B --produce FILE --topic T [--key-field F1,F2... | --key K] [--whole]\n"
	"                   [--partition P] [--header NAME=VALUE...] [--property NAME=VALUE...]\n"
	"       kafka_admin --brokers B --produce FILE --topic T --records [--property NAME=VALUE...]\n"
	"  --grow           the topic has so many partitions from now on\n"
	"  --delete-before  the partition's log begins at this offset from now on\n"
	"  --produce    one record a line, its value the line; FILE may be - for stdin\n"
	"  --key-field  the key: the first of these fields that the line has (a text, or an integer)\n"
	"  --whole      the whole file as one record\n"
	"  --records    each line is a record as JSON, in base64, null or left out where it has none:\n"
	"               {\"partition\": 0, \"key\": \"aw==\", \"value\": \"\",\n"
	"                \"headers\": [[\"name\", \"eA==\"]]}\n"
	"  --property   any property of librdkafka; the partitioner is murmur2_random\n";

struct request {
	const char *brokers;
	const char *create;
	const char *grow;
	const char *delete;
	const char *delete_before;
	const char *produce;
	const char *topic;
	const char *key_fields;
	const char *key;
	int partitions;
	int partition;
	bool whole;
	bool records;
	const char **settings; /* NAME=VALUE of --config, --header or --property */
	int setting_count;
	rd_kafka_headers_t *headers;
	rd_kafka_conf_t *conf;
};

struct producer {
	rd_kafka_t *client;
	const struct request *request;
	unsigned long record_count;
	unsigned long failure_count;
};

static void queue_result_check(rd_kafka_queue_t *queue, const char *topic)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOOL_TIMEOUT_MS);
	if (!event)
		tool_fail("%s: no answer", topic);
	if (rd_kafka_event_error(event))
		tool_fail("%s: %s", topic, rd_kafka_event_error_string(event));
	size_t count = 0;
	const rd_kafka_CreateTopics_result_t *created = rd_kafka_event_CreateTopics_result(event);
	const rd_kafka_DeleteTopics_result_t *deleted = rd_kafka_event_DeleteTopics_result(event);
	const rd_kafka_CreatePartitions_result_t *grown = rd_kafka_event_CreatePartitions_result(event);
	const rd_kafka_topic_result_t **results =
		created   ? rd_kafka_CreateTopics_result_topics(created, &count)
		: deleted ? rd_kafka_DeleteTopics_result_topics(deleted, &count)
			  : rd_kafka_CreatePartitions_result_topics(grown, &count);
	for (size_t i = 0; i < count; i++)
		if (rd_kafka_topic_result_error(results[i]))
			tool_fail("%s: %s", topic, rd_kafka_err2str(rd_kafka_topic_result_error(results[i])));
	rd_kafka_event_destroy(event);
}

static void topic_create(rd_kafka_t *client, rd_kafka_queue_t *queue, const struct request *request)
{
	char error[256];
	rd_kafka_NewTopic_t *topic =
		rd_kafka_NewTopic_new(request->create, request->partitions, 1, error, sizeof error);
	if (!topic)
		tool_fail("%s: %s", request->create, error);
	for (int i = 0; i < request->setting_count; i++) {
		char *name, *value;
		tool_split(request->settings[i], '=', &name, &value);
		rd_kafka_NewTopic_set_config(topic, name, value);
		free(name);
	}
	rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
	queue_result_check(queue, request->create);
	rd_kafka_NewTopic_destroy(topic);
}

static void topic_grow(rd_kafka_t *client, rd_kafka_queue_t *queue, const struct request *request)
{
	char error[256];
	rd_kafka_NewPartitions_t *partitions = rd_kafka_NewPartitions_new(
		request->grow, (size_t)request->partitions, error, sizeof error);
	if (!partitions)
		tool_fail("%s: %s", request->grow, error);
	rd_kafka_CreatePartitions(client, &partitions, 1, NULL, queue);
	queue_result_check(queue, request->grow);
	rd_kafka_NewPartitions_destroy(partitions);
}

static void topic_delete(rd_kafka_t *client, rd_kafka_queue_t *queue, const struct request *request)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(request->delete);
	rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
	queue_result_check(queue, request->delete);
	rd_kafka_DeleteTopic_destroy(topic);
}

static void records_delete(rd_kafka_t *client, rd_kafka_queue_t *queue, const struct request *request)
{
	rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(before, request->topic, request->partition)->offset =
		strtoll(request->delete_before, NULL, 10);
	rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(before);
	rd_kafka_DeleteRecords(client, &records, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOOL_TIMEOUT_MS);
	if (!event || rd_kafka_event_error(event))
		tool_fail("%s: %s", request->topic, event ? rd_kafka_event_error_string(event) : "no answer");
	const rd_kafka_topic_partition_list_t *done =
		rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	if (done->elems[0].err)
		tool_fail("%s: %s", request->topic, rd_kafka_err2str(done->elems[0].err));
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(records);
	rd_kafka_topic_partition_list_destroy(before);
}

static int admin_run(const struct request *request)
{
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, request->conf, request->brokers);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	if (request->create)
		topic_create(client, queue, request);
	else if (request->grow)
		topic_grow(client, queue, request);
	else if (request->delete_before)
		records_delete(client, queue, request);
	else
		topic_delete(client, queue, request);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
	return 0;
}

static void record_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *ctx)
{
	(void)client;
	struct producer *producer = ctx;
	if (message->err && producer->failure_count++ == 0)
		fprintf(stderr, "a record was not taken: %s\n", rd_kafka_err2str(message->err));
}

static char *field_text(const json_t *field)
{
	if (json_is_string(field) && json_string_length(field) > 0)
		return strdup(json_string_value(field));
	char digits[32];
	snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(field));
	return json_is_integer(field) ? strdup(digits) : NULL;
}

/* The key of a line as a new text, or NULL. */
static char *line_key(const char *fields, const char *line, size_t len)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	char *names = strdup(fields), *rest = names, *key = NULL;
	for (char *name; !key && (name = strsep(&rest, ","));)
		key = field_text(json_object_get(object, name));
	free(names);
	json_decref(object);
	return key;
}

/* What is sent; `headers` is copied. A text that the record does not have is NULL. */
struct record {
	int partition;
	const void *key;
	size_t key_len;
	void *value;
	size_t value_len;
	rd_kafka_headers_t *headers;
};

static void record_send(struct producer *producer, const struct record *record)
{
	const struct request *request = producer->request;
	rd_kafka_resp_err_t error;
	do {
		rd_kafka_headers_t *headers = rd_kafka_headers_copy(record->headers);
		error = rd_kafka_producev(producer->client, RD_KAFKA_V_TOPIC(request->topic),
			RD_KAFKA_V_PARTITION(record->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_VALUE(record->value, record->value_len),
			RD_KAFKA_V_KEY(record->key, record->key_len),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
		if (error)
			rd_kafka_headers_destroy(headers);
		rd_kafka_poll(producer->client, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
	} while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
	if (error)
		tool_fail("%s: %s", request->topic, rd_kafka_err2str(error));
	producer->record_count++;
}

static void value_send(struct producer *producer, char *value, size_t len)
{
	const struct request *request = producer->request;
	char *made = request->key_fields ? line_key(request->key_fields, value, len) : NULL;
	const char *key = made ? made : request->key;
	record_send(producer, &(struct record){request->partition, key, key ? strlen(key) : 0, value, len,
					       request->headers});
	free(made);
}

/* The bytes of a text in base64 as a new block; NULL where it is no text. */
static void *base64_bytes(const json_t *json, size_t *len)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	*len = 0;
	if (!json_is_string(json))
		return NULL;
	unsigned char *bytes = tool_allocate(NULL, json_string_length(json));
	unsigned group = 0, bit_count = 0;
	for (const char *at = json_string_value(json); *at && *at != '='; at++) {
		const char *digit = strchr(DIGITS, *at);
		if (!digit)
			tool_fail("no base64: %s", json_string_value(json));
		group = group << 6 | (unsigned)(digit - DIGITS);
		bit_count += 6;
		if (bit_count >= 8)
			bytes[(*len)++] = (unsigned char)(group >> (bit_count -= 8));
	}
	return bytes;
}

static rd_kafka_headers_t *base64_headers(const json_t *list)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(json_array_size(list));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *pair = json_array_get(list, i);
		size_t len;
		void *value = base64_bytes(json_array_get(pair, 1), &len);
		rd_kafka_header_add(headers, json_string_value(json_array_get(pair, 0)), -1, value,
				    (ssize_t)len);
		free(value);
	}
	return headers;
}

static void described_send(struct producer *producer, const char *line, size_t len)
{
	json_t *json = json_loadb(line, len, 0, NULL);
	if (!json)
		tool_fail("no record: %.*s", (int)len, line);
	const json_t *partition = json_object_get(json, "partition");
	struct record record = {.partition = partition ? (int)json_integer_value(partition)
						       : producer->request->partition};
	record.headers = base64_headers(json_object_get(json, "headers"));
	void *key = base64_bytes(json_object_get(json, "key"), &record.key_len);
	record.key = key;
	record.value = base64_bytes(json_object_get(json, "value"), &record.value_len);
	record_send(producer, &record);
	rd_kafka_headers_destroy(record.headers);
	free(key);
	free(record.value);
	json_decref(json);
}

static void file_send(struct producer *producer, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	/* A whole file is one line that ends at no character but the end. */
	if (producer->request->whole) {
		size_t len = 0, got;
		do {
			line = tool_allocate(line, len + 65536);
			got = fread(line + len, 1, 65536, file);
			len += got;
		} while (got > 0);
		value_send(producer, line, len);
	} else {
		for (ssize_t len; (len = getline(&line, &size, file)) > 0;) {
			len -= line[len - 1] == '\n';
			if (len > 0 && producer->request->records)
				described_send(producer, line, (size_t)len);
			else if (len > 0)
				value_send(producer, line, (size_t)len);
		}
	}
	free(line);
	if (ferror(file))
		tool_fail("%s: %s", producer->request->produce, strerror(errno));
}

static void headers_build(struct request *request)
{
	request->headers = rd_kafka_headers_new((size_t)request->setting_count);
	for (int i = 0; i < request->setting_count; i++) {
		char *name, *value;
		tool_split(request->settings[i], '=', &name, &value);
		rd_kafka_header_add(request->headers, name, -1, value, -1);
		free(name);
	}
}

static int produce_run(struct request *request)
{
	struct producer producer = {.request = request};
	FILE *file = strcmp(request->produce, "-") == 0 ? stdin : fopen(request->produce, "rb");
	if (!file)
		tool_fail("%s: %s", request->produce, strerror(errno));
	headers_build(request);
	rd_kafka_conf_set_opaque(request->conf, &producer);
	rd_kafka_conf_set_dr_msg_cb(request->conf, record_delivered);
	producer.client = tool_client(RD_KAFKA_PRODUCER, request->conf, request->brokers);
	file_send(&producer, file);
	if (rd_kafka_flush(producer.client, TOOL_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		tool_fail("%s: %d records are not sent", request->topic, rd_kafka_outq_len(producer.client));
	rd_kafka_headers_destroy(request->headers);
	rd_kafka_destroy(producer.client);
	if (file != stdin)
		fclose(file);
	printf("%lu\n", producer.record_count);
	return producer.failure_count ? 1 : 0;
}

static void property_set(rd_kafka_conf_t *conf, const char *setting)
{
	char *name, *value;
	tool_split(setting, '=', &name, &value);
	tool_conf_set(conf, name, value);
	free(name);
}

static bool option_take(struct request *request, int option)
{
	switch (option) {
	case 'b': request->brokers = optarg; return true;
	case 'c': request->create = optarg; return true;
	case 'd': request->delete = optarg; return true;
	case 'g': request->grow = optarg; return true;
	case 'e': request->delete_before = optarg; return true;
	case 'p': request->produce = optarg; return true;
	case 't': request->topic = optarg; return true;
	case 'f': request->key_fields = optarg; return true;
	case 'k': request->key = optarg; return true;
	case 'w': request->whole = true; return true;
	case 'r': request->records = true; return true;
	case 'n': request->partitions = (int)strtol(optarg, NULL, 10); return true;
	case 'i': request->partition = (int)strtol(optarg, NULL, 10); return true;
	case 'x': property_set(request->conf, optarg); return true;
	case 's': request->settings[request->setting_count++] = optarg; return true;
	default: return false;
	}
}

static bool request_parse(struct request *request, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{"brokers", required_argument, NULL, 'b'}, {"create", required_argument, NULL, 'c'},
		{"delete", required_argument, NULL, 'd'}, {"produce", required_argument, NULL, 'p'},
		{"topic", required_argument, NULL, 't'}, {"key-field", required_argument, NULL, 'f'},
		{"key", required_argument, NULL, 'k'}, {"whole", no_argument, NULL, 'w'},
		{"records", no_argument, NULL, 'r'}, {"delete-before", required_argument, NULL, 'e'},
		{"partitions", required_argument, NULL, 'n'}, {"partition", required_argument, NULL, 'i'},
		{"property", required_argument, NULL, 'x'}, {"config", required_argument, NULL, 's'},
		{"header", required_argument, NULL, 's'}, {"grow", required_argument, NULL, 'g'}, {0},
	};
	for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;)
		if (!option_take(request, option))
			return false;
	int verb_count = !!request->create + !!request->delete + !!request->produce +
			 !!request->delete_before + !!request->grow;
	bool needs_topic = request->produce || request->delete_before;
	return request->brokers && verb_count == 1 && optind == argc && (!needs_topic || request->topic);
}

int main(int argc, char **argv)
{
	struct request request = {
		.partitions = 1, .partition = RD_KAFKA_PARTITION_UA, .conf = rd_kafka_conf_new(),
		.settings = tool_allocate(NULL, (size_t)argc * sizeof *request.settings),
	};
	tool_conf_set(request.conf, "partitioner", "murmur2_random");
	tool_conf_set(request.conf, "queue.buffering.max.messages", "1000000");
	tool_conf_set(request.conf, "linger.ms", "20");
	tool_conf_set(request.conf, "message.max.bytes", "16777216");
	if (!request_parse(&request, argc, argv)) {
		fputs(USAGE, stderr);
		return TOOL_USAGE;
	}
	int code = request.produce ? produce_run(&request) : admin_run(&request);
	free(request.settings);
	return code;
}
