/* Goal: every dead letter reaches its topic, in order, through brokers that are away, refuse it or find it
 * too large; and what is said to be delivered never runs ahead of one that is not. Against librdkafka's mock
 * cluster.
 * labels: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <unistd.h>

#include "daemon/dead_letters.h"
#include "daemon/kafka_in.h"
#include "daemon/kafka_mock.h"
#include "daemon/loop.h"

enum { WAIT_MS = 30 * 1000, LARGE = 5000, WORKER_COUNT = 2, HELD_MAX = 8 };

/* Codes of the Kafka protocol. */
enum { MESSAGE_TOO_LARGE = 10, NO_RIGHT = 29 };

static const char *const topics[] = {"ladder.dead"};
static const struct slice none = {NULL, 0};

static struct kafka_mock *mock;
static struct kafka_out *out;
static struct dead_letters *letters;
static struct kafka_error error;

static struct {
	bool is_on; /* reports are kept back, and made by the test */
	void *tokens[HELD_MAX];
	size_t count;
} held;

static void take_report(void *ctx, const struct kafka_report *report)
{
	(void)ctx;
	if (!held.is_on) {
		dead_letters_report(letters, report);
		return;
	}
	assert_true(held.count < HELD_MAX);
	held.tokens[held.count++] = report->token;
}

static void open_out(const struct kafka_property *properties, size_t property_count)
{
	const struct kafka_out_options options = {
		.connection = {kafka_mock_brokers(mock), properties, property_count, 0},
		.topics = topics,
		.topic_count = 1,
		.queue_records = 1000,
		.queue_bytes = 16 << 20,
		.report = take_report,
	};
	out = kafka_out_create(&options, &error);
	assert_non_null(out);
}

static int set_up(void **state)
{
	(void)state;
	held.is_on = false;
	held.count = 0;
	mock = kafka_mock_create(1, &error);
	if (!mock)
		return -1;
	kafka_mock_create_topic(mock, topics[0], 1);
	letters = dead_letters_create(WORKER_COUNT, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kafka_out_destroy(out);
	dead_letters_destroy(letters);
	kafka_mock_destroy(mock);
	return 0;
}

/* ---- Letters ---- */

/* With headers of ours that say where it was, and original ones. */
static void put_letter(size_t worker, uint64_t sequence, struct slice key, struct slice value,
		       struct slice detail, struct slice original)
{
	struct buffer headers = {0};
	dead_letter_put_header(&headers, slice_from("ladderd.topic"), slice_from("clicks"));
	dead_letter_put_header(&headers, slice_from("ladderd.partition"), slice_from("7"));
	dead_letter_put_header(&headers, slice_from("ladderd.offset"), slice_from("42"));
	dead_letter_put_header(&headers, slice_from("ladderd.detail"), detail);
	dead_letter_put_header(&headers, slice_from("x-trace"), original);
	dead_letters_put(letters, worker,
			 &(struct dead_letter){sequence, key, value, buffer_slice(&headers)});
	buffer_destroy(&headers);
}

static void put_text(size_t worker, uint64_t sequence, const char *value)
{
	put_letter(worker, sequence, slice_from("k"), slice_from(value), slice_from("d"), slice_from("o"));
}

static void pump(int wait_ms)
{
	int64_t until_ms = loop_now_ms() + wait_ms;
	while (loop_now_ms() < until_ms && dead_letters_waiting(letters)) {
		dead_letters_send(letters, out);
		kafka_out_poll(out, 10);
	}
}

static void pump_all(void)
{
	pump(WAIT_MS);
	assert_int_equal(dead_letters_waiting(letters), 0);
	for (size_t i = 0; i < WORKER_COUNT; i++)
		assert_int_equal(dead_letters_bytes(letters, i), 0);
}

/* ---- Reading back ---- */

/* For each record key=value[headers]: of a header the first letter of its name behind "ladderd.". */
struct readback {
	char text[16384];
	size_t len;
	size_t header_count;
};

static void readback_put(struct readback *back, struct slice text)
{
	struct slice shown = text.len > 100 ? slice_from("LARGE") : text.data ? text : slice_from("none");
	assert_true(back->len + shown.len < sizeof back->text);
	memcpy(back->text + back->len, shown.data, shown.len);
	back->len += shown.len;
	back->text[back->len] = '\0';
}

static void readback_header(void *ctx, const char *name, struct slice value)
{
	struct readback *back = ctx;
	bool is_own = strncmp(name, "ladderd.", 8) == 0;
	(void)value;
	readback_put(back, (struct slice){is_own ? name + 8 : name, 1});
	back->header_count++;
}

static void readback_take(void *ctx, const struct kafka_record *record)
{
	struct readback *back = ctx;
	readback_put(back, record->key);
	readback_put(back, slice_from("="));
	readback_put(back, record->value);
	readback_put(back, slice_from("["));
	kafka_in_headers(record->handle, readback_header, back);
	readback_put(back, slice_from("] "));
}

static const struct readback *read_back(void)
{
	static struct readback back;
	static const int32_t tasks[] = {0};
	static const int64_t offsets[] = {KAFKA_IN_BEGINNING};
	const struct kafka_in_options options = {
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.name = "test",
		.group = "test",
		.topics = topics,
		.topic_count = 1,
		.tasks = tasks,
		.task_count = 1,
		.prefetch_bytes = 1 << 20,
	};
	struct kafka_in *in = kafka_in_create(&options, &error);
	back.text[0] = '\0';
	back.len = back.header_count = 0;
	assert_non_null(in);
	assert_true(kafka_in_start(in, offsets, WAIT_MS, &error));
	for (int i = 0; i < 300 && !kafka_in_at_end(in, 0, 0); i++) {
		struct pollfd fd = {.fd = kafka_in_fd(in), .events = POLLIN};
		poll(&fd, 1, 100);
		kafka_in_poll(in);
		kafka_in_consume(in, 0, 0, 1000, readback_take, &back);
	}
	assert_true(kafka_in_at_end(in, 0, 0));
	kafka_in_destroy(in);
	return &back;
}

/* ---- Delivery ---- */

static void letters_arrive_in_order(void **state)
{
	(void)state;
	open_out(NULL, 0);
	put_text(1, 1, "a");
	put_text(1, 2, "b");
	put_letter(1, 3, none, none, slice_from("d"), slice_from("o"));
	put_text(1, 4, "c");
	pump_all();
	assert_string_equal(read_back()->text, "k=a[tpodx] k=b[tpodx] none=none[tpodx] k=c[tpodx] ");
	assert_int_equal(dead_letters_delivered(letters, 0), 0);
	assert_int_equal(dead_letters_delivered(letters, 1), 4);
}

static void any_number_of_headers_arrives(void **state)
{
	(void)state;
	enum { COUNT = 1000 };
	struct buffer headers = {0};
	open_out(NULL, 0);
	for (int i = 0; i < COUNT; i++)
		dead_letter_put_header(&headers, slice_from("h"), slice_from(""));
	dead_letters_put(letters, 0, &(struct dead_letter){1, none, none, buffer_slice(&headers)});
	buffer_destroy(&headers);
	pump_all();
	assert_int_equal(read_back()->header_count, COUNT);
}

static void report_held(size_t token, bool is_delivered)
{
	dead_letters_report(letters, &(struct kafka_report){.token = held.tokens[token],
							    .is_delivered = is_delivered,
							    .why = is_delivered ? NULL : "a test"});
}

static void delivered_moves_over_contiguous_letters_only(void **state)
{
	(void)state;
	open_out(NULL, 0);
	held.is_on = true;
	for (uint64_t i = 1; i <= 4; i++)
		put_text(0, i, "v");
	dead_letters_send(letters, out);
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	assert_int_equal(held.count, 4);
	report_held(1, true);
	report_held(3, true);
	assert_int_equal(dead_letters_delivered(letters, 0), 0);
	report_held(0, true);
	assert_int_equal(dead_letters_delivered(letters, 0), 2);
	report_held(2, false);
	assert_int_equal(dead_letters_delivered(letters, 0), 2);
	assert_int_equal(dead_letters_waiting(letters), 1);
	held.is_on = false;
	pump_all();
	assert_int_equal(dead_letters_delivered(letters, 0), 4);
	assert_int_equal(kafka_out_counts(out, 0).sent_count, 5);
}

static void letters_wait_for_brokers_that_are_away(void **state)
{
	(void)state;
	open_out(NULL, 0);
	put_text(0, 1, "a");
	pump_all();
	kafka_mock_set_away(mock, true);
	put_text(0, 2, "b");
	put_text(0, 3, "c");
	pump(500);
	assert_int_equal(dead_letters_waiting(letters), 2);
	assert_int_equal(dead_letters_delivered(letters, 0), 1);
	assert_true(dead_letters_bytes(letters, 0) > 0);
	kafka_mock_set_away(mock, false);
	pump_all();
	assert_int_equal(dead_letters_delivered(letters, 0), 3);
	assert_string_equal(read_back()->text, "k=a[tpodx] k=b[tpodx] k=c[tpodx] ");
}

static void missing_right_is_waited_for(void **state)
{
	(void)state;
	open_out(NULL, 0);
	kafka_mock_fail_next(mock, KAFKA_MOCK_PRODUCE, NO_RIGHT, 1);
	put_text(0, 1, "a");
	pump(2000);
	assert_int_equal(kafka_out_counts(out, 0).failed_count, 1);
	assert_int_equal(kafka_out_counts(out, 0).sent_count, 1);
	assert_int_equal(dead_letters_delivered(letters, 0), 0);
	pump_all();
	assert_int_equal(kafka_out_counts(out, 0).sent_count, 2);
	assert_string_equal(read_back()->text, "k=a[tpodx] ");
}

/* ---- Too large ---- */

static void begin_capture(FILE **file, int *saved)
{
	*file = tmpfile();
	assert_non_null(*file);
	fflush(stderr);
	*saved = dup(STDERR_FILENO);
	assert_true(dup2(fileno(*file), STDERR_FILENO) >= 0);
}

static const char *end_capture(FILE *file, int saved)
{
	static char text[8192];
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void too_large_for_the_broker_is_made_smaller(void **state)
{
	static const char *const expected[] = {"k=v[tpodx] ", "k=none[tpodx] ", "k=none[tpod] ",
					       "none=none[tpod] ", ""};
	FILE *file;
	int saved;
	open_out(NULL, 0);
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
			open_out(NULL, 0);
		}
		kafka_mock_fail_next(mock, KAFKA_MOCK_PRODUCE, MESSAGE_TOO_LARGE, i);
		put_text(0, 9, "v");
		begin_capture(&file, &saved);
		pump(WAIT_MS);
		const char *said = end_capture(file, saved);
		assert_int_equal(dead_letters_delivered(letters, 0), 9);
		assert_string_equal(read_back()->text, expected[i]);
		bool is_named = strstr(said, "topic=clicks partition=7 offset=42") != NULL;
		assert_int_equal(is_named, expected[i][0] == '\0');
	}
}

static void too_large_for_the_producer_holds_nobody_up(void **state)
{
	(void)state;
	static const struct kafka_property properties[] = {{"message.max.bytes", "1000"}};
	char *text = malloc(LARGE);
	assert_non_null(text);
	memset(text, 'x', LARGE);
	const struct slice large = {text, LARGE}, k = slice_from("k"), v = slice_from("v");
	open_out(properties, 1);
	put_letter(0, 1, k, large, v, v);
	put_letter(0, 2, k, v, v, large);
	put_letter(0, 3, large, large, v, v);
	put_letter(0, 4, large, v, large, v);
	put_text(0, 5, "w");
	for (int i = 0; i < 5; i++)
		dead_letters_send(letters, out);
	assert_int_equal(kafka_out_counts(out, 0).sent_count, 4);
	pump_all();
	assert_int_equal(dead_letters_delivered(letters, 0), 5);
	assert_string_equal(read_back()->text,
			    "k=none[tpodx] k=none[tpod] none=none[tpod] k=w[tpodx] ");
	free(text);
}

static void refused_together_are_tried_apart_before_they_shrink(void **state)
{
	(void)state;
	open_out(NULL, 0);
	for (int refusals = 1; refusals < 4; refusals++) {
		kafka_mock_fail_next(mock, KAFKA_MOCK_PRODUCE, MESSAGE_TOO_LARGE, 1);
		for (uint64_t i = 0; i < 3; i++)
			put_text(0, (uint64_t)refusals * 3 + i, "v");
		pump_all();
	}
	assert_string_equal(read_back()->text,
			    "k=v[tpodx] k=v[tpodx] k=v[tpodx] k=v[tpodx] k=v[tpodx] k=v[tpodx] "
			    "k=v[tpodx] k=v[tpodx] k=v[tpodx] ");
	assert_int_equal(kafka_out_counts(out, 0).failed_count, 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(letters_arrive_in_order),
		TEST(any_number_of_headers_arrives),
		TEST(delivered_moves_over_contiguous_letters_only),
		TEST(letters_wait_for_brokers_that_are_away),
		TEST(missing_right_is_waited_for),
		TEST(too_large_for_the_broker_is_made_smaller),
		TEST(too_large_for_the_producer_holds_nobody_up),
		TEST(refused_together_are_tried_apart_before_they_shrink),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
