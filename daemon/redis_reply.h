/* Redis reply: what Redis said, as hiredis read it. Plain data over hiredis's own, any thread; valid as long
 * as that is, which for one handed to a callback is the callback. */
#ifndef LADDER_DAEMON_REDIS_REPLY_H
#define LADDER_DAEMON_REDIS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/slice.h"

enum redis_kind { REDIS_NIL, REDIS_STATUS, REDIS_ERROR, REDIS_TEXT, REDIS_INTEGER, REDIS_ARRAY };

struct redis_reply {
	enum redis_kind kind;
	struct slice text; /* status, error, text */
	int64_t integer;
	size_t count; /* array */
	const void *items;
};

/* `raw` is a redisReply. */
struct redis_reply redis_reply_of(const void *raw);

/* Item `index` of an array. */
struct redis_reply redis_reply_at(const struct redis_reply *reply, size_t index);
/* The same of an array of texts; any other kind of item is an empty slice. */
struct slice redis_reply_item(const struct redis_reply *reply, size_t index);

/* The value of "name:value" in what INFO said, empty where it is not there. */
struct slice redis_info_value(struct slice info, const char *name);

/* Whether an error reply is of the kind that passes by itself: Redis is loading, full, read-only, busy, or
 * the disk under it is full. */
bool redis_error_passes(struct slice error);

/* Whether an error reply begins with `code`, as "MOVED ". */
bool redis_error_is(struct slice error, const char *code);

#endif
