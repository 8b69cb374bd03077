/* Goal: instances of one group hear each other, on the partition that is meant for them, and nobody else;
 * what is no record of theirs is left out and harms nothing. Against librdkafka's mock cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "daemon/exchange.h"
#include "daemon/kafka_mock.h"
#include "daemon/kafka_out.h"
#include "daemon/loop.h"

enum { WAIT_MS = 20 * 1000, LOOK_MS = 5, TASK_COUNT = 4, HEARD_MAX = 16 };

static struct kafka_mock *mock;
static struct kafka_out *out;
static struct config *config;
static struct kafka_connection connection;
static struct kafka_error error;
static const struct slice no_key;

static struct {
	struct exchange_head heads[HEARD_MAX];
	char notes[HEARD_MAX][16];
	size_t count;
} heard;

static void report(void *ctx, const struct kafka_report *report)
{
	(void)ctx;
	assert_true(report->is_delivered);
}

static struct config *load(const char *text)
{
	struct config_problems problems = {.file = "test"};
	struct config *loaded = config_load_text(slice_from(text), CONFIG_NEED_NOTHING, &problems);
	assert_non_null(loaded);
	return loaded;
}

static int set_up(void **state)
{
	(void)state;
	mock = kafka_mock_create(1, &error);
	if (!mock)
		return -1;
	config = load("kafka: {group: ours}\n");
	connection = (struct kafka_connection){.brokers = kafka_mock_brokers(mock)};
	kafka_mock_create_topic(mock, config->kafka.outputs.exchange, EXCHANGE_PARTITION_COUNT);
	out = kafka_out_create(&(struct kafka_out_options){
		.connection = connection,
		.topics = (const char *const[]){config->kafka.outputs.exchange},
		.topic_count = 1,
		.queue_records = 100,
		.queue_bytes = 4 << 20,
		.report = report,
	}, &error);
	heard.count = 0;
	return out ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	kafka_out_destroy(out);
	config_destroy(config);
	kafka_mock_destroy(mock);
	return 0;
}

static struct exchange *open_exchange(const struct config *from, size_t task_count, bool is_merger)
{
	struct exchange *exchange = exchange_create(from, &connection, task_count, &error);
	assert_non_null(exchange);
	assert_true(exchange_listen(exchange, is_merger, &error));
	return exchange;
}

static void say(const struct exchange *exchange, enum exchange_kind kind, int32_t partition,
		const char *notes)
{
	const struct exchange_head head = {
		.kind = kind,
		.announcement = 7,
		.sender = exchange_sender(exchange),
		.sent_ms = -1,
		.now_ms = 5,
		.position_ms = INT64_MAX,
		.revision = 9,
	};
	struct buffer record = {0};
	exchange_encode(exchange, &head, slice_from(notes), &record);
	assert_int_equal(kafka_out_send_to(out, 0, partition, no_key, buffer_slice(&record), NULL),
			 KAFKA_SENT);
	buffer_destroy(&record);
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
}

static void hear(void *ctx, const struct exchange_head *head, struct slice notes)
{
	(void)ctx;
	assert_true(heard.count < HEARD_MAX && notes.len < sizeof(heard.notes[0]));
	memcpy(heard.notes[heard.count], notes.data, notes.len);
	heard.notes[heard.count][notes.len] = '\0';
	heard.heads[heard.count++] = *head;
}

/* Until it has heard so many. */
static void wait_heard(struct exchange *exchange, size_t count)
{
	int64_t until_ms = loop_now_ms() + WAIT_MS;
	while (heard.count < count && loop_now_ms() < until_ms) {
		exchange_read(exchange, hear, NULL);
		usleep(LOOK_MS * 1000);
	}
	assert_int_equal(heard.count, count);
}

static void what_is_said_is_heard_where_it_is_meant_for(void **state)
{
	(void)state;
	struct exchange *merger = open_exchange(config, TASK_COUNT, true);
	struct exchange *other = open_exchange(config, TASK_COUNT, false);
	say(other, EXCHANGE_END, EXCHANGE_UP, "up");
	say(merger, EXCHANGE_BEAT, EXCHANGE_DOWN, "down");
	wait_heard(merger, 2);
	wait_heard(other, 3);
	assert_string_equal(heard.notes[2], "down");
	const struct exchange_head *head = &heard.heads[2];
	assert_int_equal(head->kind, EXCHANGE_BEAT);
	assert_int_equal(head->announcement, 7);
	assert_true(head->sender == exchange_sender(merger) && head->sender != exchange_sender(other));
	assert_true(head->sent_ms == -1 && head->now_ms == 5 && head->position_ms == INT64_MAX);
	assert_int_equal(head->revision, 9);
	exchange_destroy(merger);
	exchange_destroy(other);
}

/* Another group, another state, another number of partitions, and bytes of somebody else. */
static void others_are_not_heard(void **state)
{
	(void)state;
	struct config *group = load("kafka: {group: theirs}\n");
	struct config *state_of_another = load("kafka: {group: ours}\nredis: {namespace: another}\n");
	struct exchange *ours = open_exchange(config, TASK_COUNT, true);
	struct exchange *strangers[] = {open_exchange(group, TASK_COUNT, false),
					open_exchange(state_of_another, TASK_COUNT, false),
					open_exchange(config, TASK_COUNT + 1, false)};
	for (size_t i = 0; i < 3; i++) {
		say(strangers[i], EXCHANGE_ANNOUNCE, EXCHANGE_DOWN, "stranger");
		exchange_destroy(strangers[i]);
	}
	static const char *const bytes[] = {"", "x", "L\001", "{\"type\":\"click\"}"};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++)
		assert_int_equal(kafka_out_send_to(out, 0, EXCHANGE_DOWN, no_key, slice_from(bytes[i]), NULL),
				 KAFKA_SENT);
	say(ours, EXCHANGE_BEAT, EXCHANGE_DOWN, "ours");
	wait_heard(ours, 1);
	assert_string_equal(heard.notes[0], "ours");
	exchange_destroy(ours);
	config_destroy(group);
	config_destroy(state_of_another);
}

/* Who begins to listen hears what is said from then on. */
static void what_was_said_before_is_over(void **state)
{
	(void)state;
	struct exchange *early = open_exchange(config, TASK_COUNT, true);
	say(early, EXCHANGE_END, EXCHANGE_UP, "before");
	struct exchange *late = open_exchange(config, TASK_COUNT, true);
	say(early, EXCHANGE_END, EXCHANGE_UP, "after");
	wait_heard(late, 1);
	assert_string_equal(heard.notes[0], "after");
	assert_true(exchange_listen(late, false, &error));
	say(early, EXCHANGE_END, EXCHANGE_UP, "up");
	say(early, EXCHANGE_BEAT, EXCHANGE_DOWN, "down");
	wait_heard(late, 2);
	assert_string_equal(heard.notes[1], "down");
	assert_false(exchange_has_lost(late));
	exchange_destroy(early);
	exchange_destroy(late);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_said_is_heard_where_it_is_meant_for),
		TEST(others_are_not_heard),
		TEST(what_was_said_before_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
