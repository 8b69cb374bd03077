#include <inttypes.h>
#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/log.h"
#include "daemon/publisher_private.h"

enum { TRY_AGAIN_MS = 1000, TURN_RECORDS = 10000 /* of each topic */ };
enum { CLOCKS_MS = 60000 /* how far the clocks of machines may be apart */ };

static struct recall *recall_of(struct publisher *publisher)
{
	return &publisher->merging.recall;
}

void publisher_recall_begin(struct publisher *publisher)
{
	*recall_of(publisher) = (struct recall){.since_ms = INT64_MAX, .begun_ms = INT64_MAX,
						    .time_ms = INT64_MAX};
}

static void stop_reading(struct recall *recall)
{
	for (size_t i = 0; i < RECALL_TOPIC_COUNT; i++) {
		read_back_end(recall->reading[i]);
		recall->reading[i] = NULL;
	}
}

void publisher_recall_end(struct publisher *publisher)
{
	stop_reading(recall_of(publisher));
	buffer_destroy(&recall_of(publisher)->rows);
}

void publisher_recall_ask(struct publisher *publisher, int64_t since_ms, int64_t time_ms)
{
	struct recall *recall = recall_of(publisher);
	if (time_ms < recall->time_ms)
		recall->time_ms = time_ms;
	int64_t lost_ms = (int64_t)(wall_micros() / 1000) - publisher->config->options.lateness_ms;
	since_ms = (since_ms == TIME_NONE ? lost_ms : since_ms) - CLOCKS_MS;
	if (since_ms >= recall->since_ms)
		return;
	recall->since_ms = since_ms > 0 ? since_ms : 0;
	recall->is_again = false;
}

static bool is_all_read(const struct recall *recall)
{
	return !recall->reading[0] && recall->since_ms >= recall->begun_ms;
}

void publisher_recall_again(struct publisher *publisher, int64_t past_ms)
{
	struct recall *recall = recall_of(publisher);
	int64_t since_ms = (int64_t)(wall_micros() / 1000) - past_ms - 2 * CLOCKS_MS;
	recall->is_again = is_all_read(recall);
	if (recall->is_again || since_ms < recall->since_ms)
		recall->since_ms = since_ms;
	stop_reading(recall);
	recall->begun_ms = INT64_MAX;
}

/* ---- Reading ---- */

static struct read_back *open_topic(struct publisher *publisher, size_t topic, struct kafka_error *error)
{
	return read_back_begin(&(struct read_back_options){
		.connection = publisher->connection,
		.group = publisher->config->kafka.group,
		.topic = publisher_topic(publisher->config, topic),
		.partition_count = publisher->partition_counts[topic],
		.since_ms = recall_of(publisher)->since_ms,
	}, error);
}

/* Without a right to read rows go out all the same. */
static void begin_reading(struct publisher *publisher)
{
	struct recall *recall = recall_of(publisher);
	struct kafka_error error;
	if (loop_now_ms() < recall->next_try_ms)
		return;
	CRASH_POINT(recall_begins);
	stop_reading(recall);
	for (size_t topic = 0; topic < RECALL_TOPIC_COUNT; topic++) {
		recall->reading[topic] = open_topic(publisher, topic, &error);
		if (recall->reading[topic])
			continue;
		log_warn("rows that are out already cannot be read back", "why=%s",
			 log_quoted(error.text).text);
		recall->next_try_ms = loop_now_ms() + TRY_AGAIN_MS;
		if (error.fault != KAFKA_FAULT_RETRY)
			recall->begun_ms = 0;
		stop_reading(recall);
		return;
	}
	recall->begun_ms = recall->since_ms;
}

static void take_row(void *ctx, const struct kafka_record *record)
{
	struct publisher *publisher = ctx;
	struct recalled row;
	if (!recall_read(record->key, record->value, &row))
		return;
	merger_note_revision(publisher->merging.merger, revision_beyond(row.revision));
	buffer_put_text(&recall_of(publisher)->rows, row.key);
	buffer_put_signed(&recall_of(publisher)->rows, row.from_ms);
	buffer_put_signed(&recall_of(publisher)->rows, row.to_ms);
	recall_of(publisher)->count++;
}

static bool read_all(struct publisher *publisher)
{
	bool is_done = true;
	for (size_t topic = 0; topic < RECALL_TOPIC_COUNT; topic++)
		is_done &= read_back_turn(recall_of(publisher)->reading[topic], TURN_RECORDS, take_row,
					  publisher);
	return is_done;
}

bool publisher_recall_turn(struct publisher *publisher)
{
	struct recall *recall = recall_of(publisher);
	if (recall->since_ms < recall->begun_ms)
		begin_reading(publisher);
	if (recall->reading[0] && read_all(publisher)) {
		CRASH_POINT(recall_ends);
		stop_reading(recall);
		log_info("rows that are out already were read back", "rows=%zu", recall->count);
	}
	return recall->is_again || is_all_read(recall);
}

/* ---- Taking back ---- */

void publisher_recall_apply(struct publisher *publisher)
{
	struct recall *recall = recall_of(publisher);
	int64_t oldest_ms = merger_oldest_hour_ms(publisher->merging.merger);
	struct reader reader = reader_of(buffer_slice(&recall->rows));
	while (!reader_at_end(&reader)) {
		struct recalled row = {.key = reader_text(&reader)};
		row.from_ms = reader_signed(&reader);
		row.to_ms = reader_signed(&reader);
		merger_recall(publisher->merging.merger, &row, oldest_ms, recall->time_ms);
	}
	buffer_destroy(&recall->rows);
}
