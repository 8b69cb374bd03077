/* Interpret: from the tokens of an object to an event, or to the reason why it is none. The order of
 * judging is that of core/decode/decode.h. */
#ifndef LADDER_DECODE_INTERPRET_H
#define LADDER_DECODE_INTERPRET_H

#include "core/decode/scan.h"

struct fault {
	enum reason reason;
	const char *detail; /* static */
};

/* Fills *event, whose slices borrow what the tokens borrow, or returns false and fills *fault. */
bool interpret_object(const struct fields *fields, size_t id_bytes, const struct capture *capture,
		      struct event *event, struct fault *fault);

/* In pieces: of the whole, compilers make a string instruction that takes longer than all the rest. */
static inline void clear_event(struct event *event)
{
	enum { PIECE_BYTES = 64 };
	char *bytes = (char *)event;
	size_t at = 0;
	for (; at + PIECE_BYTES <= sizeof(*event); at += PIECE_BYTES)
		memset(bytes + at, 0, PIECE_BYTES);
	memset(bytes + at, 0, sizeof(*event) % PIECE_BYTES);
}

/* The value of a field that is neither TYPE, TEXT nor NAME, or a time, into its member. False: it cannot be
 * one. */
bool interpret_value(const struct token *token, enum field_kind kind, void *member);
bool interpret_time(const struct token *token, int64_t *time_ms);

#endif
