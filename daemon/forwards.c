#include "daemon/forwards.h"

#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/log.h"
#include "daemon/loop.h"

enum { REFUSED_PAUSE_MS = 1000 };

struct parcel {
	struct parcel *next;
	struct queue *queue;
	uint64_t sequence;
	uint32_t task;
	bool is_delivered;
	size_t len;
	char bytes[];
};

struct queue {
	struct parcel *first;
	struct parcel *last;
	struct parcel *unsent; /* it and those behind it are not under way; NULL: all are */
	size_t bytes;
	uint64_t delivered;
};

struct forwards {
	struct kafka_out *out;
	size_t worker_count;
	size_t waiting_count;
	size_t under_way_count;
	bool has_failed;       /* nothing is sent until all that is under way has been reported */
	int64_t send_due_ms;   /* loop time */
	struct queue queues[];
};

static size_t parcel_bytes(const struct parcel *parcel)
{
	return sizeof(*parcel) + parcel->len;
}

static void drop_delivered(struct forwards *forwards, struct queue *queue)
{
	while (queue->first && queue->first->is_delivered) {
		struct parcel *parcel = queue->first;
		queue->delivered = parcel->sequence;
		queue->bytes -= parcel_bytes(parcel);
		queue->first = parcel->next;
		if (!queue->first)
			queue->last = NULL;
		free(parcel);
		forwards->waiting_count--;
	}
}

static void report(void *ctx, const struct kafka_report *report)
{
	struct forwards *forwards = ctx;
	struct parcel *parcel = report->token;
	forwards->under_way_count--;
	parcel->is_delivered = report->is_delivered;
	if (report->is_delivered) {
		CRASH_POINT(forward_delivered);
		drop_delivered(forwards, parcel->queue);
		return;
	}
	if (!forwards->has_failed)
		log_error("what goes to other tasks was not delivered; it is sent again", "why=%s",
			  log_quoted(report->why).text);
	forwards->has_failed = true;
	forwards->send_due_ms = loop_now_ms() + REFUSED_PAUSE_MS;
}

struct forwards *forwards_create(size_t worker_count, const char *topic,
				 const struct kafka_connection *connection, struct kafka_error *error)
{
	struct forwards *forwards = calloc(1, sizeof(*forwards) + worker_count * sizeof(struct queue));
	CHECK(forwards);
	forwards->worker_count = worker_count;
	forwards->out = kafka_out_create(&(struct kafka_out_options){
		.connection = *connection,
		.topics = &topic,
		.topic_count = 1,
		.is_gapless = true,
		.queue_records = FORWARDS_QUEUE_RECORDS,
		.queue_bytes = FORWARDS_QUEUE_BYTES,
		.report = report,
		.ctx = forwards,
	}, error);
	if (forwards->out)
		return forwards;
	free(forwards);
	return NULL;
}

void forwards_destroy(struct forwards *forwards)
{
	if (!forwards)
		return;
	kafka_out_destroy(forwards->out);
	for (size_t i = 0; i < forwards->worker_count; i++) {
		while (forwards->queues[i].first) {
			struct parcel *next = forwards->queues[i].first->next;
			free(forwards->queues[i].first);
			forwards->queues[i].first = next;
		}
	}
	free(forwards);
}

void forwards_put(struct forwards *forwards, size_t worker, const struct forward *forward)
{
	struct queue *queue = &forwards->queues[worker];
	struct parcel *parcel = malloc(sizeof(*parcel) + forward->value.len);
	CHECK(parcel);
	*parcel = (struct parcel){.queue = queue, .sequence = forward->sequence, .task = forward->task,
				  .len = forward->value.len};
	memcpy(parcel->bytes, forward->value.data, forward->value.len);
	if (queue->last)
		queue->last->next = parcel;
	else
		queue->first = parcel;
	queue->last = parcel;
	if (!queue->unsent)
		queue->unsent = parcel;
	queue->bytes += parcel_bytes(parcel);
	forwards->waiting_count++;
}

/* The worker keeps them smaller than brokers take (shuffle.h), so too large is what a setting makes so. */
static bool send(struct forwards *forwards, struct parcel *parcel)
{
	CRASH_POINT(forward_made);
	enum kafka_sent sent = kafka_out_send_to(forwards->out, 0, (int32_t)parcel->task, (struct slice){0},
						 (struct slice){parcel->bytes, parcel->len}, parcel);
	if (sent == KAFKA_SENT_TOO_LARGE) {
		log_error("what goes to another task cannot be sent", "bytes=%zu hint=%s", parcel->len,
			  "\"raise message.max.bytes in kafka.properties to 1000000 at least\"");
		forwards->send_due_ms = loop_now_ms() + REFUSED_PAUSE_MS;
	}
	forwards->under_way_count += sent == KAFKA_SENT;
	CRASH_POINT(forward_sent);
	return sent == KAFKA_SENT;
}

static bool send_queue(struct forwards *forwards, struct queue *queue)
{
	for (; queue->unsent; queue->unsent = queue->unsent->next)
		if (!queue->unsent->is_delivered && !send(forwards, queue->unsent))
			return false;
	return true;
}

static void begin_again(struct forwards *forwards)
{
	forwards->has_failed = false;
	for (size_t i = 0; i < forwards->worker_count; i++)
		forwards->queues[i].unsent = forwards->queues[i].first;
}

void forwards_turn(struct forwards *forwards)
{
	if (forwards->has_failed && forwards->under_way_count == 0)
		begin_again(forwards);
	if (!forwards->has_failed && loop_now_ms() >= forwards->send_due_ms)
		for (size_t i = 0; i < forwards->worker_count; i++)
			if (!send_queue(forwards, &forwards->queues[i]))
				break;
	kafka_out_poll(forwards->out, 0);
}

uint64_t forwards_delivered(const struct forwards *forwards, size_t worker)
{
	return forwards->queues[worker].delivered;
}

size_t forwards_waiting(const struct forwards *forwards)
{
	return forwards->waiting_count;
}

size_t forwards_bytes(const struct forwards *forwards, size_t worker)
{
	return forwards->queues[worker].bytes;
}
