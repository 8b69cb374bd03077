/* Goal: whatever passing error a broker answers to whatever request, what is sent is delivered at least once,
 * what is read comes once and in order, and a member of the group has its tasks again. Against librdkafka's
 * mock cluster, which is told what to answer. LADDER_LONG=1: also without a gapless guarantee, and all that
 * may come to a member of the group, which takes minutes.
 * labels: waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <time.h>

#include "daemon/kafka_group.h"
#include "daemon/kafka_in.h"
#include "daemon/kafka_mock.h"
#include "daemon/kafka_out.h"

enum { TASK_COUNT = 2, RECORDS_PER_FAULT = 20, RECORDS_MAX = 4000, WAIT_MS = 120 * 1000 };

/* Codes of the Kafka protocol that say: again. */
enum {
	HANG_UP = -195,
	NO_SUCH_PARTITION = 3,
	NO_LEADER = 5,
	NOT_LEADER = 6,
	TIMED_OUT = 7,
	NO_REPLICA = 9,
	NETWORK = 13,
	COORDINATOR_LOADING = 14,
	NO_COORDINATOR = 15,
	NOT_COORDINATOR = 16,
	FEW_REPLICAS = 19,
	FEW_REPLICAS_AFTER = 20,
	OLD_GENERATION = 22,
	UNKNOWN_MEMBER = 25,
	REBALANCING = 27,
	STORAGE = 56,
	OLD_LEADER_EPOCH = 74,
	NEW_LEADER_EPOCH = 75
};

struct fault {
	enum kafka_mock_request request;
	int code;
};

static const struct fault sending[] = {
	{KAFKA_MOCK_PRODUCE, HANG_UP},
	{KAFKA_MOCK_PRODUCE, NO_LEADER},
	{KAFKA_MOCK_PRODUCE, NOT_LEADER},
	{KAFKA_MOCK_PRODUCE, TIMED_OUT},
	{KAFKA_MOCK_PRODUCE, NETWORK},
	{KAFKA_MOCK_PRODUCE, FEW_REPLICAS},
	{KAFKA_MOCK_PRODUCE, FEW_REPLICAS_AFTER},
	{KAFKA_MOCK_PRODUCE, STORAGE},
	{KAFKA_MOCK_METADATA, HANG_UP},
	{KAFKA_MOCK_METADATA, NO_LEADER},
	{KAFKA_MOCK_METADATA, TIMED_OUT},
	{KAFKA_MOCK_INIT_PRODUCER_ID, HANG_UP},
	{KAFKA_MOCK_INIT_PRODUCER_ID, COORDINATOR_LOADING},
	{KAFKA_MOCK_INIT_PRODUCER_ID, NO_COORDINATOR},
	{KAFKA_MOCK_INIT_PRODUCER_ID, NOT_COORDINATOR},
};

static const struct fault reading[] = {
	{KAFKA_MOCK_FETCH, HANG_UP},
	{KAFKA_MOCK_FETCH, NO_SUCH_PARTITION},
	{KAFKA_MOCK_FETCH, NO_LEADER},
	{KAFKA_MOCK_FETCH, NOT_LEADER},
	{KAFKA_MOCK_FETCH, TIMED_OUT},
	{KAFKA_MOCK_FETCH, NO_REPLICA},
	{KAFKA_MOCK_FETCH, NETWORK},
	{KAFKA_MOCK_FETCH, STORAGE},
	{KAFKA_MOCK_FETCH, OLD_LEADER_EPOCH},
	{KAFKA_MOCK_FETCH, NEW_LEADER_EPOCH},
	{KAFKA_MOCK_LIST_OFFSETS, HANG_UP},
	{KAFKA_MOCK_LIST_OFFSETS, NO_LEADER},
	{KAFKA_MOCK_LIST_OFFSETS, NOT_LEADER},
	{KAFKA_MOCK_LIST_OFFSETS, TIMED_OUT},
	{KAFKA_MOCK_LIST_OFFSETS, NETWORK},
	{KAFKA_MOCK_LIST_OFFSETS, STORAGE},
	{KAFKA_MOCK_METADATA, HANG_UP},
	{KAFKA_MOCK_METADATA, NO_LEADER},
	{KAFKA_MOCK_METADATA, TIMED_OUT},
};

/* All of a request one after the other. Only the first ones in the short form. */
static const struct fault joining[] = {
	{KAFKA_MOCK_FIND_COORDINATOR, COORDINATOR_LOADING},
	{KAFKA_MOCK_JOIN_GROUP, UNKNOWN_MEMBER},
	{KAFKA_MOCK_SYNC_GROUP, REBALANCING},
	{KAFKA_MOCK_FIND_COORDINATOR, HANG_UP},
	{KAFKA_MOCK_FIND_COORDINATOR, NO_COORDINATOR},
	{KAFKA_MOCK_JOIN_GROUP, HANG_UP},
	{KAFKA_MOCK_JOIN_GROUP, COORDINATOR_LOADING},
	{KAFKA_MOCK_JOIN_GROUP, NO_COORDINATOR},
	{KAFKA_MOCK_JOIN_GROUP, NOT_COORDINATOR},
	{KAFKA_MOCK_SYNC_GROUP, NOT_COORDINATOR},
};
enum { JOINING_SHORT = 2 };

static const struct fault staying[] = {
	{KAFKA_MOCK_OFFSET_COMMIT, COORDINATOR_LOADING},
	{KAFKA_MOCK_OFFSET_COMMIT, NOT_COORDINATOR},
	{KAFKA_MOCK_OFFSET_COMMIT, REBALANCING},
	{KAFKA_MOCK_HEARTBEAT, UNKNOWN_MEMBER},
	{KAFKA_MOCK_HEARTBEAT, HANG_UP},
	{KAFKA_MOCK_HEARTBEAT, NO_COORDINATOR},
	{KAFKA_MOCK_HEARTBEAT, NOT_COORDINATOR},
	{KAFKA_MOCK_HEARTBEAT, REBALANCING},
	{KAFKA_MOCK_HEARTBEAT, OLD_GENERATION},
	{KAFKA_MOCK_HEARTBEAT, UNKNOWN_MEMBER},
};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const topic = "ladder.clicks";
static struct kafka_mock *mock;
static struct kafka_error error;

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_long(void)
{
	const char *wanted = getenv("LADDER_LONG");
	return wanted && strcmp(wanted, "1") == 0;
}

static void push(const struct fault *fault)
{
	kafka_mock_fail_next(mock, fault->request, fault->code, 1);
}

/* ---- Sending ---- */

/* Numbers from 0 on; the token of each is its place in `is_due`. */
struct sender {
	struct kafka_out *out;
	int count;
	bool is_due[RECORDS_MAX]; /* not under way, and not delivered */
	size_t under_way;
};

static void take_report(void *ctx, const struct kafka_report *report)
{
	struct sender *sender = ctx;
	assert_false(report->is_final && !report->is_delivered);
	sender->under_way--;
	*(bool *)report->token = !report->is_delivered;
}

static void sender_open(struct sender *sender, bool is_gapless)
{
	sender->out = kafka_out_create(&(struct kafka_out_options){
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.topics = &topic,
		.topic_count = 1,
		.is_gapless = is_gapless,
		.queue_records = 10000,
		.queue_bytes = 16 << 20,
		.report = take_report,
		.ctx = sender,
	}, &error);
	assert_non_null(sender->out);
}

/* What is reported as not delivered is sent again, as those do who use it. */
static void sender_send_due(struct sender *sender)
{
	for (int i = 0; i < sender->count; i++) {
		char value[16];
		if (!sender->is_due[i])
			continue;
		snprintf(value, sizeof(value), "%d", i);
		assert_int_equal(kafka_out_send_to(sender->out, 0, 0, (struct slice){0}, slice_from(value),
						   &sender->is_due[i]), KAFKA_SENT);
		sender->is_due[i] = false;
		sender->under_way++;
	}
}

static void sender_send(struct sender *sender, int count)
{
	int64_t until_ms = now_ms() + WAIT_MS;
	for (int i = 0; i < count; i++)
		sender->is_due[sender->count++] = true;
	do {
		if (sender->under_way == 0)
			sender_send_due(sender);
		kafka_out_poll(sender->out, 20);
		assert_true(now_ms() < until_ms);
	} while (sender->under_way > 0 || memchr(sender->is_due, true, sizeof(sender->is_due)));
}

/* ---- Reading ---- */

struct reader {
	struct kafka_in *in;
	int64_t next_offset; /* so many came */
	bool has[RECORDS_MAX];
};

static void take(void *ctx, const struct kafka_record *record)
{
	struct reader *reader = ctx;
	char value[16] = "";
	assert_true(record->value.len < sizeof(value));
	memcpy(value, record->value.data, record->value.len);
	assert_int_equal(record->offset, reader->next_offset++);
	reader->has[strtol(value, NULL, 10)] = true;
}

static void reader_open(struct reader *reader)
{
	static const int32_t task = 0;
	*reader = (struct reader){.in = kafka_in_create(&(struct kafka_in_options){
		.connection = {.brokers = kafka_mock_brokers(mock)},
		.name = "test",
		.group = "ladderd",
		.topics = &topic,
		.topic_count = 1,
		.tasks = &task,
		.task_count = 1,
		.prefetch_bytes = 1 << 20,
	}, &error)};
	assert_non_null(reader->in);
}

/* From the beginning, as often as it takes. */
static void reader_start(struct reader *reader)
{
	const int64_t beginning = KAFKA_IN_BEGINNING;
	int64_t until_ms = now_ms() + WAIT_MS;
	while (!kafka_in_start(reader->in, &beginning, 5000, &error)) {
		assert_int_equal(error.fault, KAFKA_FAULT_RETRY);
		assert_true(now_ms() < until_ms);
	}
}

static void reader_read(struct reader *reader, int64_t count)
{
	int64_t until_ms = now_ms() + WAIT_MS;
	while (reader->next_offset < count) {
		kafka_in_poll(reader->in);
		if (kafka_in_consume(reader->in, 0, 0, 100, take, reader) == 0)
			nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		assert_true(now_ms() < until_ms);
	}
	assert_int_equal(reader->next_offset, count);
}

static void check_all_are_there(int count)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	assert_non_null(reader);
	reader_open(reader);
	reader_start(reader);
	reader_read(reader, kafka_in_end_offsets(reader->in)[0]);
	for (int i = 0; i < count; i++)
		assert_true(reader->has[i]);
	kafka_in_destroy(reader->in);
	free(reader);
}

/* ---- The group ---- */

struct member {
	struct kafka_group *group;
	bool has[TASK_COUNT];
	size_t leave_count;
};

static void take_tasks(void *ctx, const int32_t *tasks, size_t task_count)
{
	struct member *member = ctx;
	for (size_t i = 0; i < task_count; i++)
		member->has[tasks[i]] = true;
}

static void leave_tasks(void *ctx, const int32_t *tasks, size_t task_count, bool is_lost)
{
	struct member *member = ctx;
	(void)is_lost;
	member->leave_count++;
	for (size_t i = 0; i < task_count; i++)
		member->has[tasks[i]] = false;
}

static bool has_all(const struct member *member)
{
	for (size_t i = 0; i < TASK_COUNT; i++)
		if (!member->has[i])
			return false;
	return true;
}

/* Until it has all tasks, and has lost them so often before. */
static void member_wait(struct member *member, size_t leave_count)
{
	int64_t until_ms = now_ms() + WAIT_MS;
	while (!has_all(member) || member->leave_count < leave_count) {
		assert_true(kafka_group_poll(member->group, 20, &error));
		kafka_group_commit(member->group, topic, 0, 1);
		assert_true(now_ms() < until_ms);
	}
}

/* ---- Tests ---- */

static int set_up(void **state)
{
	(void)state;
	mock = kafka_mock_create(1, &error);
	if (!mock)
		return -1;
	kafka_mock_create_topic(mock, topic, TASK_COUNT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kafka_mock_destroy(mock);
	return 0;
}

static void check_what_is_sent_arrives(bool is_gapless)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	assert_non_null(sender);
	for (size_t i = 0; i < COUNT_OF(sending); i++) {
		push(&sending[i]);
		sender_open(sender, is_gapless);
		sender_send(sender, RECORDS_PER_FAULT);
		kafka_out_destroy(sender->out);
	}
	check_all_are_there(sender->count);
	free(sender);
}

static void test_what_is_sent_arrives(void **state)
{
	(void)state;
	if (!is_long())
		skip();
	check_what_is_sent_arrives(false);
}

static void test_what_is_sent_without_a_gap_arrives(void **state)
{
	(void)state;
	check_what_is_sent_arrives(true);
}

/* One fails before anything was read, and one while it is being read. */
static void test_what_is_read_comes_once(void **state)
{
	(void)state;
	struct reader *reader = calloc(1, sizeof(*reader));
	struct sender *sender = calloc(1, sizeof(*sender));
	assert_true(reader && sender);
	sender_open(sender, false);
	for (size_t i = 0; i < COUNT_OF(reading); i++) {
		sender_send(sender, RECORDS_PER_FAULT);
		reader_open(reader);
		push(&reading[i]);
		reader_start(reader);
		reader_read(reader, sender->count);
		push(&reading[i]);
		sender_send(sender, RECORDS_PER_FAULT);
		reader_read(reader, sender->count);
		kafka_in_destroy(reader->in);
	}
	kafka_out_destroy(sender->out);
	free(sender);
	free(reader);
}

static void test_a_member_has_its_tasks_again(void **state)
{
	(void)state;
	static const struct kafka_property properties[] = {{"heartbeat.interval.ms", "200"}};
	struct member member = {0};
	for (size_t i = 0; i < (is_long() ? COUNT_OF(joining) : JOINING_SHORT); i++)
		push(&joining[i]);
	member.group = kafka_group_create(&(struct kafka_group_options){
		.connection = {kafka_mock_brokers(mock), properties, 1, 0},
		.group = "ladderd",
		.topic = topic,
		.take = take_tasks,
		.leave = leave_tasks,
		.ctx = &member,
	}, &error);
	assert_non_null(member.group);
	member_wait(&member, 0);
	for (size_t i = 0; i < COUNT_OF(staying) && is_long(); i++)
		push(&staying[i]);
	member_wait(&member, is_long() ? 1 : 0);
	kafka_group_leave(member.group, 1000);
	kafka_group_destroy(member.group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_sent_arrives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_sent_without_a_gap_arrives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_read_comes_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_member_has_its_tasks_again, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
