/* Story: what a person's blob says of him, event by event: which ad each was given and why, what it
 * counted. Spec sections 3 and 9 (`ladderd explain`).
 *
 * It is the fold once more, over what the person keeps: nothing is computed here that fold.c does not say.
 * There is no id of a person, of a click or of an event in it: clicks are numbered in the order in which they
 * turn up, from 1.
 *
 * Plain data; lives on its own. Made by the thread that owns the person's task. Aborts where memory is
 * missing. */
#ifndef LADDER_JOIN_STORY_H
#define LADDER_JOIN_STORY_H

#include "core/join/fold.h"

struct story_event {
	struct fact fact;        /* id_at, id_len and click say nothing */
	unsigned click;          /* number of the click it carries, 0: none */
	struct fold_reason reason;
	size_t step_end;         /* in steps: where its own end; see story_step_begin */
};

struct story {
	bool is_claimed;         /* a click that somebody has claimed: its events are his */
	struct ladder prefix;    /* what is folded for good, of events that are no longer kept */
	struct ladder head;      /* what holds now */
	struct story_event *events;
	size_t event_count;
	struct step_list steps;  /* of all events, in their order */
};

/* The blob is one of the table (people_find). */
struct story *story_tell(const struct fold_context *ctx, struct slice blob);
void story_destroy(struct story *story); /* NULL is fine */

static inline size_t story_step_begin(const struct story *story, size_t event)
{
	return event ? story->events[event - 1].step_end : 0;
}

/* When the conversation of the head at this place reached a rung (COUNTER_replies to COUNTER_customers).
 * TIME_NONE: never, or by an event that is no longer kept; the conversation's flags say which. */
int64_t story_reached_ms(const struct story *story, size_t conversation, enum counter rung);

#endif
