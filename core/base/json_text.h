/* JSON as text, put down piece by piece at the end of a buffer. */
#ifndef LADDER_BASE_JSON_TEXT_H
#define LADDER_BASE_JSON_TEXT_H

#include "core/base/buffer.h"

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

void json_put_integer(struct buffer *out, int64_t number);
void json_put_micros(struct buffer *out, int64_t micros); /* 25.19685 */
void json_put_time(struct buffer *out, int64_t time_ms);  /* RFC 3339, without quotes */
void json_put_string(struct buffer *out, struct slice text); /* with quotes, escaped */

#endif
