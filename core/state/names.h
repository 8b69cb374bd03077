/* Names: what the events say of an ad: its account, campaign and adset, and what they are called.
 *
 * Each field is what the newest event (ts, id) says that names the ad and carries the field (spec section 3,
 * people). A pure function of the set of events: notes may come in any order and repeat. */
#ifndef LADDER_STATE_NAMES_H
#define LADDER_STATE_NAMES_H

#include "core/base/buffer.h"
#include "core/model/event.h"
#include "core/model/level.h"
#include "core/model/step.h"

enum name_field {
	NAME_ACCOUNT = LEVEL_ACCOUNT, /* the ids of the parents stand at their levels */
	NAME_CAMPAIGN = LEVEL_CAMPAIGN,
	NAME_ADSET = LEVEL_ADSET,
	NAME_CAMPAIGN_NAME,
	NAME_ADSET_NAME,
	NAME_AD_NAME,
	NAME_FIELD_COUNT
};

struct name_note {
	int64_t time_ms;   /* of the event; TIME_NONE: nothing is known */
	struct slice id;   /* of the event; owned by the notes it stands in */
	struct slice text; /* owned as well */
};

struct names {
	struct name_note fields[NAME_FIELD_COUNT];
	bool is_changed; /* since it was made known; the caller's to clear */
};

void names_create(struct names *names);
void names_destroy(struct names *names);

/* Takes a copy of a note if it is newer than what is there. Returns whether the text changed. */
bool names_note(struct names *names, enum name_field field, const struct name_note *note);

/* Notes every field that the event carries. */
void names_note_event(struct names *names, const struct event *event);

void names_encode(const struct names *names, struct buffer *out);
/* The notes in the bytes are taken as names_note does. */
void names_decode(struct names *names, struct reader *reader);

#endif
