/* Decimal: numbers as text, exact, never through a double. Spec section 2 (micros), 6.4 (rows).
 *
 * The grammar is that of a JSON number everywhere: no plus sign, no leading zeros, a digit on both
 * sides of the point. "Rounded" is half away from zero. Nothing here allocates or depends on the locale. */
#ifndef LADDER_BASE_DECIMAL_H
#define LADDER_BASE_DECIMAL_H

#include "core/base/check.h"
#include "core/base/slice.h"

enum { DECIMAL_TEXT_BYTES = 24 }; /* room that decimal_format_micros and decimal_format_integer need */

/* A number's parts: 0.d1d2d3... times 10^magnitude, where d1 is the digit at `lead`. */
struct decimal {
	const char *lead;    /* the first digit that is not 0; NULL if the number is zero */
	const char *stop;    /* the end of the digits; one point may stand between lead and stop */
	int64_t magnitude;   /* 0 if the number is zero; stops at +-10^15 */
	bool is_negative;    /* a minus sign is there, also of -0 */
	bool is_integer;     /* neither point nor exponent */
};

/* Reads the longest number that text begins with. Returns its bytes, 0 where none begins; "1.", "1e",
 * "01" count as none, not as the shorter number in front. */
size_t decimal_scan(struct slice text, struct decimal *decimal);

/* Whether the nearest double is infinite. */
bool decimal_overflows_double(const struct decimal *decimal);

/* The whole text as micros, rounded. False if it is no number, below zero (-0 is zero) or its micros
 * are beyond int64. */
must_check bool decimal_parse_micros(struct slice text, int64_t *micros);

/* The whole text as an integer from 0 (also written -0) to 2^53. False for all else. */
must_check bool decimal_parse_count(struct slice text, int64_t *count);

/* Digits, zeros in front where there are fewer than min_digits. No NUL; returns the length, at most 20. */
size_t decimal_put_digits(uint64_t value, unsigned min_digits, char *out);

/* The two digits of a number below 100. */
extern const char decimal_pairs[];
static inline void decimal_put_pair(uint64_t value, char *out)
{
	memcpy(out, &decimal_pairs[2 * value], 2);
}

/* Without trailing zeros or point: 25.19685, 3200, -1.5, 0. Writes no NUL, returns the length. */
size_t decimal_format_micros(int64_t micros, char out[DECIMAL_TEXT_BYTES]);
size_t decimal_format_integer(int64_t number, char out[DECIMAL_TEXT_BYTES]);

/* numerator * scale / denominator, rounded. False if the denominator is 0 or the result leaves int64;
 * the product of numerator and scale may leave it. */
must_check bool decimal_divide(int64_t numerator, int64_t denominator, int64_t scale, int64_t *out);

#endif
