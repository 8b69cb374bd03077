/* Subjects: the numbers that alerts are judged by, out of the merger's cells. Spec section 8.
 *
 *   rolling cells 1h, 24h            what WINDOW spans observe, at every call
 *   hour cells, back to 60 d or so   their baselines, and all of COHORT and AGED spans: summed once an
 *                                    hour of T, each entity at a minute of its own, parents first
 *
 * A span of hours is whole UTC hours: a cohort ends at the last full hour before T less the delay, a
 * baseline at the last one before its span. A window span is not judged where the configuration has no
 * window of its length; a cohort not before the account's history reaches back to where its baseline
 * begins.
 *
 * "The account's own p90 of the delay": of the customer rung that of close_time over all the account's
 * hours; of the others, which have no histogram, 2.303 times the mean, which is the p90 of exponential
 * delays. The mean is exact at the grain of hours: over all that reached the rung, the sum of the hours at
 * which they did (basis event) less that of the hours at which they had opened (basis cohort).
 *
 * The pseudo-ads of organic chats are nobody here; their numbers are in their account.
 * unanswered_count counts between calls what opened, and starts again whenever anything was sent; so call
 * once a minute of T. The first call, and one after hours, goes by whole hours, 24 back: what opened in an
 * hour in which something was sent is left out, so that after a restart there may be more.
 *
 * Reads the merger and changes nothing in it. Memory: 3 KB for each entity. One thread,
 * the merger's. Aborts where memory is missing. */
#ifndef LADDER_PUBLISH_SUBJECTS_H
#define LADDER_PUBLISH_SUBJECTS_H

#include "core/model/alert.h"
#include "core/publish/merger.h"

struct subjects;

/* Of a merger that outlives it and is never replaced. */
struct subjects *subjects_create(const struct merger *merger);
void subjects_destroy(struct subjects *subjects); /* NULL is fine */

/* An each_subject, ctx is the subjects: once the merger was advanced to now_ms. */
void subjects_each(void *ctx, int64_t now_ms, subject_sink *sink, void *sink_ctx);

#endif
