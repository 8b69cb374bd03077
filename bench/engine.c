/* Engine: decode, join and window on one thread, from records in memory. One JSON line on stdout.
 *
 * Records are those of `ladderd generate`, made a chunk at a time between the timed parts; a chunk is larger
 * than the processor's caches, so the bytes come from memory as they would from a consumer. Times are of the
 * thread's processor time, of all verbs of a batch each. The people of the warm-up stay. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/decode/decode.h"
#include "core/pipeline.h"
#include "daemon/generate_events.h"
#include "daemon/load_config.h"

enum { CHUNK_RECORDS = 400000, RECORD_BYTES_MAX = 1024 };

struct times {
	int64_t decode_ns;
	int64_t join_ns;
	int64_t window_ns;
	uint64_t event_count;
};

struct engine {
	uint64_t warm_count;
	uint64_t timed_count;
	uint64_t people_limit; /* the warm-up ends when the table has so many; 0: after warm_count */
	uint64_t bytes_limit;  /* or holds so many bytes */
	size_t batch_size;
	size_t chunk_size;
	unsigned verb_count; /* 0: records are only made; 1: decoded; 2: joined; 3: put into windows */
	struct generator_options feed;
	struct config *config;
	struct task *task;
	struct decoder *decoder;
	char *bytes;
	uint32_t lens[CHUNK_RECORDS];
	size_t decoded_count;
	struct event decoded[TASK_BATCH_MAX];
	struct times times;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The events borrow from the records, which stay: none of the generator's has an escape. */
static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct engine *engine = ctx;
	(void)item;
	engine->decoded[engine->decoded_count++] = *event;
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	(void)ctx, (void)reason, (void)item;
	fprintf(stderr, "bench_engine: a generated event is rejected: %s\n", detail);
	exit(1);
}

static size_t fill_chunk(struct engine *engine, struct generator *generator, uint64_t count)
{
	size_t filled = 0, at = 0;
	struct generated generated;
	while (filled < engine->chunk_size && filled < count && generator_next(generator, &generated)) {
		memcpy(engine->bytes + at, generated.json.data, generated.json.len);
		at += generated.json.len;
		engine->lens[filled++] = (uint32_t)generated.json.len;
	}
	CHECK(filled);
	return filled;
}

static void take_batch(struct engine *engine)
{
	struct task *task = engine->task;
	struct verdict verdicts[TASK_BATCH_MAX];
	for (size_t i = 0; i < engine->decoded_count; i++)
		task_add(task, 0, &engine->decoded[i], ~0u, TIME_NONE, verdicts);
	task_join(task, verdicts);
}

static void take_chunk(struct engine *engine, size_t count)
{
	const struct decode_sink sink = {take_event, take_reject, engine};
	const char *at = engine->bytes;
	int64_t begin_ns = now_ns();
	for (size_t i = 0; i < count;) {
		size_t end = i + engine->batch_size < count ? i + engine->batch_size : count;
		engine->decoded_count = 0;
		for (; i < end; i++) {
			if (engine->verb_count == 0)
				continue;
			decode_record(engine->decoder, (struct slice){at, engine->lens[i]}, &sink);
			at += engine->lens[i];
		}
		int64_t decoded_ns = now_ns();
		if (engine->verb_count > 1)
			take_batch(engine);
		int64_t joined_ns = now_ns();
		if (engine->verb_count > 2)
			task_window(engine->task);
		engine->task->batch_count = 0;
		int64_t end_ns = now_ns();
		engine->times.decode_ns += decoded_ns - begin_ns;
		engine->times.join_ns += joined_ns - decoded_ns;
		engine->times.window_ns += end_ns - joined_ns;
		begin_ns = end_ns;
	}
	engine->times.event_count += count;
}

static bool is_warm(const struct engine *engine)
{
	const struct people *people = engine->task->people;
	if (engine->bytes_limit)
		return people_held_bytes(people) >= engine->bytes_limit;
	return engine->people_limit ? people_count(people) >= engine->people_limit
				    : engine->times.event_count >= engine->warm_count;
}

static double per_event(const struct engine *engine, int64_t ns)
{
	return (double)ns / (double)engine->times.event_count;
}

static void print_result(const struct engine *engine, uint64_t warm_count)
{
	const struct times *times = &engine->times;
	const struct people *people = engine->task->people;
	int64_t all_ns = times->decode_ns + times->join_ns + times->window_ns;
	printf("{\"warm_events\":%" PRIu64 ",\"events\":%" PRIu64 ",\"events_per_second\":%.0f,"
	       "\"ns_per_event\":%.1f,\"decode_ns\":%.1f,\"join_ns\":%.1f,\"window_ns\":%.1f,"
	       "\"people\":%zu,\"people_bytes\":%zu,\"people_held_bytes\":%zu,\"series\":%" PRIu32 "}\n",
	       warm_count, times->event_count, (double)times->event_count * 1e9 / (double)all_ns,
	       per_event(engine, all_ns), per_event(engine, times->decode_ns),
	       per_event(engine, times->join_ns), per_event(engine, times->window_ns), people_count(people),
	       people_used_bytes(people), people_held_bytes(people), engine->task->series.count);
}

static void show_progress(const struct engine *engine)
{
	fprintf(stderr, "bench_engine: warming up: %" PRIu64 " events, %zu people, %zu MB\n",
		engine->times.event_count, people_count(engine->task->people),
		people_held_bytes(engine->task->people) >> 20);
}

static void run(struct engine *engine)
{
	struct generator *generator = generator_create(&engine->feed);
	while (!is_warm(engine)) {
		take_chunk(engine, fill_chunk(engine, generator, UINT64_MAX));
		if (engine->times.event_count % (20 * CHUNK_RECORDS) == 0)
			show_progress(engine);
	}
	uint64_t warm_count = engine->times.event_count;
	engine->times = (struct times){0};
	while (engine->times.event_count < engine->timed_count)
		take_chunk(engine, fill_chunk(engine, generator,
					      engine->timed_count - engine->times.event_count));
	generator_destroy(generator);
	print_result(engine, warm_count);
}

static const char help[] =
	"usage: bench_engine [OPTION...]\n"
	"  --warm N          events before the timed ones (400,000)\n"
	"  --until-people N  instead: until the table has so many people\n"
	"  --until-bytes N   instead: until the table holds so many bytes\n"
	"  --events N        timed events (1,000,000)\n"
	"  --people N        how many the feed has (125,000)\n"
	"  --ads N           (100)\n"
	"  --span-events N   how dense the feed is: so many events in 28 days (the timed ones)\n"
	"  --late PERMILLE   so many events a minute to five hours late (0)\n"
	"  --batch N         events taken at once (64)\n"
	"  --chunk N         records made at once (400,000, at most)\n"
	"  --verbs N         0: only make the records; 1: decode, 2: join, 3: window (3)\n";

static bool parse(struct engine *engine, int argc, char **argv)
{
	static const struct option options[] = {
		{"warm", 1, NULL, 'w'},         {"events", 1, NULL, 'e'},      {"people", 1, NULL, 'p'},
		{"ads", 1, NULL, 'a'},          {"late", 1, NULL, 'l'},        {"batch", 1, NULL, 'b'},
		{"until-people", 1, NULL, 'u'}, {"until-bytes", 1, NULL, 'y'}, {"span-events", 1, NULL, 's'},
		{"verbs", 1, NULL, 'v'}, {"chunk", 1, NULL, 'c'}, {NULL, 0, NULL, 0}};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
		switch (option) {
		case 'w': engine->warm_count = number; break;
		case 'e': engine->timed_count = number; break;
		case 'p': engine->feed.people_count = (uint32_t)number; break;
		case 'a': engine->feed.ad_count = (uint32_t)number; break;
		case 'l': engine->feed.late_permille = (unsigned)number; break;
		case 'b': engine->batch_size = number; break;
		case 'u': engine->people_limit = number; break;
		case 'y': engine->bytes_limit = number; break;
		case 's': engine->feed.events_per_span = number; break;
		case 'c': engine->chunk_size = number; break;
		case 'v': engine->verb_count = (unsigned)number; break;
		default: return false;
		}
	}
	if (engine->feed.events_per_span == 0)
		engine->feed.events_per_span = engine->timed_count;
	return optind == argc && engine->batch_size > 0 && engine->batch_size <= TASK_BATCH_MAX &&
	       engine->chunk_size > 0 && engine->chunk_size <= CHUNK_RECORDS;
}

int main(int argc, char **argv)
{
	static const unsigned char key[16] = "0123456789abcdef";
	static struct engine engine = {.warm_count = CHUNK_RECORDS, .timed_count = 1000000, .batch_size = 64,
				       .chunk_size = CHUNK_RECORDS, .verb_count = 3};
	engine.feed = (struct generator_options){.seed = 1, .event_count = UINT64_MAX,
						 .start_ms = INT64_C(1772409600000),
						 .span_ms = INT64_C(28) * 86400000, .people_count = 125000,
						 .ad_count = 100, .account_count = 3, .haste = 1};
	if (!parse(&engine, argc, argv)) {
		fputs(help, stderr);
		return 2;
	}
	engine.config = load_config(NULL, CONFIG_NEED_NOTHING);
	CHECK(engine.config);
	engine.decoder = decoder_create(&(struct decode_limits){1 << 20, 256, 16});
	engine.task = task_create(&engine.config->options, key, 1);
	engine.bytes = malloc((size_t)CHUNK_RECORDS * RECORD_BYTES_MAX);
	CHECK(engine.bytes);
	run(&engine);
	task_destroy(engine.task);
	decoder_destroy(engine.decoder);
	config_destroy(engine.config);
	free(engine.bytes);
	return 0;
}
