/* Block: 16 bytes of text at once, by what x86-64-v2 has for that; else, or with BLOCK_BY_WORDS, as two words
 * of a little-endian machine. Both say the same. */
#ifndef LADDER_BASE_BLOCK_H
#define LADDER_BASE_BLOCK_H

#if defined(__SSE4_1__) && !defined(BLOCK_BY_WORDS)
#define BLOCK_IS_VECTOR
#include <smmintrin.h>
#endif

#include "core/base/slice.h"

enum { BLOCK_BYTES = 16 };

/* Bytes to compare with, and which of them count. */
struct block_pattern {
	_Alignas(BLOCK_BYTES) uint64_t bytes[2];
	uint64_t mask[2];
};

#ifdef BLOCK_IS_VECTOR

typedef __m128i block;

static inline block block_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* The up to 16 bytes from p to end, and zeros behind them. 16 bytes before end must be there. */
static inline block block_load_last(const char *p, const char *end)
{
	static const signed char places[2 * BLOCK_BYTES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
							    11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1,
							    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
	const char *from = end - BLOCK_BYTES;
	return _mm_shuffle_epi8(block_load(from), block_load((const char *)places + (p - from)));
}

static inline bool block_matches(block bytes, const struct block_pattern *pattern)
{
	__m128i wanted = _mm_load_si128((const __m128i *)pattern->bytes);
	return _mm_testz_si128(_mm_xor_si128(bytes, wanted), _mm_load_si128((const __m128i *)pattern->mask));
}

/* The first byte that is a quote, a backslash, a control character or not ASCII; 16 if there is none. */
static inline unsigned block_find_stop(block bytes)
{
	const __m128i marks = _mm_setr_epi8(0, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0);
	__m128i is_mark = _mm_cmpeq_epi8(_mm_shuffle_epi8(marks, bytes), bytes);
	__m128i is_other = _mm_cmpgt_epi8(_mm_set1_epi8(' '), bytes);
	unsigned stops = (unsigned)_mm_movemask_epi8(_mm_or_si128(is_mark, is_other));
	return (unsigned)__builtin_ctz(stops | 1u << BLOCK_BYTES);
}

/* The digits that it begins with. */
static inline unsigned block_count_digits(block bytes)
{
	__m128i from_zero = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
	__m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(from_zero, _mm_set1_epi8(9)), from_zero);
	return (unsigned)__builtin_ctz(~(unsigned)_mm_movemask_epi8(digits));
}

static inline uint64_t block_first_word(block bytes)
{
	return (uint64_t)_mm_cvtsi128_si64(bytes);
}

#else

typedef struct block {
	uint64_t words[2];
} block;

static inline block block_load(const char *p)
{
	block bytes;
	memcpy(bytes.words, p, BLOCK_BYTES);
	return bytes;
}

static inline block block_load_last(const char *p, const char *end)
{
	block bytes = {{0, 0}};
	memcpy(bytes.words, p, (size_t)(end - p));
	return bytes;
}

static inline bool block_matches(block bytes, const struct block_pattern *pattern)
{
	return (((bytes.words[0] ^ pattern->bytes[0]) & pattern->mask[0]) |
		((bytes.words[1] ^ pattern->bytes[1]) & pattern->mask[1])) == 0;
}

#define BLOCK_EACH(byte) (UINT64_MAX / 255 * (byte))

/* The place of the first byte whose greatest bit is set in these marks. */
static inline unsigned block_find_mark(uint64_t first, uint64_t second)
{
	first &= BLOCK_EACH(0x80);
	second &= BLOCK_EACH(0x80);
	if (first)
		return (unsigned)__builtin_ctzll(first) / 8;
	return second ? 8 + (unsigned)__builtin_ctzll(second) / 8 : BLOCK_BYTES;
}

/* Marks may also be wrong behind the first one. */
static inline uint64_t block_mark_stops(uint64_t word)
{
	uint64_t quotes = word ^ BLOCK_EACH('"'), escapes = word ^ BLOCK_EACH('\\');
	return ((quotes - BLOCK_EACH(1)) & ~quotes) | ((escapes - BLOCK_EACH(1)) & ~escapes) |
	       (word - BLOCK_EACH(' ')) | word;
}

static inline unsigned block_find_stop(block bytes)
{
	return block_find_mark(block_mark_stops(bytes.words[0]), block_mark_stops(bytes.words[1]));
}

static inline uint64_t block_mark_others(uint64_t word)
{
	word ^= BLOCK_EACH('0');
	return (word + BLOCK_EACH(0x80 - 10)) | word;
}

static inline unsigned block_count_digits(block bytes)
{
	return block_find_mark(block_mark_others(bytes.words[0]), block_mark_others(bytes.words[1]));
}

static inline uint64_t block_first_word(block bytes)
{
	return bytes.words[0];
}

#endif

/* The number that eight digits are, the first of which is the lowest byte; of each, the four low bits. */
static inline uint64_t block_eight_digits(uint64_t digits)
{
	digits = (digits & UINT64_C(0x0f0f0f0f0f0f0f0f)) * 2561 >> 8;
	digits = (digits & UINT64_C(0x00ff00ff00ff00ff)) * 6553601 >> 16;
	return (digits & UINT64_C(0x0000ffff0000ffff)) * UINT64_C(42949672960001) >> 32;
}

/* The number that its first digits are, 1 to 8 of them. */
static inline uint64_t block_number(block bytes, unsigned digit_count)
{
	return block_eight_digits(block_first_word(bytes) << (64 - 8 * digit_count));
}

#endif
