#include "daemon/reshard_keys.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/kafka_in.h"
#include "daemon/loop.h"
#include "daemon/shuffle.h"
#include "daemon/task_trace.h"

enum { RECORDS_MAX = 1000, START_MS = 10000, SILENCE_MS = 30000, WAIT_MS = 100, AT_ONCE = 100 };
enum { PREFETCH_BYTES = 16 << 20 };

/* A partition: what is looked at of it, and what was found. */
struct look {
	int64_t end;              /* the offset that is read next */
	struct kafka_trace trace; /* of the record that was read last */
	bool is_over;
	bool is_known_log;        /* that record is there */
	uint64_t looked_at;
	int64_t stray;            /* the first record that lies elsewhere, -1: none does */
	uint32_t belongs;
};

struct keys {
	const struct config *config;
	struct kafka_in *in;
	size_t topic_count;
	size_t task_count;
	struct look *looks;       /* by topic, then task */
	size_t task;              /* being read, of this: */
	struct look *look;
	uint64_t record_count;
};

static struct look *look_of(struct keys *keys, size_t topic, size_t task)
{
	return &keys->looks[topic * keys->task_count + task];
}

static size_t find_topic(const struct keys *keys, struct slice topic)
{
	const struct config_inputs *inputs = &keys->config->kafka.inputs;
	size_t at = 0;
	while (at < inputs->count && !slice_equal(slice_from(inputs->items[at].topic), topic))
		at++;
	return at;
}

static void take_offsets(struct keys *keys, size_t task, struct slice vector)
{
	struct reader reader = reader_of(vector);
	uint64_t count = reader_unsigned(&reader);
	for (uint64_t i = 0; i < count && !reader.failed; i++) {
		size_t topic = find_topic(keys, reader_text(&reader));
		int64_t offset = reader_signed(&reader);
		if (topic < keys->topic_count && !reader.failed)
			look_of(keys, topic, task)->end = offset;
	}
}

static void take_traces(struct keys *keys, size_t task, struct slice rest)
{
	struct reader reader = reader_of(rest);
	reader_signed(&reader);
	uint64_t count = reader_unsigned(&reader);
	for (uint64_t i = 0; i < count && !reader.failed; i++) {
		struct task_trace trace = task_trace_read(&reader);
		size_t topic = find_topic(keys, trace.topic);
		if (topic < keys->topic_count && !reader.failed)
			look_of(keys, topic, task)->trace = trace.trace;
	}
}

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct keys *keys = ctx;
	struct look *look = keys->look;
	keys->record_count++;
	if (record->offset >= look->end)
		return;
	if (record->offset == look->trace.offset)
		look->is_known_log = kafka_in_print(record->key, record->value) == look->trace.print;
	if (record->key.len == 0)
		return;
	look->looked_at++;
	uint32_t belongs = partition_of_key(config_shuffle(keys->config).users, record->key,
					    keys->config->kafka.home_partitions);
	if (belongs == keys->task || look->stray >= 0)
		return;
	look->stray = record->offset;
	look->belongs = belongs;
}

/* Offsets from which nothing is left are none; of others what is left is looked at. */
static void pass_gap(struct keys *keys, size_t topic, size_t task)
{
	const struct kafka_problem *problem = kafka_in_problem(keys->in, topic, (int32_t)task);
	struct look *look = look_of(keys, topic, task);
	struct kafka_error ignored;
	if (problem->kind != KAFKA_PROBLEM_GAP)
		return;
	look->is_over = problem->log_start >= look->end || problem->log_start <= problem->wanted ||
			!kafka_in_seek(keys->in, topic, (int32_t)task, problem->log_start, &ignored);
}

/* How many partitions have more to come. */
static size_t read_round(struct keys *keys)
{
	size_t open_count = 0;
	for (size_t topic = 0; topic < keys->topic_count; topic++)
		for (size_t task = 0; task < keys->task_count; task++) {
			struct look *look = look_of(keys, topic, task);
			if (look->is_over)
				continue;
			keys->task = task;
			keys->look = look;
			kafka_in_consume(keys->in, topic, (int32_t)task, AT_ONCE, take_record, keys);
			pass_gap(keys, topic, task);
			look->is_over |= kafka_in_position(keys->in, topic, (int32_t)task) >= look->end ||
					 kafka_in_at_end(keys->in, topic, (int32_t)task);
			open_count += !look->is_over;
		}
	return open_count;
}

static bool read_all(struct keys *keys, struct kafka_error *error)
{
	uint64_t count_before = 0;
	int64_t heard_ms = loop_now_ms();
	while (read_round(keys) > 0) {
		struct pollfd ready = {.fd = kafka_in_fd(keys->in), .events = POLLIN};
		if (keys->record_count > count_before)
			heard_ms = loop_now_ms();
		else
			poll(&ready, 1, WAIT_MS);
		count_before = keys->record_count;
		if (loop_now_ms() - heard_ms > SILENCE_MS) {
			*error = (struct kafka_error){.fault = KAFKA_FAULT_RETRY};
			snprintf(error->text, sizeof(error->text), "the brokers do not send what the logs "
				 "hold");
			return false;
		}
		kafka_in_poll(keys->in);
	}
	return true;
}

static bool start(struct keys *keys, const struct kafka_connection *connection, struct kafka_error *error)
{
	const char *topics[keys->topic_count];
	int32_t tasks[keys->task_count];
	int64_t offsets[keys->topic_count * keys->task_count];
	for (size_t i = 0; i < keys->topic_count; i++)
		topics[i] = keys->config->kafka.inputs.items[i].topic;
	for (size_t i = 0; i < keys->task_count; i++)
		tasks[i] = (int32_t)i;
	keys->in = kafka_in_create(&(struct kafka_in_options){
		.connection = *connection,
		.name = "reshard",
		.group = keys->config->kafka.group,
		.topics = topics,
		.topic_count = keys->topic_count,
		.tasks = tasks,
		.task_count = keys->task_count,
		.prefetch_bytes = PREFETCH_BYTES,
	}, error);
	if (!keys->in)
		return false;
	for (size_t i = 0; i < keys->topic_count * keys->task_count; i++) {
		struct look *look = &keys->looks[i];
		look->is_over = look->end <= 0;
		offsets[i] = look->is_over ? KAFKA_IN_END
					   : look->end > RECORDS_MAX ? look->end - RECORDS_MAX : 0;
	}
	return kafka_in_start(keys->in, offsets, START_MS, error);
}

static void sum_up(struct keys *keys, struct keys_seen *seen)
{
	*seen = (struct keys_seen){0};
	for (size_t topic = 0; topic < keys->topic_count; topic++)
		for (size_t task = 0; task < keys->task_count; task++) {
			const struct look *look = look_of(keys, topic, task);
			if (!look->is_known_log)
				continue;
			seen->looked_at += look->looked_at;
			if (look->stray < 0 || seen->topic)
				continue;
			seen->topic = keys->config->kafka.inputs.items[topic].topic;
			seen->partition = (int32_t)task;
			seen->offset = look->stray;
			seen->belongs = look->belongs;
		}
}

bool reshard_look_at_keys(const struct config *config, const struct kafka_connection *connection,
			  const struct stored_task *const *tasks, size_t task_count, struct keys_seen *seen,
			  struct kafka_error *error)
{
	struct keys keys = {.config = config, .topic_count = config->kafka.inputs.count,
			    .task_count = task_count};
	keys.looks = calloc(keys.topic_count * task_count, sizeof(*keys.looks));
	CHECK(keys.looks);
	for (size_t i = 0; i < keys.topic_count * task_count; i++)
		keys.looks[i] = (struct look){.trace = {.offset = -1}, .stray = -1};
	for (size_t task = 0; task < task_count; task++) {
		if (shuffle_mode_home_count(tasks[task]->head.shuffle_mode))
			continue;
		take_offsets(&keys, task, buffer_slice(&tasks[task]->vector));
		take_traces(&keys, task, buffer_slice(&tasks[task]->rest));
	}
	bool is_done = start(&keys, connection, error) && read_all(&keys, error);
	if (is_done)
		sum_up(&keys, seen);
	kafka_in_destroy(keys.in);
	free(keys.looks);
	return is_done;
}
