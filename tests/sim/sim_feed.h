/* The feed of a seed, what is expected of it, and whether that is what there is.
 *
 * One thread; aborts where memory is missing. */
#ifndef LADDER_TESTS_SIM_SIM_FEED_H
#define LADDER_TESTS_SIM_SIM_FEED_H

#include "tests/sim/sim.h"

extern const char *const sim_input_names[SIM_INPUTS];

/* What of a log is not in the numbers: what was not there any more when nothing was known of it, what was
 * deleted before it was read, [from, to), and what stands behind a gap where reading stopped. */
struct missing {
	size_t begin;
	size_t from[SIM_STARTS_MAX];
	size_t to[SIM_STARTS_MAX];
	size_t count;
	size_t end;
};

struct feed {
	struct sim_log logs[SIM_INPUTS][SIM_TASKS];
	struct missing missing[SIM_INPUTS][SIM_TASKS];
	size_t given[SIM_INPUTS][SIM_TASKS];
	int64_t max_ms; /* of all events */
	int64_t now_ms; /* stream time where it may be of an event that is missing; else TIME_NONE */
	bool is_shuffled;
};

/* ---- sim_feed.c ---- */

void feed_create(struct feed *feed, bool is_shuffled);
void feed_destroy(struct feed *feed);
/* Some of what there is comes; all of it by the end. */
void feed_give(struct feed *feed, bool is_last);
/* Takes from the daemon which records are missing, and stream time. False, and it is said: it cannot be. */
bool feed_take_gaps(struct feed *feed, uint64_t seed);
bool feed_is_missing(const struct feed *feed, size_t input, size_t task, size_t offset);

/* ---- sim_reference.c: one task after another that reads the feed in order, and sees no fault ---- */

struct reference;

struct reference *reference_create(const struct feed *feed, const struct config *config,
				   const struct identity *identity);
void reference_destroy(struct reference *reference);
struct merger *reference_merger(struct reference *reference);
const struct counts *reference_counts(const struct reference *reference, uint32_t task, size_t input);

/* ---- sim_compare.c ---- */

/* Whether the rows in the topics, those that the merger has, the counts and the dead letters are what they
 * should be. Prints the first that is not. */
bool sim_compare(uint64_t seed, const struct feed *feed, const struct config *config,
		 const struct identity *identity, bool is_verbose);
void sim_fail(uint64_t seed, const char *what, struct slice key);

#endif
