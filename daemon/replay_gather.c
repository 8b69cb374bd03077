#include "daemon/replay_gather.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/load_config.h"
#include "daemon/replay_lines.h"
#include "daemon/uring_reader.h"

enum { ALIGNMENT = 8, BLOCK_BYTES = 32 << 10 };

static size_t padded(size_t len)
{
	return (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct gather *gather_create(const struct config *config, const unsigned char identity_key[16])
{
	struct gather *gather = calloc(1, sizeof(*gather));
	CHECK(gather);
	gather->config = config;
	gather->decoder = decoder_create(&(struct decode_limits){
		.record_bytes = (size_t)config->limits.record_bytes,
		.id_bytes = (size_t)config->limits.id_bytes,
		.depth = config->limits.depth,
	});
	gather->task = task_create(&config->options, identity_key, 1);
	gather->max_ms = TIME_NONE;
	gather->type_mask = config_type_mask(config);
	return gather;
}

void gather_destroy(struct gather *gather)
{
	decoder_destroy(gather->decoder);
	task_destroy(gather->task);
	for (size_t i = 0; i < PEOPLE_PARTITIONS; i++)
		fact_pile_destroy(&gather->facts[i]);
	fact_pile_destroy(&gather->by_click);
	buffer_destroy(&gather->claims);
	buffer_destroy(&gather->claim_ids);
	free(gather);
}

void fact_pile_destroy(struct fact_pile *pile)
{
	for (struct fact_block *next; pile->first; pile->first = next) {
		next = pile->first->next;
		free(pile->first);
	}
	pile->last = NULL;
}

static char *pile_reserve(struct fact_pile *pile, size_t len)
{
	if (!pile->last || pile->last->capacity - pile->last->len < len) {
		size_t capacity = BLOCK_BYTES - sizeof(*pile->last);
		capacity = capacity < len ? len : capacity;
		struct fact_block *block = malloc(sizeof(*block) + capacity);
		CHECK(block);
		*block = (struct fact_block){.capacity = capacity};
		*(pile->last ? &pile->last->next : &pile->first) = block;
		pile->last = block;
	}
	pile->last->len += len;
	return pile->last->bytes + pile->last->len - len;
}

static void put_fact(struct fact_pile *pile, const struct gathered *gathered, struct slice id)
{
	char *place = pile_reserve(pile, sizeof(*gathered) + padded(id.len));
	memcpy(place, gathered, sizeof(*gathered));
	memcpy(place + sizeof(*gathered), id.data, id.len);
}

void gather_put(struct gather *gather, const struct gathered *gathered, struct slice id)
{
	put_fact(&gather->facts[gathered->key.low % PEOPLE_PARTITIONS], gathered, id);
}

static void gather_fact(struct gather *gather, const struct event *event, uint32_t ad)
{
	const struct join *join = &gather->task->join;
	struct key128 click = join_click_key(join, event->click_id);
	struct gathered gathered = {.fact = join_fact(&gather->task->join, event, ad)};
	gathered.key = event->user.len ? join_user_key(join, event->user) : click;
	gathered.fact.id_len = (uint16_t)event->id.len;
	if (gathered.fact.is_by_click)
		put_fact(&gather->by_click, &gathered, event->id);
	else
		gather_put(gather, &gathered, event->id);
	if (event->user.len == 0 || event->click_id.len == 0)
		return;
	struct gathered_claim claim = {
		.click = click,
		.claim = {.person = gathered.key, .time_ms = event->ts_ms, .id_len = (uint16_t)event->id.len,
			  .tie = claim_tie(event->user)},
		.id_at = gather->claim_ids.len,
	};
	buffer_put(&gather->claims, &claim, sizeof(claim));
	buffer_put(&gather->claim_ids, event->id.data, event->id.len);
}

static void gather_report(struct gather *gather, const struct event *event, uint32_t series)
{
	struct report report = report_of_event(event);
	struct ad_facts *ad = task_ad(gather->task, series);
	bool is_new = reports_put(&ad->reports, &report);
	gather->counts.classes[is_new ? CLASS_APPLIED : CLASS_DUPLICATE]++;
}

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct gather *gather = ctx;
	enum reason reason;
	(void)item;
	if (!(gather->type_mask >> event->type & 1)) {
		gather->counts.classes[CLASS_IGNORED]++;
		return;
	}
	if (event_is_rejected(&gather->config->options, event, TIME_NONE, &reason)) {
		gather->counts.classes[CLASS_REJECTED]++;
		gather->counts.reasons[reason]++;
		return;
	}
	if (event->ts_ms > gather->max_ms)
		gather->max_ms = event->ts_ms;
	uint32_t ad = SERIES_NONE;
	if (event->ad.len) {
		ad = join_intern_ad(&gather->task->join, event->ad);
		names_note_event(&task_ad(gather->task, ad)->names, event);
	}
	if (event->type == EVENT_SPEND) {
		gather_report(gather, event, ad);
		return;
	}
	gather->counts.classes[CLASS_APPLIED]++;
	gather_fact(gather, event, ad);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct gather *gather = ctx;
	(void)detail;
	(void)item;
	gather->counts.classes[CLASS_REJECTED]++;
	gather->counts.reasons[reason]++;
}

static void gather_lines(struct gather *gather, struct slice chunk)
{
	const struct decode_sink sink = {take_event, take_reject, gather};
	size_t len = chunk.len;
	for (struct slice line; line_next(&chunk, &line);)
		decode_record(gather->decoder, line, &sink);
	/* for the progress */
	__atomic_store_n(&gather->bytes_read, gather->bytes_read + len, __ATOMIC_RELAXED);
}

void gather_record(struct gather *gather, struct slice value, unsigned type_mask)
{
	const struct decode_sink sink = {take_event, take_reject, gather};
	gather->type_mask = type_mask;
	decode_record(gather->decoder, value, &sink);
}

bool gather_file(struct gather *gather, const char *path, uint64_t begin, uint64_t end)
{
	struct uring_reader *reader =
		end ? uring_reader_open_range(path, begin, end, 0) : uring_reader_open(path, 0);
	struct slice chunk;
	int result;
	while ((result = uring_reader_next(reader, &chunk)) > 0)
		gather_lines(gather, chunk);
	if (result < 0)
		snprintf(gather->error, sizeof(gather->error), "%s", uring_reader_error(reader));
	uring_reader_close(reader);
	return result == 0;
}

const struct gathered *gather_next(struct fact_place *place, struct slice *id)
{
	while (place->block && place->at == place->block->len)
		*place = (struct fact_place){place->block->next, 0};
	if (!place->block)
		return NULL;
	const struct gathered *gathered = (const struct gathered *)(place->block->bytes + place->at);
	*id = (struct slice){(const char *)(gathered + 1), gathered->fact.id_len};
	place->at += sizeof(*gathered) + padded(id->len);
	return gathered;
}
