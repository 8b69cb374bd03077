/* Explain a row: its parts (core/row_parts.h) in words, or as one JSON object. Spec section 9.
 *
 *   task 1 has of it, from 2026-02-05T18:00:00Z to 2026-03-05T18:00:00Z:
 *       clicks 1, opens 1, conversations 1, ...
 *     ad_1
 *       clicks 1, ...
 *     2026-03-02T06:00:00Z to 2026-03-04T12:00:00Z
 *       clicks 1, ...
 *     report of ad_1 for 2026-03-02T03:00:00Z to 2026-03-03T03:00:00Z, made 2026-03-03T06:00:00Z
 *       impressions 900, clicks 3, conversations 2, spend 12.4; all of it in this row
 *
 * Counts are those that are not 0, by the fields of rows (counters.def). Pure functions. */
#ifndef LADDER_DAEMON_EXPLAIN_ROW_H
#define LADDER_DAEMON_EXPLAIN_ROW_H

#include "core/row_parts.h"

void explain_row_as_text(const struct row_parts *parts, uint32_t task, struct buffer *out);
/* {"task", "from", "to", "counts", "ads", "times", "reports"} */
void explain_row_as_json(const struct row_parts *parts, uint32_t task, struct buffer *out);

/* "clicks 1, spend 12.4"; "nothing". */
void explain_row_put_counts(const int64_t counts[COUNTER_COUNT], struct buffer *out);
/* {"clicks": 1, "spend": 12.4} under this name. */
void explain_row_put_counts_json(const int64_t counts[COUNTER_COUNT], const char *name, struct buffer *out);

#endif
