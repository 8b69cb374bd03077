/* Finds members in JSON that we have written ourselves: `member` is as it stands there, with what is in
 * front of the value, such as ",\"revision\":"; at least two bytes. Quotes within texts are escaped, so it is
 * not found in them. Pure. */
#ifndef LADDER_BASE_JSON_FIND_H
#define LADDER_BASE_JSON_FIND_H

#include "core/base/check.h"
#include "core/base/slice.h"

/* `member` ends with the quote in front of the text, which is not unescaped. False: there is none. */
must_check bool json_find_text(struct slice json, const char *member, struct slice *text);

/* A number without a sign, and its digits as they stand. False: there is none, or not in an int64. */
must_check bool json_find_number(struct slice json, const char *member, struct slice *digits,
				 int64_t *number);

#endif
