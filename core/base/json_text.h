/* JSON as text, put down piece by piece at the end of a buffer. */
#ifndef LADDER_BASE_JSON_TEXT_H
#define LADDER_BASE_JSON_TEXT_H

#include "core/base/buffer.h"
#include "core/base/decimal.h"

/* As it stands, not escaped. */
static inline void json_put_literal(struct buffer *out, const char *text)
{
	size_t len = strlen(text);
	if (len)
		memcpy(buffer_reserve(out, len), text, len);
	out->len += len;
}

static inline void json_put_char(struct buffer *out, char c)
{
	*buffer_reserve(out, 1) = c;
	out->len++;
}

/* Written where there is room; they return the place behind it. A string with its quotes takes at most
 * JSON_STRING_BYTES, a number DECIMAL_TEXT_BYTES, a time TIME_TEXT_BYTES. */
#define JSON_STRING_BYTES(len) (2 + 6 * (len))
char *json_write_string(char *to, struct slice text);
char *json_write_time(char *to, int64_t time_ms);

static inline char *json_write_integer(char *to, int64_t number)
{
	if (number < 0 || number > 9)
		return to + decimal_format_integer(number, to);
	*to = (char)('0' + number);
	return to + 1;
}

static inline char *json_write_micros(char *to, int64_t micros)
{
	if (micros)
		return to + decimal_format_micros(micros, to);
	*to = '0';
	return to + 1;
}

void json_put_integer(struct buffer *out, int64_t number);
void json_put_micros(struct buffer *out, int64_t micros); /* 25.19685 */
void json_put_time(struct buffer *out, int64_t time_ms);  /* RFC 3339, without quotes */
void json_put_string(struct buffer *out, struct slice text); /* with quotes, escaped */

#endif
