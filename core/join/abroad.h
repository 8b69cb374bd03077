/* Abroad: clicks whose events and claimants lie in different tasks. Spec section 2 (who the person is),
 * design decision 6.
 *
 * Events without a user all come to one task, the home of their click. A claim is made where its user is:
 *
 *      task of a user                         home of the click
 *        message of U with C  -- claim ------>  C: facts; the smallest claim of all is U's, abroad
 *        U: C's facts         <-- claim, facts -     it keeps them, and they do not count here
 *        U: without them      <-- claim of V ---  when V's smaller claim has come; V's task gets the facts
 *
 * Everything said is a note: "this click has this claim, and these facts", which is true for ever. Each task
 * keeps the smallest claim that it knows of a click, and counts the click's facts if that is of its own (or
 * at home, if there is none). The home answers a claim that is not the smallest with the one that is, and
 * sends all facts with each new smallest one. So notes may come twice, late, or from an owner of before, in
 * any order between two senders, and in the end every task has the same claim, and one of them the facts.
 *
 * What is abroad: struct claim. A click that is claimed from abroad keeps its facts only at home.
 *
 * Limits. As of join.h; and an older click that a claimant's prefix has taken in stays with him.
 * Thread: the join's. */
#ifndef LADDER_JOIN_ABROAD_H
#define LADDER_JOIN_ABROAD_H

#include "core/join/join.h"

struct abroad {
	uint32_t task; /* this one */
	uint32_t task_count;
	void (*send)(void *ctx, uint32_t task, struct slice note); /* from within join_take and abroad_take */
	void *ctx;
	struct step_list uncounted;
	struct buffer note;
};

/* Of a join that takes what others send. */
void abroad_destroy(struct abroad *abroad);

/* Whose claim a note brings, and when it was made. False: the bytes are no note. */
must_check bool abroad_read_claim(struct slice note, struct key128 *person, int64_t *time_ms);

/* Takes a note in. Steps are appended to `out`. False: the bytes are no note, or only its beginning is. */
must_check bool abroad_take(struct join *join, struct slice note, int64_t safe_ms, struct step_list *out);

#endif
