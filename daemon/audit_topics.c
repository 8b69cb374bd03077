#include "daemon/audit_topics.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/kafka_admin.h"
#include "daemon/loop.h"

enum { ASK_MS = 10000, START_MS = 10000, WAIT_MS = 100, RECORDS_AT_ONCE = 1000, SILENCE_MS = 30000 };
enum { PROGRESS_MS = 500, PREFETCH_BYTES = 64 << 20 };

/* Set by a signal handler: licenses nothing but the end. */
static atomic_bool is_interrupted;

void audit_interrupt(void)
{
	atomic_store(&is_interrupted, true);
}

bool audit_is_interrupted(void)
{
	return atomic_load(&is_interrupted);
}

struct reader {
	const struct audit_reading *reading;
	struct kafka_in *in;
	int32_t partition_count;
	struct audit_record at;
	uint64_t record_count;
	int64_t progress_ms;
};

bool audit_count_partitions(const struct audit_reading *reading, int32_t *count, struct kafka_error *error)
{
	struct kafka_admin *admin = kafka_admin_create(&reading->connection, error);
	if (!admin)
		return false;
	int found = 0;
	bool is_done = kafka_admin_check_inputs(admin, reading->topics, reading->topic_count, ASK_MS, &found,
						error);
	kafka_admin_destroy(admin);
	*count = found;
	return is_done;
}

static bool open_reader(struct reader *reader, struct kafka_error *error)
{
	const struct audit_reading *reading = reader->reading;
	int32_t partitions[reader->partition_count];
	for (int32_t i = 0; i < reader->partition_count; i++)
		partitions[i] = i;
	reader->in = kafka_in_create(&(struct kafka_in_options){
		.connection = reading->connection,
		.name = "audit",
		.group = reading->group,
		.topics = reading->topics,
		.topic_count = reading->topic_count,
		.tasks = partitions,
		.task_count = (size_t)reader->partition_count,
		.prefetch_bytes = PREFETCH_BYTES,
	}, error);
	if (!reader->in)
		return false;
	int64_t offsets[kafka_in_partition_count(reader->in)];
	for (size_t i = 0; i < kafka_in_partition_count(reader->in); i++)
		offsets[i] = KAFKA_IN_BEGINNING;
	return kafka_in_start(reader->in, offsets, START_MS, error);
}

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct reader *reader = ctx;
	reader->record_count++;
	reader->at.record = record;
	reader->reading->record(reader->reading->ctx, &reader->at);
}

static bool is_at_end(const struct reader *reader, size_t topic, int32_t partition)
{
	size_t at = kafka_in_index(reader->in, topic, partition);
	return kafka_in_position(reader->in, topic, partition) >= kafka_in_end_offsets(reader->in)[at];
}

/* Past what was deleted while it was read. */
static void skip_gap(struct reader *reader, size_t topic, int32_t partition)
{
	const struct kafka_problem *problem = kafka_in_problem(reader->in, topic, partition);
	struct kafka_error ignored;
	if (problem->kind != KAFKA_PROBLEM_GAP)
		return;
	int64_t start = problem->log_start;
	reader->reading->gap(reader->reading->ctx, reader->reading->topics[topic], partition, start);
	(void)!kafka_in_seek(reader->in, topic, partition, start, &ignored);
}

/* Reads what there is; returns how many partitions have more to come. */
static size_t read_round(struct reader *reader)
{
	size_t open_count = 0;
	for (size_t topic = 0; topic < reader->reading->topic_count; topic++)
		for (int32_t partition = 0; partition < reader->partition_count; partition++) {
			if (is_at_end(reader, topic, partition))
				continue;
			open_count++;
			reader->at = (struct audit_record){topic, partition, NULL};
			kafka_in_consume(reader->in, topic, partition, RECORDS_AT_ONCE, take_record, reader);
			skip_gap(reader, topic, partition);
		}
	return open_count;
}

static void show_progress(struct reader *reader, bool is_last)
{
	int64_t now_ms = loop_now_ms();
	if (!isatty(STDERR_FILENO) || (!is_last && now_ms - reader->progress_ms < PROGRESS_MS))
		return;
	reader->progress_ms = now_ms;
	fprintf(stderr, "\rreading %s%s: %" PRIu64 " records %s", reader->reading->topics[0],
		reader->reading->topic_count > 1 ? " ..." : "", reader->record_count,
		is_last ? "\r\033[K" : "");
}

static void say_beginnings(struct reader *reader)
{
	const int64_t *starts = kafka_in_start_offsets(reader->in);
	for (size_t topic = 0; topic < reader->reading->topic_count; topic++)
		for (int32_t partition = 0; partition < reader->partition_count; partition++) {
			int64_t start = starts[kafka_in_index(reader->in, topic, partition)];
			if (start > 0)
				reader->reading->gap(reader->reading->ctx, reader->reading->topics[topic],
						     partition, start);
		}
}

static bool read_all(struct reader *reader, struct kafka_error *error)
{
	uint64_t count_before = 0;
	int64_t heard_ms = loop_now_ms();
	say_beginnings(reader);
	while (read_round(reader) > 0) {
		struct pollfd ready = {.fd = kafka_in_fd(reader->in), .events = POLLIN};
		show_progress(reader, false);
		if (reader->record_count > count_before)
			heard_ms = loop_now_ms();
		bool is_silent = loop_now_ms() - heard_ms > SILENCE_MS;
		if (is_silent || audit_is_interrupted()) {
			*error = (struct kafka_error){.fault = KAFKA_FAULT_RETRY};
			snprintf(error->text, sizeof(error->text), "%s", is_silent
				 ? "the brokers do not send what the logs hold" : "interrupted");
			return false;
		}
		if (reader->record_count == count_before)
			poll(&ready, 1, WAIT_MS);
		count_before = reader->record_count;
		kafka_in_poll(reader->in);
	}
	show_progress(reader, true);
	return true;
}

bool audit_read(const struct audit_reading *reading, struct kafka_error *error)
{
	struct reader reader = {.reading = reading};
	bool is_done = audit_count_partitions(reading, &reader.partition_count, error) &&
		       open_reader(&reader, error) && read_all(&reader, error);
	kafka_in_destroy(reader.in);
	return is_done;
}
