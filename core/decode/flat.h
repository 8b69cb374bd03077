/* Flat: the quick way from bytes to an event, for records as most feeds write them. Design decision 5.
 *
 * Takes one object, `type` first, without escapes and nested values, and with at most one space behind a
 * colon or comma. Of everything else, and of every fault, it only says that it does not know: then scan and
 * interpret judge. So it never takes what they would not, nor otherwise. Each key is compared first with
 * those that followed the field before it in the last events of this type. */
#ifndef LADDER_DECODE_FLAT_H
#define LADDER_DECODE_FLAT_H

#include "core/decode/fields.h"
#include "core/decode/keys.h"

enum { FLAT_GUESS_COUNT = 2 };

struct flat_reader {
	const struct fields *fields; /* borrowed */
	size_t id_bytes;             /* limits.id_bytes */
	struct keys keys;            /* those that are no fields */
	unsigned char guesses[EVENT_TYPE_COUNT][FIELD_COUNT + 1][FLAT_GUESS_COUNT];
};

void flat_create(struct flat_reader *reader, const struct fields *fields, size_t id_bytes);
void flat_destroy(struct flat_reader *reader);

/* True: the unit is one object and an event, whose slices borrow from it. False: not known, *event is
 * undefined. */
bool flat_read(struct flat_reader *reader, struct slice unit, struct event *event);

#endif
