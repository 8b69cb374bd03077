/* Join, private: what join.c and abroad.c share. The working copies of struct join are used by all of it. */
#ifndef LADDER_JOIN_JOIN_PRIVATE_H
#define LADDER_JOIN_JOIN_PRIVATE_H

#include "core/join/abroad.h"
#include "core/join/join.h"

/* ---- join.c ---- */

void join_load(struct join *join, struct person *person, struct key128 key);
void join_store(struct join *join, const struct person *person);

/* An event with both ids claims its click, if no smaller claim is known; its own click may not be claimed
 * from abroad. */
void join_claim_click(struct join *join, const struct join_event *event, struct step_list *out);

/* A fact into a tail; the person is not stored. */
enum join_class join_add_fact(struct join *join, struct person *person, const struct fact *fact,
			      struct slice id, struct step_list *out);

/* A click that is older than the prefix of the person, who is to be stored. */
void join_add_old_click(struct join *join, struct person *to, const struct fact *fact, struct step_list *out);

/* The click's facts from join->other to join->person; neither is stored. */
void join_move_facts(struct join *join, struct key128 click, struct step_list *out);

/* What facts and touches keep of a click's key. */
uint64_t join_short_click(struct key128 click);

/* ---- abroad.c ---- */

/* The same as join_claim_click where claims go abroad. */
void abroad_claim(struct join *join, const struct join_event *event, struct step_list *out);

/* An event without a user, of a click that is claimed from abroad. */
enum join_class abroad_hold(struct join *join, const struct join_event *event);

#endif
