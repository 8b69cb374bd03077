/* A compacted topic: the last row of each key, as a reader has it who keeps the greatest revision; and
 * a sink into it that says "no room" now and then. */
#ifndef LADDER_TESTS_CORE_PUBLISH_ROW_TOPIC_H
#define LADDER_TESTS_CORE_PUBLISH_ROW_TOPIC_H

#include "core/base/decimal.h"
#include "core/diagnose/diagnose.h"
#include "core/publish/merger.h"
#include "tests/core/fixture.h"

struct topic_row {
	char *key;
	char *value;
	int64_t revision;
	size_t count;       /* of rows with this key */
	size_t empty_count; /* of those with zeros only */
	bool is_empty;
	bool is_history;
	int64_t wall_ms;
};

struct row_topic {
	struct topic_row *rows;
	size_t count;
	size_t sent_count;
	int64_t revision; /* the greatest */
	int64_t wall_ms;  /* set by whoever publishes */
	unsigned full_percent;
	struct random random;
	int64_t spacing_ms; /* the least time between two rows of one key; INT64_MAX: there are none */
};

static inline char *row_topic_copy(struct slice text)
{
	char *copy = malloc(text.len + 1);
	assert_non_null(copy);
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

static inline void row_topic_destroy(struct row_topic *topic)
{
	for (size_t i = 0; i < topic->count; i++) {
		free(topic->rows[i].key);
		free(topic->rows[i].value);
	}
	free(topic->rows);
}

/* A number in a row, money in micros, anything else in millionths. */
static inline int64_t row_micros(const char *value, const char *field)
{
	char name[64];
	int64_t micros = 0;
	snprintf(name, sizeof(name), ",\"%s\":", field);
	const char *at = strstr(value, name);
	assert_non_null(at);
	at += strlen(name);
	int sign = *at == '-' ? -1 : 1;
	at += *at == '-';
	assert_true(decimal_parse_micros((struct slice){at, strcspn(at, ",}")}, &micros));
	return sign * micros;
}

static inline bool row_is_zero(const char *value)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		if (row_micros(value, counter_rows[i].name) != 0)
			return false;
	return true;
}

static inline struct topic_row *row_topic_find(struct row_topic *topic, const char *key)
{
	for (size_t i = 0; i < topic->count; i++)
		if (strcmp(topic->rows[i].key, key) == 0)
			return &topic->rows[i];
	return NULL;
}

static inline struct topic_row *row_topic_at(struct row_topic *topic, struct slice key)
{
	char *copy = row_topic_copy(key);
	struct topic_row *row = row_topic_find(topic, copy);
	if (row) {
		free(copy);
		return row;
	}
	topic->rows = realloc(topic->rows, (topic->count + 1) * sizeof(*topic->rows));
	assert_non_null(topic->rows);
	row = &topic->rows[topic->count++];
	*row = (struct topic_row){.key = copy};
	return row;
}

/* A merger_row_sink. Revisions must grow over all keys; a row of zeros must follow one that was not. */
static inline bool row_topic_put(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct row_topic *topic = ctx;
	if (random_percent(&topic->random, topic->full_percent))
		return false;
	struct topic_row *row = row_topic_at(topic, key);
	int64_t between_ms = topic->wall_ms - row->wall_ms;
	if (row->count && between_ms < topic->spacing_ms)
		topic->spacing_ms = between_ms;
	free(row->value);
	row->value = row_topic_copy(value);
	row->revision = row_micros(row->value, "revision") / 1000000;
	assert_true(row->revision > topic->revision);
	topic->revision = row->revision;
	bool is_empty = row_is_zero(row->value);
	assert_false(is_empty && (row->count == 0 || row->is_empty));
	row->is_empty = is_empty;
	row->empty_count += is_empty;
	row->is_history = is_history;
	row->wall_ms = topic->wall_ms;
	row->count++;
	topic->sent_count++;
	return true;
}

static inline void row_topic_create(struct row_topic *topic, uint64_t seed, unsigned full_percent)
{
	*topic = (struct row_topic){.random = {seed}, .full_percent = full_percent, .spacing_ms = INT64_MAX};
}

/* The text of a row without what its revision is. */
static inline char *row_without_revision(const char *value)
{
	static const char name[] = "\"revision\":";
	const char *at = strstr(value, name);
	assert_non_null(at);
	at += sizeof(name) - 1;
	size_t digits = strcspn(at, ",");
	char *copy = row_topic_copy(slice_from(value));
	memmove(copy + (at - value), at + digits, strlen(at + digits) + 1);
	return copy;
}

struct row_topic_check {
	struct row_topic *topic;
	size_t count;
};

static inline bool row_topic_check_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct row_topic_check *check = ctx;
	char *key_text = row_topic_copy(key), *value_text = row_topic_copy(value);
	struct topic_row *row = row_topic_find(check->topic, key_text);
	if (!row)
		fail_msg("%s was never published", key_text);
	char *got = row_without_revision(row->value), *wanted = row_without_revision(value_text);
	if (strcmp(got, wanted) != 0) {
		size_t at = strspn(got, ""), begin;
		while (got[at] == wanted[at])
			at++;
		begin = at > 60 ? at - 60 : 0;
		fail_msg("%s was last published as ...%.100s, is ...%.100s", key_text, got + begin,
			 wanted + begin);
	}
	assert_int_equal(row->is_history, is_history);
	check->count++;
	free(got);
	free(wanted);
	free(key_text);
	free(value_text);
	return true;
}

/* Everything that the merger would print was published last as it is now, and all else last with zeros. */
static inline void row_topic_check_against(struct row_topic *topic, struct merger *merger)
{
	struct row_topic_check check = {topic, 0};
	merger_print(merger, row_topic_check_row, &check);
	size_t full_count = 0;
	for (size_t i = 0; i < topic->count; i++)
		full_count += !topic->rows[i].is_empty;
	assert_int_equal(full_count, check.count);
}

/* Publishes until nothing waits. */
static inline void row_topic_drain(struct row_topic *topic, struct merger *merger)
{
	int64_t due_ms;
	unsigned full_percent = topic->full_percent;
	topic->full_percent = 0;
	while (merger_is_waiting(merger, &due_ms)) {
		if (topic->wall_ms < due_ms)
			topic->wall_ms = due_ms;
		assert_true(merger_publish(merger, topic->wall_ms, SIZE_MAX, 0, row_topic_put, topic) > 0 ||
			    !merger_is_waiting(merger, &due_ms) || due_ms > topic->wall_ms);
	}
	topic->full_percent = full_percent;
}

#endif
