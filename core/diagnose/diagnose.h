/* Diagnose: which rung of a row's ladder is weakest, and what to look at. Spec section 8.
 *
 *   conversations --reply--> replies       each rate is held against its norm: the account's own rate over
 *   conversations --qualified--> qualified   28 days, or for an account as a whole the one of the settings
 *   qualified --handoff--> handoffs
 *   handoffs --customer--> customers
 *
 * A rate is judged where its denominator reaches min_volume and it has a norm. (The norm of an account
 * without any denominator is none, nor is a setting of 0.)
 *
 * weakest_rung: of the judged rates that are below their norm the one that is the smallest part of it, by
 *   the plain quotients; of equal ones the first.
 * diagnosis: the first that holds of diagnoses.def. "Weak" is what rate_is_broken says, so that chance alone
 *   makes no diagnosis; a rung may be the weakest without being weak. Costs are compared as exact quotients:
 *   a row without spend is at the norm if the account has none either. Reach or creative: `customer` is
 *   judged and not below its norm, and conversations are under a tenth of the account's median ad.
 *
 * On basis event a rung may be reached by more conversations than opened in the same span: such a rate is
 * shown and compared as it is, and is 1 where bounds are taken of it.
 * Pure: no state, no failures, doubles only where bounds are taken. */
#ifndef LADDER_DIAGNOSE_DIAGNOSE_H
#define LADDER_DIAGNOSE_DIAGNOSE_H

#include "core/model/diagnosis.h"
#include "core/model/options.h"

/* The bounds of a rate k of n by Wilson's interval with z = 3.29 (one in a thousand lies outside). n > 0; a k
 * beyond 0 and n counts as these. */
struct rate_bounds {
	double low;
	double high;
};
struct rate_bounds rate_bounds(int64_t k, int64_t n);

/* Whether k of n is far below a rate that is at least `low` for sure: n reaches min_volume and the upper
 * bound lies under (1 - drop) of it, or there is none although that has a chance below `chance`. n > 0. */
bool rate_is_broken(const struct diagnosis_options *options, int64_t k, int64_t n, double low, double chance);

/* A judge_row. */
struct judgement diagnose(const struct diagnosis_options *options, const int64_t counts[JUDGED_COUNT],
			const struct norm *norm);

#endif
