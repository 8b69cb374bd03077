/* Join: events to steps, person by person. Spec sections 2 (who the person is) and 3, design decision 1.
 *
 *   event -> fact -> the tail of whoever it belongs to -> fold again from there -> difference of the steps
 *
 * Whatever order the facts come in, the sum of all steps is that of one fold over the sorted set:
 * an event at the end of a tail is one fold step; one in the middle takes back the steps of what
 * follows it and says them anew; a known id is a duplicate. Facts older than `lateness` are folded
 * into the prefix for good, but for the newest few. What comes for a place that is folded over is late.
 *
 * A click id that came without a user is a person of its own, and remembers the claim with the
 * smallest (ts, id). Its facts move to whoever claims it, and on when a smaller claim comes; also to
 * another task (abroad.h).
 *
 * Limits. A fact that moves to a claimant who has folded over its place stays whose it was; but a click
 * becomes known to him, for what he does from then on. Of what is folded no id is kept: an event before
 * a person's prefix is late, not a duplicate. A person has at most CONVERSATION_COUNT_MAX conversations
 * and TOUCH_COUNT_MAX touches: beyond that the oldest are forgotten. One join per task, one thread. */
#ifndef LADDER_JOIN_JOIN_H
#define LADDER_JOIN_JOIN_H

#include "core/join/fold.h"
#include "core/state/people.h"

/* The newest facts of a tail are kept though nothing older than `lateness` can come. It may grow so far
 * beyond that before it is folded in: not for every event then. */
enum { JOIN_KEPT_FACTS = 64, JOIN_TAIL_SLACK = 64 };

enum join_class { JOIN_APPLIED, JOIN_DUPLICATE, JOIN_LATE };

/* An event as far as it can be worked out without its person. */
struct join_event {
	struct fact fact;
	struct key128 user;  /* zero without one */
	struct key128 click; /* zero without one */
	struct slice id;     /* borrowed from the event */
	uint32_t tie;        /* claim_tie, of an event with both */
	uint32_t home;       /* the click's task, where claims go abroad */
	int64_t safe_ms;     /* facts before it need not be kept in tails: no event older than it will come */
	const struct blob_header *likely; /* whose blob may grow: between the last steps of the prefetch */
};

/* A pseudo-ad that was asked for lately: mostly it is asked for again. */
enum { ORGANIC_MEMORY_COUNT = 16 };
struct organic_memory {
	char account[64];
	size_t account_len; /* 0: none */
	uint32_t series;
};

/* Ads that were asked for lately, by the end of their ids. */
enum { AD_MEMORY_BITS = 8, AD_MEMORY_COUNT = 1 << AD_MEMORY_BITS };

struct abroad;

struct join {
	const struct options *options;
	const unsigned char *identity_key; /* 16 bytes */
	struct people *people;
	struct series_table *series;
	uint64_t folded_early_count; /* facts that max_tail folded in */
	struct person person;        /* working copies */
	struct person other;
	struct ladder base;
	struct ladder scratch;
	struct step_list before;
	struct step_list after;
	struct buffer blob;
	struct organic_memory organic[ORGANIC_MEMORY_COUNT];
	uint32_t ads[AD_MEMORY_COUNT]; /* series; any at first */
	struct abroad *abroad; /* borrowed; NULL: every click has its events and claimants in this task */
};

/* `people` and `series` are borrowed. */
void join_create(struct join *join, const struct options *options, const unsigned char identity_key[16],
		 struct people *people, struct series_table *series);
void join_destroy(struct join *join);

/* The series of an ad; a new one belongs to the default account. */
uint32_t join_intern_ad(struct join *join, struct slice ad);
/* The pseudo-ad "organic:<account>"; an empty account is the default one. */
uint32_t join_intern_organic(struct join *join, struct slice account);

/* The keys under which an event's person and click are kept; the click's is zero without a click_id. */
struct key128 join_key_of_user(const unsigned char identity_key[16], struct slice user);
struct key128 join_key_of_click(const unsigned char identity_key[16], struct slice click_id);
struct key128 join_user_key(const struct join *join, struct slice user);
struct key128 join_click_key(const struct join *join, struct slice click_id);

/* What a tail keeps of an event; every type but spend. `ad` is the series of event->ad, SERIES_NONE without
 * one. */
struct fact join_fact(struct join *join, const struct event *event, uint32_t ad);

/* The same, and who it is. The event's id must last until it is taken. */
void join_prepare(struct join *join, const struct event *event, uint32_t ad, int64_t safe_ms,
		  struct join_event *prepared);

/* Asks for what join_take will read, in three steps with time between them: see people_prefetch. Nothing is
 * taken between the last two. */
void join_prefetch(const struct join *join, const struct join_event *event);
void join_prefetch_blobs(const struct join *join, struct join_event *event);
void join_prefetch_ends(const struct join_event *event);

/* Takes one event in. Steps are appended to `out`. */
enum join_class join_take(struct join *join, const struct join_event *event, struct step_list *out);

/* The steps that a blob's person stands for under the parents that the series have now, as far as
 * they depend on them: negated, applied, and taken again after the parents changed, they move him. */
void join_steps_of_person(struct join *join, struct slice blob, struct step_list *out);

/* Whether the person of a blob may have written at an ad marked in `is_marked` (by series). */
bool join_person_is_at(struct join *join, struct slice blob, const bool *is_marked);

#endif
