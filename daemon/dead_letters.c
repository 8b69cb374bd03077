#include "daemon/dead_letters.h"

#include <stdlib.h>

#include "daemon/log.h"

enum letter_state { LETTER_WAITING, LETTER_UNDER_WAY, LETTER_DONE };

enum { HEADER_COUNT_MAX = 128 };

struct letter {
	struct letter *next;
	struct dead_letter text; /* its slices point into bytes */
	enum letter_state state;
	char bytes[];
};

struct queue {
	struct letter *first;
	struct letter *last;
	uint64_t delivered;
};

struct dead_letters {
	size_t topic;
	size_t worker_count;
	size_t waiting_count; /* put and not done */
	bool is_refusal_logged;
	struct queue queues[];
};

struct dead_letters *dead_letters_create(size_t worker_count, size_t topic)
{
	struct dead_letters *letters = calloc(1, sizeof(*letters) + worker_count * sizeof(struct queue));
	CHECK(letters);
	letters->topic = topic;
	letters->worker_count = worker_count;
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
	free(letters);
}

static struct slice copy_into(char **at, struct slice text)
{
	struct slice copy = {text.data ? *at : NULL, text.len};
	if (text.len)
		memcpy(*at, text.data, text.len);
	*at += text.len;
	return copy;
}

void dead_letters_put(struct dead_letters *letters, size_t worker, const struct dead_letter *text)
{
	struct letter *letter =
		malloc(sizeof(*letter) + text->key.len + text->value.len + text->headers.len + 1);
	CHECK(letter);
	char *at = letter->bytes;
	letter->next = NULL;
	letter->state = LETTER_WAITING;
	letter->text.sequence = text->sequence;
	letter->text.key = copy_into(&at, text->key);
	letter->text.value = copy_into(&at, text->value);
	letter->text.headers = copy_into(&at, text->headers);
	struct queue *queue = &letters->queues[worker];
	if (queue->last)
		queue->last->next = letter;
	else
		queue->first = letter;
	queue->last = letter;
	letters->waiting_count++;
}

/* Header names must end with NUL for Kafka; they are copied to `names`. */
static size_t headers_of(const struct letter *letter, struct kafka_header *headers, struct buffer *names)
{
	struct reader reader = reader_of(letter->text.headers);
	size_t count = 0;
	buffer_reserve(names, letter->text.headers.len + HEADER_COUNT_MAX);
	while (!reader_at_end(&reader) && count < HEADER_COUNT_MAX) {
		struct slice name = reader_text(&reader);
		headers[count].name = names->data + names->len;
		buffer_put(names, name.data, name.len);
		buffer_put(names, "", 1);
		headers[count++].value = reader_text(&reader);
	}
	return count;
}

static bool send(struct dead_letters *letters, struct letter *letter, struct kafka_out *out)
{
	struct kafka_header headers[HEADER_COUNT_MAX];
	struct buffer names = {0};
	size_t count = headers_of(letter, headers, &names);
	enum kafka_sent sent = kafka_out_send(out, letters->topic, letter->text.key, letter->text.value,
					      headers, count, letter);
	/* The original bytes do not fit: say at least what it was and where it is. */
	if (sent == KAFKA_SENT_TOO_LARGE)
		sent = kafka_out_send(out, letters->topic, letter->text.key, (struct slice){NULL, 0}, headers,
				      count, letter);
	buffer_destroy(&names);
	if (sent == KAFKA_SENT)
		letter->state = LETTER_UNDER_WAY;
	return sent == KAFKA_SENT;
}

void dead_letters_send(struct dead_letters *letters, struct kafka_out *out)
{
	for (size_t i = 0; letters->waiting_count && i < letters->worker_count; i++)
		for (struct letter *letter = letters->queues[i].first; letter; letter = letter->next)
			if (letter->state == LETTER_WAITING && !send(letters, letter, out))
				return;
}

static void drop_done(struct queue *queue)
{
	while (queue->first && queue->first->state == LETTER_DONE) {
		struct letter *done = queue->first;
		queue->delivered = done->text.sequence;
		queue->first = done->next;
		if (!queue->first)
			queue->last = NULL;
		free(done);
	}
}

void dead_letters_report(struct dead_letters *letters, const struct kafka_report *report)
{
	struct letter *letter = report->token;
	if (!report->is_delivered && !letters->is_refusal_logged) {
		log_error("a dead letter was not delivered; it is tried again", "why=%s",
			  log_quoted(report->why).text);
		letters->is_refusal_logged = true;
	}
	letter->state = report->is_delivered ? LETTER_DONE : LETTER_WAITING;
	if (!report->is_delivered)
		return;
	letters->is_refusal_logged = false;
	letters->waiting_count--;
	for (size_t i = 0; i < letters->worker_count; i++)
		drop_done(&letters->queues[i]);
}

uint64_t dead_letters_delivered(const struct dead_letters *letters, size_t worker)
{
	return letters->queues[worker].delivered;
}

size_t dead_letters_waiting(const struct dead_letters *letters)
{
	return letters->waiting_count;
}
