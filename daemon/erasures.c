#include "daemon/erasures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buffer.h"
#include "core/base/decimal.h"
#include "daemon/kafka_in.h"
#include "daemon/log.h"
#include "daemon/loop.h"

enum { START_MS = 3000, START_AGAIN_MS = 1000, PREFETCH_BYTES = 1 << 20, RECORDS_AT_ONCE = 1000 };

struct erasure {
	struct erased_person person; /* until TIME_NONE: taken back */
	size_t number;               /* of two of a person the greater one is newer */
};

struct erasures {
	const char *topic;
	uint32_t identity_print;
	struct kafka_in *in;
	bool is_started;
	bool is_changed;
	bool is_to_begin_anew;
	int64_t start_due_ms;
	struct buffer people;   /* struct erasure: who is erased, and behind them what came since */
	struct buffer made;     /* struct erased *: the last one is current, the others may still be read */
};

struct erasures *erasures_create(const struct config *config, uint32_t identity_print,
				 const struct kafka_connection *connection, struct kafka_error *error)
{
	static const int32_t partition = ERASURE_PARTITION;
	struct erasures *erasures = calloc(1, sizeof(*erasures));
	CHECK(erasures);
	erasures->topic = config->kafka.outputs.erased;
	erasures->identity_print = identity_print;
	erasures->in = kafka_in_create(&(struct kafka_in_options){
		.connection = *connection,
		.name = "erasures",
		.group = config->kafka.group,
		.topics = &erasures->topic,
		.topic_count = 1,
		.tasks = &partition,
		.task_count = 1,
		.prefetch_bytes = PREFETCH_BYTES,
	}, error);
	if (erasures->in)
		return erasures;
	free(erasures);
	return NULL;
}

void erasures_destroy(struct erasures *erasures)
{
	if (!erasures)
		return;
	kafka_in_destroy(erasures->in);
	for (size_t i = 0; i < erasures->made.len; i += sizeof(struct erased *)) {
		struct erased *made;
		memcpy(&made, erasures->made.data + i, sizeof(made));
		free(made);
	}
	buffer_destroy(&erasures->made);
	buffer_destroy(&erasures->people);
	free(erasures);
}

void erasure_key(struct key128 key, char text[ERASURE_KEY_LEN + 1])
{
	snprintf(text, ERASURE_KEY_LEN + 1, "%016" PRIx64 "%016" PRIx64, key.high, key.low);
}

void erasure_value(int64_t until_ms, uint32_t identity_print, char text[ERASURE_VALUE_MAX])
{
	snprintf(text, ERASURE_VALUE_MAX, "%" PRId64 " %08" PRIx32, until_ms, identity_print);
}

static bool parse_key(struct slice text, struct key128 *key)
{
	char digits[ERASURE_KEY_LEN + 1] = "";
	int end = 0;
	if (text.len != ERASURE_KEY_LEN)
		return false;
	memcpy(digits, text.data, ERASURE_KEY_LEN);
	return sscanf(digits, "%16" SCNx64 "%16" SCNx64 "%n", &key->high, &key->low, &end) == 2 &&
	       end == ERASURE_KEY_LEN;
}

/* The print may be missing: it was not written always. */
static bool parse_value(struct slice text, int64_t *until_ms, uint32_t *print)
{
	char digits[ERASURE_VALUE_MAX] = "";
	int end = 0;
	const char *space = memchr(text.data, ' ', text.len);
	if (!space)
		return decimal_parse_count(text, until_ms);
	size_t len = (size_t)(text.data + text.len - space);
	if (len != sizeof(" 01234567") - 1 ||
	    !decimal_parse_count((struct slice){text.data, (size_t)(space - text.data)}, until_ms))
		return false;
	memcpy(digits, space + 1, len - 1);
	return sscanf(digits, "%8" SCNx32 "%n", print, &end) == 1 && end == 8;
}

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct erasures *erasures = ctx;
	struct erased_person person = {.until_ms = TIME_NONE};
	const size_t number = erasures->people.len;
	uint32_t print = erasures->identity_print;
	bool is_ours = parse_key(record->key, &person.key) &&
		       (!record->value.data || parse_value(record->value, &person.until_ms, &print));
	erasures->is_changed |= is_ours && print == erasures->identity_print;
	if (is_ours && print == erasures->identity_print)
		buffer_put(&erasures->people, &(struct erasure){person, number}, sizeof(struct erasure));
	else if (is_ours)
		log_error("nobody is erased: `ladderd erase` ran with another identity.key_file than this",
			  "topic=%s offset=%" PRId64, erasures->topic, record->offset);
	else
		log_error("a record of the erased people is not ours and is left out",
			  "topic=%s offset=%" PRId64, erasures->topic, record->offset);
}

static bool start(struct erasures *erasures, struct kafka_error *error)
{
	static const int64_t beginning = KAFKA_IN_BEGINNING;
	if (erasures->is_started)
		return true;
	if (loop_now_ms() < erasures->start_due_ms)
		return false;
	erasures->is_started = kafka_in_start(erasures->in, &beginning, START_MS, error);
	if (!erasures->is_started)
		log_warn("who is erased is not known yet, and nothing is read before that", "why=%s",
			 log_quoted(error->text).text);
	erasures->start_due_ms = loop_now_ms() + START_AGAIN_MS;
	return erasures->is_started;
}

/* A topic that was away may be another one when it is back, and one that lacks what was read is: it is read
 * from its beginning. Who was erased stays it. */
static void follow_topic(struct erasures *erasures)
{
	const struct kafka_problem *problem = kafka_in_problem(erasures->in, 0, 0);
	bool is_gap = problem->kind == KAFKA_PROBLEM_GAP;
	struct kafka_error error;
	if (!is_gap && problem->kind != KAFKA_PROBLEM_MISSING && !erasures->is_to_begin_anew)
		return;
	erasures->is_to_begin_anew =
		!kafka_in_seek(erasures->in, 0, 0, is_gap ? problem->log_start : 0, &error);
}

static int compare(const void *left, const void *right)
{
	const struct erasure *a = left, *b = right;
	int order = memcmp(&a->person.key, &b->person.key, sizeof(a->person.key));
	return order ? order : (a->number < b->number) - (a->number > b->number);
}

/* Of each person the newest, and nobody who was taken back. */
static void settle(struct buffer *people)
{
	struct erasure *list = (struct erasure *)(void *)people->data;
	size_t count = people->len / sizeof(*list), kept = 0;
	struct key128 before = {0, 0};
	if (count)
		qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i++) {
		bool is_newest = i == 0 || !key128_equal(list[i].person.key, before);
		before = list[i].person.key;
		if (is_newest && list[i].person.until_ms != TIME_NONE)
			list[kept++] = (struct erasure){list[i].person, 0};
	}
	people->len = kept * sizeof(*list);
}

static void make_current(struct erasures *erasures)
{
	struct buffer people = {0};
	settle(&erasures->people);
	for (size_t i = 0; i < erasures->people.len; i += sizeof(struct erasure)) {
		struct erasure erasure;
		memcpy(&erasure, erasures->people.data + i, sizeof(erasure));
		buffer_put(&people, &erasure.person, sizeof(erasure.person));
	}
	struct erased *made = erased_create((const struct erased_person *)(void *)people.data,
					    people.len / sizeof(struct erased_person));
	buffer_put(&erasures->made, &made, sizeof(made));
	buffer_destroy(&people);
	erasures->is_changed = false;
}

bool erasures_poll(struct erasures *erasures, struct kafka_error *error)
{
	*error = (struct kafka_error){.fault = KAFKA_FAULT_NONE};
	if (!start(erasures, error))
		return error->fault != KAFKA_FAULT_DENIED;
	kafka_in_poll(erasures->in);
	follow_topic(erasures);
	while (kafka_in_consume(erasures->in, 0, 0, RECORDS_AT_ONCE, take_record, erasures) > 0)
		continue;
	bool is_first = erasures->made.len == 0;
	if (kafka_in_at_end(erasures->in, 0, 0) && (is_first || erasures->is_changed))
		make_current(erasures);
	const struct kafka_problem *problem = kafka_in_problem(erasures->in, 0, 0);
	if (problem->kind != KAFKA_PROBLEM_DENIED)
		return true;
	error->fault = KAFKA_FAULT_DENIED;
	snprintf(error->text, sizeof(error->text), "%s", problem->text);
	return false;
}

const struct erased *erasures_current(const struct erasures *erasures)
{
	struct erased *current = NULL;
	if (erasures->made.len)
		memcpy(&current, erasures->made.data + erasures->made.len - sizeof(current),
		       sizeof(current));
	return current;
}

static bool is_in_use(const struct erased *made, const struct pulse *pulses, size_t worker_count)
{
	bool is_used = false;
	for (size_t i = 0; i < worker_count; i++) {
		const struct erased *used = atomic_load_explicit(&pulses[i].erased, memory_order_acquire);
		is_used |= !used || used == made;
	}
	return is_used;
}

void erasures_free_older(struct erasures *erasures, const struct pulse *pulses, size_t worker_count)
{
	struct erased *oldest;
	while (erasures->made.len > sizeof(oldest)) {
		memcpy(&oldest, erasures->made.data, sizeof(oldest));
		if (is_in_use(oldest, pulses, worker_count))
			return;
		free(oldest);
		erasures->made.len -= sizeof(oldest);
		memmove(erasures->made.data, erasures->made.data + sizeof(oldest), erasures->made.len);
	}
}
