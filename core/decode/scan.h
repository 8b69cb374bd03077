/* Scan: the syntax of JSON, and the tokens of the fields that an event may have. Spec section 2,
 * design decision 5. Accepts and refuses what core/decode/decode.h says.
 *
 * All functions take the place in the unit where they begin, and return the place after what they
 * read, or NULL where the unit is no JSON; then scan_is_too_deep tells why. Places lie in [unit.data,
 * unit.data + unit.len] of the last scan_begin. Nothing is allocated beyond the largest record seen. */
#ifndef LADDER_DECODE_SCAN_H
#define LADDER_DECODE_SCAN_H

#include "core/decode/fields.h"
#include "core/decode/keys.h"

/* The first two are what ids may be, the first three what decimals may be. */
enum token_kind {
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_REAL, /* a number with a point or an exponent */
	TOKEN_TRUE,
	TOKEN_FALSE,
	TOKEN_NULL,
	TOKEN_NESTED
};

struct token {
	struct slice text; /* a string without quotes and escapes; a number as it is written; else unset */
	enum token_kind kind;
};

/* The fields of one object. Tokens borrow from the unit or the scratch, valid until scan_reset. */
struct capture {
	uint32_t present; /* fields that are there and neither null nor "" */
	struct token tokens[FIELD_COUNT];
};

struct scan_frame {
	size_t key_first; /* of this object's keys in scanner.keys */
	bool is_object;
	bool is_filled;
};

struct scanner {
	const struct fields *fields;
	const char *end;
	unsigned depth; /* frames in use */
	unsigned depth_max;
	bool is_too_deep;
	unsigned char follower[FIELD_COUNT + 1]; /* what came after each field, and first, when last seen */
	struct scan_frame *frames; /* owned, depth_max of them */
	struct keys keys;          /* not those that are fields: a bit tells whether they were there */
	char *scratch;             /* owned: texts that had escapes */
	size_t scratch_len;
	size_t scratch_capacity;
};

/* Borrows fields. Aborts where memory is missing. */
void scan_create(struct scanner *scanner, const struct fields *fields, unsigned depth_max);
void scan_destroy(struct scanner *scanner);

/* Begins a unit: its whole text, or text that has been scanned before. */
void scan_begin(struct scanner *scanner, struct slice unit);

/* Gives back the scratch: no token read before may be used any more. */
void scan_reset(struct scanner *scanner);

/* *p is '{'. */
const char *scan_object(struct scanner *scanner, const char *p, struct capture *capture);

/* Any value. */
const char *scan_value(struct scanner *scanner, const char *p);

/* After NULL was returned: whether depth_max was exceeded before any other fault. */
bool scan_is_too_deep(struct scanner *scanner);

static inline const char *scan_space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

#endif
