#include "tests/sim/sim_feed.h"

#include "core/base/hash.h"
#include "core/base/partition.h"
#include "core/pipeline.h"
#include "daemon/generate_events.h"
#include "daemon/status.h"

enum { EVENTS = 240 };

const char *const sim_input_names[SIM_INPUTS] = {"clicks", "messages", "outcomes", "spend"};

#define DAY_MS INT64_C(86400000)
/* Well within ladder.lateness. */
#define FEED_MAX_MS (80 * DAY_MS)

static size_t input_of(enum event_type type)
{
	static const size_t inputs[EVENT_TYPE_COUNT] = {
		[EVENT_CLICK] = 0, [EVENT_OPEN] = 0, [EVENT_MESSAGE] = 1, [EVENT_OUTCOME] = 2,
		[EVENT_SPEND] = 3};
	return inputs[type];
}

static void put_event(struct feed *feed, size_t input, struct slice key, struct slice value)
{
	bool is_anywhere = feed->is_shuffled && input <= 1;
	size_t task = is_anywhere ? sim_random(SIM_TASKS)
		      : feed->is_shuffled ? partition_of_key(PARTITIONER_MURMUR2, key, SIM_TASKS)
					  : hash_text(key) % SIM_TASKS;
	sim_append(&feed->logs[input][task], key, value);
}

/* Within a day most rows are of many events, from several tasks; within four weeks there are more rows. */
void feed_create(struct feed *feed, bool is_shuffled)
{
	*feed = (struct feed){.is_shuffled = is_shuffled, .max_ms = TIME_NONE, .now_ms = TIME_NONE};
	struct generator_options options = {
		.seed = sim_random(UINT32_MAX), .event_count = EVENTS, .events_per_span = EVENTS,
		.span_ms = sim_random(4) ? DAY_MS : 28 * DAY_MS,
		.start_ms = INT64_C(1772409600000), .people_count = 40,
		.ad_count = 6, .account_count = 2, .late_permille = 50, .duplicate_permille = 30,
		.haste = 1, .scenario = SCENARIO_healthy};
	struct generator *generator = generator_create(&options);
	struct generated generated;
	while (generator_next(generator, &generated)) {
		if (generated.ts_ms > options.start_ms + FEED_MAX_MS)
			continue;
		if (generated.ts_ms > feed->max_ms)
			feed->max_ms = generated.ts_ms;
		put_event(feed, input_of(generated.type), generated.key, generated.json);
		if (!sim_chance(15))
			continue;
		put_event(feed, input_of(generated.type), generated.key,
			  slice_from("{\"type\":\"nothing\"}"));
	}
	generator_destroy(generator);
	for (size_t i = 0; i < SIM_INPUTS * SIM_TASKS; i++)
		feed->missing[i / SIM_TASKS][i % SIM_TASKS].end =
			feed->logs[i / SIM_TASKS][i % SIM_TASKS].count;
}

void feed_destroy(struct feed *feed)
{
	for (size_t i = 0; i < SIM_INPUTS * SIM_TASKS; i++)
		sim_log_destroy(&feed->logs[i / SIM_TASKS][i % SIM_TASKS]);
}

void feed_give(struct feed *feed, bool is_last)
{
	for (size_t input = 0; input < SIM_INPUTS; input++)
		for (size_t task = 0; task < SIM_TASKS; task++) {
			const struct sim_log *from = &feed->logs[input][task];
			size_t *given = &feed->given[input][task];
			size_t count = is_last ? from->count : sim_random(4);
			for (; count && *given < from->count; count--, ++*given)
				sim_append(&sim_topic(sim_input_names[input])->logs[task],
					   from->records[*given].key, from->records[*given].value);
		}
}

/* ---- Gaps ---- */

static void add_missing(struct missing *missing, size_t from, size_t to)
{
	missing->from[missing->count] = from;
	missing->to[missing->count++] = to;
}

/* The last gap is named, of all there were the size: the one before it can only end at the first start. */
static bool take_gap(struct missing *missing, const struct input_gap *gap, const struct sim_log *log)
{
	size_t from = (size_t)gap->from, to = (size_t)gap->to;
	size_t before = (size_t)gap->offset_count - (to - from);
	*missing = (struct missing){.end = log->count};
	if (gap->offset_count == 0)
		return gap->from == gap->to;
	size_t at = 0;
	while (at < log->start_count && log->starts[at] != to)
		at++;
	bool is_start = at < log->start_count && gap->from >= 0 && from < to;
	if (!is_start || gap->offset_count < to - from)
		return false;
	add_missing(missing, from, to);
	if (before)
		add_missing(missing, log->starts[0] - before, log->starts[0]);
	return !before || (at > 0 && before <= log->starts[0] && log->starts[0] <= from);
}

/* What was read counts once: that says where reading began, which is where the log did. */
static bool take_begin(struct missing *missing, const struct input_gap *gap, const struct counts *counts,
		       const struct sim_log *log)
{
	uint64_t counted = 0;
	for (int i = 0; i < CLASS_COUNT; i++)
		counted += counts->classes[i];
	missing->begin = missing->end - (size_t)gap->offset_count - (size_t)counted;
	bool is_start = missing->begin == 0;
	for (size_t i = 0; i < log->start_count; i++)
		is_start |= log->starts[i] == missing->begin;
	return is_start;
}

bool feed_take_gaps(struct feed *feed, uint64_t seed)
{
	for (size_t i = 0; i < SIM_INPUTS * SIM_TASKS; i++) {
		size_t input = i / SIM_TASKS;
		uint32_t task = i % SIM_TASKS;
		struct missing *missing = &feed->missing[input][task];
		const struct sim_log *log = &sim_topic(sim_input_names[input])->logs[task];
		int64_t offset;
		const struct input_gap *gap = sim_world_gap(task, input, &offset);
		bool is_gap = take_gap(missing, gap, log);
		missing->end = (size_t)offset;
		if (is_gap && take_begin(missing, gap, sim_world_counts(task, input), log))
			continue;
		sim_fail(seed, "a gap is named that is none, or none where there is one, in",
			 slice_from(sim_input_names[input]));
		return false;
	}
	feed->now_ms = sim_world_now_ms();
	if (feed->now_ms > feed->max_ms)
		sim_fail(seed, "stream time is beyond all events", slice_from(""));
	return feed->now_ms <= feed->max_ms;
}

bool feed_is_missing(const struct feed *feed, size_t input, size_t task, size_t offset)
{
	const struct missing *missing = &feed->missing[input][task];
	for (size_t i = 0; i < missing->count; i++)
		if (offset >= missing->from[i] && offset < missing->to[i])
			return true;
	return offset < missing->begin || offset >= missing->end;
}
