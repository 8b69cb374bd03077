/* Goal: generated events are the same for the same seed on every machine, are what decode takes, and are as
 * real feeds are: in order, of a size and in proportions that hold; and what a scenario breaks is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>

#include "core/decode/decode.h"
#include "daemon/generate_events.h"
#include "daemon/generate_kafka.h"
#include "daemon/generate_options.h"
#include "daemon/kafka_in.h"
#include "daemon/kafka_mock.h"

enum { DAY_MS = 86400000 };

static const struct generator_options plain = {
	.seed = 7, .event_count = 100000, .events_per_span = 100000, .span_ms = INT64_C(14) * DAY_MS,
	.start_ms = INT64_C(1772409600000), .people_count = 12000, .ad_count = 20, .account_count = 3,
	.haste = 1, .scenario = SCENARIO_healthy};

/* ---- Reading a feed back ---- */

struct seen {
	struct decoder *decoder;
	const struct generated *generated; /* the one being decoded */
	void (*look)(struct seen *seen, const struct event *event);
	void *ctx;
	uint64_t event_count;
	uint64_t byte_count;
	uint64_t type_counts[EVENT_TYPE_COUNT];
};

static void see_event(void *ctx, const struct event *event, struct slice item)
{
	struct seen *seen = ctx;
	const struct generated *generated = seen->generated;
	assert_int_equal(item.len, generated->json.len);
	assert_int_equal(event->type, generated->type);
	assert_int_equal(event->ts_ms, generated->ts_ms);
	if (event->user.len)
		assert_true(slice_equal(event->user, generated->key));
	if (event->type == EVENT_SPEND)
		assert_true(slice_equal(event->ad, generated->key));
	seen->event_count++;
	seen->byte_count += item.len + 1;
	seen->type_counts[event->type]++;
	if (seen->look)
		seen->look(seen, event);
}

static void see_rejected(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	(void)ctx;
	fail_msg("%s: %s: %.*s", reason_name(reason), detail, (int)item.len, item.data);
}

static struct seen see(const struct generator_options *options,
		       void (*look)(struct seen *seen, const struct event *event), void *ctx)
{
	static const struct decode_limits limits = {1 << 20, 256, 16};
	struct generated generated;
	struct seen seen = {.decoder = decoder_create(&limits), .generated = &generated,
			    .look = look, .ctx = ctx};
	struct decode_sink sink = {see_event, see_rejected, &seen};
	struct generator *generator = generator_create(options);
	while (generator_next(generator, &generated))
		decode_record(seen.decoder, generated.json, &sink);
	generator_destroy(generator);
	decoder_destroy(seen.decoder);
	assert_int_equal(seen.event_count, options->event_count);
	return seen;
}

/* FNV-1a: of its own, so that the promise does not depend on the program's hashes. */
static uint64_t fingerprint(const struct generator_options *options)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	struct generator *generator = generator_create(options);
	struct generated generated;
	while (generator_next(generator, &generated)) {
		for (size_t i = 0; i < generated.json.len; i++)
			hash = (hash ^ (unsigned char)generated.json.data[i]) * UINT64_C(1099511628211);
		for (size_t i = 0; i < generated.key.len; i++)
			hash = (hash ^ (unsigned char)generated.key.data[i]) * UINT64_C(1099511628211);
	}
	generator_destroy(generator);
	return hash;
}

/* ---- The same for the same seed ---- */

static void test_same_seed_same_bytes(void **state)
{
	(void)state;
	assert_int_equal(fingerprint(&plain), UINT64_C(0x83d62fc8922a5cc5));
}

static void test_other_options_other_bytes(void **state)
{
	(void)state;
	struct generator_options other = plain;
	other.seed++;
	uint64_t of_seed = fingerprint(&other);
	other = plain;
	other.late_permille = 50;
	assert_true(of_seed != fingerprint(&plain));
	assert_true(of_seed != fingerprint(&other));
	assert_true(fingerprint(&other) != fingerprint(&plain));
}

static void test_few_of_everything(void **state)
{
	(void)state;
	struct generator_options few = plain;
	few.event_count = 300;
	few.people_count = few.ad_count = few.account_count = 1;
	see(&few, NULL, NULL);
	few.event_count = 1;
	see(&few, NULL, NULL);
}

/* ---- Order ---- */

static void look_for_order(struct seen *seen, const struct event *event)
{
	int64_t *last_ms = seen->ctx;
	assert_true(event->ts_ms >= *last_ms);
	assert_int_equal(seen->generated->arrives_ms, event->ts_ms);
	*last_ms = event->ts_ms;
}

static void test_events_are_in_order(void **state)
{
	(void)state;
	int64_t last_ms = plain.start_ms;
	see(&plain, look_for_order, &last_ms);
	int64_t days = (last_ms - plain.start_ms) / DAY_MS;
	assert_in_range(days, 11, 16);
}

struct arrivals {
	int64_t last_ms;
	uint64_t late_count;
};

static void look_for_late(struct seen *seen, const struct event *event)
{
	struct arrivals *arrivals = seen->ctx;
	int64_t arrives_ms = seen->generated->arrives_ms;
	int64_t delay_ms = arrives_ms - event->ts_ms;
	assert_true(arrives_ms >= arrivals->last_ms);
	assert_true(delay_ms == 0 || (delay_ms >= 60000 && delay_ms <= 18000000));
	arrivals->last_ms = arrives_ms;
	arrivals->late_count += delay_ms > 0;
}

static void test_so_many_are_late(void **state)
{
	(void)state;
	struct generator_options late = plain;
	late.late_permille = 100;
	struct arrivals arrivals = {0};
	see(&late, look_for_late, &arrivals);
	assert_in_range(arrivals.late_count, plain.event_count * 9 / 100, plain.event_count * 11 / 100);
}

/* ---- Ids ---- */

static int compare_hashes(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

static void look_at_id(struct seen *seen, const struct event *event)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < event->id.len; i++)
		hash = (hash ^ (unsigned char)event->id.data[i]) * UINT64_C(1099511628211);
	((uint64_t *)seen->ctx)[seen->event_count - 1] = hash;
}

static uint64_t repeated_ids(const struct generator_options *options)
{
	uint64_t *hashes = calloc(options->event_count, sizeof *hashes);
	see(options, look_at_id, hashes);
	qsort(hashes, options->event_count, sizeof *hashes, compare_hashes);
	uint64_t repeated_count = 0;
	for (uint64_t i = 1; i < options->event_count; i++)
		repeated_count += hashes[i] == hashes[i - 1];
	free(hashes);
	return repeated_count;
}

static void test_an_id_comes_again_only_as_a_duplicate(void **state)
{
	(void)state;
	assert_int_equal(repeated_ids(&plain), 0);
	struct generator_options repeated = plain;
	repeated.duplicate_permille = 50;
	uint64_t repeated_count = repeated_ids(&repeated);
	assert_in_range(repeated_count, 4000, 5500);
}

/* ---- Proportions ---- */

struct funnel {
	uint64_t referral_count;   /* first messages that name their ad or click */
	uint64_t in_count;
	uint64_t out_count;
	uint64_t auto_out_count;
	uint64_t junk_count;
	uint64_t stage_counts[STAGE_COUNT];
};

static void look_at_message(struct funnel *funnel, const struct event *event)
{
	if (event->direction == DIRECTION_OUT) {
		funnel->out_count++;
		funnel->auto_out_count += event->is_auto;
		return;
	}
	funnel->in_count++;
	funnel->referral_count += event->ad.len || event->click_id.len;
	bool is_short = !event->is_media && event->word_count < 2;
	funnel->junk_count += event->is_auto || event->is_prefilled || is_short;
}

static void look_at_funnel(struct seen *seen, const struct event *event)
{
	struct funnel *funnel = seen->ctx;
	if (event->type == EVENT_MESSAGE)
		look_at_message(funnel, event);
	if (event->type == EVENT_OUTCOME)
		funnel->stage_counts[event->stage]++;
	if (event->type == EVENT_CLICK || event->type == EVENT_SPEND) {
		assert_true(event->account.len && event->campaign.len && event->adset.len);
		assert_true(event->campaign_name.len && event->adset_name.len && event->ad_name.len);
		assert_true(event->type != EVENT_SPEND || event->money_micros > 0);
	}
}

static uint64_t percent(uint64_t part, uint64_t whole)
{
	assert_true(whole > 0);
	return 100 * part / whole;
}

static void test_proportions_are_those_of_real_feeds(void **state)
{
	(void)state;
	struct funnel funnel = {0};
	struct seen seen = see(&plain, look_at_funnel, &funnel);
	uint64_t click_count = seen.type_counts[EVENT_CLICK];
	assert_in_range(seen.byte_count / seen.event_count, 180, 230);
	assert_in_range(percent(seen.type_counts[EVENT_OPEN], click_count), 88, 97);
	assert_in_range(percent(funnel.referral_count, click_count), 60, 90);
	assert_in_range(percent(funnel.junk_count, funnel.referral_count), 20, 60);
	assert_in_range(percent(funnel.auto_out_count, funnel.out_count), 10, 40);
	assert_in_range(percent(funnel.out_count, funnel.in_count), 80, 200);
	assert_in_range(percent(seen.type_counts[EVENT_SPEND], seen.event_count), 2, 12);
	const uint64_t *stages = funnel.stage_counts;
	assert_in_range(percent(stages[STAGE_QUALIFIED], funnel.referral_count), 12, 40);
	assert_in_range(percent(stages[STAGE_HANDOFF], stages[STAGE_QUALIFIED]), 40, 80);
	assert_in_range(percent(stages[STAGE_CUSTOMER], stages[STAGE_HANDOFF]), 20, 70);
	for (size_t i = 0; i < STAGE_COUNT; i++)
		assert_true(stages[i] > 0);
}

/* ---- What breaks ---- */

struct broken {
	int64_t begin_ms; /* the middle of what is broken */
	int64_t end_ms;
	uint64_t in_count;
	uint64_t opening_count; /* messages with a referral: of the first campaign, of the others */
	uint64_t other_count;
	uint64_t out_count;
	struct slice first_ad;
};

static void look_at_broken(struct seen *seen, const struct event *event)
{
	struct broken *broken = seen->ctx;
	if (event->ts_ms < broken->begin_ms || event->ts_ms >= broken->end_ms || event->type != EVENT_MESSAGE)
		return;
	broken->in_count += event->direction == DIRECTION_IN;
	broken->out_count += event->direction == DIRECTION_OUT;
	if (event->ad.len && slice_equal(event->ad, broken->first_ad))
		broken->opening_count++;
	else
		broken->other_count += event->ad.len > 0;
}

static struct broken see_broken(enum scenario scenario, unsigned begin_percent, unsigned end_percent)
{
	struct generator_options options = plain;
	options.scenario = scenario;
	options.haste = 1000;
	struct broken broken = {.begin_ms = plain.start_ms + plain.span_ms * begin_percent / 100,
				.end_ms = plain.start_ms + plain.span_ms * end_percent / 100,
				.first_ad = slice_from("120226332654435761")};
	see(&options, look_at_broken, &broken);
	assert_true(broken.in_count > 0 || scenario == SCENARIO_silent_messages);
	return broken;
}

static void test_broken_response(void **state)
{
	(void)state;
	struct broken healthy = see_broken(SCENARIO_healthy, 40, 60);
	assert_true(healthy.out_count > healthy.in_count / 2);
	struct broken broken = see_broken(SCENARIO_broken_response, 40, 60);
	assert_true(broken.out_count < broken.in_count / 20);
	struct broken repaired = see_broken(SCENARIO_broken_response, 70, 90);
	assert_true(repaired.out_count > repaired.in_count / 2);
}

static void test_wrong_number(void **state)
{
	(void)state;
	struct broken healthy = see_broken(SCENARIO_healthy, 41, 59);
	assert_true(healthy.opening_count > 0);
	struct broken broken = see_broken(SCENARIO_wrong_number, 41, 59);
	assert_int_equal(broken.opening_count, 0);
	assert_true(broken.other_count > 0);
}

struct week {
	uint64_t clicks[7]; /* from Thursday on, as 1970 began; the feed ends before its second Sunday */
};

static void look_at_week(struct seen *seen, const struct event *event)
{
	struct week *week = seen->ctx;
	if (event->type == EVENT_CLICK)
		week->clicks[event->ts_ms / DAY_MS % 7]++;
}

/* Weekends are quiet where the business is well run, and only there, but not silent. */
static void test_week(void **state)
{
	(void)state;
	for (int is_well_run = 0; is_well_run < 2; is_well_run++) {
		struct generator_options options = plain;
		options.is_well_run = is_well_run;
		struct week week = {{0}};
		see(&options, look_at_week, &week);
		uint64_t saturday = week.clicks[2], middle = (week.clicks[5] + week.clicks[6]) / 2;
		assert_true(saturday > 0);
		assert_true(is_well_run ? saturday * 4 < middle * 3 : saturday * 6 > middle * 5);
	}
}

/* Nothing goes out of an inbox that is down, not even what was begun before. */
static void test_dead_inbox(void **state)
{
	(void)state;
	struct broken broken = see_broken(SCENARIO_dead_inbox, 52, 53);
	assert_int_equal(broken.out_count, 0);
}

static void test_silent_messages(void **state)
{
	(void)state;
	struct broken broken = see_broken(SCENARIO_silent_messages, 51, 59);
	assert_int_equal(broken.in_count + broken.out_count, 0);
}

/* ---- Kafka ---- */

enum { TASK_COUNT = 4, INPUT_COUNT = 3, PEOPLE_MAX = 1 << 16, WAIT_MS = 30000 };

static const char *const topics[TOPIC_COUNT] = {"clicks", "messages", "outcomes", "outcomes"};

struct records {
	size_t input;
	int32_t task;
	uint64_t counts[INPUT_COUNT];
	signed char tasks[PEOPLE_MAX]; /* by a hash of the key: its task and 1, or 0 */
	uint64_t moved_count;          /* keys that were in another task; no two here have one hash */
};

static bool record_says(const struct kafka_record *record, const char *type)
{
	char begin[32];
	int len = snprintf(begin, sizeof begin, "{\"type\":\"%s\"", type);
	return record->value.len > (size_t)len && memcmp(record->value.data, begin, (size_t)len) == 0;
}

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct records *records = ctx;
	uint32_t hash = 0;
	for (size_t i = 0; i < record->key.len; i++)
		hash = (hash ^ (unsigned char)record->key.data[i]) * 16777619u;
	signed char *task = &records->tasks[hash % PEOPLE_MAX];
	records->moved_count += *task && *task != records->task + 1;
	*task = (signed char)(records->task + 1);
	records->counts[records->input]++;
	if (records->input == TOPIC_CLICKS)
		assert_true(record_says(record, "click") || record_says(record, "open"));
	else if (records->input == TOPIC_MESSAGES)
		assert_true(record_says(record, "message"));
	else
		assert_true(record_says(record, "outcome") || record_says(record, "spend"));
}

static bool read_all(struct kafka_in *in, struct records *records)
{
	bool is_at_end = true;
	for (records->input = 0; records->input < INPUT_COUNT; records->input++)
		for (records->task = 0; records->task < TASK_COUNT; records->task++) {
			kafka_in_consume(in, records->input, records->task, 1000, take_record, records);
			is_at_end = is_at_end && kafka_in_at_end(in, records->input, records->task);
		}
	return is_at_end;
}

static void read_back(const char *brokers, struct records *records)
{
	static const int32_t tasks[TASK_COUNT] = {0, 1, 2, 3};
	const struct kafka_in_options options = {
		.connection = {.brokers = brokers}, .name = "test", .group = "test",
		.topics = topics, .topic_count = INPUT_COUNT, .tasks = tasks, .task_count = TASK_COUNT,
		.prefetch_bytes = 16 << 20};
	struct kafka_error error;
	struct kafka_in *in = kafka_in_create(&options, &error);
	assert_non_null(in);
	int64_t offsets[INPUT_COUNT * TASK_COUNT];
	for (size_t i = 0; i < INPUT_COUNT * TASK_COUNT; i++)
		offsets[i] = KAFKA_IN_BEGINNING;
	assert_true(kafka_in_start(in, offsets, WAIT_MS, &error));
	while (!read_all(in, records)) {
		struct pollfd fd = {.fd = kafka_in_fd(in), .events = POLLIN};
		poll(&fd, 1, 1000);
		kafka_in_poll(in);
	}
	kafka_in_destroy(in);
}

static void test_a_person_is_in_one_partition_of_all_topics(void **state)
{
	(void)state;
	struct kafka_error error;
	struct kafka_mock *mock = kafka_mock_create(1, &error);
	assert_non_null(mock);
	for (size_t i = 0; i < INPUT_COUNT; i++)
		kafka_mock_create_topic(mock, topics[i], TASK_COUNT);
	const char *brokers = kafka_mock_brokers(mock);
	struct generate_kafka *kafka = generate_kafka_open(brokers, topics, TASK_COUNT, false, &error);
	assert_non_null(kafka);
	struct generator_options options = plain;
	options.event_count = 20000;
	options.people_count = 200;
	struct generator *generator = generator_create(&options);
	struct generated generated;
	while (generator_next(generator, &generated))
		generate_kafka_send(kafka, &generated);
	generator_destroy(generator);
	assert_int_equal(generate_kafka_close(kafka, WAIT_MS), 0);
	struct records *records = calloc(1, sizeof *records);
	read_back(brokers, records);
	uint64_t *counts = records->counts;
	assert_int_equal(counts[0] + counts[1] + counts[2], options.event_count);
	assert_true(counts[TOPIC_MESSAGES] > counts[TOPIC_CLICKS] && counts[TOPIC_OUTCOMES] > 0);
	assert_int_equal(records->moved_count, 0);
	free(records);
	kafka_mock_destroy(mock);
}

/* ---- The command line ---- */

static enum generate_parsed parse(struct generate_options *options, const char *line)
{
	static char words[512];
	static char *argv[32];
	int argc = 0;
	snprintf(words, sizeof words, "generate %s", line);
	for (char *rest = words, *word; (word = strsep(&rest, " "));)
		argv[argc++] = word;
	argv[argc] = NULL;
	return generate_options_parse(argc, argv, options);
}

static void test_options(void **state)
{
	(void)state;
	struct generate_options options;
	assert_int_equal(parse(&options, "--seed 9 --events 1000000 --late 2.5 --span 36h "
					 "--start 2026-01-01T00:00:00Z --topics messages=m,clicks=c "
					 "--kafka a:1 --scenario wrong_number"),
			 GENERATE_GO);
	assert_int_equal(options.feed.seed, 9);
	assert_int_equal(options.feed.event_count, 1000000);
	assert_int_equal(options.feed.late_permille, 25);
	assert_int_equal(options.feed.span_ms, INT64_C(36) * 3600000);
	assert_int_equal(options.feed.start_ms, INT64_C(1767225600000));
	assert_int_equal(options.feed.scenario, SCENARIO_wrong_number);
	assert_string_equal(options.topics[TOPIC_CLICKS], "c");
	assert_string_equal(options.topics[TOPIC_MESSAGES], "m");
	assert_string_equal(options.topics[TOPIC_SPEND], "ladder.outcomes");
	generate_options_destroy(&options);
}

static void test_mistakes_in_options(void **state)
{
	static const char *const lines[] = {
		"--seed 1", "--events", "--events 0", "--events -1", "--events 1x", "--events 10 more",
		"--events 10 --late 1.", "--events 10 --late 1.x", "--evnts 5", "--events 10 --late 101",
		"--events 10 --late 1.25", "--events 10 --late x", "--events 10 --span 7",
		"--events 10 --span 7w", "--events 10 --span 401d", "--events 2 --span 100d",
		"--events 10 --ads 0", "--events 10 --scenario none", "--events 10 --start today",
		"--events 10 --start now", "--events 10 --topics click=x", "--events 10 --topics clicks",
		"--events 10 --out a --kafka b",
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct generate_options options;
		if (parse(&options, lines[i]) != GENERATE_BAD)
			fail_msg("taken: %s", lines[i]);
		assert_true(options.problem[0] != '\0');
		generate_options_destroy(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_bytes),
		cmocka_unit_test(test_other_options_other_bytes),
		cmocka_unit_test(test_few_of_everything),
		cmocka_unit_test(test_events_are_in_order),
		cmocka_unit_test(test_so_many_are_late),
		cmocka_unit_test(test_an_id_comes_again_only_as_a_duplicate),
		cmocka_unit_test(test_proportions_are_those_of_real_feeds),
		cmocka_unit_test(test_broken_response),
		cmocka_unit_test(test_wrong_number),
		cmocka_unit_test(test_week),
		cmocka_unit_test(test_dead_inbox),
		cmocka_unit_test(test_silent_messages),
		cmocka_unit_test(test_a_person_is_in_one_partition_of_all_topics),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_mistakes_in_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
