#include "core/state/reports.h"

#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/rfc3339.h"
#include "core/model/step.h"

struct report report_of_event(const struct event *event)
{
	int64_t to_ms = event->to_ms;
	if (to_ms > event->reported_at_ms && event->reported_at_ms > event->from_ms)
		to_ms = event->reported_at_ms;
	return (struct report){
		.from_ms = event->from_ms,
		.to_ms = to_ms,
		.reported_at_ms = event->reported_at_ms,
		.time_ms = event->ts_ms,
		.amounts = {event->impressions, event->clicks, event->conversations, event->money_micros},
		.id_hash = hash_text(event->id),
		.id = event->id,
	};
}

void reports_destroy(struct reports *reports)
{
	for (size_t i = 0; i < reports->count; i++)
		free((char *)reports->reports[i].id.data);
	free(reports->reports);
	free(reports->sorted);
	free(reports->index);
	*reports = (struct reports){0};
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int report_compare(const struct report *a, const struct report *b)
{
	int order = compare_numbers(a->from_ms, b->from_ms);
	if (order == 0)
		order = compare_numbers(a->reported_at_ms, b->reported_at_ms);
	return order ? order : slice_compare(a->id, b->id);
}

/* Of two events with one id: the earlier, and where that is open any fixed order. */
static int report_compare_event(const struct report *a, const struct report *b)
{
	int order = compare_numbers(a->time_ms, b->time_ms);
	if (order == 0)
		order = report_compare(a, b);
	if (order == 0)
		order = compare_numbers(a->to_ms, b->to_ms);
	for (int i = 0; order == 0 && i < AMOUNT_COUNT; i++)
		order = compare_numbers(a->amounts[i], b->amounts[i]);
	return order;
}

/* The place in `sorted` behind all that compare lower; mostly that is its end. */
static size_t find_place(const struct reports *reports, const struct report *report)
{
	size_t low = 0, high = reports->count;
	for (size_t middle = high - 1; low < high; middle = (low + high) / 2) {
		if (report_compare(&reports->reports[reports->sorted[middle]], report) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct slice copy_text(struct slice text)
{
	char *copy = malloc(text.len ? text.len : 1);
	CHECK(copy);
	memcpy(copy, text.data, text.len);
	return (struct slice){copy, text.len};
}

static void note_length(struct reports *reports, const struct report *report)
{
	if (report->to_ms - report->from_ms > reports->longest_ms)
		reports->longest_ms = report->to_ms - report->from_ms;
}

static void add_report(struct reports *reports, const struct report *report)
{
	note_length(reports, report);
	if (reports->count == reports->capacity) {
		reports->capacity = reports->capacity ? 2 * reports->capacity : 4;
		reports->reports = realloc(reports->reports, reports->capacity * sizeof(*reports->reports));
		reports->sorted = realloc(reports->sorted, reports->capacity * sizeof(*reports->sorted));
		CHECK(reports->reports && reports->sorted);
	}
	size_t at = find_place(reports, report);
	memmove(&reports->sorted[at + 1], &reports->sorted[at],
		(reports->count - at) * sizeof(*reports->sorted));
	reports->sorted[at] = (uint32_t)reports->count;
	reports->reports[reports->count] = *report;
	reports->reports[reports->count++].id = copy_text(report->id);
}

/* Another report takes the room of the one at a place of `sorted`. */
static void replace_report(struct reports *reports, size_t at, const struct report *report)
{
	note_length(reports, report);
	uint32_t room = reports->sorted[at];
	struct slice id = copy_text(report->id);
	reports->count--;
	memmove(&reports->sorted[at], &reports->sorted[at + 1],
		(reports->count - at) * sizeof(*reports->sorted));
	at = find_place(reports, report);
	memmove(&reports->sorted[at + 1], &reports->sorted[at],
		(reports->count - at) * sizeof(*reports->sorted));
	reports->count++;
	reports->sorted[at] = room;
	free((char *)reports->reports[room].id.data);
	reports->reports[room] = *report;
	reports->reports[room].id = id;
}

/* Where the index holds the report with this id, or the free slot where it belongs. */
static uint32_t *find_index(const struct reports *reports, uint64_t id_hash, struct slice id)
{
	size_t mask = reports->index_size - 1;
	for (size_t at = id_hash & mask;; at = (at + 1) & mask) {
		uint32_t *slot = &reports->index[at];
		if (*slot == 0)
			return slot;
		const struct report *report = &reports->reports[*slot - 1];
		if (report->id_hash == id_hash && slice_equal(report->id, id))
			return slot;
	}
}

static void build_index(struct reports *reports, size_t size)
{
	free(reports->index);
	reports->index = calloc(size, sizeof(*reports->index));
	CHECK(reports->index);
	reports->index_size = size;
	for (size_t i = 0; i < reports->count; i++)
		*find_index(reports, reports->reports[i].id_hash, reports->reports[i].id) = (uint32_t)i + 1;
}

bool reports_put(struct reports *reports, const struct report *report)
{
	if (reports->index_size < 2 * (reports->count + 1))
		build_index(reports, reports->index_size ? 2 * reports->index_size : 8);
	uint32_t *slot = find_index(reports, report->id_hash, report->id);
	if (*slot == 0) {
		add_report(reports, report);
		*slot = (uint32_t)reports->count;
		return true;
	}
	const struct report *known = &reports->reports[*slot - 1];
	if (report_compare_event(report, known) < 0)
		replace_report(reports, find_place(reports, known), report);
	return false;
}

void reports_put_best(struct reports *reports, const struct report *report)
{
	const struct report first = {.from_ms = report->from_ms, .reported_at_ms = TIME_NONE};
	size_t at = find_place(reports, &first);
	const struct report *known = at < reports->count ? &reports->reports[reports->sorted[at]] : NULL;
	if (!known || known->from_ms != report->from_ms)
		add_report(reports, report);
	else if (report_compare(known, report) < 0)
		replace_report(reports, at, report);
}

void reports_forget(struct reports *reports, int64_t before_ms)
{
	struct reports kept = {0};
	size_t gone = 0;
	for (size_t i = 0; i < reports->count; i++)
		gone += reports->reports[i].to_ms < before_ms;
	if (gone == 0)
		return;
	for (size_t i = 0; i < reports->count; i++) {
		const struct report *report = &reports->reports[reports->sorted[i]];
		if (report->to_ms >= before_ms)
			reports_put(&kept, report);
	}
	reports_destroy(reports);
	*reports = kept;
}

const struct report *reports_next(const struct reports *reports, size_t *at)
{
	while (*at < reports->count) {
		size_t i = (*at)++;
		const struct report *report = &reports->reports[reports->sorted[i]];
		if (i + 1 == reports->count ||
		    report->from_ms != reports->reports[reports->sorted[i + 1]].from_ms)
			return report;
	}
	return NULL;
}

/* The part of an amount that falls before a time inside the period, rounded down: spec section 4. */
static int64_t part_before(const struct report *report, int64_t amount, int64_t time_ms)
{
	if (time_ms <= report->from_ms)
		return 0;
	if (time_ms >= report->to_ms)
		return amount;
	return (int64_t)((__int128)amount * (time_ms - report->from_ms) / (report->to_ms - report->from_ms));
}

static int64_t wrap_add(int64_t sum, int64_t delta)
{
	return (int64_t)((uint64_t)sum + (uint64_t)delta);
}

void report_part(const struct report *report, int64_t from_ms, int64_t to_ms, int64_t amounts[AMOUNT_COUNT])
{
	int64_t begin_ms = from_ms > report->frozen_ms ? from_ms : report->frozen_ms;
	for (int i = 0; i < AMOUNT_COUNT && begin_ms < to_ms; i++)
		amounts[i] = wrap_add(amounts[i], part_before(report, report->amounts[i], to_ms) -
					  part_before(report, report->amounts[i], begin_ms));
}

void reports_sum(const struct reports *reports, int64_t from_ms, int64_t to_ms, int64_t amounts[AMOUNT_COUNT])
{
	const struct report first = {.from_ms = from_ms - reports->longest_ms, .reported_at_ms = TIME_NONE};
	size_t at = reports->count ? find_place(reports, &first) : 0;
	for (const struct report *report; (report = reports_next(reports, &at));) {
		if (report->from_ms >= to_ms)
			break;
		if (report->to_ms <= from_ms)
			continue;
		report_part(report, from_ms, to_ms, amounts);
	}
}

void reports_encode(const struct reports *reports, struct buffer *out)
{
	buffer_put_unsigned(out, reports->count);
	for (size_t i = 0; i < reports->count; i++) {
		const struct report *report = &reports->reports[reports->sorted[i]];
		buffer_put_signed(out, report->from_ms);
		buffer_put_signed(out, report->to_ms);
		buffer_put_signed(out, report->reported_at_ms);
		buffer_put_signed(out, report->time_ms);
		for (int j = 0; j < AMOUNT_COUNT; j++)
			buffer_put_signed(out, report->amounts[j]);
		buffer_put_text(out, report->id);
	}
}

static bool report_is_sound(const struct report *report)
{
	bool is_sound = report->from_ms >= 0 && report->from_ms < report->to_ms &&
			report->to_ms - report->from_ms <= EVENT_PERIOD_MAX_MS &&
			report->to_ms <= TIME_MAX_MS && report->reported_at_ms >= 0 && report->time_ms >= 0;
	for (int i = 0; i < AMOUNT_COUNT; i++)
		is_sound &= report->amounts[i] >= 0;
	return is_sound;
}

void reports_decode(struct reports *reports, struct reader *reader)
{
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		struct report report = {.from_ms = reader_signed(reader)};
		report.to_ms = reader_signed(reader);
		report.reported_at_ms = reader_signed(reader);
		report.time_ms = reader_signed(reader);
		for (int j = 0; j < AMOUNT_COUNT; j++)
			report.amounts[j] = reader_signed(reader);
		report.id = reader_text(reader);
		report.id_hash = hash_text(report.id);
		reader->failed |= !report_is_sound(&report);
		if (!reader->failed)
			reports_put(reports, &report);
	}
}
