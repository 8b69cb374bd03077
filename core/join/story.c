#include "core/join/story.h"

#include <stdlib.h>

/* The number of a click: that of the first event that carries it. */
static unsigned number_click(const struct person *person, const struct story *story, size_t at,
			     unsigned *click_count)
{
	uint64_t click = person->facts[at].click;
	if (click == 0)
		return 0;
	for (size_t i = 0; i < at; i++)
		if (person->facts[i].click == click)
			return story->events[i].click;
	return ++*click_count;
}

static void tell_event(const struct fold_context *ctx, struct story *story, const struct person *person,
		       size_t at, unsigned *click_count)
{
	struct story_event *event = &story->events[at];
	event->click = number_click(person, story, at, click_count);
	fold_event_reason(ctx, &story->head, &person->facts[at], &story->steps, &event->reason);
	event->fact = person->facts[at];
	event->step_end = story->steps.count;
}

struct story *story_tell(const struct fold_context *ctx, struct slice blob)
{
	struct story *story = calloc(1, sizeof(*story));
	struct person person = {0};
	unsigned click_count = 0;
	CHECK(story && person_load(&person, blob));
	story->is_claimed = person.claim.time_ms != TIME_NONE;
	story->event_count = person.fact_count;
	story->events = calloc(person.fact_count + 1, sizeof(*story->events));
	CHECK(story->events);
	ladder_copy(&story->prefix, &person.prefix);
	ladder_copy(&story->head, &person.prefix);
	for (size_t i = 0; i < person.fact_count; i++)
		tell_event(ctx, story, &person, i, &click_count);
	person_destroy(&person);
	return story;
}

void story_destroy(struct story *story)
{
	if (!story)
		return;
	ladder_destroy(&story->prefix);
	ladder_destroy(&story->head);
	step_list_destroy(&story->steps);
	free(story->events);
	free(story);
}

int64_t story_reached_ms(const struct story *story, size_t conversation, enum counter rung)
{
	const struct conversation *at = &story->head.conversations[conversation];
	for (size_t i = 0; i < story->steps.count; i++) {
		const struct step *step = &story->steps.steps[i];
		if (step->series == at->ad && step->slot == slot_of[rung][BASIS_EVENT] &&
		    step->time_ms >= at->opened_ms)
			return step->time_ms;
	}
	return TIME_NONE;
}
