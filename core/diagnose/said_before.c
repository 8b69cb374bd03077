#include "core/diagnose/said_before.h"

#include <stdlib.h>

#include "core/base/json_find.h"
#include "core/base/json_text.h"
#include "core/base/rfc3339.h"

enum { FINGERPRINT_DIGITS = 16 };

/* ---- A text ---- */

static const char starts_at[] = ",\"startsAt\":\"", ends_at[] = ",\"endsAt\":\"",
		  status_is[] = ",\"status\":\"", revision_is[] = ",\"revision\":";

static bool read_fingerprint(struct slice text, uint64_t *fingerprint)
{
	*fingerprint = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool is_letter = c >= 'a' && c <= 'f';
		if (!is_letter && (c < '0' || c > '9'))
			return false;
		*fingerprint = *fingerprint << 4 | (uint64_t)(is_letter ? c - 'a' + 10 : c - '0');
	}
	return text.len == FINGERPRINT_DIGITS;
}

static bool find_alert(struct slice name, enum alert *alert)
{
	for (*alert = 0; *alert < ALERT_COUNT; ++*alert)
		if (slice_equal(name, slice_from(alert_rows[*alert].name)))
			return true;
	return false;
}

bool alert_read_json(struct slice value, struct alert_record *record)
{
	struct slice name, starts, ends, status, fingerprint, digits;
	int64_t revision;
	if (!json_find_text(value, "\"alertname\":\"", &name) ||
	    !json_find_text(value, starts_at, &starts) || !json_find_text(value, ends_at, &ends) ||
	    !json_find_text(value, status_is, &status) ||
	    !json_find_text(value, ",\"fingerprint\":\"", &fingerprint) ||
	    !json_find_number(value, revision_is, &digits, &revision))
		return false;
	record->revision = (uint64_t)revision;
	record->is_resolved = slice_equal(status, slice_from("resolved"));
	return find_alert(name, &record->alert) && time_parse(starts, &record->starts_ms) &&
	       time_parse(ends, &record->ends_ms) && read_fingerprint(fingerprint, &record->fingerprint) &&
	       (record->is_resolved || slice_equal(status, slice_from("firing")));
}

static void put_up_to(const char *from, const char *to, struct buffer *out)
{
	buffer_put(out, from, (size_t)(to - from));
}

void alert_put_resolved(struct slice value, int64_t ends_ms, uint64_t revision, struct buffer *out)
{
	struct slice ends, status, digits;
	int64_t before;
	CHECK(json_find_text(value, ends_at, &ends) && json_find_text(value, status_is, &status) &&
	      json_find_number(value, revision_is, &digits, &before));
	put_up_to(value.data, ends.data, out);
	json_put_time(out, ends_ms);
	put_up_to(ends.data + ends.len, status.data, out);
	json_put_literal(out, "resolved");
	put_up_to(status.data + status.len, digits.data, out);
	json_put_integer(out, (int64_t)revision);
	put_up_to(digits.data + digits.len, value.data + value.len, out);
}

/* ---- All of them ---- */

static int compare(const void *left, const void *right)
{
	const struct alert_record *a = &((const struct said_record *)left)->record;
	const struct alert_record *b = &((const struct said_record *)right)->record;
	if (a->fingerprint != b->fingerprint)
		return a->fingerprint < b->fingerprint ? -1 : 1;
	return a->revision < b->revision ? -1 : a->revision > b->revision;
}

/* The last one of each fingerprint stays. */
static void sort(struct said_before *before)
{
	struct said_record *records = before->records;
	size_t count = 0;
	if (before->is_sorted)
		return;
	if (before->count)
		qsort(records, before->count, sizeof(*records), compare);
	for (size_t i = 0; i < before->count; i++) {
		bool is_last = i + 1 == before->count ||
			       records[i].record.fingerprint != records[i + 1].record.fingerprint;
		if (is_last)
			records[count++] = records[i];
		else
			free((char *)records[i].value.data);
	}
	before->count = count;
	before->is_sorted = true;
}

const struct alert_record *said_before_put(struct said_before *before, struct slice value)
{
	struct alert_record record;
	if (!value.data || !alert_read_json(value, &record))
		return NULL;
	if (before->count == before->capacity)
		sort(before);
	if (2 * before->count >= before->capacity) {
		before->capacity = before->capacity ? 2 * before->capacity : 64;
		before->records = realloc(before->records, before->capacity * sizeof(*before->records));
		CHECK(before->records);
	}
	char *copy = malloc(value.len);
	CHECK(copy);
	memcpy(copy, value.data, value.len);
	before->records[before->count] = (struct said_record){record, {copy, value.len}, false};
	before->is_sorted = false;
	return &before->records[before->count++].record;
}

struct said_record *said_before_find(struct said_before *before, uint64_t fingerprint)
{
	sort(before);
	size_t low = 0, high = before->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (before->records[middle].record.fingerprint < fingerprint)
			low = middle + 1;
		else
			high = middle;
	}
	bool is_there = low < before->count && before->records[low].record.fingerprint == fingerprint;
	return is_there ? &before->records[low] : NULL;
}

void said_before_clear(struct said_before *before)
{
	for (size_t i = 0; i < before->count; i++)
		free((char *)before->records[i].value.data);
	free(before->records);
	*before = (struct said_before){0};
}
