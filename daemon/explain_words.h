/* The words that explain_person_text.c and explain_person_json.c share. */
#ifndef LADDER_DAEMON_EXPLAIN_WORDS_H
#define LADDER_DAEMON_EXPLAIN_WORDS_H

#include "daemon/explain_person.h"

enum { EXPLAIN_RUNG_COUNT = 6 };
struct explain_rung {
	const char *word; /* of spec section 1 */
	enum counter counter;
	uint8_t flag;     /* of struct conversation; 0 of the first, which every one has */
};
extern const struct explain_rung explain_rungs[EXPLAIN_RUNG_COUNT];

const char *explain_type(const struct fact *fact);      /* "message in" */
const char *explain_stage(const struct fact *fact);     /* "qualified" */
const char *explain_rule(enum fold_rule rule);          /* "referral", as in match_referral */
const char *explain_kind(unsigned kind);                /* "started", as in kind_started */
const char *explain_band(unsigned band);                /* "under_5m"; NULL: nobody has answered */

/* Why the rule gave it to that ad, a sentence without its end. */
void explain_put_why(const struct story_event *event, const struct options *options, struct buffer *out);

/* The counter whose sum on basis event a step changes; COUNTER_COUNT of others. */
enum counter explain_counter(const struct step *step);

#endif
