/* Flat: the quick way from bytes to an event, for records as most feeds write them. Design decision 5.
 *
 * Takes one object, `type` first, without escapes and nested values, and with at most one space behind a
 * colon or comma. Of everything else, and of every fault, it only says that it does not know: then scan and
 * interpret judge. So it never takes what they would not, nor otherwise.
 *
 * Keys have numbers: first the fields, then FIELD_NONE for all keys without one, then short keys that are no
 * fields, in the order in which they were first met. Each key is compared first with the one that followed
 * the key before it in the last event of this type. */
#ifndef LADDER_DECODE_FLAT_H
#define LADDER_DECODE_FLAT_H

#include "core/decode/fields.h"
#include "core/decode/keys.h"

enum { FLAT_KEY_COUNT = 64, FLAT_SLOT_COUNT = 256, FLAT_TYPE_SLOT_COUNT = 32 };

_Static_assert((int)FIELD_NONE < FLAT_KEY_COUNT, "a set of keys is 64 bits");

struct flat_key {
	struct field_pattern name;
	size_t offset; /* of a field's value in struct event */
};

struct flat_reader {
	const struct fields *fields; /* borrowed */
	size_t id_bytes;             /* limits.id_bytes */
	struct keys keys;            /* of this object, those without a number */
	unsigned key_count;          /* numbers in use */
	struct flat_key known[FLAT_KEY_COUNT];
	unsigned char slots[FLAT_SLOT_COUNT]; /* a number at the key's hash or behind it; FIELD_NONE: empty */
	unsigned char kinds[EVENT_TYPE_COUNT][FLAT_KEY_COUNT]; /* KIND_END: the type does not have it */
	unsigned char guesses[EVENT_TYPE_COUNT][FLAT_KEY_COUNT];
	struct field_pattern type_names[EVENT_TYPE_COUNT];
	unsigned char type_slots[FLAT_TYPE_SLOT_COUNT]; /* by the first two letters; any where none belongs */
};

/* Aborts if the names of two types share a slot. */
void flat_create(struct flat_reader *reader, const struct fields *fields, size_t id_bytes);
void flat_destroy(struct flat_reader *reader);

/* True: the unit is one object and an event, whose slices borrow from it. False: not known, *event is
 * undefined. */
bool flat_read(struct flat_reader *reader, struct slice unit, struct event *event);

#endif
