#include "core/base/json_text.h"

#include "core/base/rfc3339.h"

static char *write_escaped(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "btn?fr";
	*to++ = '\\';
	if (c == '"' || c == '\\') {
		*to++ = (char)c;
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		*to++ = plain[c - '\b'];
	} else {
		memcpy(to, "u00", 3);
		to[3] = hex[c >> 4];
		to[4] = hex[c & 15];
		to += 5;
	}
	return to;
}

static bool is_escaped(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* Whether any of eight bytes is below `limit`, which is at most 128. */
static uint64_t any_below(uint64_t bytes, uint64_t limit)
{
	const uint64_t ones = UINT64_MAX / 255;
	return (bytes - ones * limit) & ~bytes & ones * 128;
}

static bool is_any_escaped(uint64_t bytes)
{
	const uint64_t ones = UINT64_MAX / 255;
	return any_below(bytes, 0x20) | any_below(bytes ^ ones * '"', 1) | any_below(bytes ^ ones * '\\', 1);
}

/* Up to the first that is escaped. */
static const char *copy_plain(const char *p, const char *end, char *to)
{
	enum { STEP = 8 };
	const char *begin = p;
	uint64_t bytes = 0;
	for (; end - p >= STEP; p += STEP, to += STEP) {
		memcpy(&bytes, p, STEP);
		if (is_any_escaped(bytes))
			break;
		memcpy(to, &bytes, STEP);
	}
	ptrdiff_t left = end - p;
	if (left > 0 && left < STEP && end - begin >= STEP) { /* once more with some that were copied */
		memcpy(&bytes, end - STEP, STEP);
		memcpy(to + left - STEP, &bytes, STEP);
		if (!is_any_escaped(bytes))
			return end;
	}
	while (p < end && !is_escaped((unsigned char)*p))
		*to++ = *p++;
	return p;
}

char *json_write_string(char *to, struct slice text)
{
	const char *p = text.data, *end = text.data + text.len;
	*to++ = '"';
	while (p < end) {
		const char *stop = copy_plain(p, end, to);
		to += stop - p;
		p = stop;
		if (p < end)
			to = write_escaped(to, (unsigned char)*p++);
	}
	*to++ = '"';
	return to;
}

char *json_write_time(char *to, int64_t time_ms)
{
	return to + time_format_rfc3339(time_ms, to);
}

static void put_until(struct buffer *out, const char *end)
{
	out->len = (size_t)(end - out->data);
}

void json_put_string(struct buffer *out, struct slice text)
{
	put_until(out, json_write_string(buffer_reserve(out, JSON_STRING_BYTES(text.len)), text));
}

void json_put_time(struct buffer *out, int64_t time_ms)
{
	put_until(out, json_write_time(buffer_reserve(out, TIME_TEXT_BYTES), time_ms));
}

void json_put_integer(struct buffer *out, int64_t number)
{
	put_until(out, json_write_integer(buffer_reserve(out, DECIMAL_TEXT_BYTES), number));
}

void json_put_micros(struct buffer *out, int64_t micros)
{
	put_until(out, json_write_micros(buffer_reserve(out, DECIMAL_TEXT_BYTES), micros));
}
