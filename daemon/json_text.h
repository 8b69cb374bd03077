/* JSON text: a document written piece by piece into a buffer. Commas are put where they belong; the caller
 * closes what it opens. Inside an object every value has a name, inside a list (and at the root) none: NULL.
 *
 * Texts are UTF-8; quotes, backslashes and control characters come out as escapes. */
#ifndef LADDER_DAEMON_JSON_TEXT_H
#define LADDER_DAEMON_JSON_TEXT_H

#include "core/base/buffer.h"

void json_text_open(struct buffer *out, const char *name, char bracket); /* { or [ */
void json_text_close(struct buffer *out, char bracket);                  /* } or ] */

void json_text_put_integer(struct buffer *out, const char *name, int64_t number);
void json_text_put_micros(struct buffer *out, const char *name, int64_t micros); /* 0.35 */
void json_text_put_bool(struct buffer *out, const char *name, bool is_so);
void json_text_put_null(struct buffer *out, const char *name);
void json_text_put_text(struct buffer *out, const char *name, const char *text);
void json_text_put_slice(struct buffer *out, const char *name, struct slice text);
void json_text_put_time(struct buffer *out, const char *name, int64_t time_ms); /* RFC 3339 */
/* A whole document that stands in `json`. */
void json_text_put_document(struct buffer *out, const char *name, struct slice json);

/* What to look for in rows and alerts, as core/base/json_text.h writes them: a member, "name":"text".
 * Without a text it is empty, and every document holds it. A quote inside of a text is escaped, so that a
 * member is found nowhere but where it is one. */
void json_text_make_member(struct buffer *out, const char *name, const char *text);
bool json_text_holds(struct slice json, struct slice member);

#endif
