/* Text: the inside of JSON strings. No allocation, no state. */
#ifndef LADDER_DECODE_TEXT_H
#define LADDER_DECODE_TEXT_H

#include "core/base/block.h"

/* What a string holds that needs a second look. */
enum { TEXT_HAS_ESCAPE = 1, TEXT_HAS_HIGH_BYTE = 2 };

/* From the byte after the opening quote to the closing one; NULL if there is none or a control
 * character stands before it. An escape is stepped over, not judged. Adds to *traits. */
const char *text_find_end(const char *p, const char *end, unsigned *traits);

/* `text` are the bytes between two quotes, its escapes in place. Writes them without escapes, which is
 * never longer, and sets *len. False where jansson would refuse an escape. */
bool text_unescape(struct slice text, char *out, size_t *len);

/* Runs of bytes between ASCII white space (space, \t, \n, \v, \f, \r). */
size_t text_count_words(struct slice text);

/* The first byte that is a quote, a backslash, a control character or not ASCII, or end. */
static inline const char *text_find_stop(const char *p, const char *end)
{
	for (; end - p >= BLOCK_BYTES; p += BLOCK_BYTES) {
		unsigned stop = block_find_stop(block_load(p));
		if (stop < BLOCK_BYTES)
			return p + stop;
	}
	while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
		p++;
	return p;
}

/* The first byte that is no digit, or end. */
static inline const char *text_skip_digits(const char *p, const char *end)
{
	for (; end - p >= BLOCK_BYTES; p += BLOCK_BYTES) {
		unsigned count = block_count_digits(block_load(p));
		if (count < BLOCK_BYTES)
			return p + count;
	}
	while (p < end && (unsigned char)(*p - '0') < 10)
		p++;
	return p;
}

#endif
