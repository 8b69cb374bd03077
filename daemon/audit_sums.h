/* Audit sums: whether every event of the inputs is counted once, in the class in which it ended, and whether
 * what the tasks have stored says the same. Spec section 7.
 *
 *   records up to the stored offset, dead letters --> decoded, rejected by reason, ignored, late, applied,
 *   duplicate, forwarded, received, of every input and partition
 *
 * What is recomputed is a number, or a range where the order of arrival decides (audit_applied.h), or where
 * an event that was late may have been so before or after it was forwarded. Ranges are narrow in sum: what is
 * open within a partition is exact over its inputs, or over the partitions of its input.
 *
 * Only the run knows what was late or of the future: the letters say it, of a record that holds one event. Of
 * one that holds several they do not say which: there, and where letters are gone, applied, duplicate, late
 * and forwarded are checked in sum only, and it is said. Thread: one. */
#ifndef LADDER_DAEMON_AUDIT_SUMS_H
#define LADDER_DAEMON_AUDIT_SUMS_H

#include "daemon/audit_letters.h"
#include "daemon/audit_state.h"

struct audit_sums;

/* Borrows both. */
struct audit_sums *audit_sums_create(const struct config *config, const struct audit_state *state);
void audit_sums_destroy(struct audit_sums *sums);

/* Something of it is gone from the log: it cannot be recomputed. */
void audit_sums_note_gap(struct audit_sums *sums, size_t input, uint32_t partition);
/* A record of an input, in the order of its partition, with its letters. */
void audit_sums_take(struct audit_sums *sums, const struct audit_record *record,
		     const struct audit_letter *letters, size_t letter_count);

/* Where the sums are told: a difference, or what one should know of the comparison. */
struct audit_sums_sink {
	void (*differ)(void *ctx, const char *text);
	void (*note)(void *ctx, const char *text);
	void *ctx;
};

/* After all records, once. `has_erased`: events of some people may have been ignored for it. */
void audit_sums_compare(struct audit_sums *sums, bool are_letters_cut, bool has_erased,
			const struct audit_sums_sink *sink);

#endif
