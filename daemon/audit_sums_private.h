/* Audit sums, inside: what audit_sums.c (what the records say) and audit_sums_compare.c (and what is stored)
 * share. */
#ifndef LADDER_DAEMON_AUDIT_SUMS_PRIVATE_H
#define LADDER_DAEMON_AUDIT_SUMS_PRIVATE_H

#include "core/decode/decode.h"
#include "daemon/audit_applied.h"
#include "daemon/audit_sums.h"

/* How much of an input in a partition can be compared; the greatest counts. */
enum audit_view {
	AUDIT_VIEW_WHOLE,
	AUDIT_VIEW_PART, /* not what depends on which events were late */
	AUDIT_VIEW_NONE  /* something is gone */
};

/* What the records say of an input in a partition, up to the stored offset. */
struct audit_tally {
	enum audit_view view;
	uint64_t decoded;
	uint64_t ignored;
	uint64_t reasons[REASON_COUNT];
	uint64_t taken;               /* applied or duplicate */
	struct audit_range applied;
	struct audit_range late;
	struct audit_range forwarded;
	struct audit_range received;
	int64_t end;                  /* behind the last record */
	uint64_t behind_count;        /* records from the stored offset on */
};

struct audit_sums {
	const struct config *config;
	const struct audit_state *state;
	struct config_shuffle shuffle;
	struct decoder *decoder;
	struct buffer items;         /* of a record */
	struct audit_tally *tallies; /* by task, then input */
	struct audit_range *late;    /* by input: over all partitions */
	uint64_t *on_way;            /* by input: forwarded, and not counted by its task yet */
	struct audit_applied applied;
};

static inline struct audit_tally *audit_tally_of(const struct audit_sums *sums, size_t input, size_t task)
{
	return &sums->tallies[task * sums->state->input_count + input];
}

static inline const struct audit_input *audit_stored_of(const struct audit_sums *sums, size_t input,
							size_t task)
{
	return &sums->state->tasks[task].inputs[input];
}

#endif
