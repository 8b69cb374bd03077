#include "daemon/replay_sort.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/buffer.h"
#include "daemon/replay_lines.h"
#include "daemon/uring_reader.h"

struct sorted_event {
	int64_t ts_ms;
	size_t at; /* in the texts, then from there */
	size_t id_at;
	uint32_t len;
	uint16_t id_len;
	uint16_t type;
};

struct sorted_events {
	struct buffer texts; /* each event, then its id */
	struct sorted_event *events;
	size_t count;
	size_t capacity;
};

struct decoder *replay_decoder(const struct config *config)
{
	return decoder_create(&(struct decode_limits){
		.record_bytes = (size_t)config->limits.record_bytes,
		.id_bytes = (size_t)config->limits.id_bytes,
		.depth = config->limits.depth,
	});
}

static void keep_event(void *ctx, const struct event *event, struct slice item)
{
	struct sorted_events *events = ctx;
	if (events->count == events->capacity) {
		events->capacity = events->capacity ? 2 * events->capacity : 1024;
		events->events = realloc(events->events, events->capacity * sizeof(*events->events));
		CHECK(events->events);
	}
	events->events[events->count++] = (struct sorted_event){
		event->ts_ms, events->texts.len, events->texts.len + item.len,
		(uint32_t)item.len, (uint16_t)event->id.len, (uint16_t)event->type};
	buffer_put(&events->texts, item.data, item.len);
	buffer_put(&events->texts, event->id.data, event->id.len);
}

static void leave_out(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	(void)ctx, (void)reason, (void)detail, (void)item;
}

static bool read_file(struct sorted_events *events, struct decoder *decoder, const char *path, char *error,
		      size_t error_size)
{
	const struct decode_sink sink = {keep_event, leave_out, events};
	struct uring_reader *reader = uring_reader_open(path, 0);
	struct slice chunk;
	int result;
	while ((result = uring_reader_next(reader, &chunk)) > 0)
		for (struct slice line; line_next(&chunk, &line);)
			decode_record(decoder, line, &sink);
	if (result < 0)
		snprintf(error, error_size, "%s", uring_reader_error(reader));
	uring_reader_close(reader);
	return result == 0;
}

static struct slice text_at(const struct sorted_events *events, size_t at, size_t len)
{
	return (struct slice){events->texts.data + at, len};
}

static int compare_events(const void *a, const void *b, void *ctx)
{
	const struct sorted_event *left = a, *right = b;
	if (left->ts_ms != right->ts_ms)
		return left->ts_ms < right->ts_ms ? -1 : 1;
	if (left->type != right->type)
		return left->type < right->type ? -1 : 1;
	int order = slice_compare(text_at(ctx, left->id_at, left->id_len),
				  text_at(ctx, right->id_at, right->id_len));
	return order ? order : slice_compare(text_at(ctx, left->at, left->len),
					     text_at(ctx, right->at, right->len));
}

struct sorted_events *sorted_events_read(const struct config *config, char *const *paths, size_t path_count,
					 char *error, size_t error_size)
{
	struct sorted_events *events = calloc(1, sizeof(*events));
	CHECK(events);
	struct decoder *decoder = replay_decoder(config);
	bool is_read = true;
	for (size_t i = 0; i < path_count && is_read; i++)
		is_read = read_file(events, decoder, paths[i], error, error_size);
	decoder_destroy(decoder);
	if (!is_read) {
		sorted_events_destroy(events);
		return NULL;
	}
	if (events->count)
		qsort_r(events->events, events->count, sizeof(*events->events), compare_events, events);
	return events;
}

void sorted_events_destroy(struct sorted_events *events)
{
	if (!events)
		return;
	buffer_destroy(&events->texts);
	free(events->events);
	free(events);
}

size_t sorted_events_count(const struct sorted_events *events)
{
	return events->count;
}

struct slice sorted_events_at(const struct sorted_events *events, size_t at)
{
	return text_at(events, events->events[at].at, events->events[at].len);
}
