#include "tests/sim/sim_feed.h"

#include "core/base/hash.h"
#include "core/base/partition.h"
#include "daemon/generate_events.h"

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
	*feed = (struct feed){.is_shuffled = is_shuffled};
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
		put_event(feed, input_of(generated.type), generated.key, generated.json);
		if (!sim_chance(15))
			continue;
		put_event(feed, input_of(generated.type), generated.key,
			  slice_from("{\"type\":\"nothing\"}"));
	}
	generator_destroy(generator);
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
