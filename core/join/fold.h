/* Fold: one event of one person, in time order: ladder -> ladder', steps. Spec section 3, whole.
 *
 * The only place that knows those rules. A pure function of the ladder, the fact, the options and
 * the parents of the series: no clock, no arrival order, no memory of its own. */
#ifndef LADDER_JOIN_FOLD_H
#define LADDER_JOIN_FOLD_H

#include "core/model/options.h"
#include "core/state/person.h"
#include "core/state/series.h"

struct fold_context {
	const struct options *options;
	const struct series_table *series; /* every series that facts name is in it, an ad with its account */
};

/* Which rule gave an event its ad, or an outcome its conversation. */
enum fold_rule {
	FOLD_REFERRAL,    /* it names the ad itself */
	FOLD_CLICK_ID,    /* a touch with its click id */
	FOLD_TOUCH,       /* the latest touch */
	FOLD_ONGOING,     /* the ongoing conversation */
	FOLD_OPENED_LAST, /* the conversation that opened last */
	FOLD_ORGANIC      /* none of them */
};

struct fold_reason {
	enum fold_rule rule;
	uint32_t ad;   /* series; of FOLD_ORGANIC the pseudo-ad */
	int64_t of_ms; /* when that touch was, the last inbound message or the opening of that conversation,
			  else TIME_NONE */
};

/* Events must come in the order of fact_compare. The steps are appended to `out`; NULL where only the
 * ladder is wanted. Event and cohort steps both (spec section 5). */
void fold_event(const struct fold_context *ctx, struct ladder *ladder, const struct fact *fact,
		struct step_list *out);

/* The same, and says why. */
void fold_event_reason(const struct fold_context *ctx, struct ladder *ladder, const struct fact *fact,
		       struct step_list *out, struct fold_reason *reason);

/* A touch that came too late for its place in the order: it is known from now on, where no newer one
 * is, and no number changes by it. */
void fold_late_touch(struct ladder *ladder, const struct fact *fact);

#endif
