/* Reads topics from their start to where they end now, and prints what a reader of rows ends up with: of each
 * key the value with the greatest "revision", sorted by key as bytes, one per line. See USAGE.
 *
 * Two different values of one key under one revision are a defect of the writer: named, exit code 1. */
#include <getopt.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/tools/tool.h"

static const char USAGE[] =
	"usage: kafka_rows --brokers B --topic T [--topic T2...] [--raw | --count | --stale]\n"
	"  (none)   of each key the value with the greatest revision, sorted by key\n"
	"  --raw    every record as JSON: topic, partition, offset, key, key_base64, headers,\n"
	"           headers_base64 (a list of pairs in their order), value_base64\n"
	"  --count  one line `topic records` for each topic\n"
	"  --stale  the keys whose last record has not the greatest revision, one per line: what a\n"
	"           compacted topic would keep of them is old\n";

enum mode { MODE_ROWS, MODE_RAW, MODE_COUNT, MODE_STALE };

struct row {
	int64_t revision;
	int64_t last_revision; /* of the record that came last */
	char *key; /* owned, as is value */
	char *value;
	size_t key_len;
	size_t value_len;
};

struct reader {
	rd_kafka_t *client;
	enum mode mode;
	void *rows; /* tree of struct row by key */
	uint64_t record_count;
	unsigned conflict_count;
};

static int row_compare(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	size_t len = left->key_len < right->key_len ? left->key_len : right->key_len;
	int order = memcmp(left->key, right->key, len);
	return order ? order : (left->key_len > right->key_len) - (left->key_len < right->key_len);
}

static char *bytes_copy(const void *data, size_t len)
{
	char *copy = tool_allocate(NULL, len);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

static int64_t row_revision(const rd_kafka_message_t *message)
{
	static const char NAME[] = "\"revision\":";
	const char *found = memmem(message->payload, message->len, NAME, sizeof NAME - 1);
	char digits[32] = "";
	if (found) {
		found += sizeof NAME - 1;
		size_t rest = (size_t)((const char *)message->payload + message->len - found);
		memcpy(digits, found, rest < sizeof digits - 1 ? rest : sizeof digits - 1);
	}
	char *end;
	int64_t revision = strtoll(digits, &end, 10);
	if (end == digits)
		tool_fail("%s [%" PRId32 "] at offset %" PRId64 ": a row without a revision",
			  rd_kafka_topic_name(message->rkt), message->partition, message->offset);
	return revision;
}

/* The row of this key, made with revision -1 where it is new. */
static struct row *row_find(struct reader *reader, const rd_kafka_message_t *message)
{
	struct row wanted = {.key = message->key, .key_len = message->key_len};
	struct row **found = tfind(&wanted, &reader->rows, row_compare);
	if (found)
		return *found;
	struct row *row = tool_allocate(NULL, sizeof *row);
	*row = (struct row){.revision = -1, .key = bytes_copy(message->key, message->key_len),
			    .key_len = message->key_len};
	if (!tsearch(row, &reader->rows, row_compare))
		tool_fail("out of memory");
	return row;
}

static void row_take(struct reader *reader, const rd_kafka_message_t *message)
{
	if (!message->payload)
		return;
	int64_t revision = row_revision(message);
	struct row *row = row_find(reader, message);
	row->last_revision = revision;
	if (revision == row->revision &&
	    (row->value_len != message->len || memcmp(row->value, message->payload, message->len) != 0)) {
		reader->conflict_count++;
		fprintf(stderr, "%.*s: two values of revision %" PRId64 "\n",
			(int)row->key_len, row->key, revision);
	}
	if (revision <= row->revision)
		return;
	free(row->value);
	row->revision = revision;
	row->value = bytes_copy(message->payload, message->len);
	row->value_len = message->len;
}

static void row_print(const void *node, VISIT visit, int depth)
{
	(void)depth;
	const struct row *row = *(struct row *const *)node;
	if (visit == postorder || visit == leaf)
		printf("%.*s\n", (int)row->value_len, row->value);
}

static void row_print_stale(const void *node, VISIT visit, int depth)
{
	(void)depth;
	const struct row *row = *(struct row *const *)node;
	if ((visit == postorder || visit == leaf) && row->last_revision != row->revision)
		printf("%.*s\n", (int)row->key_len, row->key);
}

static void row_free(void *node)
{
	struct row *row = node;
	free(row->key);
	free(row->value);
	free(row);
}

static json_t *json_base64(const void *data, size_t len)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	if (!data)
		return json_null();
	const unsigned char *bytes = data;
	char *text = tool_allocate(NULL, (len + 2) / 3 * 4);
	size_t at = 0;
	for (size_t i = 0; i < len; i += 3) {
		unsigned second = i + 1 < len ? bytes[i + 1] : 0;
		unsigned third = i + 2 < len ? bytes[i + 2] : 0;
		unsigned group = (unsigned)bytes[i] << 16 | second << 8 | third;
		text[at++] = DIGITS[group >> 18];
		text[at++] = DIGITS[group >> 12 & 63];
		text[at++] = i + 1 < len ? DIGITS[group >> 6 & 63] : '=';
		text[at++] = i + 2 < len ? DIGITS[group & 63] : '=';
	}
	json_t *json = json_stringn(text, at);
	free(text);
	return json;
}

/* The text as it is; null where there is none or it is not UTF-8. */
static json_t *json_text(const void *data, size_t len)
{
	json_t *text = data ? json_stringn(data, len) : NULL;
	return text ? text : json_null();
}

static json_t *json_headers(const rd_kafka_message_t *message)
{
	json_t *object = json_object();
	rd_kafka_headers_t *headers;
	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return object;
	const char *name;
	const void *value;
	size_t len;
	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		json_object_set_new(object, name, json_text(value, len));
	return object;
}

/* All of them in their order, names that are there twice too. */
static json_t *json_header_list(const rd_kafka_message_t *message)
{
	json_t *list = json_array();
	rd_kafka_headers_t *headers;
	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return list;
	const char *name;
	const void *value;
	size_t len;
	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		json_array_append_new(list, json_pack("[s, o]", name, json_base64(value, len)));
	return list;
}

static void raw_print(const rd_kafka_message_t *message)
{
	json_t *record = json_pack("{s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o}",
		"topic", rd_kafka_topic_name(message->rkt), "partition", (int)message->partition,
		"offset", (json_int_t)message->offset, "key", json_text(message->key, message->key_len),
		"key_base64", json_base64(message->key, message->key_len), "headers", json_headers(message),
		"headers_base64", json_header_list(message),
		"value_base64", json_base64(message->payload, message->len));
	if (!record || json_dumpf(record, stdout, JSON_COMPACT) != 0)
		tool_fail("%s: a record cannot be printed", rd_kafka_topic_name(message->rkt));
	putchar('\n');
	json_decref(record);
}

static int partition_count(rd_kafka_t *client, const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, handle, &metadata, TOOL_TIMEOUT_MS);
	if (!error)
		error = metadata->topics[0].err;
	if (error)
		tool_fail("%s: %s", topic, rd_kafka_err2str(error));
	int count = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	return count;
}

static int topic_assign(rd_kafka_t *client, const char *topic)
{
	int count = partition_count(client, topic);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	for (int partition = 0; partition < count; partition++)
		rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_resp_err_t error = rd_kafka_assign(client, list);
	if (error)
		tool_fail("%s: %s", topic, rd_kafka_err2str(error));
	rd_kafka_topic_partition_list_destroy(list);
	return count;
}

static void record_take(struct reader *reader, const rd_kafka_message_t *message)
{
	reader->record_count++;
	if (reader->mode == MODE_ROWS || reader->mode == MODE_STALE)
		row_take(reader, message);
	else if (reader->mode == MODE_RAW)
		raw_print(message);
}

static void topic_read(struct reader *reader, const char *topic)
{
	int open_count = topic_assign(reader->client, topic);
	reader->record_count = 0;
	while (open_count > 0) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->client, TOOL_TIMEOUT_MS);
		if (!message)
			tool_fail("%s: the broker says nothing more", topic);
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			open_count--;
		else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			record_take(reader, message);
		else
			tool_fail("%s: %s", topic, rd_kafka_message_errstr(message));
		rd_kafka_message_destroy(message);
	}
	if (reader->mode == MODE_COUNT)
		printf("%s %" PRIu64 "\n", topic, reader->record_count);
}

static struct reader reader_open(const char *brokers, enum mode mode)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	tool_conf_set(conf, "group.id", "kafka_rows");
	tool_conf_set(conf, "enable.partition.eof", "true");
	tool_conf_set(conf, "enable.auto.commit", "false");
	tool_conf_set(conf, "auto.offset.reset", "earliest");
	struct reader reader = {.client = tool_client(RD_KAFKA_CONSUMER, conf, brokers), .mode = mode};
	rd_kafka_poll_set_consumer(reader.client);
	return reader;
}

int main(int argc, char **argv)
{
	enum { OPTION_BROKERS = 'b', OPTION_TOPIC = 't', OPTION_RAW = 'r', OPTION_COUNT = 'c',
	       OPTION_STALE = 's' };
	static const struct option OPTIONS[] = {
		{"brokers", required_argument, NULL, OPTION_BROKERS},
		{"topic", required_argument, NULL, OPTION_TOPIC},
		{"raw", no_argument, NULL, OPTION_RAW},
		{"count", no_argument, NULL, OPTION_COUNT},
		{"stale", no_argument, NULL, OPTION_STALE},
		{0},
	};
	const char *brokers = NULL;
	const char **topics = tool_allocate(NULL, (size_t)argc * sizeof *topics);
	int topic_count = 0;
	enum mode mode = MODE_ROWS;
	for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
		switch (option) {
		case OPTION_BROKERS: brokers = optarg; break;
		case OPTION_TOPIC: topics[topic_count++] = optarg; break;
		case OPTION_RAW: mode = MODE_RAW; break;
		case OPTION_COUNT: mode = MODE_COUNT; break;
		case OPTION_STALE: mode = MODE_STALE; break;
		default: fputs(USAGE, stderr); return TOOL_USAGE;
		}
	}
	if (!brokers || topic_count == 0 || optind != argc) {
		fputs(USAGE, stderr);
		return TOOL_USAGE;
	}
	struct reader reader = reader_open(brokers, mode);
	for (int i = 0; i < topic_count; i++)
		topic_read(&reader, topics[i]);
	twalk(reader.rows, mode == MODE_STALE ? row_print_stale : row_print);
	tdestroy(reader.rows, row_free);
	rd_kafka_consumer_close(reader.client);
	rd_kafka_destroy(reader.client);
	free(topics);
	return reader.conflict_count ? 1 : 0;
}
