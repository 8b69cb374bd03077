/* Simulates the daemon in a world that goes wrong: simulate --seed N [--count N] [--jobs N] [--shuffle]
 * [--homes N] [--gaps] [--cluster] [--verbose]
 *
 * Each seed is a feed of its own, read by instances that crash, are paused, come and go, with a Redis that
 * loses connections and writes, and brokers that are away. Then all goes well again, and when everything
 * has been read the rows in the topics must be those of one task after another that read the feed in order
 * and saw nothing of that. A seed that fails is named, and fails again by itself. With --jobs seeds run side
 * by side. With --shuffle clicks and messages lie in any partition, and go to their people through the
 * shuffle topic; with --homes people are kept in the first N partitions, and what is theirs goes there by the
 * record's key, with --shuffle by what is in it. With --gaps Kafka deletes records that may not be read yet,
 * and the rows are those of what is left: seeds skip gaps, or stop there until a reload says to skip. With
 * --cluster Redis is a cluster, whose slots move, and whose nodes are failed over with their last writes
 * lost. */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/pipeline.h"
#include "tests/sim/sim_feed.h"
#include "tests/sim/sim_jobs.h"

enum { CHAOS_STEPS = 5000, SETTLE_STEPS = 60000, QUIET_STEPS = 400 };
/* What comes from other tasks is waited for by time, too. */
enum { SHUFFLE_QUIET_STEPS = 3000 };
enum { JOBS_MAX = 256, PIECE_BYTES = 32 << 20, KEPT_BYTES = 1 << 29 };

/* Nothing is late, so that the order in which things come changes nothing. */
static const char yaml[] =
	"kafka:\n"
	"  brokers: simulated:9092\n"
	"  home_partitions: %u\n"
	"  inputs: [{topic: clicks, key: %s}, {topic: messages, key: %s}, {topic: outcomes},\n"
	"    {topic: spend}]\n"
	"  on_gap: %s\n"
	"  outputs: {current: current, history: history, alerts: alerts, dead: dead, exchange: exchange}\n"
	"clock: event\n"
	"commit: {interval: 300ms}\n"
	"publish: {catch_up: 2s, history_emit: 1s}\n"
	"windows: [{length: 1h, slide: 1m, emit: 1s}, {length: 28d, slide: 6h, emit: 1s}]\n"
	"ladder: {lateness: 90d, retention: 400d, gap: 7d}\n";

/* ---- Seeds ---- */

static void live(struct feed *feed)
{
	for (int i = 0; i < CHAOS_STEPS; i++) {
		if (sim_chance(20))
			feed_give(feed, false);
		sim_world_step();
	}
	feed_give(feed, true);
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

struct simulation {
	const struct config *config;
	const struct config *stopping; /* at gaps */
	struct sim_options options;
	const struct identity *identity;
	bool is_verbose;
};

/* All has come to rest, and is as it should be. */
static bool ends_well(const struct simulation *simulation, struct feed *feed, uint64_t seed)
{
	if (!settle(feed)) {
		sim_fail(seed, "it does not come to an end", slice_from(""));
		return false;
	}
	return (!simulation->options.has_gaps || feed_take_gaps(feed, seed)) &&
	       sim_compare(seed, feed, simulation->config, simulation->identity, simulation->is_verbose);
}

static bool run_seed(void *ctx, uint64_t seed)
{
	const struct simulation *simulation = ctx;
	struct feed feed;
	sim_begin(seed);
	bool stops = simulation->options.has_gaps && sim_chance(500);
	sim_world_begin(stops ? simulation->stopping : simulation->config, simulation->identity,
			&simulation->options);
	feed_create(&feed, config_shuffle(simulation->config).is_on);
	live(&feed);
	bool is_right = ends_well(simulation, &feed, seed);
	if (stops && is_right) {
		sim_world_reload(simulation->config);
		is_right = ends_well(simulation, &feed, seed);
	}
	if (simulation->is_verbose)
		sim_world_print();
	sim_world_end();
	feed_destroy(&feed);
	return is_right;
}

struct arguments {
	uint64_t first;
	uint64_t count;
	unsigned process_count;
	unsigned home_count;
	bool is_shuffled;
	struct sim_options world;
	bool is_verbose;
};

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"count", required_argument, NULL, 'c'},
						{"jobs", required_argument, NULL, 'j'},
						{"shuffle", no_argument, NULL, 'x'},
						{"homes", required_argument, NULL, 'h'},
						{"gaps", no_argument, NULL, 'g'},
						{"cluster", no_argument, NULL, 'r'},
						{"verbose", no_argument, NULL, 'v'},
						{NULL, 0, NULL, 0}};
	*arguments = (struct arguments){.first = 1, .count = 1, .process_count = 1};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 's')
			arguments->first = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			arguments->count = strtoull(optarg, NULL, 10);
		else if (option == 'j')
			arguments->process_count = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'h')
			arguments->home_count = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'x')
			arguments->is_shuffled = true;
		else if (option == 'g')
			arguments->world.has_gaps = true;
		else if (option == 'r')
			arguments->world.is_cluster = true;
		else if (option == 'v')
			arguments->is_verbose = true;
		else
			return false;
	}
	bool is_forwarded = arguments->is_shuffled || arguments->home_count;
	return optind == argc && arguments->home_count <= SIM_TASKS && arguments->process_count > 0 &&
	       arguments->process_count <= JOBS_MAX && !(arguments->world.has_gaps && is_forwarded);
}

static struct config *load_config(const struct arguments *arguments, const char *on_gap)
{
	struct config_problems problems = {.file = "simulated"};
	const char *keys = arguments->is_shuffled ? "none" : "user";
	char text[2 * sizeof(yaml)];
	snprintf(text, sizeof(text), yaml, arguments->home_count, keys, keys, on_gap);
	struct config *config = config_load_text(slice_from(text), CONFIG_NEED_KAFKA, &problems);
	CHECK(config);
	return config;
}

static uint64_t run_seeds(const struct arguments *arguments, struct simulation *simulation)
{
	char again[128], homes[32] = "";
	if (arguments->home_count)
		snprintf(homes, sizeof(homes), "--homes %u ", arguments->home_count);
	snprintf(again, sizeof(again), "simulate %s%s%s%s--verbose --seed ",
		 arguments->is_shuffled ? "--shuffle " : "", arguments->world.has_gaps ? "--gaps " : "",
		 arguments->world.is_cluster ? "--cluster " : "", homes);
	return sim_jobs_run(&(struct sim_jobs){.first = arguments->first,
					       .count = arguments->count,
					       .process_count = arguments->process_count,
					       .again = again,
					       .run = run_seed,
					       .ctx = simulation});
}

/* What one seed gave back the next one takes, and the kernel is not asked each time; a sanitizer's malloc
 * does as it likes. */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, PIECE_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

int main(int argc, char **argv)
{
	static const struct identity identity = {
		.person_key = "0123456789abcde",
		.seal_key = "0123456789abcdef0123456789abcde",
	};
	struct arguments arguments;
	if (!read_arguments(argc, argv, &arguments)) {
		fprintf(stderr, "usage: simulate [--seed N] [--count N] [--jobs N] [--shuffle] [--homes N] "
			"[--gaps] [--cluster] [--verbose]\n");
		return 64;
	}
	keep_memory();
	sim_world_count();
	struct config *config = load_config(&arguments, "skip");
	struct config *stopping = load_config(&arguments, "stop");
	struct simulation simulation = {config, stopping, arguments.world, &identity, arguments.is_verbose};
	if (!arguments.is_verbose)
		CHECK(freopen("/dev/null", "w", stderr)); /* what the instances log */
	uint64_t failed = run_seeds(&arguments, &simulation);
	printf("%" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " failed\n", arguments.count, arguments.first,
	       failed);
	sim_world_print_counts();
	config_destroy(config);
	config_destroy(stopping);
	return failed > 0;
}
