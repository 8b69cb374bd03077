#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/json_find.h"
#include "core/pipeline.h"
#include "core/publish/recall.h"
#include "tests/sim/sim_feed.h"

/* ---- Rows ---- */

/* A row as it is expected: all of it but its revision. */
struct row {
	char *text; /* owned: key, head, tail */
	struct slice key;
	struct slice head; /* up to the revision */
	struct slice tail; /* behind it */
	bool is_found;
};

struct rows {
	struct row *rows;
	size_t count;
	size_t capacity;
	uint32_t *index; /* open-addressed, twice the capacity: place + 1, 0 is free */
};

/* What is compared, and with what. */
struct comparison {
	uint64_t seed;
	const char *what;
	struct rows *expected;
	int64_t kept_before_ms; /* rows of buckets before may be of what is missing now */
	bool is_verbose;
	bool is_wrong;
};

void sim_fail(uint64_t seed, const char *what, struct slice key)
{
	printf("seed %" PRIu64 ": %s %.*s\n", seed, what, (int)key.len, key.data);
}

static uint32_t *place_of(const struct rows *rows, struct slice key)
{
	size_t at = hash_text(key) % (2 * rows->capacity);
	while (rows->index[at] && !slice_equal(rows->rows[rows->index[at] - 1].key, key))
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
		*place_of(rows, rows->rows[i].key) = (uint32_t)i + 1;
}

static uint64_t split(struct slice value, struct slice *head, struct slice *tail)
{
	struct slice digits;
	int64_t revision;
	CHECK(json_find_number(value, "\"revision\":", &digits, &revision));
	const char *behind = digits.data + digits.len;
	*head = (struct slice){value.data, (size_t)(digits.data - value.data)};
	*tail = (struct slice){behind, (size_t)(value.data + value.len - behind)};
	return (uint64_t)revision;
}

static bool keep_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct rows *rows = ctx;
	struct slice head, tail;
	(void)is_history;
	split(value, &head, &tail);
	if (rows->count == rows->capacity)
		grow(rows);
	char *text = malloc(key.len + head.len + tail.len);
	CHECK(text);
	memcpy(text, key.data, key.len);
	memcpy(text + key.len, head.data, head.len);
	memcpy(text + key.len + head.len, tail.data, tail.len);
	uint32_t *place = place_of(rows, key);
	CHECK(!*place);
	rows->rows[rows->count++] = (struct row){.text = text,
						 .key = {text, key.len},
						 .head = {text + key.len, head.len},
						 .tail = {text + key.len + head.len, tail.len}};
	*place = (uint32_t)rows->count;
	return true;
}

static void rows_destroy(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->rows[i].text);
	free(rows->rows);
	free(rows->index);
}

static void forget_found(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		rows->rows[i].is_found = false;
}

/* ---- Comparing ---- */

/* Published to take another one back: counters stand in the order of their table. */
static bool is_empty(struct slice value)
{
#define COUNTER(name, ...) "\"" #name "\":",
	static const char *const members[] = {
#include "core/model/counters.def"
	};
#undef COUNTER
	const char *at = value.data, *end = value.data + value.len;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		size_t len = strlen(members[i]);
		at = memmem(at, (size_t)(end - at), members[i], len);
		CHECK(at);
		for (at += len; at < end && *at != ','; at++)
			if (*at >= '1' && *at <= '9')
				return false;
	}
	return true;
}

/* What is older than anything that is left is not taken back: there is nothing to say that it was wrong. */
static bool is_kept(const struct comparison *comparison, struct slice key, struct slice value)
{
	const struct rows *expected = comparison->expected;
	struct recalled row;
	bool is_expected = expected->count && *place_of(expected, key);
	return !is_expected && recall_read(key, value, &row) && memcmp(key.data, "bucket/", 7) == 0 &&
	       row.from_ms < comparison->kept_before_ms;
}

static void say_wrong(struct comparison *comparison, const char *how, struct slice key)
{
	printf("%s: ", comparison->what);
	sim_fail(comparison->seed, how, key);
	comparison->is_wrong = true;
}

static bool compare_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct comparison *comparison = ctx;
	struct rows *expected = comparison->expected;
	uint32_t at = expected->count ? *place_of(expected, key) : 0;
	struct slice head, tail;
	(void)is_history;
	if (comparison->is_wrong || is_kept(comparison, key, value) || (!at && is_empty(value)))
		return true;
	if (!at) {
		say_wrong(comparison, "a row should not be there:", key);
		return true;
	}
	struct row *row = &expected->rows[at - 1];
	split(value, &head, &tail);
	row->is_found = true;
	if (slice_equal(head, row->head) && slice_equal(tail, row->tail))
		return true;
	if (comparison->is_verbose)
		printf("%s\nexpected %.*s...%.*s\nfound    %.*s\n", comparison->what, (int)row->head.len,
		       row->head.data, (int)row->tail.len, row->tail.data, (int)value.len, value.data);
	say_wrong(comparison, "a row is not what it should be:", key);
	return true;
}

static void end_comparison(struct comparison *comparison)
{
	struct rows *expected = comparison->expected;
	for (size_t i = 0; i < expected->count && !comparison->is_wrong; i++)
		if (!expected->rows[i].is_found)
			say_wrong(comparison, "a row is missing:", expected->rows[i].key);
}

static void print_records(const struct sim_log *log, struct slice key)
{
	for (size_t i = 0; i < log->count; i++)
		if (slice_equal(log->records[i].key, key))
			printf("record %zu at %" PRId64 " ms: %.*s\n", i, log->records[i].wall_ms,
			       (int)log->records[i].value.len, log->records[i].value.data);
}

static uint64_t revision_of(const struct sim_record *record)
{
	struct slice head, tail;
	return split(record->value, &head, &tail);
}

/* Of every key the last record, and the one with the greatest revision: a reader of a compacted topic keeps
 * the one, a reader of all of it the other. */
static void compare_topic(struct comparison *comparison, const char *name)
{
	const struct sim_log *log = &sim_topic(name)->logs[0];
	size_t *greatest = malloc((log->count + 1) * sizeof(*greatest)); /* up to a record, of its key */
	CHECK(greatest);
	for (size_t i = 0; i < log->count; i++)
		greatest[i] = i;
	for (size_t i = 0; i < log->count && !comparison->is_wrong; i++) {
		const struct sim_record *record = &log->records[i];
		const struct sim_record *newest = &log->records[greatest[i]];
		if (revision_of(record) >= revision_of(newest))
			newest = record;
		if (record->next != SIM_LAST) {
			greatest[record->next] = (size_t)(newest - log->records);
			continue;
		}
		compare_row(comparison, record->key, record->value, false);
		if (newest != record)
			compare_row(comparison, newest->key, newest->value, false);
		if (comparison->is_wrong && comparison->is_verbose)
			print_records(log, record->key);
	}
	free(greatest);
}

/* ---- Counts ---- */

/* Each event counts once, in the class that it would have had. What is forwarded is received once, and counts
 * there. */
static bool compare_counts(uint64_t seed, const struct reference *reference)
{
	for (size_t input = 0; input < SIM_INPUTS; input++) {
		struct counts sum = {.forwarded = 0}, wanted = {.forwarded = 0};
		for (uint32_t task = 0; task < SIM_TASKS; task++) {
			counts_add(&sum, sim_world_counts(task, input));
			counts_add(&wanted, reference_counts(reference, task, input));
		}
		bool is_received_once = sum.forwarded == sum.received;
		sum.forwarded = sum.received = 0;
		if (memcmp(&sum, &wanted, sizeof(sum)) != 0)
			sim_fail(seed, "events are counted more or less than once in",
				 slice_from(sim_input_names[input]));
		else if (!is_received_once)
			sim_fail(seed, "what is forwarded is not received once, of",
				 slice_from(sim_input_names[input]));
		else
			continue;
		return false;
	}
	return true;
}

static bool compare_letters(uint64_t seed, const struct reference *reference)
{
	uint64_t rejected_count = 0;
	for (uint32_t task = 0; task < SIM_TASKS; task++)
		for (size_t input = 0; input < SIM_INPUTS; input++)
			rejected_count += reference_counts(reference, task, input)->classes[CLASS_REJECTED];
	bool is_all = sim_topic("dead")->logs[0].count >= rejected_count;
	if (!is_all)
		sim_fail(seed, "a rejected event is not among the dead letters", slice_from(""));
	return is_all;
}

/* ---- All of it ---- */

static bool compare_rows(uint64_t seed, struct rows *expected, int64_t kept_before_ms, bool is_verbose)
{
	struct comparison merged = {.seed = seed, .what = "merged", .expected = expected,
				    .kept_before_ms = INT64_MIN, .is_verbose = is_verbose};
	struct comparison published = merged;
	published.what = "published";
	published.kept_before_ms = kept_before_ms;
	merger_check(sim_world_merger());
	merger_print(sim_world_merger(), compare_row, &merged);
	end_comparison(&merged);
	if (merged.is_wrong)
		return false;
	forget_found(expected);
	compare_topic(&published, "current");
	compare_topic(&published, "history");
	end_comparison(&published);
	return !published.is_wrong;
}

bool sim_compare(uint64_t seed, const struct feed *feed, const struct config *config,
		 const struct identity *identity, bool is_verbose)
{
	struct rows expected = {0};
	struct reference *reference = reference_create(feed, config, identity);
	merger_print(reference_merger(reference), keep_row, &expected);
	bool has_gaps = feed->now_ms != TIME_NONE;
	int64_t kept_before_ms = has_gaps ? merger_oldest_hour_ms(reference_merger(reference)) : INT64_MIN;
	bool is_right = compare_rows(seed, &expected, kept_before_ms, is_verbose) &&
			compare_counts(seed, reference) && compare_letters(seed, reference);
	rows_destroy(&expected);
	reference_destroy(reference);
	return is_right;
}
