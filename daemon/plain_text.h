/* Plain text for people to read, put down piece by piece at the end of a buffer. */
#ifndef LADDER_DAEMON_PLAIN_TEXT_H
#define LADDER_DAEMON_PLAIN_TEXT_H

#include "core/base/buffer.h"

enum { DURATION_TEXT_BYTES = 32 }; /* with the NUL */

/* As printf, of any length. */
__attribute__((format(printf, 2, 3))) void plain_text_put(struct buffer *out, const char *format, ...);
/* Control characters, which a terminal would obey, become ?. */
void plain_text_put_slice(struct buffer *out, struct slice text);
void plain_text_put_time(struct buffer *out, int64_t time_ms); /* 2026-03-02T09:00:00Z */

/* The two largest units: "0s", "35s", "2m 5s", "3h", "6d 23h"; at least 0. Returns `text`. */
const char *plain_text_duration(int64_t duration_ms, char text[DURATION_TEXT_BYTES]);

#endif
