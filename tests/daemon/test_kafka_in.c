/* Goal: the consumer hands out every record once and in order, from where it was told, in the order of
 * partitions that the caller chooses; and what it cannot read is a named state, never a silent jump.
 * Against librdkafka's mock cluster.
 * labels: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <malloc.h>
#include <poll.h>
#include <time.h>

#include "daemon/kafka_in.h"
#include "daemon/kafka_mock.h"
#include "daemon/kafka_out.h"

enum { TASK_COUNT = 4, KEY_COUNT = 40, WAIT_MS = 30 * 1000, RECORDS_MAX = 20000 };

/* Codes of the Kafka protocol. */
enum { OUT_OF_RANGE = 1, NOT_LEADER = 6, TIMED_OUT = 7, NO_RIGHT = 29, STORAGE_ERROR = 56, HANG_UP = -195 };

static const char *const topics[] = {"ladder.clicks", "ladder.messages", "ladder.dense"};
enum { CLICKS, MESSAGES, DENSE, TOPIC_COUNT };

static struct kafka_mock *mock;
static struct kafka_error error;

/* ---- Writing ---- */

static void report_must_deliver(void *ctx, const struct kafka_report *report)
{
	(void)ctx;
	assert_true(report->is_delivered);
}

static struct kafka_out *open_out(void)
{
	const struct kafka_out_options options = {
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.topics = topics,
		.topic_count = TOPIC_COUNT,
		.queue_records = 100000,
		.queue_bytes = 64 << 20,
		.report = report_must_deliver,
	};
	struct kafka_out *out = kafka_out_create(&options, &error);
	assert_non_null(out);
	return out;
}

/* Values count up from `first`, each padded to `len` bytes that do not compress. */
static void write_dense(int first, int count, size_t len)
{
	struct kafka_out *out = open_out();
	char *value = malloc(len);
	for (int i = first; i < first + count; i++) {
		for (size_t at = 0; at < len; at++)
			value[at] = (char)rand();
		snprintf(value, len, "%d", i);
		assert_int_equal(kafka_out_send(out, DENSE, slice_from("k"), (struct slice){value, len},
						NULL, 0,
						NULL),
				 KAFKA_SENT);
	}
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	free(value);
	kafka_out_destroy(out);
}

/* ---- Reading ---- */

struct reader {
	struct kafka_in *in;
	int64_t offsets[RECORDS_MAX];
	int values[RECORDS_MAX];
	int keys[RECORDS_MAX];
	size_t count;
};

static int slice_number(struct slice text)
{
	char copy[32] = "";
	memcpy(copy, text.data, text.len < sizeof copy - 1 ? text.len : sizeof copy - 1);
	return (int)strtol(copy, NULL, 10);
}

static void reader_take(void *ctx, const struct kafka_record *record)
{
	struct reader *reader = ctx;
	assert_true(reader->count < RECORDS_MAX);
	reader->offsets[reader->count] = record->offset;
	reader->values[reader->count] = slice_number(record->value);
	reader->keys[reader->count] = slice_number(record->key);
	reader->count++;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_for_more(struct kafka_in *in)
{
	struct pollfd fd = {.fd = kafka_in_fd(in), .events = POLLIN};
	poll(&fd, 1, 1000);
	kafka_in_poll(in);
}

/* Reads `count` more, or fails. A single wait of over a second would be a lost wake-up. */
static void reader_read(struct reader *reader, size_t input, int32_t task, size_t count)
{
	int64_t until_ms = now_ms() + WAIT_MS;
	while (count > 0) {
		size_t got = kafka_in_consume(reader->in, input, task, count, reader_take, reader);
		count -= got;
		if (got == 0) {
			assert_true(now_ms() < until_ms);
			wait_for_more(reader->in);
		}
	}
}

static void reader_read_to_end(struct reader *reader, size_t input, int32_t task)
{
	int64_t until_ms = now_ms() + WAIT_MS;
	while (!kafka_in_at_end(reader->in, input, task)) {
		if (kafka_in_consume(reader->in, input, task, 100, reader_take, reader) == 0)
			wait_for_more(reader->in);
		assert_true(now_ms() < until_ms);
	}
}

static void reader_wait_for_problem(struct reader *reader, size_t input, enum kafka_problem_kind kind)
{
	int64_t until_ms = now_ms() + WAIT_MS;
	while (kafka_in_problem(reader->in, input, 0)->kind != kind) {
		if (kafka_in_consume(reader->in, input, 0, 100, reader_take, reader) == 0)
			wait_for_more(reader->in);
		assert_true(now_ms() < until_ms);
	}
}

static struct reader *reader_create_within(const char *const *inputs, size_t input_count,
					   const int32_t *tasks,
					   size_t task_count, size_t prefetch_bytes)
{
	const struct kafka_in_options options = {
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.name = "test",
		.group = "ladderd",
		.topics = inputs,
		.topic_count = input_count,
		.tasks = tasks,
		.task_count = task_count,
		.prefetch_bytes = prefetch_bytes,
	};
	struct reader *reader = calloc(1, sizeof *reader);
	assert_non_null(reader);
	reader->in = kafka_in_create(&options, &error);
	assert_non_null(reader->in);
	return reader;
}

static struct reader *reader_create(const char *const *inputs, size_t input_count, const int32_t *tasks,
				    size_t task_count)
{
	return reader_create_within(inputs, input_count, tasks, task_count, 64 << 20);
}

static struct reader *reader_start_dense(int64_t offset)
{
	static const int32_t tasks[] = {0};
	struct reader *reader = reader_create(&topics[DENSE], 1, tasks, 1);
	assert_true(kafka_in_start(reader->in, &offset, WAIT_MS, &error));
	return reader;
}

static void reader_destroy(struct reader *reader)
{
	kafka_in_destroy(reader->in);
	free(reader);
}

/* Offsets of the dense topic follow each other, and each value is its offset. */
static void check_dense(const struct reader *reader, size_t from, int64_t first)
{
	for (size_t i = from; i < reader->count; i++) {
		assert_int_equal(reader->offsets[i], first + (int64_t)(i - from));
		assert_int_equal(reader->values[i], reader->offsets[i]);
	}
	assert_int_equal(kafka_in_counts(reader->in, 0, 0).skipped, 0);
}

static int set_up(void **state)
{
	(void)state;
	mock = kafka_mock_create(1, &error);
	if (!mock)
		return -1;
	kafka_mock_create_topic(mock, topics[CLICKS], TASK_COUNT);
	kafka_mock_create_topic(mock, topics[MESSAGES], TASK_COUNT);
	kafka_mock_create_topic(mock, topics[DENSE], 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kafka_mock_destroy(mock);
	return 0;
}

/* ---- Tests ---- */

static void write_keyed(int rounds)
{
	struct kafka_out *out = open_out();
	char key[16], value[16];
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < KEY_COUNT; i++)
			for (size_t topic = CLICKS; topic <= MESSAGES; topic++) {
				snprintf(key, sizeof key, "%d", i);
				snprintf(value, sizeof value, "%d", round);
				assert_int_equal(kafka_out_send(out, topic, slice_from(key),
								slice_from(value),
								NULL, 0, NULL),
						 KAFKA_SENT);
			}
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	kafka_out_destroy(out);
}

/* Every record of the tasks of one consumer, as the task of each (topic, key), each key's rounds in
 * order. */
static void read_keyed(const int32_t *tasks, size_t task_count, int found[2][KEY_COUNT], size_t *count)
{
	int64_t offsets[2 * TASK_COUNT];
	struct reader *reader = reader_create(topics, 2, tasks, task_count);
	assert_int_equal(kafka_in_partition_count(reader->in), 2 * task_count);
	for (size_t i = 0; i < 2 * task_count; i++)
		offsets[i] = KAFKA_IN_BEGINNING;
	assert_true(kafka_in_start(reader->in, offsets, WAIT_MS, &error));
	for (size_t input = 0; input < 2; input++)
		for (size_t t = 0; t < task_count; t++) {
			int next[KEY_COUNT] = {0};
			reader->count = 0;
			reader_read_to_end(reader, input, tasks[t]);
			*count += reader->count;
			assert_int_equal(kafka_in_end_offsets(reader->in)[kafka_in_index(reader->in, input,
											 tasks[t])],
					 reader->count);
			for (size_t i = 0; i < reader->count; i++) {
				assert_int_equal(reader->values[i], next[reader->keys[i]]++);
				assert_true(found[input][reader->keys[i]] == -1 ||
					    found[input][reader->keys[i]] == tasks[t]);
				found[input][reader->keys[i]] = tasks[t];
			}
		}
	reader_destroy(reader);
}

static void tasks_are_split_and_keys_meet(void **state)
{
	(void)state;
	static const int32_t even[] = {0, 2}, odd[] = {3, 1};
	int found[2][KEY_COUNT];
	size_t count = 0;
	memset(found, -1, sizeof found);
	write_keyed(5);
	read_keyed(even, 2, found, &count);
	read_keyed(odd, 2, found, &count);
	assert_int_equal(count, 5 * 2 * KEY_COUNT);
	assert_memory_equal(found[CLICKS], found[MESSAGES], sizeof found[CLICKS]);
}

static void caller_chooses_and_gets_no_more_than_asked(void **state)
{
	(void)state;
	static const int32_t tasks[] = {0, 1, 2, 3};
	static const int64_t start[8] = {0};
	write_keyed(25);
	struct reader *reader = reader_create(topics, 2, tasks, TASK_COUNT);
	assert_true(kafka_in_start(reader->in, start, WAIT_MS, &error));
	reader_read(reader, MESSAGES, 2, 3);
	assert_int_equal(kafka_in_position(reader->in, MESSAGES, 2), 3);
	assert_int_equal(kafka_in_position(reader->in, CLICKS, 2), 0);
	reader_read(reader, CLICKS, 1, 7);
	reader_read(reader, MESSAGES, 2, 2);
	for (int i = 0; i < 12; i++)
		assert_int_equal(reader->offsets[i], i < 3 ? i : i < 10 ? i - 3 : i - 7);
	kafka_in_pause(reader->in, MESSAGES, 2, true);
	assert_int_equal(kafka_in_consume(reader->in, MESSAGES, 2, 5, reader_take, reader), 0);
	kafka_in_pause(reader->in, MESSAGES, 2, false);
	assert_int_equal(kafka_in_consume(reader->in, MESSAGES, 2, 5, reader_take, reader), 5);
	assert_int_equal(reader->offsets[12], 5);
	reader_destroy(reader);
}

static void end_comes_and_goes(void **state)
{
	(void)state;
	write_dense(0, 10, 8);
	struct reader *reader = reader_start_dense(7);
	assert_false(kafka_in_at_end(reader->in, 0, 0));
	assert_int_equal(kafka_in_end_offsets(reader->in)[0], 10);
	reader_read_to_end(reader, 0, 0);
	assert_int_equal(reader->count, 3);
	check_dense(reader, 0, 7);
	write_dense(10, 2, 8);
	reader_read(reader, 0, 0, 1);
	assert_false(kafka_in_at_end(reader->in, 0, 0));
	reader_read_to_end(reader, 0, 0);
	assert_int_equal(reader->count, 5);
	check_dense(reader, 0, 7);
	assert_true(kafka_in_seek(reader->in, 0, 0, 12, &error));
	assert_false(kafka_in_at_end(reader->in, 0, 0));
	reader_read_to_end(reader, 0, 0);
	assert_int_equal(reader->count, 5);
	reader_destroy(reader);
}

static void an_end_may_be_one_no_more(void **state)
{
	(void)state;
	write_dense(0, 10, 8);
	struct reader *reader = reader_start_dense(7);
	reader_read_to_end(reader, 0, 0);
	assert_true(kafka_in_ask_end(reader->in, 0, 0));
	assert_true(kafka_in_at_end(reader->in, 0, 0));
	write_dense(10, 2, 8);
	assert_true(kafka_in_at_end(reader->in, 0, 0));
	assert_true(kafka_in_ask_end(reader->in, 0, 0));
	assert_false(kafka_in_at_end(reader->in, 0, 0));
	reader_read_to_end(reader, 0, 0);
	assert_int_equal(reader->count, 5);
	check_dense(reader, 0, 7);
	reader_destroy(reader);
}

static void seek_drops_what_was_under_way(void **state)
{
	(void)state;
	enum { COUNT = 5000, ROUND_COUNT = 300 };
	write_dense(0, COUNT, 100);
	struct reader *reader = reader_start_dense(0);
	srand(1);
	for (int round = 0; round < ROUND_COUNT; round++) {
		int64_t to = rand() % (COUNT - 200);
		assert_true(kafka_in_seek(reader->in, 0, 0, to, &error));
		if (round % 3 == 0)
			continue;
		reader->count = 0;
		reader_read(reader, 0, 0, 1 + (size_t)(rand() % 200));
		check_dense(reader, 0, to);
	}
	assert_int_equal(kafka_in_counts(reader->in, 0, 0).stale_count, 0);
	reader_destroy(reader);
}

struct slow_reader {
	size_t count;
	size_t heap_max;
};

static void slow_reader_take(void *ctx, const struct kafka_record *record)
{
	static const struct timespec pause = {.tv_nsec = 2000 * 1000};
	struct slow_reader *slow = ctx;
	(void)record;
	if (++slow->count % 50)
		return;
	nanosleep(&pause, NULL);
	size_t heap = mallinfo2().uordblks;
	slow->heap_max = heap > slow->heap_max ? heap : slow->heap_max;
}

/* Unbounded, the records below take 18 MB; a batch of the producer, which is fetched whole, takes 5. */
static void memory_is_bounded_while_reading_is_slow(void **state)
{
	(void)state;
	enum { COUNT = 45000, BOUND_BYTES = 11 << 20 };
	static const int32_t tasks[] = {0};
	static const int64_t start = 0;
	write_dense(0, COUNT, 100);
	size_t heap_before = mallinfo2().uordblks;
	struct slow_reader slow = {0};
	struct reader *reader = reader_create_within(&topics[DENSE], 1, tasks, 1, 1 << 20);
	assert_true(kafka_in_start(reader->in, &start, WAIT_MS, &error));
	while (slow.count < COUNT)
		if (kafka_in_consume(reader->in, 0, 0, 100, slow_reader_take, &slow) == 0)
			wait_for_more(reader->in);
	assert_true(slow.heap_max < heap_before + BOUND_BYTES);
	reader_destroy(reader);
}

static void gap_at_start_is_named(void **state)
{
	(void)state;
	write_dense(0, 700, 10000); /* the mock keeps 5 MB */
	struct reader *reader = reader_start_dense(0);
	const struct kafka_problem *problem = kafka_in_problem(reader->in, 0, 0);
	assert_int_equal(problem->kind, KAFKA_PROBLEM_GAP);
	assert_int_equal(problem->wanted, 0);
	assert_int_equal(problem->log_end, 700);
	assert_true(problem->log_start > 0 && problem->log_start < 700);
	assert_non_null(strstr(problem->text, "ladder.dense [0]: offset 0 is wanted"));
	int64_t start = problem->log_start;
	wait_for_more(reader->in);
	assert_int_equal(kafka_in_consume(reader->in, 0, 0, 10, reader_take, reader), 0);
	assert_true(kafka_in_seek(reader->in, 0, 0, start, &error));
	reader_read_to_end(reader, 0, 0);
	assert_int_equal(reader->count, 700 - start);
	check_dense(reader, 0, start);
	assert_int_equal(kafka_in_problem(reader->in, 0, 0)->kind, KAFKA_PROBLEM_NONE);
	reader_destroy(reader);
}

static void gap_while_reading_is_named(void **state)
{
	(void)state;
	write_dense(0, 10, 8);
	struct reader *reader = reader_start_dense(0);
	assert_true(kafka_in_seek(reader->in, 0, 0, 1000, &error));
	reader_wait_for_problem(reader, 0, KAFKA_PROBLEM_GAP);
	assert_int_equal(kafka_in_problem(reader->in, 0, 0)->wanted, 1000);
	assert_int_equal(kafka_in_problem(reader->in, 0, 0)->log_end, 10);
	assert_non_null(strstr(kafka_in_problem(reader->in, 0, 0)->text, "the log ends at 10"));
	assert_int_equal(reader->count, 0);
	assert_true(kafka_in_seek(reader->in, 0, 0, 4, &error));
	reader_read_to_end(reader, 0, 0);
	assert_int_equal(reader->count, 6);
	check_dense(reader, 0, 4);
	reader_destroy(reader);
}

/* A broker that wrongly says so must not make a gap of it. */
static void false_gap_is_read_over(void **state)
{
	(void)state;
	write_dense(0, 1000, 100);
	kafka_mock_fail_next(mock, KAFKA_MOCK_FETCH, OUT_OF_RANGE, 1);
	struct reader *reader = reader_start_dense(3);
	reader_read(reader, 0, 0, 997);
	check_dense(reader, 0, 3);
	assert_int_equal(kafka_in_problem(reader->in, 0, 0)->kind, KAFKA_PROBLEM_NONE);
	reader_destroy(reader);
}

static void fetch_errors_are_survived(void **state)
{
	(void)state;
	static const int codes[] = {NOT_LEADER, TIMED_OUT, HANG_UP, STORAGE_ERROR, HANG_UP};
	struct reader *reader = reader_start_dense(0);
	for (int i = 0; i < 5; i++) {
		write_dense(i * 100, 100, 100);
		kafka_mock_fail_next(mock, KAFKA_MOCK_FETCH, codes[i], 2);
		reader_read(reader, 0, 0, 50);
		kafka_mock_fail_next(mock, KAFKA_MOCK_FETCH, codes[i], 1);
		reader_read(reader, 0, 0, 50);
	}
	check_dense(reader, 0, 0);
	assert_int_equal(kafka_in_problem(reader->in, 0, 0)->kind, KAFKA_PROBLEM_NONE);
	reader_destroy(reader);
}

static void missing_right_is_named_and_heals(void **state)
{
	(void)state;
	kafka_mock_fail_next(mock, KAFKA_MOCK_FETCH, NO_RIGHT, 2);
	struct reader *reader = reader_start_dense(0);
	reader_wait_for_problem(reader, 0, KAFKA_PROBLEM_DENIED);
	assert_non_null(strstr(kafka_in_problem(reader->in, 0, 0)->text,
			       "ladder.dense [0]: no right to read"));
	write_dense(0, 5, 8);
	reader_read(reader, 0, 0, 5);
	assert_int_equal(kafka_in_problem(reader->in, 0, 0)->kind, KAFKA_PROBLEM_NONE);
	reader_destroy(reader);
}

static void brokers_go_away_and_come_back(void **state)
{
	(void)state;
	write_dense(0, 10, 8);
	struct reader *reader = reader_start_dense(0);
	reader_read(reader, 0, 0, 10);
	kafka_mock_set_away(mock, true);
	for (int i = 0; i < 3; i++)
		wait_for_more(reader->in);
	assert_int_equal(kafka_in_consume(reader->in, 0, 0, 10, reader_take, reader), 0);
	kafka_mock_set_away(mock, false);
	write_dense(10, 10, 8);
	reader_read(reader, 0, 0, 10);
	check_dense(reader, 0, 0);
	reader_destroy(reader);
}

static void start_fails_in_time_and_can_be_repeated(void **state)
{
	(void)state;
	static const int32_t tasks[] = {0};
	int64_t offset = KAFKA_IN_BEGINNING;
	write_dense(0, 10, 8);
	struct reader *reader = reader_create(&topics[DENSE], 1, tasks, 1);
	kafka_mock_set_away(mock, true);
	int64_t before_ms = now_ms();
	assert_false(kafka_in_start(reader->in, &offset, 1500, &error));
	assert_true(now_ms() - before_ms < 5000);
	assert_int_equal(error.fault, KAFKA_FAULT_RETRY);
	assert_non_null(strstr(error.text, "ladder.dense [0]"));
	kafka_mock_set_away(mock, false);
	assert_true(kafka_in_start(reader->in, &offset, WAIT_MS, &error));
	reader_read(reader, 0, 0, 10);
	check_dense(reader, 0, 0);
	reader_destroy(reader);
}

static void missing_partition_is_a_fault_of_the_config(void **state)
{
	(void)state;
	static const int32_t tasks[] = {0, 1};
	static const int64_t offsets[] = {0, 0};
	struct reader *reader = reader_create(&topics[DENSE], 1, tasks, 2);
	assert_false(kafka_in_start(reader->in, offsets, WAIT_MS, &error));
	assert_int_equal(error.fault, KAFKA_FAULT_CONFIG);
	assert_non_null(strstr(error.text, "ladder.dense [1]"));
	reader_destroy(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(tasks_are_split_and_keys_meet),
		TEST(caller_chooses_and_gets_no_more_than_asked),
		TEST(end_comes_and_goes),
		TEST(an_end_may_be_one_no_more),
		TEST(seek_drops_what_was_under_way),
		TEST(memory_is_bounded_while_reading_is_slow),
		TEST(gap_at_start_is_named),
		TEST(gap_while_reading_is_named),
		TEST(false_gap_is_read_over),
		TEST(fetch_errors_are_survived),
		TEST(missing_right_is_named_and_heals),
		TEST(brokers_go_away_and_come_back),
		TEST(start_fails_in_time_and_can_be_repeated),
		TEST(missing_partition_is_a_fault_of_the_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
