#include "core/base/json_text.h"

#include "core/base/decimal.h"
#include "core/base/rfc3339.h"

void json_put_time(struct buffer *out, int64_t time_ms)
{
	char text[TIME_TEXT_BYTES];
	time_format_rfc3339(time_ms, text);
	json_put_literal(out, text);
}

void json_put_integer(struct buffer *out, int64_t number)
{
	if (number >= 0 && number < 10)
		json_put_char(out, (char)('0' + number));
	else
		out->len += decimal_format_integer(number, buffer_reserve(out, DECIMAL_TEXT_BYTES));
}

void json_put_micros(struct buffer *out, int64_t micros)
{
	if (micros == 0)
		json_put_char(out, '0');
	else
		out->len += decimal_format_micros(micros, buffer_reserve(out, DECIMAL_TEXT_BYTES));
}

static void put_escaped(struct buffer *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "btn?fr";
	json_put_char(out, '\\');
	if (c == '"' || c == '\\') {
		json_put_char(out, (char)c);
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		json_put_char(out, plain[c - '\b']);
	} else {
		json_put_literal(out, "u00");
		json_put_char(out, hex[c >> 4]);
		json_put_char(out, hex[c & 15]);
	}
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
	uint64_t bytes;
	for (; end - p >= (ptrdiff_t)sizeof(bytes); p += sizeof(bytes), to += sizeof(bytes)) {
		memcpy(&bytes, p, sizeof(bytes));
		if (is_any_escaped(bytes))
			break;
		memcpy(to, &bytes, sizeof(bytes));
	}
	while (p < end && !is_escaped((unsigned char)*p))
		*to++ = *p++;
	return p;
}

void json_put_string(struct buffer *out, struct slice text)
{
	const char *p = text.data, *end = text.data + text.len;
	json_put_char(out, '"');
	while (p < end) {
		const char *stop = copy_plain(p, end, buffer_reserve(out, (size_t)(end - p)));
		out->len += (size_t)(stop - p);
		p = stop;
		if (p < end)
			put_escaped(out, (unsigned char)*p++);
	}
	json_put_char(out, '"');
}
