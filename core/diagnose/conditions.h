/* Conditions: whether what an alert says holds of a subject's numbers now. Spec section 8, alerts.def.
 *
 * What has begun lasts until the plain rates and costs say otherwise, so that what is near its limit does not
 * come and go.
 *
 * "For sure" is with bounds that chance leaves in one of a thousand cases (z = 3.29): of a rate Wilson's;
 * of a cost those of its count, which is Poisson's: a count of k stands for k + z*z/2 -+ z * sqrt(k +
 * z*z/4). What is above something for sure has its lower bound there, what is below its upper one.
 *
 *   BROKEN        rate_is_broken against the lower bound of the baseline's rate; none at all counts where its
 *                 chance is below one in a million: everybody is judged every minute, so that a chance of one
 *                 in a thousand would come true each day
 *   RATE_ABOVE    denominator >= min_volume, lower bound > limit
 *   GAP_ABOVE     the same, but by the bounds of the count of conversations: a report's day is spread evenly
 *                 over other hours than those in which they came, so they are no part of what is reported
 *   RATE_UP       both denominators >= min_volume, lower bound > limit * the baseline's upper bound
 *   COST_UP       lower bound of the cost > limit * the baseline's upper bound, and some came
 *   NO_RESULT     none came, and the money spent > limit * the baseline's upper bound
 *   UNPROFITABLE  upper bound of cost per conversation < the median ad's; lower bound of that per qualified,
 *                 or per customer, > limit * the median ad's; not of accounts
 *   UNANSWERED    unanswered_count >= limit, the first of them at least 15 minutes ago, and as many
 *                 conversations in the span; it lasts until something is sent or nobody came in the span,
 *                 also where, after a restart, fewer of them are known
 *   SILENT        at least 1,440 events in the 24 hours up to the last one, none for limit minutes, and none
 *                 for so long that the chance to leave out every minute is below one in a million, by the
 *                 lower bound of the share of minutes with events in the hour up to the last one: so bursts
 *                 once an hour are not silence, nor is the quiet of a night
 *
 * Pure. */
#ifndef LADDER_DIAGNOSE_CONDITIONS_H
#define LADDER_DIAGNOSE_CONDITIONS_H

#include "core/model/activity.h"
#include "core/model/alert.h"
#include "core/model/options.h"

/* A quotient and its bounds, money in micros. */
struct measure {
	bool is_there;
	int64_t numerator;
	int64_t denominator;
	double rate; /* NaN where the denominator is 0 */
	double low;
	double high; /* may be infinite */
};

struct finding {
	bool holds; /* for sure */
	bool lasts; /* it holds, or still does by the plain rate or cost: enough to go on, not to begin */
	bool is_money; /* the numerators, and so the rates */
	struct measure observed;
	struct measure baseline;
};

/* Any alert but SourceSilent. */
struct finding condition_find(const struct diagnosis_options *options, enum alert alert,
			      const struct subject *subject, int64_t now_ms);

struct finding condition_find_silence(const struct input_activity *activity, int64_t now_ms);

#endif
