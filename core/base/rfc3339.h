/* Times as text. Spec section 2 (`ts` and the other times of events), 6.4 (`from`, `to` of rows).
 * A time is milliseconds since 1970-01-01T00:00:00Z without leap seconds. */
#ifndef LADDER_BASE_RFC3339_H
#define LADDER_BASE_RFC3339_H

#include "core/base/check.h"
#include "core/base/slice.h"

enum { TIME_TEXT_BYTES = 32 }; /* with the NUL, for any int64 */

/* The last millisecond of the year 9999. */
#define TIME_MAX_MS INT64_C(253402300799999)

/* The whole text as a time: either digits alone (12 or more without leading zeros are milliseconds,
 * fewer are seconds) or RFC 3339: T, t or a space between date and time, Z, z or an offset at the end,
 * any number of fraction digits, those after the milliseconds dropped. False for all else, second 60
 * included, and for instants before 1970 or after 9999. */
must_check bool time_parse(struct slice text, int64_t *time_ms);

/* "2026-01-01T00:00:00Z", with ".123" before the Z where the milliseconds are not 0. Ends with NUL;
 * returns the length without it. */
size_t time_format_rfc3339(int64_t time_ms, char out[TIME_TEXT_BYTES]);

#endif
