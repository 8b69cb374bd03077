#include "daemon/kafka_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "daemon/kafka_in_place.h"
#include "daemon/log.h"

enum {
	KAFKA_IN_BATCH = 128,        /* records that leave the queue, and so its limits, at once */
	KAFKA_IN_RECORD_BYTES = 512, /* librdkafka's own 320 for each, and a small record */
	KAFKA_IN_RECORDS_MAX = 10000000, /* librdkafka's limits */
	KAFKA_IN_KBYTES_MAX = 2097151,
	KAFKA_IN_FETCH_MIN = 64 << 10,
	KAFKA_IN_FETCH_MAX = 1 << 20
};

/* ---- Opening ---- */

size_t kafka_in_index(const struct kafka_in *in, size_t input, int32_t task)
{
	CHECK(input < in->input_count && task >= 0 && task < in->task_limit);
	CHECK(in->task_indexes[task] != SIZE_MAX);
	return input * in->task_count + in->task_indexes[task];
}

size_t kafka_in_partition_count(const struct kafka_in *in)
{
	return in->partition_count;
}

static struct kafka_partition *kafka_in_partition(const struct kafka_in *in, size_t input, int32_t task)
{
	return &in->partitions[kafka_in_index(in, input, task)];
}

_Static_assert(offsetof(struct kafka_in, client) == 0, "the opaque pointer is both");

static size_t kafka_in_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* With a queue per partition both limits are per partition, and a fetch may go beyond them: compressed
 * records take up to ten times their bytes once they are unpacked and each has its op. */
static rd_kafka_conf_t *kafka_in_configure(const struct kafka_in_options *options, struct kafka_error *error)
{
	size_t share = options->prefetch_bytes / (options->topic_count * options->task_count);
	size_t record_count = share / 2 / KAFKA_IN_RECORD_BYTES + 1;
	size_t kbyte_count = share / 4 / 1024 + 1;
	size_t fetch = share / 16;
	fetch = fetch < KAFKA_IN_FETCH_MIN ? KAFKA_IN_FETCH_MIN : kafka_in_least(fetch, KAFKA_IN_FETCH_MAX);
	char records[24], kbytes[24], batch[24], fetch_bytes[24];
	snprintf(fetch_bytes, sizeof fetch_bytes, "%zu", fetch);
	snprintf(records, sizeof records, "%zu", kafka_in_least(record_count, KAFKA_IN_RECORDS_MAX));
	snprintf(kbytes, sizeof kbytes, "%zu", kafka_in_least(kbyte_count, KAFKA_IN_KBYTES_MAX));
	snprintf(batch, sizeof batch, "%d", KAFKA_IN_BATCH);
	const struct kafka_property settings[] = {
		{"group.id", options->group},
		{"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"},
		{"enable.partition.eof", "true"},
		{"auto.offset.reset", "error"},
		{"allow.auto.create.topics", "false"},
		{"check.crcs", "true"},
		{"queued.min.messages", records},
		{"queued.max.messages.kbytes", kbytes},
		{"consume.callback.max.messages", batch},
		{"fetch.wait.max.ms", "20"},
		{"fetch.min.bytes", "1"},
		{"fetch.max.bytes", "4194304"},
		{"max.partition.fetch.bytes", fetch_bytes},
		{NULL, NULL},
	};
	return kafka_client_configure(&options->connection, settings, error);
}

static void kafka_in_index_tasks(struct kafka_in *in, const struct kafka_in_options *options)
{
	for (size_t i = 0; i < options->task_count; i++)
		if (options->tasks[i] >= in->task_limit)
			in->task_limit = options->tasks[i] + 1;
	in->task_indexes = malloc((size_t)in->task_limit * sizeof *in->task_indexes);
	CHECK(in->task_indexes);
	for (int32_t task = 0; task < in->task_limit; task++)
		in->task_indexes[task] = SIZE_MAX;
	for (size_t i = 0; i < options->task_count; i++) {
		CHECK(options->tasks[i] >= 0 && in->task_indexes[options->tasks[i]] == SIZE_MAX);
		in->task_indexes[options->tasks[i]] = i;
	}
}

/* The queues are taken out of librdkafka's common one before anything is assigned, so that nothing gets
 * there. */
static void kafka_in_open_queues(struct kafka_in *in, const struct kafka_in_options *options)
{
	static const uint64_t one = 1;
	for (size_t i = 0; i < in->partition_count; i++) {
		struct kafka_partition *partition = &in->partitions[i];
		const char *topic = options->topics[i / in->task_count];
		partition->task = options->tasks[i % in->task_count];
		partition->trace.offset = partition->known.offset = -1;
		partition->queue = rd_kafka_queue_get_partition(in->client.handle, topic, partition->task);
		CHECK(partition->queue);
		partition->topic_handle = rd_kafka_topic_new(in->client.handle, topic, NULL);
		CHECK(partition->topic_handle);
		partition->topic = rd_kafka_topic_name(partition->topic_handle);
		rd_kafka_queue_forward(partition->queue, NULL);
		rd_kafka_queue_io_event_enable(partition->queue, in->fd, &one, sizeof one);
	}
	in->main_queue = rd_kafka_queue_get_consumer(in->client.handle);
	rd_kafka_queue_io_event_enable(in->main_queue, in->fd, &one, sizeof one);
}

static const char *kafka_in_property(const struct kafka_connection *connection, const char *name)
{
	const char *value = NULL;
	for (size_t i = 0; i < connection->property_count; i++)
		if (strcmp(connection->properties[i].name, name) == 0)
			value = connection->properties[i].value;
	return value;
}

/* Not where SASL does without a password: there the credentials are not ours to set. */
static void kafka_in_prepare_nudge(struct kafka_in *in, const struct kafka_in_options *options)
{
	const char *protocol = kafka_in_property(&options->connection, "security.protocol");
	const char *username = kafka_in_property(&options->connection, "sasl.username");
	const char *password = kafka_in_property(&options->connection, "sasl.password");
	if (protocol && strncasecmp(protocol, "sasl", 4) == 0 && !(username && password))
		return;
	in->username = strdup(username ? username : "");
	in->password = strdup(password ? password : "");
	CHECK(in->username && in->password);
	in->nudge_bytes = (int64_t)(options->prefetch_bytes / in->partition_count / 4);
	in->nudge_left = in->nudge_bytes;
}

struct kafka_in *kafka_in_create(const struct kafka_in_options *options, struct kafka_error *error)
{
	CHECK(options->topic_count > 0 && options->task_count > 0);
	rd_kafka_conf_t *conf = kafka_in_configure(options, error);
	if (!conf)
		return NULL;
	struct kafka_in *in = calloc(1, sizeof *in);
	CHECK(in);
	if (!kafka_client_open(&in->client, options->name, RD_KAFKA_CONSUMER, conf, error)) {
		free(in);
		return NULL;
	}
	in->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(in->fd >= 0);
	in->input_count = options->topic_count;
	in->task_count = options->task_count;
	in->prefetch_bytes = options->prefetch_bytes;
	in->partition_count = in->input_count * in->task_count;
	in->partitions = calloc(in->partition_count, sizeof *in->partitions);
	in->start_offsets = calloc(in->partition_count, sizeof *in->start_offsets);
	in->end_offsets = calloc(in->partition_count, sizeof *in->end_offsets);
	CHECK(in->partitions && in->start_offsets && in->end_offsets);
	kafka_in_index_tasks(in, options);
	kafka_in_prepare_nudge(in, options);
	rd_kafka_poll_set_consumer(in->client.handle);
	kafka_in_open_queues(in, options);
	return in;
}

static void kafka_in_close_queue(rd_kafka_queue_t *queue)
{
	rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
	rd_kafka_queue_destroy(queue);
}

void kafka_in_destroy(struct kafka_in *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->partition_count; i++) {
		kafka_in_close_queue(in->partitions[i].queue);
		rd_kafka_topic_destroy(in->partitions[i].topic_handle);
	}
	kafka_in_close_queue(in->main_queue);
	if (!kafka_client_close(in->client.handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
		return;
	close(in->fd);
	free(in->username);
	free(in->password);
	free(in->task_indexes);
	free(in->start_offsets);
	free(in->end_offsets);
	free(in->partitions);
	free(in);
}

/* ---- Reading ---- */

uint64_t kafka_in_print(struct slice key, struct slice value)
{
	return hash_text(key) * UINT64_C(0x9e3779b97f4a7c15) ^ hash_text(value);
}

int kafka_in_fd(const struct kafka_in *in)
{
	return in->fd;
}

void kafka_in_poll(struct kafka_in *in)
{
	uint64_t ignored;
	ssize_t cleared = read(in->fd, &ignored, sizeof ignored);
	(void)cleared; /* that nothing was there is no error */
	rd_kafka_message_t *message;
	while ((message = rd_kafka_consumer_poll(in->client.handle, 0))) {
		uint64_t left_out;
		if (kafka_client_may_log(&in->client, "consumer", &left_out))
			log_warn("kafka consumer", "client=%s why=%s left_out=%llu", in->client.name,
				 log_quoted(rd_kafka_message_errstr(message)).text,
				 (unsigned long long)left_out);
		rd_kafka_message_destroy(message);
	}
	if (in->retry_count > 0)
		kafka_in_place_retry(in, kafka_now_ms());
}

size_t kafka_in_ahead_bytes(const struct kafka_in *in)
{
	size_t record_count = 0;
	for (size_t i = 0; i < in->partition_count; i++)
		record_count += rd_kafka_queue_length(in->partitions[i].queue);
	return kafka_in_least(record_count * KAFKA_IN_RECORD_BYTES, in->prefetch_bytes);
}

struct kafka_in_drain {
	struct kafka_in *in;
	struct kafka_partition *partition;
	kafka_in_record_callback *callback;
	void *ctx;
	size_t left;
};

static void kafka_in_take_end(struct kafka_in *in, struct kafka_partition *partition, int64_t offset)
{
	if (partition->is_held || kafka_in_place_doubts(in, partition))
		return;
	if (partition->trace.offset >= 0 && !kafka_in_place_check_trace(in, partition, offset, NULL))
		return;
	kafka_in_place_heal(in, partition);
	partition->is_at_end = true;
	if (offset > partition->position) {
		partition->counts.skipped += (uint64_t)(offset - partition->position);
		partition->position = offset;
	}
}

static struct slice kafka_in_slice(const void *data, size_t len)
{
	return (struct slice){.data = data, .len = data ? len : 0};
}

static void kafka_in_take_record(struct kafka_in_drain *drain, const rd_kafka_message_t *message)
{
	struct kafka_partition *partition = drain->partition;
	if (partition->is_held || kafka_in_place_doubts(drain->in, partition))
		return;
	if (partition->trace.offset >= 0 &&
	    !kafka_in_place_check_trace(drain->in, partition, message->offset, message))
		return;
	if (message->offset < partition->position) {
		partition->counts.stale_count++;
		return;
	}
	if (partition->problem.kind)
		kafka_in_place_heal(drain->in, partition);
	partition->is_at_end = false;
	partition->counts.skipped += (uint64_t)(message->offset - partition->position);
	partition->counts.record_count++;
	partition->position = message->offset + 1;
	const struct kafka_record record = {
		.key = kafka_in_slice(message->key, message->key_len),
		.value = kafka_in_slice(message->payload, message->len),
		.offset = message->offset,
		.timestamp_ms = rd_kafka_message_timestamp(message, NULL),
		.handle = message,
	};
	drain->callback(drain->ctx, &record);
	drain->left--;
	drain->in->nudge_left -= (int64_t)message->len + KAFKA_IN_RECORD_BYTES;
}

static void kafka_in_take(rd_kafka_message_t *message, void *opaque)
{
	struct kafka_in_drain *drain = opaque;
	if (!message->err)
		kafka_in_take_record(drain, message);
	else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		kafka_in_take_end(drain->in, drain->partition, message->offset);
	else
		kafka_in_place_error(drain->in, drain->partition, message);
	if (drain->left == 0)
		rd_kafka_yield(drain->in->client.handle);
}

/* A thread that found all queues full looks again only after a second. Giving the same credentials again
 * is the one call that wakes it at once and changes nothing. */
static void kafka_in_nudge(struct kafka_in *in)
{
	rd_kafka_error_destroy(
		rd_kafka_sasl_set_credentials(in->client.handle, in->username, in->password));
	in->nudge_left = in->nudge_bytes;
}

/* Not rd_kafka_consume_callback_queue: that takes the whole queue out and puts back what is left after a
 * yield, so the queue looks empty meanwhile, and fetching goes on far beyond the limits. */
size_t kafka_in_consume(struct kafka_in *in, size_t input, int32_t task, size_t max_records,
			kafka_in_record_callback *callback, void *ctx)
{
	struct kafka_partition *partition = kafka_in_partition(in, input, task);
	struct kafka_in_drain drain = {in, partition, callback, ctx, max_records};
	if (partition->is_paused)
		return 0;
	while (drain.left > 0)
		if (rd_kafka_consume_callback(partition->topic_handle, task, 0, kafka_in_take, &drain) <= 0)
			break;
	if (drain.left < max_records && in->client.is_away)
		kafka_client_arrived(&in->client);
	if (in->nudge_left <= 0 && in->nudge_bytes > 0)
		kafka_in_nudge(in);
	return max_records - drain.left;
}

void kafka_in_know(struct kafka_in *in, size_t input, int32_t task, struct kafka_trace trace)
{
	kafka_in_partition(in, input, task)->known = trace;
}

void kafka_in_headers(const void *handle, kafka_in_header_callback *callback, void *ctx)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t len;
	if (rd_kafka_message_headers(handle, &headers))
		return;
	for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++)
		callback(ctx, name, kafka_in_slice(value, len));
}

bool kafka_in_at_end(const struct kafka_in *in, size_t input, int32_t task)
{
	return kafka_in_partition(in, input, task)->is_at_end;
}

int64_t kafka_in_position(const struct kafka_in *in, size_t input, int32_t task)
{
	return kafka_in_partition(in, input, task)->position;
}

int64_t kafka_in_log_end(const struct kafka_in *in, size_t input, int32_t task)
{
	const struct kafka_partition *partition = kafka_in_partition(in, input, task);
	int64_t low, high = -1;
	rd_kafka_get_watermark_offsets(in->client.handle, partition->topic, task, &low, &high);
	int64_t end = in->end_offsets[kafka_in_index(in, input, task)];
	end = high > end ? high : end;
	return partition->position > end ? partition->position : end;
}

const int64_t *kafka_in_end_offsets(const struct kafka_in *in)
{
	return in->end_offsets;
}

const int64_t *kafka_in_start_offsets(const struct kafka_in *in)
{
	return in->start_offsets;
}

const struct kafka_problem *kafka_in_problem(const struct kafka_in *in, size_t input, int32_t task)
{
	return &kafka_in_partition(in, input, task)->problem;
}

struct kafka_in_counts kafka_in_counts(const struct kafka_in *in, size_t input, int32_t task)
{
	return kafka_in_partition(in, input, task)->counts;
}

void kafka_in_pause(struct kafka_in *in, size_t input, int32_t task, bool is_paused)
{
	kafka_in_partition(in, input, task)->is_paused = is_paused;
	kafka_in_place_wake(in);
}
