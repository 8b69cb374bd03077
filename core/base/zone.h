/* Zone: the civil days of a time zone. Spec section 6.3, rows of kind "bucket" and window "1d".
 *
 * A zone is made from the bytes of a TZif file (RFC 8536, version 2 or later), with every change of its
 * offset from UTC in one sorted table: those that the file lists, then 400 years of those that its POSIX
 * TZ footer foretells. The calendar repeats after 400 years, so later times are looked up that much
 * earlier. Leap seconds do not exist here, as nowhere in POSIX time.
 *
 * Days partition time: day d is [zone_day_start_ms(d), zone_day_start_ms(d + 1)). Days of 23 or 25
 * hours, changes at midnight and days that a zone skipped (then empty) need no care by the caller. Where
 * a clock went back over midnight, the repeated hour belongs to the day that had already begun.
 *
 * Immutable once made, so every thread may read it. No allocation after zone_create. */
#ifndef LADDER_BASE_ZONE_H
#define LADDER_BASE_ZONE_H

#include "core/base/check.h"
#include "core/base/slice.h"

struct zone;

/* NULL if the bytes are no TZif of version 2 or later, are damaged, or count leap seconds. The bytes are
 * not needed afterwards. One allocation; aborts where memory is missing. */
must_check struct zone *zone_create(struct slice tzif);

/* NULL is allowed. Not for zone_utc(). */
void zone_destroy(struct zone *zone);

const struct zone *zone_utc(void);

/* What local clocks are ahead of UTC at this instant, in milliseconds; negative west of Greenwich. */
int64_t zone_offset_ms(const struct zone *zone, int64_t utc_ms);

/* The local day that the instant belongs to, in days since 1970-01-01: the greatest d with
 * zone_day_start_ms(d) <= utc_ms. */
int64_t zone_day_of(const struct zone *zone, int64_t utc_ms);

/* The first instant whose local date is `day` or later. */
int64_t zone_day_start_ms(const struct zone *zone, int64_t day);

#endif
