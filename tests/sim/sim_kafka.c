#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "daemon/kafka_group.h"
#include "daemon/kafka_in.h"
#include "daemon/kafka_out.h"
#include "tests/sim/sim.h"

enum { TOPICS_MAX = 16, FEW_RECORDS = 3 };

static struct {
	struct sim_topic topics[TOPICS_MAX];
	size_t topic_count;
	struct kafka_out *outs;
	int64_t up_us; /* the brokers are away until then */
	bool is_calm;
} kafka;

/* ---- Records ---- */

/* Of no log yet; the memory is one piece. */
static struct sim_record record_create(struct slice key, struct slice value)
{
	CHECK(key.len + value.len);
	char *piece = malloc(key.len + value.len);
	CHECK(piece);
	if (key.len)
		memcpy(piece, key.data, key.len);
	if (value.len)
		memcpy(piece + key.len, value.data, value.len);
	return (struct sim_record){.key = {key.len ? piece : NULL, key.len},
				   .value = {value.len ? piece + key.len : NULL, value.len}};
}

static char *piece_of(const struct sim_record *record)
{
	return (char *)(record->key.data ? record->key.data : record->value.data);
}

/* ---- Topics ---- */

static bool is_away(void)
{
	return sim_now_us() < kafka.up_us;
}

void sim_kafka_begin(void)
{
	kafka.topic_count = 0;
	kafka.up_us = 0;
	kafka.is_calm = false;
}

void sim_log_destroy(struct sim_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(piece_of(&log->records[i]));
	free(log->records);
	free(log->index);
	*log = (struct sim_log){0};
}

void sim_kafka_end(void)
{
	CHECK(!kafka.outs);
	for (size_t i = 0; i < kafka.topic_count * SIM_PARTITIONS_MAX; i++)
		sim_log_destroy(&kafka.topics[i / SIM_PARTITIONS_MAX].logs[i % SIM_PARTITIONS_MAX]);
}

struct sim_topic *sim_topic(const char *name)
{
	for (size_t i = 0; i < kafka.topic_count; i++)
		if (strcmp(kafka.topics[i].name, name) == 0)
			return &kafka.topics[i];
	CHECK(kafka.topic_count < TOPICS_MAX);
	struct sim_topic *topic = &kafka.topics[kafka.topic_count++];
	snprintf(topic->name, sizeof(topic->name), "%s", name);
	return topic;
}

void sim_topic_compact(const char *name)
{
	struct sim_topic *topic = sim_topic(name);
	for (size_t i = 0; i < SIM_PARTITIONS_MAX; i++)
		topic->logs[i].is_compacted = true;
}

/* ---- Logs ---- */

static uint32_t *place_of(const struct sim_log *log, struct slice key)
{
	size_t at = hash_text(key) % (2 * log->capacity);
	while (log->index[at] && !slice_equal(log->records[log->index[at] - 1].key, key))
		at = (at + 1) % (2 * log->capacity);
	return &log->index[at];
}

/* The record is the last of its key. */
static void enter(struct sim_log *log, size_t at)
{
	CHECK(log->records[at].key.data);
	uint32_t *place = place_of(log, log->records[at].key);
	if (*place)
		log->records[*place - 1].next = at;
	*place = (uint32_t)at + 1;
}

static void log_grow(struct sim_log *log)
{
	log->capacity = log->capacity ? 2 * log->capacity : 64;
	log->records = realloc(log->records, log->capacity * sizeof(*log->records));
	CHECK(log->records);
	if (!log->is_compacted)
		return;
	free(log->index);
	log->index = calloc(2 * log->capacity, sizeof(*log->index));
	CHECK(log->index);
	for (size_t i = 0; i < log->count; i++)
		if (log->records[i].next == SIM_LAST)
			enter(log, i);
}

static void append(struct sim_log *log, struct sim_record record)
{
	if (log->count == log->capacity)
		log_grow(log);
	record.wall_ms = sim_wall_ms();
	record.next = SIM_LAST;
	log->records[log->count++] = record;
	if (log->is_compacted)
		enter(log, log->count - 1);
}

void sim_append(struct sim_log *log, struct slice key, struct slice value)
{
	append(log, record_create(key, value));
}

void sim_kafka_clean(void)
{
	for (size_t i = 0; i < kafka.topic_count * SIM_PARTITIONS_MAX; i++) {
		struct sim_log *log = &kafka.topics[i / SIM_PARTITIONS_MAX].logs[i % SIM_PARTITIONS_MAX];
		if (log->is_compacted && log->count > log->clean && sim_chance(500))
			log->clean += 1 + sim_random(log->count - log->clean);
	}
}

size_t sim_log_start(const struct sim_log *log)
{
	return log->start_count ? log->starts[log->start_count - 1] : 0;
}

bool sim_log_delete(struct sim_log *log)
{
	size_t start = sim_log_start(log);
	if (log->start_count == SIM_STARTS_MAX || start == log->count)
		return false;
	size_t most = log->count - start; /* often it is near the end, where nobody has read yet */
	size_t kept = sim_random(sim_chance(700) && most > FEW_RECORDS ? FEW_RECORDS : most);
	log->starts[log->start_count++] = log->count - kept;
	return true;
}

static bool is_cleaned(const struct sim_log *log, const struct sim_record *record)
{
	return record->next < log->clean;
}

void sim_kafka_away(int64_t until_us)
{
	kafka.up_us = until_us;
}

void sim_kafka_calm(void)
{
	kafka.is_calm = true;
}

/* ---- kafka_in.h ---- */

struct reading {
	struct sim_log *log;
	bool is_started;
	bool is_paused;
	int64_t position;
	int64_t known_end; /* as the brokers last said */
	struct kafka_problem problem;
};

struct kafka_in {
	int32_t tasks[SIM_PARTITIONS_MAX];
	size_t task_count;
	size_t topic_count;
	struct reading readings[TOPICS_MAX * SIM_PARTITIONS_MAX];
	int64_t ends[TOPICS_MAX * SIM_PARTITIONS_MAX];
};

struct kafka_in *kafka_in_create(const struct kafka_in_options *options, struct kafka_error *error)
{
	(void)error;
	struct kafka_in *in = calloc(1, sizeof(*in));
	CHECK(in && options->topic_count <= TOPICS_MAX && options->task_count <= SIM_PARTITIONS_MAX);
	in->topic_count = options->topic_count;
	in->task_count = options->task_count;
	for (size_t i = 0; i < options->task_count; i++)
		in->tasks[i] = options->tasks[i];
	for (size_t i = 0; i < options->topic_count; i++)
		for (size_t j = 0; j < options->task_count; j++)
			in->readings[i * in->task_count + j].log =
				&sim_topic(options->topics[i])->logs[options->tasks[j]];
	return in;
}

void kafka_in_destroy(struct kafka_in *in)
{
	free(in);
}

size_t kafka_in_index(const struct kafka_in *in, size_t input, int32_t task)
{
	size_t at = 0;
	while (at < in->task_count && in->tasks[at] != task)
		at++;
	CHECK(at < in->task_count && input < in->topic_count);
	return input * in->task_count + at;
}

static struct reading *reading_of(struct kafka_in *in, size_t input, int32_t task)
{
	return &in->readings[kafka_in_index(in, input, task)];
}

static int64_t resolve(const struct sim_log *log, int64_t offset)
{
	int64_t end = (int64_t)log->count, at = (int64_t)sim_log_start(log);
	if (offset >= 0)
		return offset;
	if (offset > KAFKA_IN_SINCE(0))
		return offset == KAFKA_IN_END ? end : at;
	while (at < end && log->records[at].wall_ms < KAFKA_IN_SINCE(offset))
		at++;
	return at;
}

/* Whether the log still has what is read next. */
static bool has_next(struct reading *reading)
{
	int64_t start = (int64_t)sim_log_start(reading->log);
	if (reading->position < start && reading->problem.kind == KAFKA_PROBLEM_NONE)
		reading->problem = (struct kafka_problem){
			.kind = KAFKA_PROBLEM_GAP, .wanted = reading->position, .log_start = start,
			.log_end = (int64_t)reading->log->count};
	return reading->problem.kind == KAFKA_PROBLEM_NONE;
}

bool kafka_in_start_task(struct kafka_in *in, int32_t task, const int64_t *offsets,
			 const struct kafka_trace *traces, int timeout_ms, struct kafka_error *error)
{
	(void)traces, (void)timeout_ms;
	if (is_away() || (!kafka.is_calm && sim_chance(30))) {
		*error = (struct kafka_error){.fault = KAFKA_FAULT_RETRY, .text = "the brokers are away"};
		return false;
	}
	for (size_t i = 0; i < in->topic_count; i++) {
		struct reading *reading = reading_of(in, i, task);
		int64_t end = (int64_t)reading->log->count;
		reading->position = resolve(reading->log, offsets[i]);
		CHECK(reading->position >= 0 && reading->position <= end);
		reading->is_started = true;
		reading->is_paused = false;
		reading->problem.kind = KAFKA_PROBLEM_NONE;
		(void)has_next(reading);
		reading->known_end = in->ends[kafka_in_index(in, i, task)] = end;
	}
	return true;
}

void kafka_in_stop_task(struct kafka_in *in, int32_t task)
{
	for (size_t i = 0; i < in->topic_count; i++)
		reading_of(in, i, task)->is_started = false;
}

/* Memory is full when the world says so. */
size_t kafka_in_ahead_bytes(const struct kafka_in *in)
{
	(void)in;
	return 0;
}

int kafka_in_fd(const struct kafka_in *in)
{
	(void)in;
	return 0;
}

void kafka_in_poll(struct kafka_in *in)
{
	for (size_t i = 0; i < in->topic_count * in->task_count && !is_away(); i++)
		if (in->readings[i].log)
			in->readings[i].known_end = (int64_t)in->readings[i].log->count;
}

size_t kafka_in_consume(struct kafka_in *in, size_t input, int32_t task, size_t max_records,
			kafka_in_record_callback *callback, void *ctx)
{
	struct reading *reading = reading_of(in, input, task);
	if (!reading->is_started || reading->is_paused || is_away() || (!kafka.is_calm && sim_chance(300)) ||
	    !has_next(reading))
		return 0;
	reading->known_end = (int64_t)reading->log->count;
	size_t count = 0;
	size_t most = kafka.is_calm ? max_records : 1 + sim_random(max_records);
	while (count < most && reading->position < reading->known_end) {
		const struct sim_record *record = &reading->log->records[reading->position];
		struct kafka_record handed = {.key = record->key, .value = record->value,
					      .offset = reading->position++, .timestamp_ms = -1};
		if (is_cleaned(reading->log, record))
			continue;
		callback(ctx, &handed);
		count++;
	}
	return count;
}

/* No topic of the simulation is away. */
void kafka_in_know(struct kafka_in *in, size_t input, int32_t task, struct kafka_trace trace)
{
	(void)in, (void)input, (void)task, (void)trace;
}

void kafka_in_headers(const void *handle, kafka_in_header_callback *callback, void *ctx)
{
	(void)handle, (void)callback, (void)ctx;
}

bool kafka_in_at_end(const struct kafka_in *in, size_t input, int32_t task)
{
	const struct reading *reading = &in->readings[kafka_in_index(in, input, task)];
	return reading->is_started && reading->position >= reading->known_end;
}

bool kafka_in_ask_end(struct kafka_in *in, size_t input, int32_t task)
{
	struct reading *reading = reading_of(in, input, task);
	if (is_away())
		return false;
	reading->known_end = (int64_t)reading->log->count;
	return true;
}

int64_t kafka_in_position(const struct kafka_in *in, size_t input, int32_t task)
{
	return in->readings[kafka_in_index(in, input, task)].position;
}

int64_t kafka_in_log_end(const struct kafka_in *in, size_t input, int32_t task)
{
	return in->readings[kafka_in_index(in, input, task)].known_end;
}

const int64_t *kafka_in_end_offsets(const struct kafka_in *in)
{
	return in->ends;
}

const struct kafka_problem *kafka_in_problem(const struct kafka_in *in, size_t input, int32_t task)
{
	return &in->readings[kafka_in_index(in, input, task)].problem;
}

bool kafka_in_seek(struct kafka_in *in, size_t input, int32_t task, int64_t offset, struct kafka_error *error)
{
	struct reading *reading = reading_of(in, input, task);
	if (is_away() || (!kafka.is_calm && sim_chance(100))) {
		*error = (struct kafka_error){.fault = KAFKA_FAULT_RETRY, .text = "the brokers are away"};
		return false;
	}
	CHECK(reading->problem.kind == KAFKA_PROBLEM_GAP && offset == reading->problem.log_start);
	reading->position = offset;
	reading->problem.kind = KAFKA_PROBLEM_NONE;
	return true;
}

uint64_t kafka_in_print(struct slice key, struct slice value)
{
	return hash_text(key) * 31 + hash_text(value);
}

/* ---- kafka_group.h ---- */

void kafka_group_commit(struct kafka_group *group, const char *topic, int32_t task, int64_t offset)
{
	(void)group, (void)topic, (void)task, (void)offset;
}

/* ---- kafka_out.h ---- */

struct sending {
	size_t topic;
	int32_t partition;
	struct sim_record record;
	bool is_written; /* the log has the record */
	void *token;
	int64_t due_us;
};

struct kafka_out {
	struct kafka_out *next;
	struct kafka_out_options options;
	struct sim_topic *topics[TOPICS_MAX];
	struct kafka_out_counts counts[TOPICS_MAX];
	struct sending *sending;
	size_t count;
	size_t capacity;
	bool is_broken; /* its session cannot go on */
};

struct kafka_out *kafka_out_create(const struct kafka_out_options *options, struct kafka_error *error)
{
	(void)error;
	struct kafka_out *out = calloc(1, sizeof(*out));
	CHECK(out && options->topic_count <= TOPICS_MAX);
	out->options = *options;
	for (size_t i = 0; i < options->topic_count; i++)
		out->topics[i] = sim_topic(options->topics[i]);
	out->next = kafka.outs;
	kafka.outs = out;
	return out;
}

static void write(struct kafka_out *out, struct sending *sending)
{
	append(&out->topics[sending->topic]->logs[sending->partition], sending->record);
	sending->is_written = true;
}

static void sending_destroy(struct sending *sending)
{
	if (!sending->is_written)
		free(piece_of(&sending->record));
}

/* The first of what is under way may have been written. */
static void lose_under_way(struct kafka_out *out)
{
	size_t written = out->count ? sim_random(out->count + 1) : 0;
	for (size_t i = 0; i < written; i++)
		write(out, &out->sending[i]);
}

void kafka_out_destroy(struct kafka_out *out)
{
	if (!out)
		return;
	lose_under_way(out);
	for (size_t i = 0; i < out->count; i++)
		sending_destroy(&out->sending[i]);
	free(out->sending);
	struct kafka_out **at = &kafka.outs;
	while (*at != out)
		at = &(*at)->next;
	*at = out->next;
	free(out);
}

static enum kafka_sent send_to(struct kafka_out *out, size_t topic, int32_t partition, struct slice key,
			       struct slice value, void *token)
{
	if (out->count >= out->options.queue_records || (!kafka.is_calm && sim_chance(10))) {
		out->counts[topic].full_count++;
		return KAFKA_SENT_FULL;
	}
	if (out->count == out->capacity) {
		out->capacity = out->capacity ? 2 * out->capacity : 64;
		out->sending = realloc(out->sending, out->capacity * sizeof(*out->sending));
		CHECK(out->sending);
	}
	int64_t due_us = sim_now_us() + (kafka.is_calm ? 1000 : (int64_t)sim_random(100000));
	if (out->count && out->sending[out->count - 1].due_us > due_us)
		due_us = out->sending[out->count - 1].due_us;
	struct sending *sending = &out->sending[out->count++];
	*sending = (struct sending){.topic = topic, .partition = partition, .token = token, .due_us = due_us,
				    .record = record_create(key, value)};
	out->counts[topic].sent_count++;
	return KAFKA_SENT;
}

enum kafka_sent kafka_out_send(struct kafka_out *out, size_t topic, struct slice key, struct slice value,
			       const struct kafka_header *headers, size_t header_count, void *token)
{
	(void)headers, (void)header_count;
	return send_to(out, topic, 0, key, value, token);
}

enum kafka_sent kafka_out_send_to(struct kafka_out *out, size_t topic, int32_t partition, struct slice key,
				  struct slice value, void *token)
{
	return send_to(out, topic, partition, key, value, token);
}

static void report(struct kafka_out *out, const struct sending *sending, bool is_delivered)
{
	struct kafka_report report = {
		.topic = sending->topic,
		.key = sending->record.key,
		.token = sending->token,
		.is_delivered = is_delivered,
		.why = is_delivered ? NULL : "the session cannot go on",
	};
	out->counts[sending->topic].delivered_count += is_delivered;
	out->counts[sending->topic].failed_count += !is_delivered;
	out->options.report(out->options.ctx, &report);
}

/* Takes the first `count` away and reports them. */
static void report_all(struct kafka_out *out, size_t count, bool is_delivered)
{
	struct sending *done = out->sending;
	size_t left = out->count - count;
	out->sending = malloc((left + 1) * sizeof(*out->sending));
	CHECK(out->sending);
	if (left)
		memcpy(out->sending, done + count, left * sizeof(*out->sending));
	out->count = left;
	out->capacity = left + 1;
	for (size_t i = 0; i < count; i++) {
		report(out, &done[i], is_delivered);
		sending_destroy(&done[i]);
	}
	free(done);
}

void kafka_out_poll(struct kafka_out *out, int wait_ms)
{
	(void)wait_ms;
	size_t count = 0;
	if (out->is_broken) {
		out->is_broken = false;
		lose_under_way(out);
		report_all(out, out->count, false);
		return;
	}
	for (; count < out->count && out->sending[count].due_us <= sim_now_us() && !is_away(); count++)
		write(out, &out->sending[count]);
	if (count)
		report_all(out, count, true);
}

const char *kafka_out_denied(const struct kafka_out *out)
{
	(void)out;
	return NULL;
}

bool kafka_out_is_away(const struct kafka_out *out)
{
	(void)out;
	return is_away();
}

uint64_t kafka_out_pending(const struct kafka_out *out)
{
	return out->count;
}

uint64_t kafka_out_flush(struct kafka_out *out, int timeout_ms)
{
	(void)timeout_ms;
	return out->count;
}

struct kafka_out_counts kafka_out_counts(const struct kafka_out *out, size_t topic)
{
	return out->counts[topic];
}

void sim_kafka_break_sessions(void)
{
	for (struct kafka_out *out = kafka.outs; out; out = out->next)
		out->is_broken |= sim_chance(500);
}
