/* Reports: what the ad platform reports of one ad. Spec section 4.
 *
 *   reports  every report that came, in the order in which they came
 *   sorted   their places, by (from, reported_at, id): the last of each `from` is the one that counts,
 *            so that a restated day is corrected, not added
 *   index    their places by id, so that a duplicate is known
 *
 * Pure: the same set in any order is sorted the same. A list is filled by reports_put alone, or by
 * reports_put_best alone. */
#ifndef LADDER_STATE_REPORTS_H
#define LADDER_STATE_REPORTS_H

#include "core/base/buffer.h"
#include "core/model/event.h"

/* The amounts of a report; the order is that of COUNTER_* with time REPORT, spend in micros. */
enum amount { AMOUNT_IMPRESSIONS, AMOUNT_CLICKS, AMOUNT_CONVERSATIONS, AMOUNT_SPEND, AMOUNT_COUNT };

struct report {
	int64_t from_ms;
	int64_t to_ms; /* where the period ends for us: not after reported_at, if that is after from */
	int64_t reported_at_ms;
	int64_t time_ms; /* the event's ts */
	int64_t frozen_ms; /* times before it get nothing; 0 unless somebody set it, not stored */
	int64_t amounts[AMOUNT_COUNT];
	uint64_t id_hash; /* hash_text of the id */
	struct slice id;  /* owned by the list it stands in */
};

struct reports {
	struct report *reports;
	uint32_t *sorted;
	size_t count;
	size_t capacity;
	int64_t longest_ms; /* no period that was ever put is longer */
	uint32_t *index; /* open-addressed, place + 1; 0 is free. Only where reports_put fills */
	size_t index_size; /* a power of two, or 0 */
};

struct report report_of_event(const struct event *event);

void reports_destroy(struct reports *reports);

/* Takes a copy. False: a duplicate, there is one with this id (of two that differ the earlier event
 * stays). */
bool reports_put(struct reports *reports, const struct report *report);

/* Takes a copy only of what counts: of each `from` the list then holds one report, the greatest that
 * was put. */
void reports_put_best(struct reports *reports, const struct report *report);

/* Drops what ended before a time. */
void reports_forget(struct reports *reports, int64_t before_ms);

/* Adds to `amounts` what the reports that count give to [from, to). */
void reports_sum(const struct reports *reports, int64_t from_ms, int64_t to_ms,
		 int64_t amounts[AMOUNT_COUNT]);

/* What one report gives to [from, to), added to `amounts`. */
void report_part(const struct report *report, int64_t from_ms, int64_t to_ms, int64_t amounts[AMOUNT_COUNT]);

/* The next report that counts, from `at` on, which is moved behind it; NULL after the last. */
const struct report *reports_next(const struct reports *reports, size_t *at);

void reports_encode(const struct reports *reports, struct buffer *out);
void reports_decode(struct reports *reports, struct reader *reader);

#endif
