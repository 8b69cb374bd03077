/* Engine: decode, join and window on one thread, from records in memory. One JSON line on stdout.
 *
 * Records are those of `ladderd generate`, made a chunk at a time between the timed parts: a chunk is
 * larger than the processor's caches, so the bytes come from memory as they would from a consumer. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/decode/decode.h"
#include "core/pipeline.h"
#include "daemon/generate_events.h"
#include "daemon/load_config.h"

enum { CHUNK_RECORDS = 500000, EVENT_BYTES_MAX = 1024 };

struct engine {
	uint64_t warm_count;
	uint64_t timed_count;
	struct generator_options feed;
	bool is_decode_only;
	struct config *config;
	struct task *task;
	struct decoder *decoder;
	char *bytes;
	uint32_t *lens;
	uint64_t decoded_count;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct engine *engine = ctx;
	(void)item;
	engine->decoded_count++;
	if (!engine->is_decode_only)
		task_event(engine->task, 0, event, ~0u, TIME_NONE);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	(void)ctx, (void)reason, (void)item;
	fprintf(stderr, "engine: a generated event is rejected: %s\n", detail);
	exit(1);
}

static size_t fill_chunk(struct engine *engine, struct generator *generator, uint64_t count)
{
	size_t filled = 0, at = 0;
	struct generated generated;
	while (filled < CHUNK_RECORDS && filled < count && generator_next(generator, &generated)) {
		memcpy(engine->bytes + at, generated.json.data, generated.json.len);
		at += generated.json.len;
		engine->lens[filled++] = (uint32_t)generated.json.len;
	}
	return filled;
}

static int64_t take_chunk(struct engine *engine, size_t count)
{
	const struct decode_sink sink = {take_event, take_reject, engine};
	const char *at = engine->bytes;
	int64_t begin_ns = now_ns();
	for (size_t i = 0; i < count; i++) {
		decode_record(engine->decoder, (struct slice){at, engine->lens[i]}, &sink);
		at += engine->lens[i];
	}
	return now_ns() - begin_ns;
}

static int64_t take_all(struct engine *engine, struct generator *generator, uint64_t count)
{
	int64_t spent_ns = 0;
	while (count) {
		size_t filled = fill_chunk(engine, generator, count);
		CHECK(filled);
		spent_ns += take_chunk(engine, filled);
		count -= filled;
	}
	return spent_ns;
}

static void run(struct engine *engine)
{
	struct generator *generator = generator_create(&engine->feed);
	take_all(engine, generator, engine->warm_count);
	engine->decoded_count = 0;
	int64_t spent_ns = take_all(engine, generator, engine->timed_count);
	generator_destroy(generator);
	size_t people = people_count(engine->task->people);
	printf("{\"events\":%" PRIu64 ",\"ns_per_event\":%.1f,\"events_per_second\":%.0f,\"people\":%zu,"
	       "\"people_bytes\":%zu}\n",
	       engine->decoded_count, (double)spent_ns / (double)engine->decoded_count,
	       (double)engine->decoded_count * 1e9 / (double)spent_ns, people,
	       people_used_bytes(engine->task->people));
}

int main(int argc, char **argv)
{
	struct engine engine = {.warm_count = 1000000, .timed_count = 1000000};
	engine.feed = (struct generator_options){
		.seed = 1, .start_ms = 1772409600000, .span_ms = INT64_C(28) * 86400000,
		.people_count = 125000, .ad_count = 100, .account_count = 3, .haste = 1};
	static const struct option options[] = {
		{"warm", 1, NULL, 'w'},   {"events", 1, NULL, 'e'}, {"people", 1, NULL, 'p'},
		{"ads", 1, NULL, 'a'},    {"late", 1, NULL, 'l'},   {"decode-only", 0, NULL, 'd'},
		{NULL, 0, NULL, 0}};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'w') engine.warm_count = strtoull(optarg, NULL, 10);
		else if (option == 'e') engine.timed_count = strtoull(optarg, NULL, 10);
		else if (option == 'p') engine.feed.people_count = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'a') engine.feed.ad_count = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'l') engine.feed.late_permille = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'd') engine.is_decode_only = true;
		else return 2;
	}
	engine.feed.event_count = UINT64_MAX;
	engine.feed.events_per_span = engine.warm_count + engine.timed_count;
	static const unsigned char key[16] = "0123456789abcdef";
	engine.decoder = decoder_create(&(struct decode_limits){1 << 20, 256, 16});
	engine.config = load_config(NULL, CONFIG_NEED_NOTHING);
	CHECK(engine.config);
	engine.task = task_create(&engine.config->options, key, 1);
	engine.bytes = malloc((size_t)CHUNK_RECORDS * EVENT_BYTES_MAX);
	engine.lens = malloc(CHUNK_RECORDS * sizeof(*engine.lens));
	run(&engine);
	return 0;
}
