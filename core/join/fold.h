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

/* Events must come in the order of fact_compare. The steps are appended to `out`; NULL where only the
 * ladder is wanted. Event and cohort steps both (spec section 5). */
void fold_event(const struct fold_context *ctx, struct ladder *ladder, const struct fact *fact,
		struct step_list *out);

/* A touch that came too late for its place in the order: it is known from now on, where no newer one
 * is, and no number changes by it. */
void fold_late_touch(struct ladder *ladder, const struct fact *fact);

#endif
