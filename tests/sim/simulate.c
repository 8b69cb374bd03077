/* Simulates the daemon in a world that goes wrong: simulate --seed N [--count N] [--shuffle] [--homes N]
 * [--verbose]
 *
 * Each seed is a feed of its own, read by instances that crash, are paused, come and go, with a Redis that
 * loses connections and writes, and brokers that are away. Then all goes well again, and when everything
 * has been read the rows in the topics must be those of one task after another that read the feed in order
 * and saw nothing of that. A seed that fails is named, and fails again by itself. With --shuffle clicks and
 * messages lie in any partition, and go to their people through the shuffle topic; with --homes people are
 * kept in the first N partitions, and what is theirs goes there by the record's key, with --shuffle by what
 * is in it. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/partition.h"
#include "core/decode/decode.h"
#include "core/diagnose/diagnose.h"
#include "core/pipeline.h"
#include "daemon/generate_events.h"
#include "tests/sim/sim.h"

enum { EVENTS = 240, CHAOS_STEPS = 5000, SETTLE_STEPS = 60000, QUIET_STEPS = 400 };
/* What comes from other tasks is waited for by time, too. */
enum { SHUFFLE_QUIET_STEPS = 3000 };

static const char *const input_names[SIM_INPUTS] = {"clicks", "messages", "outcomes", "spend"};

/* Nothing is late, so that the order in which things come changes nothing. */
static const char yaml[] =
	"kafka:\n"
	"  brokers: simulated:9092\n"
	"  home_partitions: %u\n"
	"  inputs: [{topic: clicks, key: %s}, {topic: messages, key: %s}, {topic: outcomes},\n"
	"    {topic: spend}]\n"
	"  outputs: {current: current, history: history, alerts: alerts, dead: dead, exchange: exchange}\n"
	"clock: event\n"
	"commit: {interval: 300ms}\n"
	"publish: {catch_up: 2s, history_emit: 1s}\n"
	"windows: [{length: 1h, slide: 1m, emit: 1s}, {length: 28d, slide: 6h, emit: 1s}]\n"
	"ladder: {lateness: 90d, retention: 400d, gap: 7d}\n";

/* ---- The feed ---- */

/* Well within ladder.lateness. */
#define FEED_MAX_MS (INT64_C(80) * 86400000)

static size_t input_of(enum event_type type)
{
	static const size_t inputs[EVENT_TYPE_COUNT] = {
		[EVENT_CLICK] = 0, [EVENT_OPEN] = 0, [EVENT_MESSAGE] = 1, [EVENT_OUTCOME] = 2,
		[EVENT_SPEND] = 3};
	return inputs[type];
}

struct feed {
	struct sim_log logs[SIM_INPUTS][SIM_TASKS];
	size_t given[SIM_INPUTS][SIM_TASKS];
	size_t rejected_count;
	bool is_shuffled;
};

static void put_event(struct feed *feed, size_t input, struct slice key, struct slice value)
{
	bool is_anywhere = feed->is_shuffled && input <= 1;
	size_t task = is_anywhere ? sim_random(SIM_TASKS)
		      : feed->is_shuffled ? partition_of_key(PARTITIONER_MURMUR2, key, SIM_TASKS)
					  : hash_text(key) % SIM_TASKS;
	sim_append(&feed->logs[input][task], key, value);
}

static void make_feed(struct feed *feed)
{
	struct generator_options options = {
		.seed = sim_random(UINT32_MAX), .event_count = EVENTS, .events_per_span = EVENTS,
		.span_ms = INT64_C(28) * 86400000, .start_ms = INT64_C(1772409600000), .people_count = 40,
		.ad_count = 6, .account_count = 2, .late_permille = 50, .duplicate_permille = 30,
		.haste = 1, .scenario = SCENARIO_healthy};
	struct generator *generator = generator_create(&options);
	struct generated generated;
	while (generator_next(generator, &generated)) {
		if (generated.ts_ms > options.start_ms + FEED_MAX_MS)
			continue;
		put_event(feed, input_of(generated.type), generated.key, generated.json);
		if (!sim_chance(15))
			continue;
		put_event(feed, input_of(generated.type), generated.key,
			  slice_from("{\"type\":\"nothing\"}"));
		feed->rejected_count++;
	}
	generator_destroy(generator);
}

static void end_feed(struct feed *feed)
{
	for (size_t i = 0; i < SIM_INPUTS * SIM_TASKS; i++) {
		struct sim_log *log = &feed->logs[i / SIM_TASKS][i % SIM_TASKS];
		for (size_t j = 0; j < log->count; j++) {
			buffer_destroy(&log->records[j].key);
			buffer_destroy(&log->records[j].value);
		}
		free(log->records);
	}
}

/* Some of what there is comes; all of it by the end. */
static void give_some(struct feed *feed, bool is_last)
{
	for (size_t input = 0; input < SIM_INPUTS; input++)
		for (size_t task = 0; task < SIM_TASKS; task++) {
			const struct sim_log *from = &feed->logs[input][task];
			size_t *given = &feed->given[input][task];
			size_t count = is_last ? from->count : sim_random(4);
			for (; count && *given < from->count; count--, ++*given)
				sim_append(&sim_topic(input_names[input])->logs[task],
					   buffer_slice(&from->records[*given].key),
					   buffer_slice(&from->records[*given].value));
		}
}

/* ---- What is expected ---- */

struct reference {
	const struct config *config;
	struct decoder *decoder;
	struct task *tasks[SIM_TASKS];
	struct merger *merger;
	struct buffer moved; /* ads with other parents */
	uint32_t task;
	size_t input;
};

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct reference *reference = ctx;
	(void)item;
	(void)task_event(reference->tasks[reference->task], reference->input, event, UINT32_MAX, TIME_NONE);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct reference *reference = ctx;
	(void)detail, (void)item;
	task_count_rejected(reference->tasks[reference->task], reference->input, reason);
}

static void take_names(void *ctx, struct slice ad, const struct names *names)
{
	struct reference *reference = ctx;
	if (merger_put_names(reference->merger, ad, names))
		buffer_put_text(&reference->moved, ad);
}

static void take_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct reference *reference = ctx;
	merger_put_reports(reference->merger, reference->task, ad, reports);
}

static void take_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			int64_t people)
{
	struct reference *reference = ctx;
	merger_put_window(reference->merger, reference->task, ref, window, pane, people);
}

static void take_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		      const struct pane *pane, int64_t people)
{
	struct reference *reference = ctx;
	merger_put_span(reference->merger, reference->task, ref, is_day, from_ms, to_ms, pane, people);
}

static void tell_parents(struct reference *reference, const struct task_sink *sink)
{
	struct buffer moved = reference->moved;
	reference->moved = (struct buffer){0};
	struct reader reader = reader_of(buffer_slice(&moved));
	while (!reader_at_end(&reader)) {
		struct ad_parents change = {.ad = reader_text(&reader)};
		change.parents = merger_parents(reference->merger, change.ad);
		for (reference->task = 0; reference->task < SIM_TASKS; reference->task++)
			(void)task_put_parents(reference->tasks[reference->task], &change, 1, sink);
	}
	buffer_destroy(&moved);
}

/* One partition after another, one input after another: what came in which order does not count. Where events
 * lie anywhere, one task has everybody. */
static int64_t read_inputs(struct reference *reference, const struct feed *feed)
{
	const struct decode_sink events = {take_event, take_reject, reference};
	int64_t now_ms = TIME_NONE;
	for (uint32_t partition = 0; partition < SIM_TASKS; partition++) {
		reference->task = feed->is_shuffled ? 0 : partition;
		for (reference->input = 0; reference->input < SIM_INPUTS; reference->input++) {
			const struct sim_log *log = &feed->logs[reference->input][partition];
			for (size_t i = 0; i < log->count; i++)
				decode_record(reference->decoder, buffer_slice(&log->records[i].value),
					      &events);
		}
		if (reference->tasks[reference->task]->max_ms > now_ms)
			now_ms = reference->tasks[reference->task]->max_ms;
	}
	return now_ms;
}

static void read_all(struct reference *reference, const struct feed *feed)
{
	struct task_sink sink = {take_names, take_reports, take_window, take_span, reference};
	int64_t now_ms = read_inputs(reference, feed);
	for (reference->task = 0; reference->task < SIM_TASKS; reference->task++)
		task_collect_names(reference->tasks[reference->task], &sink);
	tell_parents(reference, &sink);
	merger_advance(reference->merger, now_ms);
	for (reference->task = 0; reference->task < SIM_TASKS; reference->task++) {
		task_advance(reference->tasks[reference->task], now_ms);
		task_collect_reports(reference->tasks[reference->task], &sink);
		task_collect(reference->tasks[reference->task], ~0u, true, &sink);
	}
	merger_check(reference->merger);
}

static void begin_reference(struct reference *reference, const struct config *config,
			    const struct identity *identity)
{
	*reference = (struct reference){.config = config};
	reference->decoder = decoder_create(&(struct decode_limits){1 << 20, 256, 16});
	reference->merger = merger_create(&config->options, diagnose);
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		reference->tasks[i] = task_create(&config->options, identity->person_key, SIM_INPUTS);
}

static void end_reference(struct reference *reference)
{
	decoder_destroy(reference->decoder);
	merger_destroy(reference->merger);
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		task_destroy(reference->tasks[i]);
	buffer_destroy(&reference->moved);
}

/* ---- What there is ---- */

/* The rows of a run by key, each without its revision. */
struct rows {
	struct row {
		struct buffer key;
		struct buffer value;
		uint64_t revision;
		uint64_t greatest; /* that was seen of the key */
	} *rows;
	size_t count;
	size_t capacity;
	uint32_t *index; /* open-addressed, twice the capacity: place + 1, 0 is free */
};

static uint32_t *place_of(const struct rows *rows, struct slice key)
{
	size_t at = hash_text(key) % (2 * rows->capacity);
	while (rows->index[at] && !slice_equal(buffer_slice(&rows->rows[rows->index[at] - 1].key), key))
		at = (at + 1) % (2 * rows->capacity);
	return &rows->index[at];
}

static void grow(struct rows *rows)
{
	rows->capacity = rows->capacity ? 2 * rows->capacity : 256;
	rows->rows = realloc(rows->rows, rows->capacity * sizeof(*rows->rows));
	free(rows->index);
	rows->index = calloc(2 * rows->capacity, sizeof(*rows->index));
	CHECK(rows->rows && rows->index);
	for (size_t i = 0; i < rows->count; i++)
		*place_of(rows, buffer_slice(&rows->rows[i].key)) = (uint32_t)i + 1;
}

static struct row *row_of(struct rows *rows, struct slice key)
{
	if (rows->count == rows->capacity)
		grow(rows);
	uint32_t *place = place_of(rows, key);
	if (*place)
		return &rows->rows[*place - 1];
	*place = (uint32_t)++rows->count;
	struct row *row = &rows->rows[rows->count - 1];
	*row = (struct row){.revision = 0};
	buffer_put(&row->key, key.data, key.len);
	return row;
}

static void rows_destroy(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		buffer_destroy(&rows->rows[i].key);
		buffer_destroy(&rows->rows[i].value);
	}
	free(rows->rows);
	free(rows->index);
}

static void take_row(struct row *row, struct slice value)
{
	static const char member[] = "\"revision\":";
	const char *at = memmem(value.data, value.len, member, sizeof(member) - 1);
	CHECK(at);
	at += sizeof(member) - 1;
	char *end;
	row->revision = strtoull(at, &end, 10);
	row->greatest = row->revision > row->greatest ? row->revision : row->greatest;
	row->value.len = 0;
	buffer_put(&row->value, value.data, (size_t)(at - value.data));
	buffer_put(&row->value, end, (size_t)(value.data + value.len - end));
}

static bool keep_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	(void)is_history;
	take_row(row_of(ctx, key), value);
	return true;
}

static int fail(uint64_t seed, const char *what, struct slice key)
{
	printf("seed %" PRIu64 ": %s %.*s\n", seed, what, (int)key.len, key.data);
	return 1;
}

/* The last record of every key, which must have the greatest revision. */
static int read_topic(uint64_t seed, const char *name, struct rows *rows)
{
	const struct sim_log *log = &sim_topic(name)->logs[0];
	for (size_t i = 0; i < log->count; i++)
		take_row(row_of(rows, buffer_slice(&log->records[i].key)),
			 buffer_slice(&log->records[i].value));
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].greatest > rows->rows[i].revision)
			return fail(seed, "a row that is not the last has the greatest revision:",
				    buffer_slice(&rows->rows[i].key));
	return 0;
}

/* Published to take another one back. */
static bool is_empty(const struct row *row)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		char member[64];
		int len = snprintf(member, sizeof(member), "\"%s\":", counter_rows[i].name);
		const char *end = row->value.data + row->value.len;
		const char *at = memmem(row->value.data, row->value.len, member, (size_t)len);
		for (at = at ? at + len : end; at < end && *at != ','; at++)
			if (*at >= '1' && *at <= '9')
				return false;
	}
	return true;
}

static int compare_rows(uint64_t seed, const char *what, struct rows *rows, struct rows *expected,
			bool is_verbose)
{
	for (size_t i = 0; i < expected->count; i++) {
		const struct row *wanted = &expected->rows[i];
		const struct row *row = row_of(rows, buffer_slice(&wanted->key));
		if (slice_equal(buffer_slice(&row->value), buffer_slice(&wanted->value)))
			continue;
		if (is_verbose)
			printf("%s\nexpected %.*s\nfound    %.*s\n", what, (int)wanted->value.len,
				wanted->value.data, (int)row->value.len, row->value.data);
		printf("%s: ", what);
		return fail(seed, "a row is not what it should be:", buffer_slice(&wanted->key));
	}
	for (size_t i = 0; i < rows->count; i++) {
		bool is_wanted = row_of(expected, buffer_slice(&rows->rows[i].key))->value.len > 0;
		if (!is_wanted && !is_empty(&rows->rows[i]))
			return fail(seed, "a row should not be there:", buffer_slice(&rows->rows[i].key));
	}
	return 0;
}

static void add_counts(struct counts *sum, const struct counts *counts)
{
	for (int i = 0; i < CLASS_COUNT; i++)
		sum->classes[i] += counts->classes[i];
	for (int i = 0; i < REASON_COUNT; i++)
		sum->reasons[i] += counts->reasons[i];
	sum->forwarded += counts->forwarded;
	sum->received += counts->received;
}

/* Each event counts once, in the class that it would have had. What is forwarded is received once, and counts
 * there. */
static int compare_counts(uint64_t seed, const struct reference *reference)
{
	for (size_t input = 0; input < SIM_INPUTS; input++) {
		struct counts sum = {.forwarded = 0}, wanted = {.forwarded = 0};
		for (uint32_t task = 0; task < SIM_TASKS; task++) {
			add_counts(&sum, sim_world_counts(task, input));
			add_counts(&wanted, &reference->tasks[task]->inputs[input]);
		}
		bool is_received_once = sum.forwarded == sum.received;
		sum.forwarded = sum.received = 0;
		if (memcmp(&sum, &wanted, sizeof(sum)) != 0)
			return fail(seed, "events are counted more or less than once in",
				    slice_from(input_names[input]));
		if (!is_received_once)
			return fail(seed, "what is forwarded is not received once, of",
				    slice_from(input_names[input]));
	}
	return 0;
}

static int compare(uint64_t seed, const struct feed *feed, const struct config *config,
		   const struct identity *identity, bool is_verbose)
{
	struct reference reference;
	struct rows rows = {0}, expected = {0}, merged = {0};
	begin_reference(&reference, config, identity);
	read_all(&reference, feed);
	merger_print(reference.merger, keep_row, &expected);
	merger_check(sim_world_merger());
	merger_print(sim_world_merger(), keep_row, &merged);
	int code = compare_rows(seed, "merged", &merged, &expected, is_verbose);
	code = code ? code : read_topic(seed, "current", &rows);
	code = code ? code : read_topic(seed, "history", &rows);
	code = code ? code : compare_rows(seed, "published", &rows, &expected, is_verbose);
	code = code ? code : compare_counts(seed, &reference);
	if (code == 0 && sim_topic("dead")->logs[0].count < feed->rejected_count)
		code = fail(seed, "a rejected event is not among the dead letters", slice_from(""));
	rows_destroy(&rows);
	rows_destroy(&expected);
	rows_destroy(&merged);
	end_reference(&reference);
	return code;
}

/* ---- Seeds ---- */

static void live(struct feed *feed)
{
	for (int i = 0; i < CHAOS_STEPS; i++) {
		if (sim_chance(20))
			give_some(feed, false);
		sim_world_step();
	}
	give_some(feed, true);
	sim_world_calm();
}

/* Quiet for a while, since some things are only done now and then. */
static bool settle(const struct feed *feed)
{
	int wanted_steps = feed->is_shuffled ? SHUFFLE_QUIET_STEPS : QUIET_STEPS, quiet_steps = 0;
	for (int i = 0; i < SETTLE_STEPS && quiet_steps < wanted_steps; i++) {
		sim_world_step();
		quiet_steps = sim_world_is_quiet() ? quiet_steps + 1 : 0;
	}
	return quiet_steps == wanted_steps;
}

static int run_seed(uint64_t seed, const struct config *config, const struct identity *identity,
		    bool is_verbose)
{
	struct feed feed = {.is_shuffled = config_shuffle(config).is_on};
	sim_begin(seed);
	sim_world_begin(config, identity);
	make_feed(&feed);
	live(&feed);
	int code = settle(&feed) ? compare(seed, &feed, config, identity, is_verbose)
			    : fail(seed, "it does not come to an end", slice_from(""));
	if (is_verbose)
		sim_world_print();
	sim_world_end();
	end_feed(&feed);
	return code;
}

struct arguments {
	uint64_t first;
	uint64_t count;
	unsigned home_count;
	bool is_shuffled;
	bool is_verbose;
};

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"count", required_argument, NULL, 'c'},
						{"shuffle", no_argument, NULL, 'x'},
						{"homes", required_argument, NULL, 'h'},
						{"verbose", no_argument, NULL, 'v'},
						{NULL, 0, NULL, 0}};
	*arguments = (struct arguments){.first = 1, .count = 1};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 's')
			arguments->first = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			arguments->count = strtoull(optarg, NULL, 10);
		else if (option == 'h')
			arguments->home_count = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'x')
			arguments->is_shuffled = true;
		else if (option == 'v')
			arguments->is_verbose = true;
		else
			return false;
	}
	return optind == argc && arguments->home_count <= SIM_TASKS;
}

int main(int argc, char **argv)
{
	static const struct identity identity = {
		.person_key = "0123456789abcde",
		.seal_key = "0123456789abcdef0123456789abcde",
	};
	struct arguments arguments;
	struct config_problems problems = {.file = "simulated"};
	if (!read_arguments(argc, argv, &arguments)) {
		fprintf(stderr, "usage: simulate [--seed N] [--count N] [--shuffle] [--homes N] "
			"[--verbose]\n");
		return 64;
	}
	const char *keys = arguments.is_shuffled ? "none" : "user";
	char text[2 * sizeof(yaml)];
	snprintf(text, sizeof(text), yaml, arguments.home_count, keys, keys);
	struct config *config = config_load_text(slice_from(text), CONFIG_NEED_KAFKA, &problems);
	CHECK(config);
	if (!arguments.is_verbose)
		CHECK(freopen("/dev/null", "w", stderr)); /* what the instances log */
	uint64_t failed = 0;
	for (uint64_t i = 0; i < arguments.count; i++) {
		failed += (uint64_t)run_seed(arguments.first + i, config, &identity, arguments.is_verbose);
		if ((i + 1) % 100 == 0)
			printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", i + 1, failed);
		fflush(stdout);
	}
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " failed\n", arguments.count, arguments.first,
	       failed);
	config_destroy(config);
	return failed > 0;
}
