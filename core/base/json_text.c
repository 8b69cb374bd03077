#include "core/base/json_text.h"

#include "core/base/decimal.h"
#include "core/base/rfc3339.h"

void json_put_literal(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

void json_put_char(struct buffer *out, char c)
{
	*buffer_reserve(out, 1) = c;
	out->len++;
}

void json_put_time(struct buffer *out, int64_t time_ms)
{
	char text[TIME_TEXT_BYTES];
	time_format_rfc3339(time_ms, text);
	json_put_literal(out, text);
}

void json_put_integer(struct buffer *out, int64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		digits[--at] = '-';
	buffer_put(out, digits + at, sizeof(digits) - at);
}

void json_put_micros(struct buffer *out, int64_t micros)
{
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

void json_put_string(struct buffer *out, struct slice text)
{
	json_put_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < 0x20 || c == '"' || c == '\\')
			put_escaped(out, c);
		else
			json_put_char(out, (char)c);
	}
	json_put_char(out, '"');
}
