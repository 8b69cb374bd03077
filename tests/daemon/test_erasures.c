/* Goal: who is erased is what ladder.erased says last of each person, also of one who was taken back and
 * erased again; and what was current once is freed as soon as no worker goes by it, and not before.
 * Against librdkafka's mock cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <malloc.h>
#include <unistd.h>

#include "daemon/erasures.h"
#include "daemon/kafka_mock.h"
#include "daemon/kafka_out.h"
#include "daemon/loop.h"

enum { WAIT_MS = 20 * 1000, LOOK_MS = 5, PRINT = 7, PEOPLE = 2000, ROUNDS = 20 };

static struct kafka_mock *mock;
static struct kafka_out *out;
static struct config *config;
static struct erasures *erasures;
static struct kafka_error error;
static const struct slice taken_back;

static void report(void *ctx, const struct kafka_report *report)
{
	(void)ctx;
	assert_true(report->is_delivered);
}

static int set_up(void **state)
{
	(void)state;
	struct config_problems problems = {.file = "test"};
	mock = kafka_mock_create(1, &error);
	config = config_load_text(slice_from("kafka: {group: ours}\n"), CONFIG_NEED_NOTHING, &problems);
	if (!mock || !config)
		return -1;
	const struct kafka_connection connection = {.brokers = kafka_mock_brokers(mock)};
	kafka_mock_create_topic(mock, config->kafka.outputs.erased, 1);
	out = kafka_out_create(&(struct kafka_out_options){
		.connection = connection,
		.topics = &config->kafka.outputs.erased,
		.topic_count = 1,
		.queue_records = PEOPLE,
		.queue_bytes = 4 << 20,
		.report = report,
	}, &error);
	erasures = erasures_create(config, PRINT, &connection, &error);
	return out && erasures ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	erasures_destroy(erasures);
	kafka_out_destroy(out);
	config_destroy(config);
	kafka_mock_destroy(mock);
	return 0;
}

static struct key128 key_of(uint64_t number)
{
	return (struct key128){number * UINT64_C(0x9e3779b97f4a7c15), number};
}

static void send(uint64_t number, struct slice value)
{
	char key[ERASURE_KEY_LEN + 1];
	erasure_key(key_of(number), key);
	assert_int_equal(kafka_out_send_to(out, 0, ERASURE_PARTITION, slice_from(key), value, NULL),
			 KAFKA_SENT);
}

static void erase(uint64_t number, int64_t until_ms)
{
	char value[ERASURE_VALUE_MAX];
	erasure_value(until_ms, PRINT, value);
	send(number, slice_from(value));
}

/* Until this person is erased, or is not. */
static void wait_for(uint64_t number, int64_t time_ms, bool is_covered)
{
	int64_t until_ms = loop_now_ms() + WAIT_MS;
	assert_int_equal(kafka_out_flush(out, WAIT_MS), 0);
	for (;;) {
		assert_true(erasures_poll(erasures, &error));
		const struct erased *current = erasures_current(erasures);
		if (current && erased_covers(current, key_of(number), time_ms) == is_covered)
			return;
		assert_true(loop_now_ms() < until_ms);
		usleep(LOOK_MS * 1000);
	}
}

static void newest_counts(void **state)
{
	(void)state;
	erase(1, 100);
	erase(2, 500);
	erase(1, 300);
	erase(2, 200);
	send(3, taken_back);
	erase(4, 100);
	wait_for(4, 100, true);
	assert_true(erased_covers(erasures_current(erasures), key_of(1), 300));
	assert_false(erased_covers(erasures_current(erasures), key_of(2), 201));
	assert_int_equal(erasures_current(erasures)->count, 3);
	send(1, taken_back);
	wait_for(1, 100, false);
	assert_int_equal(erasures_current(erasures)->count, 2);
	erase(1, 50);
	erase(2, 900);
	wait_for(2, 900, true);
	assert_true(erased_covers(erasures_current(erasures), key_of(1), 50));
	assert_false(erased_covers(erasures_current(erasures), key_of(1), 51));
}

/* Two workers; what is read of a list that was freed too early the sanitizer finds. */
static void older_are_freed(void **state)
{
	(void)state;
	struct pulse pulses[2] = {0};
	for (uint64_t i = 0; i < PEOPLE; i++)
		erase(i, 100);
	wait_for(PEOPLE - 1, 100, true);
	const struct erased *slow = erasures_current(erasures);
	atomic_store(&pulses[0].erased, slow);
	erasures_free_older(erasures, pulses, 2); /* the second has taken none */
	atomic_store(&pulses[1].erased, slow);
	size_t before = mallinfo2().uordblks;
	for (uint64_t i = 0; i < ROUNDS; i++) {
		erase(PEOPLE + i, 100);
		wait_for(PEOPLE + i, 100, true);
		atomic_store(&pulses[0].erased, erasures_current(erasures));
		erasures_free_older(erasures, pulses, 2);
		assert_true(erased_covers(slow, key_of(1), 100));
	}
	atomic_store(&pulses[1].erased, erasures_current(erasures));
	erasures_free_older(erasures, pulses, 2);
	const size_t list_bytes = PEOPLE * sizeof(struct erased_person);
	assert_true(mallinfo2().uordblks < before + ROUNDS / 2 * list_bytes);
	assert_int_equal(erasures_current(erasures)->count, PEOPLE + ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(newest_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(older_are_freed, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
