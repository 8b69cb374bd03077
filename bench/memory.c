/* Memory: what a person and what an ad costs. One JSON line on stdout.
 *
 * Persons come from an ad, open the chat, write, are answered, and write and are answered once more: six
 * events, all kept. Beside a person stands what remains of his click: who claimed it. The ad is one with an
 * event each minute for 28 days; its memory is what the allocator gave for it. */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/decode/decode.h"
#include "core/pipeline.h"
#include "daemon/load_config.h"

enum { RECORD_BYTES = 512, MINUTE_MS = 60000, AD_MINUTES = 28 * 24 * 60, ID_BYTES = 11 };

struct memory {
	struct config *config;
	struct decoder *decoder;
	struct task *task;
	uint64_t random;
};

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct memory *memory = ctx;
	(void)item;
	CHECK(task_event(memory->task, 0, event, ~0u, TIME_NONE).class == CLASS_APPLIED);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	(void)ctx, (void)reason, (void)item;
	fprintf(stderr, "bench_memory: an event is rejected: %s\n", detail);
	exit(1);
}

/* As much of an id as no two have in common: 66 bits. */
static const char *make_id(struct memory *memory, char text[ID_BYTES + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (int i = 0; i < ID_BYTES; i++) {
		memory->random = memory->random * 6364136223846793005 + 1442695040888963407;
		text[i] = digits[memory->random >> 58];
	}
	text[ID_BYTES] = '\0';
	return text;
}

__attribute__((format(printf, 2, 3)))
static void put(struct memory *memory, const char *format, ...)
{
	char record[RECORD_BYTES];
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(record, sizeof(record), format, arguments);
	va_end(arguments);
	CHECK(len > 0 && len < RECORD_BYTES);
	decode_record(memory->decoder, (struct slice){record, (size_t)len},
		      &(struct decode_sink){take_event, take_reject, memory});
}

static void put_click(struct memory *memory, int64_t at_ms, const char *click)
{
	char id[ID_BYTES + 1];
	put(memory,
	    "{\"type\":\"click\",\"id\":\"clk-%s\",\"ts\":%lld,\"click_id\":\"ARA%s\","
	    "\"account\":\"act_1\",\"ad\":\"120226332654435761\",\"cost\":\"1.93\",\"currency\":\"USD\"}",
	    make_id(memory, id), (long long)at_ms, click);
	put(memory,
	    "{\"type\":\"open\",\"id\":\"opn-%s\",\"ts\":%lld,\"click_id\":\"ARA%s\","
	    "\"account\":\"act_1\",\"ad\":\"120226332654435761\"}",
	    make_id(memory, id), (long long)at_ms + 4321, click);
}

static void put_message(struct memory *memory, int64_t at_ms, long person, const char *way, const char *more)
{
	char id[ID_BYTES + 1];
	put(memory,
	    "{\"type\":\"message\",\"id\":\"wamid.HBgN%sFQIAERgS\",\"ts\":%lld,\"user\":\"5521%09ld\","
	    "\"account\":\"act_1\",\"direction\":\"%s\",\"words\":9%s}",
	    make_id(memory, id), (long long)at_ms, person, way, more);
}

static void put_person(struct memory *memory, int64_t at_ms, long person)
{
	char click[ID_BYTES + 1], more[80];
	make_id(memory, click);
	put_click(memory, at_ms, click);
	snprintf(more, sizeof(more), ",\"ad\":\"120226332654435761\",\"click_id\":\"ARA%s\"", click);
	put_message(memory, at_ms + 31000, person, "in", more);
	put_message(memory, at_ms + 65000, person, "out", "");
	put_message(memory, at_ms + 190000, person, "in", "");
	put_message(memory, at_ms + 250000, person, "out", "");
}

static size_t bytes_of(void *piece)
{
	return piece ? malloc_usable_size(piece) : 0;
}

static size_t ring_bytes(const struct series *series, const struct frame *frame, size_t g)
{
	size_t bytes = bytes_of(series->people_rings[g]);
	if (!series->rings || !series->rings[g])
		return bytes;
	bytes += bytes_of(series->rings[g]);
	for (uint32_t i = 0; i < frame->grains[g].pane_count; i++)
		bytes += bytes_of(series->rings[g][i]);
	return bytes;
}

static size_t series_bytes(const struct series *series, const struct frame *frame)
{
	size_t bytes = sizeof(*series) + bytes_of((char *)series->id.data) + bytes_of(series->ends) +
		       bytes_of(series->rings) + bytes_of(series->totals) + bytes_of(series->people_rings) +
		       bytes_of(series->people_totals) + bytes_of(series->history) + bytes_of(series->steps) +
		       bytes_of(series->persons) + bytes_of(series->hours.entries) +
		       bytes_of(series->days.entries);
	for (size_t g = 0; g < frame->grain_count; g++)
		bytes += ring_bytes(series, frame, g);
	for (size_t w = 0; series->totals && w < frame->window_count; w++)
		bytes += bytes_of(series->totals[w].bins);
	for (size_t i = 0; i < series->history_count; i++)
		bytes += bytes_of(series->history[i].pane);
	return bytes;
}

static void create_task(struct memory *memory)
{
	static const unsigned char key[16] = "0123456789abcdef";
	memory->task = task_create(&memory->config->options, key, 1);
}

static size_t measure_ad(struct memory *memory)
{
	create_task(memory);
	int64_t at_ms = INT64_C(1772409600000);
	for (long i = 0; i < AD_MINUTES / 6; i++, at_ms += 6 * MINUTE_MS) {
		char click[ID_BYTES + 1];
		put_click(memory, at_ms, make_id(memory, click));
		put_message(memory, at_ms + 1 * MINUTE_MS, i, "in", ",\"ad\":\"120226332654435761\"");
		put_message(memory, at_ms + 3 * MINUTE_MS, i, "out", "");
		put_message(memory, at_ms + 4 * MINUTE_MS, i, "in", "");
		put_message(memory, at_ms + 5 * MINUTE_MS, i, "out", "");
	}
	window_settle(&memory->task->window);
	uint32_t ad = join_intern_ad(&memory->task->join, slice_from("120226332654435761"));
	size_t bytes = series_bytes(&memory->task->series.series[ad], &memory->task->series.frame);
	task_destroy(memory->task);
	return bytes;
}

int main(int argc, char **argv)
{
	struct memory memory = {.config = load_config(NULL, CONFIG_NEED_NOTHING), .random = 1};
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	CHECK(memory.config && count > 0);
	memory.decoder = decoder_create(&(struct decode_limits){1 << 20, 256, 16});
	create_task(&memory);
	for (long i = 0; i < count; i++)
		put_person(&memory, INT64_C(1772409600000) + i, i);
	struct people *people = memory.task->people;
	CHECK(people_count(people) == 2 * (size_t)count);
	struct key128 key = join_user_key(&memory.task->join, slice_from("5521000000000"));
	size_t blob_bytes = people_find(people, key).len, all_bytes = people_used_bytes(people);
	size_t held_bytes = people_held_bytes(people);
	task_destroy(memory.task);
	printf("{\"persons\":%ld,\"blob_bytes\":%zu,\"bytes_per_person\":%.1f,\"held_per_person\":%.1f,"
	       "\"ad_bytes\":%zu}\n",
	       count, blob_bytes, (double)all_bytes / (double)count, (double)held_bytes / (double)count,
	       measure_ad(&memory));
	decoder_destroy(memory.decoder);
	config_destroy(memory.config);
	return 0;
}
