#include "daemon/redis_reply.h"

#include <hiredis/hiredis.h>

#include "core/base/check.h"

struct redis_reply redis_reply_of(const void *raw)
{
	static const enum redis_kind kinds[] = {
		[REDIS_REPLY_STRING] = REDIS_TEXT, [REDIS_REPLY_ARRAY] = REDIS_ARRAY,
		[REDIS_REPLY_INTEGER] = REDIS_INTEGER, [REDIS_REPLY_NIL] = REDIS_NIL,
		[REDIS_REPLY_STATUS] = REDIS_STATUS, [REDIS_REPLY_ERROR] = REDIS_ERROR,
	};
	const redisReply *from = raw;
	struct redis_reply reply = {.kind = kinds[from->type]};
	if (reply.kind == REDIS_TEXT || reply.kind == REDIS_STATUS || reply.kind == REDIS_ERROR)
		reply.text = (struct slice){from->str, from->len};
	reply.integer = reply.kind == REDIS_INTEGER ? from->integer : 0;
	reply.count = reply.kind == REDIS_ARRAY ? from->elements : 0;
	reply.items = reply.kind == REDIS_ARRAY ? from->element : NULL;
	return reply;
}

struct redis_reply redis_reply_at(const struct redis_reply *reply, size_t index)
{
	CHECK(reply->kind == REDIS_ARRAY && index < reply->count);
	return redis_reply_of(((redisReply *const *)reply->items)[index]);
}

struct slice redis_reply_item(const struct redis_reply *reply, size_t index)
{
	struct redis_reply item = redis_reply_at(reply, index);
	return item.kind == REDIS_TEXT ? item.text : (struct slice){NULL, 0};
}

static struct slice slice_take_line(struct slice *text)
{
	const char *end = memchr(text->data, '\n', text->len);
	size_t len = end ? (size_t)(end - text->data) : text->len;
	struct slice line = {text->data, len};
	text->data += end ? len + 1 : len;
	text->len -= end ? len + 1 : len;
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

struct slice redis_info_value(struct slice info, const char *name)
{
	size_t name_len = strlen(name);
	while (info.len > 0) {
		struct slice line = slice_take_line(&info);
		if (line.len > name_len && line.data[name_len] == ':' &&
		    memcmp(line.data, name, name_len) == 0)
			return (struct slice){line.data + name_len + 1, line.len - name_len - 1};
	}
	return (struct slice){NULL, 0};
}

bool redis_error_is(struct slice error, const char *code)
{
	struct slice start = slice_from(code);
	return error.len >= start.len && memcmp(error.data, start.data, start.len) == 0;
}

bool redis_error_passes(struct slice error)
{
	static const char *const passing[] = {
		"LOADING ", "MISCONF ", "OOM ", "READONLY ", "BUSY ", "TRYAGAIN ", "MASTERDOWN ",
		"NOREPLICAS ", "CLUSTERDOWN ", "UNBLOCKED ", "NOSCRIPT ", "ERR max number of clients",
	};
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (redis_error_is(error, passing[i]))
			return true;
	return false;
}
