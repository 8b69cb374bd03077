/* Fields: the table fields.def as rows, and the lookup of a field by its key. Spec section 2.
 * Read-only after fields_init; sets of fields are bits, one per field, in the table's order. */
#ifndef LADDER_DECODE_FIELDS_H
#define LADDER_DECODE_FIELDS_H

#include <stddef.h>

#include "core/base/block.h"
#include "core/model/event.h"

enum field {
#define FIELD(name, kind, types, required, member, sentence) FIELD_##name,
#include "core/decode/fields.def"
#undef FIELD
	FIELD_COUNT,
	FIELD_NONE = FIELD_COUNT /* no field of the table */
};

_Static_assert(FIELD_COUNT < 32, "a set of fields is 32 bits");

enum field_kind {
	KIND_TYPE,
	KIND_TEXT,      /* a string or the digits of an integer, at most limits.id_bytes */
	KIND_AD,        /* the same, but no id of a pseudo-ad */
	KIND_NAME,      /* a text, cut to limits.id_bytes */
	KIND_TIME,      /* int64_t milliseconds */
	KIND_DIRECTION,
	KIND_STAGE,
	KIND_FLAG,      /* bool */
	KIND_CONTENT,   /* uint32_t: the words of a string */
	KIND_WORDS,     /* uint32_t: counts beyond it stay at its maximum */
	KIND_MICROS,    /* int64_t, at most EVENT_MONEY_MAX_MICROS */
	KIND_COUNT,     /* int64_t */
	KIND_END
};

enum {
	ON_NONE = 0,
	ON_CLICK = 1 << EVENT_CLICK,
	ON_MESSAGE = 1 << EVENT_MESSAGE,
	ON_OUTCOME = 1 << EVENT_OUTCOME,
	ON_SPEND = 1 << EVENT_SPEND,
	ON_ANY = (1 << EVENT_TYPE_COUNT) - 1,
	ON_PERSON = ON_ANY & ~ON_SPEND,
	ON_MONEY = ON_CLICK | ON_OUTCOME | ON_SPEND,
};

struct field_row {
	struct slice name;
	enum field_kind kind;
	unsigned types;        /* ON_ bits */
	unsigned required;     /* ON_ bits */
	size_t offset;         /* in struct event */
	const char *sentence;  /* what the value must be */
	const char *missing;   /* "ts is missing" */
	const char *too_large; /* "id is longer than limits.id_bytes" */
};

extern const struct field_row field_rows[FIELD_COUNT];

/* A text in quotes and what must follow: no more than a block. */
struct field_pattern {
	struct block_pattern text;
	size_t len;
};

enum { FIELD_PATTERN_TEXT_MAX = BLOCK_BYTES - 3 };

enum { FIELD_SLOT_COUNT = 64, FIELD_SLOT_FIRST = 22, FIELD_SLOT_LAST = 60 };

struct fields {
	unsigned char slots[FIELD_SLOT_COUNT]; /* an enum field; empty ones hold FIELD_NONE */
	struct slice type_names[EVENT_TYPE_COUNT];
	uint32_t of_type[EVENT_TYPE_COUNT];
	uint32_t required[EVENT_TYPE_COUNT];
	uint32_t of_kind[KIND_END];
	struct field_pattern patterns[FIELD_COUNT]; /* of names, each with its colon */
};

/* Aborts if two fields of the table share a slot: FIELD_SLOT_FIRST and _LAST must then be others. */
void fields_init(struct fields *fields);

static inline uint32_t field_bit(enum field field)
{
	return UINT32_C(1) << field;
}

/* The text must be of at most FIELD_PATTERN_TEXT_MAX bytes. */
struct field_pattern field_pattern_of(struct slice text, char next);

/* The key must not be empty. No two names of the table share a slot. */
static inline unsigned field_slot(struct slice key)
{
	unsigned first = (unsigned char)key.data[0];
	unsigned last = (unsigned char)key.data[key.len - 1];
	return ((unsigned)key.len + first * FIELD_SLOT_FIRST + last * FIELD_SLOT_LAST) % FIELD_SLOT_COUNT;
}

/* FIELD_NONE if no field has this name. */
static inline enum field field_find(const struct fields *fields, struct slice key)
{
	if (key.len == 0)
		return FIELD_NONE;
	enum field field = fields->slots[field_slot(key)];
	if (field == FIELD_NONE || !slice_equal(field_rows[field].name, key))
		return FIELD_NONE;
	return field;
}

#endif
