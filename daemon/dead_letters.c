#include "daemon/dead_letters.h"

#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/log.h"
#include "daemon/loop.h"

enum letter_state { LETTER_WAITING, LETTER_UNDER_WAY, LETTER_DONE };

/* From the largest to the smallest. */
enum letter_form { FORM_WHOLE, FORM_NO_VALUE, FORM_OWN_HEADERS, FORM_NO_KEY, FORM_COUNT };

enum { REFUSED_PAUSE_MS = 3000, UNDER_WAY_BYTES = 4 << 20, OVERHEAD_BYTES = 64 };

struct letter {
	struct letter *next;
	struct queue *queue;
	struct dead_letter text; /* its slices point into bytes */
	enum letter_state state;
	enum letter_form form;
	size_t limit_bytes; /* of all under way when it was sent */
	char bytes[];
};

struct queue {
	struct letter *first;
	struct letter *last;
	struct letter *unsent; /* no letter before it waits; NULL: none at all does */
	size_t bytes;
	uint64_t delivered;
};

struct dead_letters {
	size_t topic;
	size_t worker_count;
	size_t waiting_count; /* put and not done */
	size_t under_way_count;
	size_t under_way_bytes;
	size_t limit_bytes;   /* under way at once, where it is more than one */
	const struct letter *alone; /* under way, and none was besides it */
	size_t turn;          /* the worker whose letters go first */
	int64_t send_due_ms;  /* loop time */
	bool is_refusal_logged;
	struct buffer names;
	struct kafka_header *headers;
	size_t header_capacity;
	struct queue queues[];
};

struct dead_letters *dead_letters_create(size_t worker_count, size_t topic)
{
	struct dead_letters *letters = calloc(1, sizeof(*letters) + worker_count * sizeof(struct queue));
	CHECK(letters);
	letters->topic = topic;
	letters->worker_count = worker_count;
	letters->limit_bytes = UNDER_WAY_BYTES;
	return letters;
}

void dead_letters_destroy(struct dead_letters *letters)
{
	for (size_t i = 0; i < letters->worker_count; i++) {
		while (letters->queues[i].first) {
			struct letter *next = letters->queues[i].first->next;
			free(letters->queues[i].first);
			letters->queues[i].first = next;
		}
	}
	buffer_destroy(&letters->names);
	free(letters->headers);
	free(letters);
}

/* ---- Keeping ---- */

static struct slice copy_into(char **at, struct slice text)
{
	struct slice copy = {text.data ? *at : NULL, text.len};
	if (text.len)
		memcpy(*at, text.data, text.len);
	*at += text.len;
	return copy;
}

static size_t text_bytes(const struct dead_letter *text)
{
	return text->key.len + text->value.len + text->headers.len;
}

static size_t letter_bytes(const struct letter *letter)
{
	return sizeof(*letter) + text_bytes(&letter->text);
}

void dead_letters_put(struct dead_letters *letters, size_t worker, const struct dead_letter *text)
{
	struct queue *queue = &letters->queues[worker];
	struct letter *letter = malloc(sizeof(*letter) + text_bytes(text) + 1);
	CHECK(letter);
	char *at = letter->bytes;
	*letter = (struct letter){.queue = queue, .state = LETTER_WAITING, .form = FORM_WHOLE};
	letter->text.sequence = text->sequence;
	letter->text.key = copy_into(&at, text->key);
	letter->text.value = copy_into(&at, text->value);
	letter->text.headers = copy_into(&at, text->headers);
	if (queue->last)
		queue->last->next = letter;
	else
		queue->first = letter;
	queue->last = letter;
	if (!queue->unsent)
		queue->unsent = letter;
	queue->bytes += letter_bytes(letter);
	letters->waiting_count++;
}

static void drop_done(struct queue *queue)
{
	while (queue->first && queue->first->state == LETTER_DONE) {
		struct letter *done = queue->first;
		queue->delivered = done->text.sequence;
		queue->bytes -= letter_bytes(done);
		queue->first = done->next;
		if (!queue->first)
			queue->last = NULL;
		if (queue->unsent == done)
			queue->unsent = done->next;
		free(done);
	}
}

static void set_done(struct dead_letters *letters, struct letter *letter)
{
	letter->state = LETTER_DONE;
	letters->waiting_count--;
	drop_done(letter->queue);
}

static void set_waiting(struct letter *letter)
{
	letter->state = LETTER_WAITING;
	letter->queue->unsent = letter->queue->first;
}

/* ---- Headers ---- */

static bool is_own(struct slice name)
{
	const struct slice own = slice_from("ladderd.");
	return name.len >= own.len && memcmp(name.data, own.data, own.len) == 0;
}

static struct slice own_header(const struct letter *letter, const char *wanted)
{
	struct reader reader = reader_of(letter->text.headers);
	while (!reader_at_end(&reader)) {
		struct slice name, value;
		dead_letter_get_header(&reader, &name, &value);
		if (slice_equal(name, slice_from(wanted)))
			return value;
	}
	return slice_from("");
}

static struct kafka_header *add_header(struct dead_letters *letters, size_t count)
{
	if (count == letters->header_capacity) {
		letters->header_capacity = count ? 2 * count : 16;
		letters->headers =
			realloc(letters->headers, letters->header_capacity * sizeof(*letters->headers));
		CHECK(letters->headers);
	}
	return &letters->headers[count];
}

/* Header names must end with NUL for Kafka. Their copies take no more than the headers as they are encoded,
 * where a length precedes each. */
static size_t read_headers(struct dead_letters *letters, const struct letter *letter)
{
	struct buffer *names = &letters->names;
	struct reader reader = reader_of(letter->text.headers);
	size_t count = 0;
	names->len = 0;
	buffer_reserve(names, letter->text.headers.len);
	while (!reader_at_end(&reader)) {
		struct slice name, value;
		dead_letter_get_header(&reader, &name, &value);
		if (letter->form >= FORM_OWN_HEADERS && !is_own(name))
			break;
		*add_header(letters, count++) = (struct kafka_header){names->data + names->len, value};
		buffer_put(names, name.data, name.len);
		buffer_put(names, "", 1);
	}
	return count;
}

/* ---- Sending ---- */

static struct slice sent_key(const struct letter *letter)
{
	return letter->form < FORM_NO_KEY ? letter->text.key : (struct slice){NULL, 0};
}

static struct slice sent_value(const struct letter *letter)
{
	return letter->form < FORM_NO_VALUE ? letter->text.value : (struct slice){NULL, 0};
}

static size_t sent_bytes(const struct letter *letter)
{
	return sent_key(letter).len + sent_value(letter).len + letter->text.headers.len + OVERHEAD_BYTES;
}

static enum kafka_sent send_form(struct dead_letters *letters, struct letter *letter, struct kafka_out *out)
{
	size_t count = read_headers(letters, letter);
	return kafka_out_send(out, letters->topic, sent_key(letter), sent_value(letter), letters->headers,
			      count, letter);
}

static bool make_smaller(struct letter *letter)
{
	if (letter->form + 1 == FORM_COUNT)
		return false;
	letter->form++;
	return true;
}

static void give_up(struct dead_letters *letters, struct letter *letter)
{
	struct slice topic = own_header(letter, "ladderd.topic");
	struct slice partition = own_header(letter, "ladderd.partition");
	struct slice offset = own_header(letter, "ladderd.offset");
	log_error("a dead letter is given up: it is too large for the dead topic even without the record",
		  "topic=%.*s partition=%.*s offset=%.*s", (int)topic.len, topic.data, (int)partition.len,
		  partition.data, (int)offset.len, offset.data);
	set_done(letters, letter);
}

static void set_under_way(struct dead_letters *letters, struct letter *letter)
{
	letters->alone = letters->under_way_count == 0 ? letter : NULL;
	letters->under_way_count++;
	letters->under_way_bytes += sent_bytes(letter);
	letter->limit_bytes = letters->limit_bytes;
	letter->state = LETTER_UNDER_WAY;
	CRASH_POINT(letter_sent);
}

/* False: no room. */
static bool send(struct dead_letters *letters, struct letter *letter, struct kafka_out *out)
{
	bool is_first = letters->under_way_count == 0;
	if (!is_first && letters->under_way_bytes + sent_bytes(letter) > letters->limit_bytes)
		return false;
	CRASH_POINT(letter_made);
	enum kafka_sent sent = send_form(letters, letter, out);
	while (sent == KAFKA_SENT_TOO_LARGE && make_smaller(letter))
		sent = send_form(letters, letter, out);
	if (sent == KAFKA_SENT)
		set_under_way(letters, letter);
	else if (sent == KAFKA_SENT_TOO_LARGE)
		give_up(letters, letter);
	return sent != KAFKA_SENT_FULL;
}

static bool send_queue(struct dead_letters *letters, struct queue *queue, struct kafka_out *out)
{
	while (queue->unsent) {
		struct letter *letter = queue->unsent;
		queue->unsent = letter->next;
		if (letter->state == LETTER_WAITING && !send(letters, letter, out)) {
			queue->unsent = letter;
			return false;
		}
	}
	return true;
}

void dead_letters_send(struct dead_letters *letters, struct kafka_out *out)
{
	if (letters->waiting_count == letters->under_way_count || loop_now_ms() < letters->send_due_ms)
		return;
	size_t first = letters->turn++ % letters->worker_count;
	for (size_t i = 0; i < letters->worker_count; i++)
		if (!send_queue(letters, &letters->queues[(first + i) % letters->worker_count], out))
			return;
}

/* ---- Reports ---- */

/* kafka_out says so at the end of its sentence; no topic's name can hold these words. */
static bool is_too_large(const struct kafka_report *report)
{
	return report->is_final && strstr(report->why, ": raise the topic's max.message.bytes");
}

static void shrink(struct dead_letters *letters, struct letter *letter, bool was_alone)
{
	if (was_alone && !make_smaller(letter)) {
		give_up(letters, letter);
		return;
	}
	if (!was_alone && letter->limit_bytes == letters->limit_bytes)
		letters->limit_bytes /= 2;
	set_waiting(letter);
}

static void try_later(struct dead_letters *letters, struct letter *letter, const char *why)
{
	if (!letters->is_refusal_logged)
		log_error("a dead letter was not delivered; it is tried again", "why=%s",
			  log_quoted(why).text);
	letters->is_refusal_logged = true;
	letters->send_due_ms = loop_now_ms() + REFUSED_PAUSE_MS;
	set_waiting(letter);
}

void dead_letters_report(struct dead_letters *letters, const struct kafka_report *report)
{
	struct letter *letter = report->token;
	bool was_alone = letters->alone == letter;
	letters->under_way_count--;
	letters->under_way_bytes -= sent_bytes(letter);
	if (was_alone)
		letters->alone = NULL;
	if (report->is_delivered) {
		CRASH_POINT(letter_delivered);
		letters->is_refusal_logged = false;
		set_done(letters, letter);
	} else if (is_too_large(report)) {
		shrink(letters, letter, was_alone);
	} else {
		try_later(letters, letter, report->why);
	}
}

/* ---- How far they are ---- */

uint64_t dead_letters_delivered(const struct dead_letters *letters, size_t worker)
{
	return letters->queues[worker].delivered;
}

size_t dead_letters_waiting(const struct dead_letters *letters)
{
	return letters->waiting_count;
}

size_t dead_letters_bytes(const struct dead_letters *letters, size_t worker)
{
	return letters->queues[worker].bytes;
}
