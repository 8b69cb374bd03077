#include "daemon/exchange.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/hash.h"
#include "daemon/kafka_in.h"
#include "daemon/log.h"
#include "daemon/loop.h"

enum { MAGIC = 0x4c, VERSION = 4, LISTEN_MS = 3000, RECORDS_AT_ONCE = 64 };
enum { REFUSED_SAID_EVERY_MS = 60000 };

struct exchange {
	const char *topic;
	struct kafka_in *in;
	uint64_t sender;
	uint64_t group;       /* of the group and its state: what others say here is not for us */
	uint64_t fingerprint; /* of what all instances of a group must have alike */
	bool is_listening;
	bool is_merger;       /* listens to what comes up, too */
	bool has_lost;
	int64_t refused_said_ms;
	exchange_sink *sink;  /* while reading */
	void *ctx;
};

static uint64_t fingerprint_of(const struct config *config, size_t task_count)
{
	const struct options *options = &config->options;
	struct buffer text = {0};
	buffer_put_unsigned(&text, task_count);
	for (size_t i = 0; i < options->window_count; i++) {
		buffer_put_signed(&text, options->windows[i].length_ms);
		buffer_put_signed(&text, options->windows[i].slide_ms);
	}
	uint64_t hash = hash_text(buffer_slice(&text));
	buffer_destroy(&text);
	return hash;
}

static uint64_t group_of(const struct config *config)
{
	return hash_text(slice_from(config->kafka.group)) * UINT64_C(0x9e3779b97f4a7c15) ^
	       hash_text(slice_from(config->redis.namespace));
}

struct exchange *exchange_create(const struct config *config, const struct kafka_connection *connection,
				 size_t task_count, struct kafka_error *error)
{
	static const int32_t partitions[EXCHANGE_PARTITION_COUNT] = {EXCHANGE_UP, EXCHANGE_DOWN};
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	CHECK(exchange);
	exchange->topic = config->kafka.outputs.exchange;
	exchange->group = group_of(config);
	exchange->fingerprint = fingerprint_of(config, task_count);
	exchange->refused_said_ms = -REFUSED_SAID_EVERY_MS;
	CHECK(getrandom(&exchange->sender, sizeof(exchange->sender), 0) == sizeof(exchange->sender));
	exchange->in = kafka_in_create(&(struct kafka_in_options){
		.connection = *connection,
		.name = "exchange",
		.group = config->kafka.group,
		.topics = &exchange->topic,
		.topic_count = 1,
		.tasks = partitions,
		.task_count = EXCHANGE_PARTITION_COUNT,
		.prefetch_bytes = EXCHANGE_PREFETCH_BYTES,
	}, error);
	if (exchange->in)
		return exchange;
	free(exchange);
	return NULL;
}

void exchange_destroy(struct exchange *exchange)
{
	if (!exchange)
		return;
	kafka_in_destroy(exchange->in);
	free(exchange);
}

uint64_t exchange_sender(const struct exchange *exchange)
{
	return exchange->sender;
}

int exchange_fd(const struct exchange *exchange)
{
	return kafka_in_fd(exchange->in);
}

static bool start(struct exchange *exchange, int32_t partition, struct kafka_error *error)
{
	static const int64_t end = KAFKA_IN_END;
	if (kafka_in_start_task(exchange->in, partition, &end, NULL, LISTEN_MS, error))
		return true;
	log_warn("the exchange between instances cannot be read yet", "why=%s",
		 log_quoted(error->text).text);
	return false;
}

bool exchange_listen(struct exchange *exchange, bool is_merger, struct kafka_error *error)
{
	if (!exchange->is_listening)
		exchange->is_listening = start(exchange, EXCHANGE_DOWN, error);
	if (exchange->is_listening && is_merger && !exchange->is_merger)
		exchange->is_merger = start(exchange, EXCHANGE_UP, error);
	if (!is_merger && exchange->is_merger) {
		kafka_in_stop_task(exchange->in, EXCHANGE_UP);
		exchange->is_merger = false;
	}
	return exchange->is_listening && exchange->is_merger == is_merger;
}

void exchange_encode(const struct exchange *exchange, const struct exchange_head *head, struct slice notes,
		     struct buffer *out)
{
	buffer_put_unsigned(out, MAGIC);
	buffer_put_unsigned(out, VERSION);
	buffer_put_unsigned(out, exchange->group);
	buffer_put_unsigned(out, exchange->fingerprint);
	buffer_put_unsigned(out, head->kind);
	buffer_put_unsigned(out, head->announcement);
	buffer_put_unsigned(out, head->sender);
	buffer_put_signed(out, head->sent_ms);
	buffer_put_signed(out, head->now_ms);
	buffer_put_signed(out, head->position_ms);
	buffer_put_unsigned(out, head->revision);
	buffer_put(out, notes.data, notes.len);
}

/* NULL, or why it cannot be read. */
static const char *decode(const struct exchange *exchange, struct reader *reader, struct exchange_head *head)
{
	if (reader_unsigned(reader) != exchange->fingerprint)
		return "it is of an instance with other windows, or another number of partitions: give all "
		       "instances of a group the same configuration";
	head->kind = (enum exchange_kind)reader_unsigned(reader);
	head->announcement = reader_unsigned(reader);
	head->sender = reader_unsigned(reader);
	head->sent_ms = reader_signed(reader);
	head->now_ms = reader_signed(reader);
	head->position_ms = reader_signed(reader);
	head->revision = reader_unsigned(reader);
	bool is_ours = !reader->failed && (unsigned)head->kind < EXCHANGE_KIND_COUNT;
	return is_ours ? NULL : "it is damaged";
}

static void refuse(struct exchange *exchange, int64_t offset, const char *why)
{
	if (loop_now_ms() - exchange->refused_said_ms < REFUSED_SAID_EVERY_MS)
		return;
	exchange->refused_said_ms = loop_now_ms();
	log_error("a record of the exchange is left out", "topic=%s offset=%" PRId64 " why=%s",
		  exchange->topic, offset, log_quoted(why).text);
}

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct exchange *exchange = ctx;
	struct exchange_head head;
	struct reader reader = reader_of(record->value);
	bool is_known = reader_unsigned(&reader) == MAGIC && reader_unsigned(&reader) == VERSION;
	if (is_known && reader_unsigned(&reader) != exchange->group)
		return;
	const char *why = "it is no record of this version of ladderd";
	if (is_known)
		why = decode(exchange, &reader, &head);
	if (why)
		refuse(exchange, record->offset, why);
	else
		exchange->sink(exchange->ctx, &head,
			       (struct slice){reader.at, (size_t)(reader.end - reader.at)});
}

static bool read_partition(struct exchange *exchange, int32_t partition)
{
	struct kafka_error error;
	size_t count =
		kafka_in_consume(exchange->in, 0, partition, RECORDS_AT_ONCE, take_record, exchange);
	if (kafka_in_problem(exchange->in, 0, partition)->kind == KAFKA_PROBLEM_GAP)
		exchange->has_lost |= start(exchange, partition, &error);
	return count > 0;
}

bool exchange_read(struct exchange *exchange, exchange_sink *sink, void *ctx)
{
	exchange->sink = sink;
	exchange->ctx = ctx;
	kafka_in_poll(exchange->in);
	bool is_any = exchange->is_listening && read_partition(exchange, EXCHANGE_DOWN);
	return (exchange->is_merger && read_partition(exchange, EXCHANGE_UP)) || is_any;
}

const char *exchange_denied(const struct exchange *exchange)
{
	static const int32_t partitions[] = {EXCHANGE_DOWN, EXCHANGE_UP};
	for (size_t i = 0; i < sizeof(partitions) / sizeof(partitions[0]); i++) {
		const struct kafka_problem *problem = kafka_in_problem(exchange->in, 0, partitions[i]);
		if (problem->kind == KAFKA_PROBLEM_DENIED)
			return problem->text;
	}
	return NULL;
}

bool exchange_has_lost(struct exchange *exchange)
{
	bool has_lost = exchange->has_lost;
	exchange->has_lost = false;
	return has_lost;
}
