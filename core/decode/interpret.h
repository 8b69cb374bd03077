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

#endif
