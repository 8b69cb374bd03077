/* Goal: every record that the producer takes is delivered once and in order, or reported with its key; a
 * full queue is said at once; and what is wrong with settings and topics is told by name. Against
 * librdkafka's mock cluster.
 * labels: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <time.h>

#include "daemon/kafka_admin.h"
#include "daemon/kafka_in.h"
#include "daemon/kafka_mock.h"
#include "daemon/kafka_out.h"

enum { WAIT_MS = 30 * 1000, REPORTS_MAX = 1000 };

/* Codes of the Kafka protocol. */
enum {
	UNKNOWN_TOPIC = 3,
	NOT_LEADER = 6,
	TIMED_OUT = 7,
	MESSAGE_TOO_LARGE = 10,
	NOT_ENOUGH_REPLICAS = 19,
	NO_RIGHT = 29,
	HANG_UP = -195
};

static const char *const topics[] = {"ladder.current", "ladder.dead"};
enum { CURRENT, DEAD, TOPIC_COUNT };

static struct kafka_mock *mock;
static struct kafka_error error;

struct reports {
	size_t count;
	size_t delivered_count;
	size_t final_count;
	char key[64];
	char why[256];
	void *token;
	size_t topic;
};

static struct reports reports;

static void take_report(void *ctx, const struct kafka_report *report)
{
	struct reports *taken = ctx;
	taken->count++;
	taken->delivered_count += report->is_delivered;
	taken->final_count += report->is_final;
	taken->token = report->token;
	taken->topic = report->topic;
	snprintf(taken->key, sizeof taken->key, "%.*s", (int)report->key.len, report->key.data);
	snprintf(taken->why, sizeof taken->why, "%s", report->why ? report->why : "");
}

static struct kafka_out *open_out(size_t queue_records)
{
	const struct kafka_out_options options = {
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.topics = topics,
		.topic_count = TOPIC_COUNT,
		.queue_records = queue_records,
		.queue_bytes = 16 << 20,
		.report = take_report,
		.ctx = &reports,
	};
	reports = (struct reports){0};
	struct kafka_out *out = kafka_out_create(&options, &error);
	assert_non_null(out);
	return out;
}

static enum kafka_sent send_text(struct kafka_out *out, const char *key, const char *value)
{
	return kafka_out_send(out, CURRENT, slice_from(key), slice_from(value), NULL, 0, NULL);
}

static void check_counts(struct kafka_out *out, size_t topic, uint64_t sent, uint64_t delivered,
			 uint64_t failed)
{
	struct kafka_out_counts counts = kafka_out_counts(out, topic);
	assert_int_equal(counts.sent_count, sent);
	assert_int_equal(counts.delivered_count, delivered);
	assert_int_equal(counts.failed_count, failed);
}

static int set_up(void **state)
{
	(void)state;
	mock = kafka_mock_create(1, &error);
	if (!mock)
		return -1;
	kafka_mock_create_topic(mock, topics[CURRENT], 1);
	kafka_mock_create_topic(mock, topics[DEAD], 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kafka_mock_destroy(mock);
	return 0;
}

/* ---- Reading back ---- */

/* What was read: for each record "key=value" with its headers as "[name:value]", one after the other. */
struct readback {
	char text[8192];
	size_t len;
	size_t count;
};

static void readback_put(struct readback *back, struct slice text, const char *absent)
{
	if (!text.data)
		text = slice_from(absent);
	assert_true(back->len + text.len < sizeof back->text);
	memcpy(back->text + back->len, text.data, text.len);
	back->len += text.len;
}

static void readback_header(void *ctx, const char *name, struct slice value)
{
	readback_put(ctx, slice_from("["), "");
	readback_put(ctx, slice_from(name), "");
	readback_put(ctx, slice_from(":"), "");
	readback_put(ctx, value, "none");
	readback_put(ctx, slice_from("]"), "");
}

static void readback_take(void *ctx, const struct kafka_record *record)
{
	struct readback *back = ctx;
	readback_put(back, record->key, "none");
	readback_put(back, slice_from("="), "");
	readback_put(back, record->value, "none");
	kafka_in_headers(record->handle, readback_header, back);
	readback_put(back, slice_from(" "), "");
	assert_true(record->timestamp_ms > 1600000000000);
	back->count++;
}

static const char *read_back(size_t topic, size_t count)
{
	static struct readback back;
	static const int32_t tasks[] = {0};
	static const int64_t offsets[] = {KAFKA_IN_BEGINNING};
	const struct kafka_in_options options = {
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.name = "test",
		.group = "test",
		.topics = &topics[topic],
		.topic_count = 1,
		.tasks = tasks,
		.task_count = 1,
		.prefetch_bytes = 1 << 20,
	};
	struct kafka_in *in = kafka_in_create(&options, &error);
	back = (struct readback){.len = 0};
	assert_non_null(in);
	assert_true(kafka_in_start(in, offsets, WAIT_MS, &error));
	for (int i = 0; i < 300 && !kafka_in_at_end(in, 0, 0); i++) {
		struct pollfd fd = {.fd = kafka_in_fd(in), .events = POLLIN};
		poll(&fd, 1, 100);
		kafka_in_poll(in);
		kafka_in_consume(in, 0, 0, 1000, readback_take, &back);
	}
	assert_int_equal(back.count, count);
	kafka_in_destroy(in);
	return back.text;
}

/* ---- The producer ---- */

static void records_arrive_as_they_were_sent(void **state)
{
	(void)state;
	const struct kafka_header headers[] = {
		{"ladderd.reason", slice_from("json")},
		{"ladderd.detail", {NULL, 0}},
		{"original", {"\0x", 2}},
	};
	const struct slice none = {NULL, 0};
	int token;
	struct kafka_out *out = open_out(100);
	assert_int_equal(kafka_out_send(out, DEAD, slice_from("a"), slice_from("1"), headers, 3, &token),
			 KAFKA_SENT);
	assert_int_equal(kafka_out_send(out, DEAD, slice_from("b"), none, NULL, 0, &token), KAFKA_SENT);
	assert_int_equal(kafka_out_send(out, DEAD, none, slice_from("3"), NULL, 0, &token), KAFKA_SENT);
	assert_int_equal(kafka_out_pending(out), 3);
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	assert_int_equal(reports.delivered_count, 3);
	assert_ptr_equal(reports.token, &token);
	assert_int_equal(reports.topic, DEAD);
	check_counts(out, DEAD, 3, 3, 0);
	check_counts(out, CURRENT, 0, 0, 0);
	static const char expected[] =
		"a=1[ladderd.reason:json][ladderd.detail:none][original:\0x] b=none none=3 ";
	assert_memory_equal(read_back(DEAD, 3), expected, sizeof expected);
	kafka_out_destroy(out);
}

static void full_queue_is_said_and_nothing_lost(void **state)
{
	(void)state;
	struct kafka_out *out = open_out(10);
	kafka_mock_set_away(mock, true);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_text(out, "k", "v"), KAFKA_SENT);
	assert_int_equal(send_text(out, "k", "v"), KAFKA_SENT_FULL);
	kafka_out_poll(out, 300);
	assert_int_equal(send_text(out, "k", "v"), KAFKA_SENT_FULL);
	assert_int_equal(kafka_out_counts(out, CURRENT).full_count, 2);
	assert_int_equal(kafka_out_pending(out), 10);
	kafka_mock_set_away(mock, false);
	for (int i = 0; i < 300 && reports.count < 10; i++)
		kafka_out_poll(out, 100);
	assert_int_equal(send_text(out, "k", "w"), KAFKA_SENT);
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	check_counts(out, CURRENT, 11, 11, 0);
	assert_string_equal(read_back(CURRENT, 11), "k=v k=v k=v k=v k=v k=v k=v k=v k=v k=v k=w ");
	kafka_out_destroy(out);
}

static void produce_errors_neither_lose_nor_repeat(void **state)
{
	(void)state;
	static const int codes[] = {NOT_ENOUGH_REPLICAS, NOT_LEADER, TIMED_OUT, HANG_UP};
	char value[16], expected[1024];
	size_t len = 0;
	struct kafka_out *out = open_out(1000);
	for (int i = 0; i < 40; i++) {
		if (i % 10 == 0)
			kafka_mock_fail_next(mock, KAFKA_MOCK_PRODUCE, codes[i / 10], 2);
		snprintf(value, sizeof value, "%d", i);
		len += (size_t)snprintf(expected + len, sizeof expected - len, "k=%d ", i);
		assert_int_equal(send_text(out, "k", value), KAFKA_SENT);
		kafka_out_poll(out, i % 10 == 9 ? 200 : 0);
	}
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	check_counts(out, CURRENT, 40, 40, 0);
	assert_string_equal(read_back(CURRENT, 40), expected);
	kafka_out_destroy(out);
}

static void refused_record_is_reported_with_its_key(void **state)
{
	(void)state;
	struct kafka_out *out = open_out(100);
	kafka_mock_fail_next(mock, KAFKA_MOCK_PRODUCE, MESSAGE_TOO_LARGE, 1);
	assert_int_equal(send_text(out, "large", "v"), KAFKA_SENT);
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	check_counts(out, CURRENT, 1, 0, 1);
	assert_int_equal(reports.final_count, 1);
	assert_string_equal(reports.key, "large");
	assert_non_null(strstr(reports.why, "ladder.current: "));
	assert_non_null(strstr(reports.why, "max.message.bytes"));
	assert_int_equal(send_text(out, "small", "v"), KAFKA_SENT);
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	assert_string_equal(read_back(CURRENT, 1), "small=v ");
	kafka_out_destroy(out);
}

static void too_large_for_the_producer_is_said_at_once(void **state)
{
	(void)state;
	enum { LEN = 2 << 20 };
	char *value = calloc(1, LEN);
	struct kafka_out *out = open_out(100);
	assert_int_equal(kafka_out_send(out, CURRENT, slice_from("k"), (struct slice){value, LEN}, NULL, 0,
					NULL),
			 KAFKA_SENT_TOO_LARGE);
	assert_int_equal(kafka_out_counts(out, CURRENT).too_large_count, 1);
	assert_int_equal(kafka_out_pending(out), 0);
	free(value);
	kafka_out_destroy(out);
}

static void flush_gives_up_in_time_and_says_what(void **state)
{
	(void)state;
	struct kafka_out *out = open_out(100);
	kafka_mock_set_away(mock, true);
	for (int i = 0; i < 7; i++)
		assert_int_equal(send_text(out, "k", "v"), KAFKA_SENT);
	assert_int_equal(kafka_out_flush(out, 300), 7);
	check_counts(out, CURRENT, 7, 0, 7);
	assert_int_equal(reports.count, 7);
	assert_int_equal(reports.final_count, 0);
	assert_int_equal(kafka_out_pending(out), 0);
	kafka_out_destroy(out);
}

/* ---- Settings ---- */

static void settings_are_judged_by_name(void **state)
{
	(void)state;
	static const struct {
		struct kafka_property property;
		const char *text; /* NULL where it is fine */
	} cases[] = {
		{{"fetch.wait.max.ms", "5"}, NULL},
		{{"linger.ms", "7"}, NULL},
		{{"security.protocol", "plaintext"}, NULL},
		{{"enable.auto.commit", "true"}, "kafka.properties: enable.auto.commit cannot be set here"},
		{{"bootstrap.servers", "a:1"}, "kafka.brokers says this"},
		{{"acks", "1"}, "acks cannot be set here"},
		{{"linger", "7"}, "kafka.properties: linger: No such configuration property"},
		{{"linger.ms", "soon"}, "linger.ms"},
		{{"security.protocol", "none"}, "security.protocol"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct kafka_connection connection = {"127.0.0.1:1", &cases[i].property, 1, 0};
		assert_int_equal(kafka_connection_check(&connection, &error), cases[i].text == NULL);
		if (!cases[i].text)
			continue;
		assert_int_equal(error.fault, KAFKA_FAULT_CONFIG);
		if (!strstr(error.text, cases[i].text))
			fail_msg("%s", error.text);
	}
}

/* ---- Topics ---- */

struct check {
	bool is_good;
	int partition_count;
};

static struct check check_inputs(const char *brokers, const char *const *inputs, size_t count, int timeout_ms)
{
	struct check check = {.partition_count = -1};
	const struct kafka_connection connection = {.brokers = brokers};
	struct kafka_admin *admin = kafka_admin_create(&connection, &error);
	assert_non_null(admin);
	check.is_good = kafka_admin_check_inputs(admin, inputs, count, timeout_ms, &check.partition_count,
						 &error);
	kafka_admin_destroy(admin);
	return check;
}

static void inputs_that_fit_give_the_number_of_tasks(void **state)
{
	(void)state;
	static const char *const inputs[] = {"four", "also_four"};
	kafka_mock_create_topic(mock, "four", 4);
	kafka_mock_create_topic(mock, "also_four", 4);
	struct check check = check_inputs(kafka_mock_brokers(mock), inputs, 2, WAIT_MS);
	assert_true(check.is_good);
	assert_int_equal(check.partition_count, 4);
}

static void different_partition_counts_are_named(void **state)
{
	(void)state;
	static const char *const inputs[] = {"ladder.clicks", "ladder.messages"};
	kafka_mock_create_topic(mock, "ladder.clicks", 4);
	kafka_mock_create_topic(mock, "ladder.messages", 8);
	assert_false(check_inputs(kafka_mock_brokers(mock), inputs, 2, WAIT_MS).is_good);
	assert_int_equal(error.fault, KAFKA_FAULT_CONFIG);
	assert_non_null(strstr(error.text,
			       "ladder.clicks has 4 partitions, ladder.messages has 8 partitions: "));
	assert_non_null(strstr(error.text, "with 8 partitions"));
}

/* Metadata about one topic: what the broker says of it, what is made of it, and what is said. */
static void topics_that_cannot_be_read_are_named(void **state)
{
	(void)state;
	static const char *const inputs[] = {"four", "ladder.clicks"};
	static const struct {
		int code;
		enum kafka_fault fault;
		const char *text;
	} cases[] = {
		{UNKNOWN_TOPIC, KAFKA_FAULT_CONFIG, "ladder.clicks: there is no such topic: create it"},
		{NO_RIGHT, KAFKA_FAULT_DENIED, "ladder.clicks: no right to see this topic: grant DESCRIBE"},
	};
	kafka_mock_create_topic(mock, "four", 4);
	kafka_mock_create_topic(mock, "ladder.clicks", 4);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		kafka_mock_fail_topic(mock, "ladder.clicks", cases[i].code);
		assert_false(check_inputs(kafka_mock_brokers(mock), inputs, 2, WAIT_MS).is_good);
		assert_int_equal(error.fault, cases[i].fault);
		if (!strstr(error.text, cases[i].text))
			fail_msg("%s", error.text);
	}
}

static void silent_brokers_are_temporary(void **state)
{
	(void)state;
	struct timespec before, after;
	static const char *const inputs[] = {"ladder.clicks"};
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_false(check_inputs("127.0.0.1:1", inputs, 1, 1000).is_good);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 5);
	assert_int_equal(error.fault, KAFKA_FAULT_RETRY);
	assert_non_null(strstr(error.text, "ladder.clicks: the brokers do not answer"));
	assert_non_null(strstr(error.text, "127.0.0.1:1"));
	assert_non_null(strstr(error.text, "Connection refused"));
}

static void outputs_that_cannot_be_created_are_named(void **state)
{
	(void)state;
	const struct kafka_connection connection = {.brokers = kafka_mock_brokers(mock)};
	const struct kafka_output outputs[] = {
		{topics[CURRENT], true, KAFKA_ADMIN_DEFAULT, KAFKA_ADMIN_DEFAULT, 0, 0},
		{"ladder.history", true, KAFKA_ADMIN_DEFAULT, KAFKA_ADMIN_DEFAULT, 0, 0},
	};
	struct kafka_admin *admin = kafka_admin_create(&connection, &error);
	assert_non_null(admin);
	assert_true(kafka_admin_ensure_outputs(admin, outputs, 1, WAIT_MS, &error));
	kafka_mock_create_topic(mock, "ladder.history", 1);
	kafka_mock_fail_topic(mock, "ladder.history", UNKNOWN_TOPIC);
	assert_false(kafka_admin_ensure_outputs(admin, &outputs[1], 1, 1000, &error));
	assert_int_equal(error.fault, KAFKA_FAULT_RETRY);
	assert_non_null(strstr(error.text, "ladder.history: cannot be created"));
	kafka_admin_destroy(admin);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(records_arrive_as_they_were_sent),
		TEST(full_queue_is_said_and_nothing_lost),
		TEST(produce_errors_neither_lose_nor_repeat),
		TEST(refused_record_is_reported_with_its_key),
		TEST(too_large_for_the_producer_is_said_at_once),
		TEST(flush_gives_up_in_time_and_says_what),
		TEST(settings_are_judged_by_name),
		TEST(inputs_that_fit_give_the_number_of_tasks),
		TEST(different_partition_counts_are_named),
		TEST(topics_that_cannot_be_read_are_named),
		TEST(silent_brokers_are_temporary),
		TEST(outputs_that_cannot_be_created_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
