#include "daemon/worker_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/log.h"
#include "daemon/worker_private.h"

struct batch_record {
	struct buffer bytes;   /* key, then value, then texts that had escapes; keeps its memory */
	size_t key_len;
	size_t value_len;
	bool has_key;
	bool has_value;
	int64_t offset;
	struct buffer header_bytes;
	struct shuffle_record origin; /* what it is, or what it was where it was read */
	size_t input;          /* that it was read in */
	uint32_t item_count;
	size_t dead_count;     /* items that are dead */
	const char *reason;    /* of the first of them, and its detail */
	char detail[200];
};

struct worker_batch {
	struct worker *worker;
	struct worker_task *task;
	size_t input;
	struct slice topic;    /* of the input */
	size_t record_count;
	struct batch_record records[BATCH_RECORDS];
	uint16_t record_of[TASK_BATCH_MAX]; /* by place in the task's batch */
};

struct worker_batch *worker_batch_create(struct worker *worker)
{
	struct worker_batch *batch = calloc(1, sizeof(*batch));
	CHECK(batch);
	batch->worker = worker;
	return batch;
}

void worker_batch_destroy(struct worker_batch *batch)
{
	for (size_t i = 0; batch && i < BATCH_RECORDS; i++) {
		buffer_destroy(&batch->records[i].bytes);
		buffer_destroy(&batch->records[i].header_bytes);
	}
	free(batch);
}

void worker_batch_begin(struct worker_batch *batch, struct worker_task *task, size_t input)
{
	batch->task = task;
	batch->input = input;
	batch->topic = slice_from(worker_topic(batch->worker, input));
	batch->record_count = 0;
}

static const struct config_input *config_input(const struct worker_batch *batch)
{
	return &worker_config(batch->worker)->kafka.inputs.items[batch->input];
}

/* ---- Dead letters ---- */

static void put_header(struct buffer *headers, const char *name, struct slice value)
{
	dead_letter_put_header(headers, slice_from(name), value);
}

/* Ours would be of an earlier burial. */
static void copy_header(void *ctx, const char *name, struct slice value)
{
	if (strncmp(name, "ladderd.", strlen("ladderd.")) != 0)
		put_header(ctx, name, value);
}

static void put_detail(const struct batch_record *record, struct buffer *headers)
{
	char detail[sizeof(record->detail) + 40];
	if (record->dead_count > 1)
		snprintf(detail, sizeof(detail), "%s (first of %zu items)", record->detail,
			 record->dead_count);
	else
		snprintf(detail, sizeof(detail), "%s", record->detail);
	put_header(headers, "ladderd.detail", slice_from(detail));
}

/* Ours, then the original ones. */
static void put_headers(const struct batch_record *record, struct buffer *headers)
{
	const struct shuffle_record *origin = &record->origin;
	char number[24];
	put_header(headers, "ladderd.reason", slice_from(record->reason));
	put_header(headers, "ladderd.topic", origin->topic);
	snprintf(number, sizeof(number), "%" PRIu32, origin->from);
	put_header(headers, "ladderd.partition", slice_from(number));
	snprintf(number, sizeof(number), "%" PRId64, origin->offset);
	put_header(headers, "ladderd.offset", slice_from(number));
	put_detail(record, headers);
	buffer_put(headers, origin->headers.data, origin->headers.len);
}

static struct slice part(const struct batch_record *record, bool is_there, size_t at, size_t len)
{
	return is_there ? (struct slice){record->bytes.data + at, len} : (struct slice){NULL, 0};
}

static void bury(const struct worker_batch *batch, const struct batch_record *record)
{
	struct worker *worker = batch->worker;
	struct buffer headers = {0};
	put_headers(record, &headers);
	bool is_redacted = worker_config(worker)->dead_letters == CONFIG_DEAD_LETTERS_REDACT;
	struct dead_letter letter = {
		.sequence = ++worker->dead_sequence,
		.key = record->origin.key,
		.value = is_redacted ? (struct slice){NULL, 0} : record->origin.value,
		.headers = buffer_slice(&headers),
	};
	bulletin_put_dead(worker->bulletin, &letter);
	buffer_destroy(&headers);
}

static void note_dead(struct batch_record *record, const char *reason, const char *detail)
{
	if (record->dead_count++ > 0)
		return;
	record->reason = reason;
	snprintf(record->detail, sizeof(record->detail), "%s", detail);
}

static void note_verdict(struct batch_record *record, const struct verdict *verdict)
{
	if (verdict->class == CLASS_LATE)
		note_dead(record, class_name(verdict->class),
			  "older than the newest event of its partition by more than lateness");
	else if (verdict->class == CLASS_REJECTED)
		note_dead(record, reason_name(verdict->reason),
			  verdict->reason == REASON_future ? "further ahead of the wall clock than max_ahead"
							   : "another currency than its account's");
}

/* ---- Taking in ---- */

static void flush(struct worker_batch *batch)
{
	struct verdict verdicts[TASK_BATCH_MAX];
	size_t count = task_flush(batch->task->task, verdicts);
	for (size_t i = 0; i < count; i++)
		note_verdict(&batch->records[batch->record_of[i]], &verdicts[i]);
}

/* The id of an event that waits must last. Most stand in the record's copy; one that had escapes is the
 * decoder's, and is put behind it, where room was made before. */
static const struct event *keep_id(struct batch_record *record, const struct event *event, struct event *kept)
{
	struct slice id = event->id;
	if (id.data >= record->bytes.data && id.data < record->bytes.data + record->bytes.capacity)
		return event;
	CHECK(record->bytes.capacity - record->bytes.len >= id.len);
	char *copy = record->bytes.data + record->bytes.len;
	memcpy(copy, id.data, id.len);
	record->bytes.len += id.len;
	*kept = *event;
	kept->id.data = copy;
	return kept;
}

/* Sends an item to the task where it belongs. */
static void forward(struct worker_batch *batch, struct batch_record *record, struct slice item,
		    uint32_t task)
{
	struct shuffle_record sent = record->origin;
	sent.value = item;
	sent.item = record->item_count;
	if (worker_forward(batch->task, task, &sent))
		return;
	task_refuse_forward(batch->task->task, batch->input, REASON_too_large);
	note_dead(record, reason_name(REASON_too_large),
		  "too large to be sent to the partition of its person");
}

/* Takes an event into the task's batch, or to where it ends without. */
static bool add_event(struct worker_batch *batch, const struct batch_record *record,
		      const struct event *event, struct verdict *verdict)
{
	struct task *task = batch->task->task;
	if (batch->input == batch->worker->shuffle_input)
		return task_add_received(task, record->input, batch->input, event, verdict);
	return task_add(task, batch->input, event, config_input(batch)->types, batch->worker->wall_ms,
			verdict);
}

static void take_event(void *ctx, const struct event *event, struct slice item)
{
	struct worker_batch *batch = ctx;
	struct batch_record *record = &batch->records[batch->record_count - 1];
	struct task *task = batch->task->task;
	struct event kept;
	struct verdict verdict;
	size_t place = task->batch_count;
	if (!add_event(batch, record, keep_id(record, event, &kept), &verdict))
		batch->record_of[place] = (uint16_t)(batch->record_count - 1);
	else if (verdict.class == CLASS_FORWARDED)
		forward(batch, record, item, verdict.task);
	else
		note_verdict(record, &verdict);
	record->item_count++;
	if (task->batch_count == TASK_BATCH_MAX)
		flush(batch);
}

static void take_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct worker_batch *batch = ctx;
	struct batch_record *record = &batch->records[batch->record_count - 1];
	(void)item;
	task_count_rejected(batch->task->task, record->input, reason);
	note_dead(record, reason_name(reason), detail);
	record->item_count++;
}

/* Texts without their escapes are never longer than with them. */
static void copy_record(struct batch_record *copy, const struct kafka_record *record)
{
	copy->bytes.len = copy->header_bytes.len = 0;
	buffer_reserve(&copy->bytes, record->key.len + 2 * record->value.len + 1);
	buffer_put(&copy->bytes, record->key.data, record->key.len);
	buffer_put(&copy->bytes, record->value.data, record->value.len);
	copy->key_len = record->key.len;
	copy->value_len = record->value.len;
	copy->has_key = record->key.data;
	copy->has_value = record->value.data;
	copy->offset = record->offset;
	copy->dead_count = 0;
	copy->item_count = 0;
	kafka_in_headers(record->handle, copy_header, &copy->header_bytes);
}

static struct slice value_of(const struct batch_record *record)
{
	return part(record, record->has_value, record->key_len, record->value_len);
}

static void decode(struct worker_batch *batch, const struct batch_record *record)
{
	decode_record(batch->worker->decoder, record->origin.value,
		      &(struct decode_sink){take_event, take_reject, batch});
}

static void take_read(struct worker_batch *batch, struct batch_record *record)
{
	struct worker_task *task = batch->task;
	record->input = batch->input;
	record->origin = (struct shuffle_record){
		.kind = SHUFFLE_EVENT,
		.from = task->number,
		.topic = batch->topic,
		.log = task->inputs[batch->input].log,
		.offset = record->offset,
		.key = part(record, record->has_key, 0, record->key_len),
		.headers = buffer_slice(&record->header_bytes),
		.value = value_of(record),
	};
	worker_place_record(task, record->origin.key);
	decode(batch, record);
}

/* ---- What other tasks have sent ---- */

static void say_damaged(const struct worker_batch *batch, const struct batch_record *record)
{
	log_error("a record that another task should have sent is none, and is passed over",
		  "topic=%s partition=%" PRIu32 " offset=%" PRId64 " hint=%s",
		  worker_config(batch->worker)->kafka.outputs.shuffle, batch->task->number, record->offset,
		  "\"nobody else may write there; all instances must be of one version\"");
}

/* An input that is no longer in the configuration has no marks: what is still to come of it counts as this
 * one's. */
static void take_event_of_other(struct worker_batch *batch, struct batch_record *record)
{
	const struct shuffle_record *origin = &record->origin;
	size_t input = worker_find_input(batch->worker, origin->topic);
	bool is_known = input < batch->worker->shuffle_input;
	record->input = is_known ? input : batch->worker->shuffle_input;
	bool is_new = !is_known ||
		      marks_take(&batch->task->marks, record->input, origin->from, origin->log,
				 (struct mark_place){origin->offset, origin->item});
	if (is_new)
		decode(batch, record);
	CRASH_POINT(forward_taken);
}

static void take_shuffled(struct worker_batch *batch, struct batch_record *record)
{
	struct worker *worker = batch->worker;
	switch (shuffle_decode(worker->shuffle_stamp, worker->options.shared->task_count, value_of(record),
			       &record->origin)) {
	case SHUFFLE_OTHERS:
		return;
	case SHUFFLE_OURS:
		break;
	case SHUFFLE_DAMAGED:
		say_damaged(batch, record);
		return;
	}
	if (record->origin.kind == SHUFFLE_EVENT) {
		take_event_of_other(batch, record);
		return;
	}
	flush(batch);
	if (!task_take_note(batch->task->task, batch->input, record->origin.note, record->origin.sent_ms))
		say_damaged(batch, record);
}

void worker_batch_take(void *ctx, const struct kafka_record *record)
{
	struct worker_batch *batch = ctx;
	CHECK(batch->record_count < BATCH_RECORDS);
	struct batch_record *copy = &batch->records[batch->record_count++];
	copy_record(copy, record);
	if (batch->input == batch->worker->shuffle_input)
		take_shuffled(batch, copy);
	else
		take_read(batch, copy);
	batch->task->inputs[batch->input].offset = record->offset + 1;
	batch->task->is_dirty = true;
}

void worker_batch_end(struct worker_batch *batch)
{
	flush(batch);
	for (size_t i = 0; i < batch->record_count; i++)
		if (batch->records[i].dead_count)
			bury(batch, &batch->records[i]);
	if (batch->record_count == 0)
		return;
	const struct batch_record *last = &batch->records[batch->record_count - 1];
	const struct kafka_trace trace = {
		last->offset, kafka_in_print(part(last, last->has_key, 0, last->key_len), value_of(last))};
	batch->task->inputs[batch->input].trace = trace;
	kafka_in_know(batch->worker->in, batch->input, (int32_t)batch->task->number, trace);
}
