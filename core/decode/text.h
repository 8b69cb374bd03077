/* Text: the inside of JSON strings. No allocation, no state. */
#ifndef LADDER_DECODE_TEXT_H
#define LADDER_DECODE_TEXT_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/slice.h"

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
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)p);
		__m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
		__m128i escapes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
		__m128i others = _mm_cmpgt_epi8(_mm_set1_epi8(' '), bytes);
		__m128i all = _mm_or_si128(_mm_or_si128(quotes, escapes), others);
		unsigned stops = (unsigned)_mm_movemask_epi8(all);
		if (stops)
			return p + __builtin_ctz(stops);
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
		p++;
	return p;
}

/* The first byte that is no digit, or end. */
static inline const char *text_skip_digits(const char *p, const char *end)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		__m128i from_zero = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
		__m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(from_zero, _mm_set1_epi8(9)), from_zero);
		unsigned stops = ~(unsigned)_mm_movemask_epi8(digits) & 0xFFFF;
		if (stops)
			return p + __builtin_ctz(stops);
	}
#endif
	while (p < end && (unsigned char)(*p - '0') < 10)
		p++;
	return p;
}

#endif
