/* Borrowed text: a pointer and a length, never terminated by NUL.
 * A slice does not own its bytes; whoever hands one out says how long they live. */
#ifndef LADDER_BASE_SLICE_H
#define LADDER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *data; /* NULL only where len is 0 and the text is absent */
	size_t len;       /* bytes */
};

static inline struct slice slice_from(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Byte order, a shorter prefix first: <0, 0, >0. The order of ids in spec section 3. */
static inline int slice_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
