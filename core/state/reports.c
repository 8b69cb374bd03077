#include "core/state/reports.h"

#include <stdlib.h>

#include "core/base/hash.h"

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

static void remove_at(struct reports *reports, size_t at)
{
	free((char *)reports->reports[at].id.data);
	reports->count--;
	memmove(&reports->reports[at], &reports->reports[at + 1],
		(reports->count - at) * sizeof(struct report));
}

static void insert_sorted(struct reports *reports, const struct report *report)
{
	if (reports->count == reports->capacity) {
		reports->capacity = reports->capacity ? 2 * reports->capacity : 4;
		reports->reports = realloc(reports->reports, reports->capacity * sizeof(struct report));
		CHECK(reports->reports);
	}
	size_t at = reports->count;
	while (at > 0 && report_compare(&reports->reports[at - 1], report) > 0)
		at--;
	struct report *place = &reports->reports[at];
	memmove(place + 1, place, (reports->count - at) * sizeof(*place));
	reports->count++;
	*place = *report;
	char *id = malloc(report->id.len);
	CHECK(id);
	memcpy(id, report->id.data, report->id.len);
	place->id.data = id;
}

bool reports_put(struct reports *reports, const struct report *report)
{
	bool is_new = true;
	for (size_t i = 0; i < reports->count && is_new; i++) {
		if (reports->reports[i].id_hash != report->id_hash ||
		    !slice_equal(reports->reports[i].id, report->id))
			continue;
		is_new = false;
		if (report_compare_event(report, &reports->reports[i]) < 0) {
			remove_at(reports, i);
			insert_sorted(reports, report);
			return false;
		}
	}
	if (is_new)
		insert_sorted(reports, report);
	return is_new;
}

void reports_put_best(struct reports *reports, const struct report *report)
{
	size_t low = 0, high = reports->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (reports->reports[middle].from_ms < report->from_ms)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < reports->count && reports->reports[low].from_ms == report->from_ms) {
		if (report_compare(&reports->reports[low], report) >= 0)
			return;
		remove_at(reports, low);
	}
	insert_sorted(reports, report);
}

void reports_forget(struct reports *reports, int64_t before_ms)
{
	for (size_t i = reports->count; i-- > 0;)
		if (reports->reports[i].to_ms < before_ms)
			remove_at(reports, i);
}

const struct report *reports_next(const struct reports *reports, size_t *at)
{
	while (*at < reports->count) {
		size_t i = (*at)++;
		if (i + 1 == reports->count || reports->reports[i].from_ms != reports->reports[i + 1].from_ms)
			return &reports->reports[i];
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

void reports_sum(const struct reports *reports, int64_t from_ms, int64_t to_ms, int64_t amounts[AMOUNT_COUNT])
{
	size_t at = 0;
	for (const struct report *report; (report = reports_next(reports, &at));) {
		if (report->from_ms >= to_ms || report->to_ms <= from_ms)
			continue;
		for (int i = 0; i < AMOUNT_COUNT; i++)
			amounts[i] += part_before(report, report->amounts[i], to_ms) -
				      part_before(report, report->amounts[i], from_ms);
	}
}

void reports_encode(const struct reports *reports, struct buffer *out)
{
	buffer_put_unsigned(out, reports->count);
	for (size_t i = 0; i < reports->count; i++) {
		const struct report *report = &reports->reports[i];
		buffer_put_signed(out, report->from_ms);
		buffer_put_signed(out, report->to_ms);
		buffer_put_signed(out, report->reported_at_ms);
		buffer_put_signed(out, report->time_ms);
		for (int j = 0; j < AMOUNT_COUNT; j++)
			buffer_put_signed(out, report->amounts[j]);
		buffer_put_text(out, report->id);
	}
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
		if (!reader->failed && report.to_ms > report.from_ms)
			reports_put(reports, &report);
	}
}
