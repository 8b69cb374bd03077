#include "core/base/json_find.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Where the second and the last byte stand as far apart as in `member`, sixteen places at a time, it is
 * looked at whole. */
static const char *find(struct slice json, const char *member, size_t len)
{
	const char *at = json.data, *end = json.data + json.len;
#ifdef __SSE2__
	const __m128i second = _mm_set1_epi8(member[1]), last = _mm_set1_epi8(member[len - 1]);
	for (; end - at >= (ptrdiff_t)(len + sizeof(second)); at += sizeof(second)) {
		__m128i seconds = _mm_loadu_si128((const __m128i *)(at + 1));
		__m128i lasts = _mm_loadu_si128((const __m128i *)(at + len - 1));
		__m128i both = _mm_and_si128(_mm_cmpeq_epi8(seconds, second), _mm_cmpeq_epi8(lasts, last));
		for (unsigned bits = (unsigned)_mm_movemask_epi8(both); bits; bits &= bits - 1)
			if (memcmp(at + __builtin_ctz(bits), member, len) == 0)
				return at + __builtin_ctz(bits);
	}
#endif
	return memmem(at, (size_t)(end - at), member, len);
}

static bool find_member(struct slice json, const char *member, struct slice *rest)
{
	const char *found = find(json, member, strlen(member));
	if (!found)
		return false;
	const char *at = found + strlen(member);
	*rest = (struct slice){at, (size_t)(json.data + json.len - at)};
	return true;
}

bool json_find_text(struct slice json, const char *member, struct slice *text)
{
	if (!find_member(json, member, text))
		return false;
	const char *end = memchr(text->data, '"', text->len);
	text->len = end ? (size_t)(end - text->data) : 0;
	return end != NULL;
}

bool json_find_number(struct slice json, const char *member, struct slice *digits, int64_t *number)
{
	struct slice rest;
	if (!find_member(json, member, &rest))
		return false;
	*digits = (struct slice){rest.data, 0};
	for (*number = 0; digits->len < rest.len; digits->len++) {
		char c = rest.data[digits->len];
		if (c < '0' || c > '9')
			break;
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, c - '0', number))
			return false;
	}
	return digits->len > 0;
}
