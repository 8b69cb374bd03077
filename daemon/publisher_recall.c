#include <inttypes.h>
#include <stdlib.h>

#include "daemon/log.h"
#include "daemon/publisher_private.h"

enum { START_MS = 5000, TRY_AGAIN_MS = 1000, RECORDS_AT_ONCE = 500, TURN_RECORDS = 20000 };
enum { CLOCKS_MS = 60000 /* how far the clocks of machines may be apart */ };

static struct recall *recall_of(struct publisher *publisher)
{
	return &publisher->merging.recall;
}

void publisher_recall_begin(struct publisher *publisher)
{
	*recall_of(publisher) = (struct recall){.since_ms = INT64_MAX, .begun_ms = INT64_MAX};
}

static void stop_reading(struct recall *recall)
{
	for (size_t i = 0; i < RECALL_TOPIC_COUNT; i++) {
		kafka_in_destroy(recall->in[i]);
		recall->in[i] = NULL;
	}
}

void publisher_recall_end(struct publisher *publisher)
{
	stop_reading(recall_of(publisher));
	buffer_destroy(&recall_of(publisher)->rows);
}

void publisher_recall_ask(struct publisher *publisher, int64_t since_ms)
{
	struct recall *recall = recall_of(publisher);
	int64_t lost_ms = (int64_t)(wall_micros() / 1000) - publisher->config->options.lateness_ms;
	since_ms = (since_ms == TIME_NONE ? lost_ms : since_ms) - CLOCKS_MS;
	if (since_ms < recall->since_ms)
		recall->since_ms = since_ms > 0 ? since_ms : 0;
}

void publisher_recall_again(struct publisher *publisher)
{
	struct recall *recall = recall_of(publisher);
	stop_reading(recall);
	recall->begun_ms = INT64_MAX;
	recall->since_ms = (int64_t)(wall_micros() / 1000) - 2 * CLOCKS_MS;
}

/* ---- Reading ---- */

static bool open_topic(struct publisher *publisher, size_t topic, struct kafka_error *error)
{
	struct recall *recall = recall_of(publisher);
	size_t count = (size_t)publisher->recall_partitions[topic];
	int32_t partitions[count];
	const char *name = topic == TOPIC_CURRENT ? publisher->config->kafka.outputs.current
						  : publisher->config->kafka.outputs.history;
	for (size_t i = 0; i < count; i++)
		partitions[i] = (int32_t)i;
	if (!recall->in[topic])
		recall->in[topic] = kafka_in_create(&(struct kafka_in_options){
			.connection = publisher->connection,
			.name = "recall",
			.group = publisher->config->kafka.group,
			.topics = &name,
			.topic_count = 1,
			.tasks = partitions,
			.task_count = count,
			.prefetch_bytes = RECALL_PREFETCH_BYTES,
		}, error);
	const int64_t since = KAFKA_IN_SINCE(recall->since_ms);
	for (size_t i = 0; i < count && recall->in[topic]; i++)
		if (!kafka_in_start_task(recall->in[topic], (int32_t)i, &since, NULL, START_MS, error))
			return false;
	return recall->in[topic] != NULL;
}

/* Without a right to read rows go out all the same. */
static void begin_reading(struct publisher *publisher)
{
	struct recall *recall = recall_of(publisher);
	struct kafka_error error;
	if (loop_now_ms() < recall->next_try_ms)
		return;
	for (size_t topic = 0; topic < RECALL_TOPIC_COUNT; topic++) {
		if (open_topic(publisher, topic, &error))
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

/* Whether a topic is read to where it ended when its reading began. */
static bool read_topic(struct publisher *publisher, size_t topic, size_t *count)
{
	struct kafka_in *in = recall_of(publisher)->in[topic];
	bool is_done = true;
	kafka_in_poll(in);
	for (int32_t i = 0; i < publisher->recall_partitions[topic]; i++) {
		while (*count < TURN_RECORDS) {
			size_t taken = kafka_in_consume(in, 0, i, RECORDS_AT_ONCE, take_row, publisher);
			*count += taken;
			if (taken < RECORDS_AT_ONCE)
				break;
		}
		int64_t end = kafka_in_end_offsets(in)[kafka_in_index(in, 0, i)];
		bool is_stuck = kafka_in_problem(in, 0, i)->kind == KAFKA_PROBLEM_GAP;
		is_done &= kafka_in_position(in, 0, i) >= end || kafka_in_at_end(in, 0, i) || is_stuck;
	}
	return is_done;
}

static bool read_all(struct publisher *publisher)
{
	size_t count = 0;
	bool is_done = true;
	for (size_t topic = 0; topic < RECALL_TOPIC_COUNT; topic++)
		is_done &= read_topic(publisher, topic, &count);
	return is_done;
}

bool publisher_recall_turn(struct publisher *publisher)
{
	struct recall *recall = recall_of(publisher);
	if (recall->since_ms < recall->begun_ms)
		begin_reading(publisher);
	if (!recall->in[0])
		return recall->since_ms >= recall->begun_ms;
	if (!read_all(publisher))
		return false;
	stop_reading(recall);
	log_info("rows that are out already were read back", "rows=%zu", recall->count);
	return recall->since_ms >= recall->begun_ms;
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
		merger_recall(publisher->merging.merger, &row, oldest_ms);
	}
	buffer_destroy(&recall->rows);
}
