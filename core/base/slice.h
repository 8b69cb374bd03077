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

/* At most 8 bytes, as a little-endian machine has them. */
static inline uint64_t load_bytes(const char *at, size_t len)
{
	uint64_t word = 0;
	memcpy(&word, at, len);
	return word;
}

/* Most texts are short ids: words, the last of which overlaps the one before. */
static inline bool slice_equal(struct slice a, struct slice b)
{
	enum { HALF = 4, WORD = 8, FEW = 32 };
	if (a.len != b.len)
		return false;
	if (a.len < HALF || a.len > FEW)
		return a.len == 0 || memcmp(a.data, b.data, a.len) == 0;
	size_t last = a.len - HALF;
	if (a.len < WORD)
		return load_bytes(a.data, HALF) == load_bytes(b.data, HALF) &&
		       load_bytes(a.data + last, HALF) == load_bytes(b.data + last, HALF);
	last = a.len - WORD;
	for (size_t at = 0; at < last; at += WORD)
		if (load_bytes(a.data + at, WORD) != load_bytes(b.data + at, WORD))
			return false;
	return load_bytes(a.data + last, WORD) == load_bytes(b.data + last, WORD);
}

/* Byte order, a shorter prefix first: <0, 0, >0. The order of ids in spec section 3. */
static inline int slice_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
