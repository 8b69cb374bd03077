#include "daemon/read_back.h"

#include <stdlib.h>

#include "core/base/check.h"

enum { START_MS = 5000, RECORDS_AT_ONCE = 500 };

struct read_back {
	struct kafka_in *in;
	int32_t partition_count;
};

struct read_back *read_back_begin(const struct read_back_options *options, struct kafka_error *error)
{
	size_t count = (size_t)options->partition_count;
	int32_t partitions[count];
	for (size_t i = 0; i < count; i++)
		partitions[i] = (int32_t)i;
	struct kafka_in *in = kafka_in_create(&(struct kafka_in_options){
		.connection = options->connection,
		.name = "read back",
		.group = options->group,
		.topics = &options->topic,
		.topic_count = 1,
		.tasks = partitions,
		.task_count = count,
		.prefetch_bytes = READ_BACK_PREFETCH_BYTES,
	}, error);
	const int64_t since = KAFKA_IN_SINCE(options->since_ms);
	for (size_t i = 0; i < count && in; i++) {
		if (kafka_in_start_task(in, (int32_t)i, &since, NULL, START_MS, error))
			continue;
		kafka_in_destroy(in);
		in = NULL;
	}
	if (!in)
		return NULL;
	struct read_back *read_back = malloc(sizeof(*read_back));
	CHECK(read_back);
	*read_back = (struct read_back){in, options->partition_count};
	return read_back;
}

void read_back_end(struct read_back *read_back)
{
	if (read_back)
		kafka_in_destroy(read_back->in);
	free(read_back);
}

static bool is_at_end(struct kafka_in *in, int32_t partition)
{
	int64_t end = kafka_in_end_offsets(in)[kafka_in_index(in, 0, partition)];
	return kafka_in_position(in, 0, partition) >= end || kafka_in_at_end(in, 0, partition) ||
	       kafka_in_problem(in, 0, partition)->kind == KAFKA_PROBLEM_GAP;
}

bool read_back_turn(struct read_back *read_back, size_t record_count, kafka_in_record_callback *callback,
		    void *ctx)
{
	struct kafka_in *in = read_back->in;
	bool is_done = true;
	size_t count = 0;
	kafka_in_poll(in);
	for (int32_t i = 0; i < read_back->partition_count; i++) {
		while (count < record_count) {
			size_t taken = kafka_in_consume(in, 0, i, RECORDS_AT_ONCE, callback, ctx);
			count += taken;
			if (taken < RECORDS_AT_ONCE)
				break;
		}
		is_done &= is_at_end(in, i);
	}
	return is_done;
}
