#include "daemon/plain_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/rfc3339.h"

void plain_text_put(struct buffer *out, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int len = vsnprintf(NULL, 0, format, arguments);
	CHECK(len >= 0);
	vsnprintf(buffer_reserve(out, (size_t)len + 1), (size_t)len + 1, format, again);
	out->len += (size_t)len;
	va_end(again);
	va_end(arguments);
}

void plain_text_put_slice(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		buffer_put(out, byte < ' ' || byte == 0x7f ? "?" : &text.data[i], 1);
	}
}

void plain_text_put_time(struct buffer *out, int64_t time_ms)
{
	char text[TIME_TEXT_BYTES];
	buffer_put(out, text, time_format_rfc3339(time_ms, text));
}

const char *plain_text_duration(int64_t duration_ms, char text[DURATION_TEXT_BYTES])
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	int64_t seconds = duration_ms > 0 ? duration_ms / 1000 : 0;
	size_t unit = 0;
	while (unit < 3 && seconds < units[unit].seconds)
		unit++;
	int64_t number = seconds / units[unit].seconds;
	int64_t rest = unit < 3 ? seconds % units[unit].seconds / units[unit + 1].seconds : 0;
	int len = snprintf(text, DURATION_TEXT_BYTES, "%" PRId64 "%c", number, units[unit].name);
	if (rest)
		snprintf(text + len, DURATION_TEXT_BYTES - (size_t)len, " %d%c", (int)rest,
			 units[unit + 1].name);
	return text;
}
