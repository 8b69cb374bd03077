/* Activity: how many events an input brought in the last 24 hours of stream time, by which it is seen that
 * one is silent (SourceSilent, spec section 8). One thread. */
#ifndef LADDER_MODEL_ACTIVITY_H
#define LADDER_MODEL_ACTIVITY_H

#include <stdint.h>

#include "core/base/buffer.h"

enum { ACTIVITY_MINUTES = 24 * 60, ACTIVITY_HOURS = 24 };

/* By minute. Starts as zeros with minute 0. */
struct input_activity {
	struct slice name;
	int64_t minute;  /* the last one with an event, since 1970; 0: never */
	uint32_t counts[ACTIVITY_MINUTES]; /* by minute modulo their number, up to `minute` */
};

/* The input brought events when stream time was there. */
void input_activity_note(struct input_activity *activity, int64_t now_ms, uint32_t count);

/* The events of the 24 hours up to the last one, and the minutes with any of the 60 up to it. */
uint64_t input_activity_count(const struct input_activity *activity);
unsigned input_activity_busy_minutes(const struct input_activity *activity);

/* What a task keeps of it with its state: full hours, and in which of the last 60 minutes there were any.
 * Starts as zeros. */
struct activity_digest {
	int64_t minute; /* as above */
	uint64_t busy;  /* bit i: in minute - i */
	uint64_t hours[ACTIVITY_HOURS]; /* by hour since 1970 modulo their number, up to that of `minute` */
};

void activity_digest_note(struct activity_digest *digest, int64_t now_ms, uint64_t count);
void activity_digest_put(const struct activity_digest *digest, struct buffer *out);
/* Where it is none, the reader has failed. */
struct activity_digest activity_digest_get(struct reader *reader);

/* As if all of it had been noted: of each hour, what is over one event in each busy minute at once. */
void input_activity_add(struct input_activity *activity, const struct activity_digest *digest);

#endif
