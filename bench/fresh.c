/* Fresh: how long after a click was to be written its row can be read. One JSON line on stdout.
 *
 * Writes marker clicks, each with an ad of its own and the time at which it was to be sent, and reads the
 * rows of the topic `current` as they come. A delay counts from the intended time to the moment at which
 * the first row that counts the marker is handed out by librdkafka, so a sender or reader that falls behind
 * shows. */
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"

enum { MARKERS_MAX = 100000, DRAIN_MS = 10000, ROW_BYTES = 512 };

struct fresh {
	const char *brokers;
	const char *input;
	const char *rows;
	int marker_count;
	int interval_ms;
	int64_t intended_ms[MARKERS_MAX];
	int64_t delays_ms[MARKERS_MAX];
	bool is_seen[MARKERS_MAX];
	int seen_count;
};

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static rd_kafka_t *create(const struct fresh *fresh, rd_kafka_type_t type, const char *const settings[][2])
{
	char error[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	CHECK(rd_kafka_conf_set(conf, "bootstrap.servers", fresh->brokers, error, sizeof(error)) ==
	      RD_KAFKA_CONF_OK);
	for (size_t i = 0; settings[i][0]; i++)
		CHECK(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof(error)) ==
		      RD_KAFKA_CONF_OK);
	rd_kafka_t *kafka = rd_kafka_new(type, conf, error, sizeof(error));
	CHECK(kafka);
	return kafka;
}

/* Rows of ads have the key rolling/event/5m/ad/<id>. */
static void take_row(rd_kafka_message_t *message, void *opaque)
{
	static const char prefix[] = "rolling/event/5m/ad/marker-";
	struct fresh *fresh = opaque;
	char key[ROW_BYTES];
	if (message->err || message->key_len < sizeof(prefix) || message->key_len >= sizeof(key))
		return;
	memcpy(key, message->key, message->key_len);
	key[message->key_len] = '\0';
	if (strncmp(key, prefix, sizeof(prefix) - 1) != 0)
		return;
	long number = strtol(key + sizeof(prefix) - 1, NULL, 10);
	if (number < 0 || number >= fresh->marker_count || fresh->is_seen[number])
		return;
	fresh->is_seen[number] = true;
	fresh->delays_ms[fresh->seen_count++] = now_ms() - fresh->intended_ms[number];
}

static void send_marker(struct fresh *fresh, rd_kafka_t *kafka, int number)
{
	char value[ROW_BYTES], key[32];
	int key_len = snprintf(key, sizeof(key), "marker-%d", number);
	int len = snprintf(value, sizeof(value),
			   "{\"type\":\"click\",\"id\":\"marker-%d\",\"ts\":%" PRId64
			   ",\"click_id\":\"marker-%d\",\"account\":\"act_1\",\"ad\":\"marker-%d\"}",
			   number, fresh->intended_ms[number], number, number);
	rd_kafka_resp_err_t error =
		rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(fresh->input), RD_KAFKA_V_KEY(key, (size_t)key_len),
				  RD_KAFKA_V_VALUE(value, (size_t)len),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
	CHECK(error == RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void run(struct fresh *fresh)
{
	static const char *const sending[][2] = {{"linger.ms", "5"}, {"acks", "1"}, {NULL, NULL}};
	static const char *const reading[][2] = {{"fetch.wait.max.ms", "10"}, {NULL, NULL}};
	rd_kafka_t *producer = create(fresh, RD_KAFKA_PRODUCER, sending);
	rd_kafka_t *consumer = create(fresh, RD_KAFKA_CONSUMER, reading);
	rd_kafka_topic_t *rows = rd_kafka_topic_new(consumer, fresh->rows, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer);
	const struct rd_kafka_metadata *metadata;
	CHECK(rd_kafka_metadata(consumer, 0, rows, &metadata, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR);
	int partition_count = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	for (int32_t p = 0; p < partition_count; p++)
		CHECK(rd_kafka_consume_start_queue(rows, p, RD_KAFKA_OFFSET_END, queue) == 0);
	int64_t begin_ms = now_ms() + 1000;
	int64_t end_ms = begin_ms + (int64_t)fresh->marker_count * fresh->interval_ms + DRAIN_MS;
	for (int sent = 0; now_ms() < end_ms && fresh->seen_count < fresh->marker_count;) {
		for (; sent < fresh->marker_count; sent++) {
			fresh->intended_ms[sent] = begin_ms + (int64_t)sent * fresh->interval_ms;
			if (fresh->intended_ms[sent] > now_ms())
				break;
			send_marker(fresh, producer, sent);
		}
		rd_kafka_poll(producer, 0);
		rd_kafka_consume_callback_queue(queue, 2, take_row, fresh);
	}
	for (int32_t p = 0; p < partition_count; p++)
		rd_kafka_consume_stop(rows, p);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_destroy(rows);
	rd_kafka_destroy(consumer);
	rd_kafka_destroy(producer);
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int64_t delay_at(const struct fresh *fresh, int permille)
{
	int rank = (int)(((int64_t)fresh->seen_count * permille + 999) / 1000);
	return rank ? fresh->delays_ms[rank - 1] : -1;
}

int main(int argc, char **argv)
{
	static struct fresh fresh = {.marker_count = 600, .interval_ms = 50};
	static const struct option options[] = {{"brokers", 1, NULL, 'b'}, {"input", 1, NULL, 'i'},
						{"rows", 1, NULL, 'r'},    {"markers", 1, NULL, 'm'},
						{"interval", 1, NULL, 'n'}, {NULL, 0, NULL, 0}};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'b')
			fresh.brokers = optarg;
		else if (option == 'i')
			fresh.input = optarg;
		else if (option == 'r')
			fresh.rows = optarg;
		else if (option == 'm')
			fresh.marker_count = (int)strtol(optarg, NULL, 10);
		else if (option == 'n')
			fresh.interval_ms = (int)strtol(optarg, NULL, 10);
	}
	if (!fresh.brokers || !fresh.input || !fresh.rows || fresh.marker_count < 1 ||
	    fresh.marker_count > MARKERS_MAX || fresh.interval_ms < 1) {
		fputs("usage: bench_fresh --brokers HOST:PORT --input TOPIC --rows TOPIC [--markers 600] "
		      "[--interval 50]\n",
		      stderr);
		return 2;
	}
	run(&fresh);
	qsort(fresh.delays_ms, (size_t)fresh.seen_count, sizeof(*fresh.delays_ms), compare);
	printf("{\"markers\":%d,\"seen\":%d,\"p50_ms\":%" PRId64 ",\"p99_ms\":%" PRId64 ",\"max_ms\":%" PRId64
	       "}\n",
	       fresh.marker_count, fresh.seen_count, delay_at(&fresh, 500), delay_at(&fresh, 990),
	       delay_at(&fresh, 1000));
	return 0;
}
