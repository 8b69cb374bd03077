#include "core/decode/text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/utf8.h"

enum { BAD_UNIT = 0x10000 };

const char *text_find_end(const char *p, const char *end, unsigned *traits)
{
	for (;;) {
		p = text_find_stop(p, end);
		if (p < end && *p == '"')
			return p;
		if (p < end && (unsigned char)*p >= 0x80) {
			*traits |= TEXT_HAS_HIGH_BYTE;
			while (p < end && (unsigned char)*p >= 0x80)
				p++;
		} else if (end - p > 1 && *p == '\\') {
			*traits |= TEXT_HAS_ESCAPE;
			p += 2;
		} else {
			return NULL;
		}
	}
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	char lower = (char)(c | 0x20);
	return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10) : BAD_UNIT;
}

/* The UTF-16 unit of \uXXXX at p; BAD_UNIT or more where there is none. */
static uint32_t unicode_unit(const char *p, const char *end)
{
	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return BAD_UNIT;
	uint32_t unit = 0;
	for (int i = 2; i < 6; i++) {
		uint32_t digit = hex_digit(p[i]);
		if (digit == BAD_UNIT)
			return BAD_UNIT;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* Returns the bytes read, 0 for a bad escape. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *character)
{
	uint32_t unit = unicode_unit(p, end);
	*character = unit;
	if (unit == 0 || unit >= BAD_UNIT || (unit >= 0xDC00 && unit <= 0xDFFF))
		return 0;
	if (unit < 0xD800 || unit > 0xDBFF)
		return 6;
	uint32_t low = unicode_unit(p + 6, end);
	*character = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
	return low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

/* What \c stands for, 0 if it is no escape. */
static char simple_escape(char c)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *found = c ? strchr(from, c) : NULL;
	return found ? to[found - from] : '\0';
}

bool text_unescape(struct slice text, char *out, size_t *len)
{
	const char *p = text.data;
	const char *end = p + text.len;
	char *to = out;
	while (p < end) {
		if (*p != '\\') {
			*to++ = *p++;
		} else if (end - p > 1 && p[1] == 'u') {
			uint32_t character;
			size_t read_len = unicode_escape(p, end, &character);
			if (read_len == 0)
				return false;
			p += read_len;
			to += utf8_put(character, to);
		} else {
			char c = end - p > 1 ? simple_escape(p[1]) : '\0';
			if (!c)
				return false;
			p += 2;
			*to++ = c;
		}
	}
	*len = (size_t)(to - out);
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || (unsigned char)(c - '\t') < 5;
}

#ifdef __SSE2__
static __m128i spaces_at(const char *p)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)p);
	__m128i from_tab = _mm_sub_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(from_tab, _mm_set1_epi8(4)), from_tab);
	return _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')), controls);
}
#endif

size_t text_count_words(struct slice text)
{
	if (text.len == 0)
		return 0;
	const char *p = text.data + 1;
	const char *end = text.data + text.len;
	size_t count = !is_space(text.data[0]);
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		__m128i starts = _mm_andnot_si128(spaces_at(p), spaces_at(p - 1));
		__m128i sums = _mm_sad_epu8(_mm_sub_epi8(_mm_setzero_si128(), starts), _mm_setzero_si128());
		count += (size_t)(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
	}
#endif
	for (; p < end; p++)
		count += is_space(p[-1]) && !is_space(*p);
	return count;
}
