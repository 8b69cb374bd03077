#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "tests/sim/sim.h"

void sim_raw_destroy(redisReply *raw)
{
	for (size_t i = 0; raw->type == REDIS_REPLY_ARRAY && i < raw->elements; i++)
		free(raw->element[i]);
	free(raw->element);
	free(raw);
}

static redisReply *make_raw(int type, struct slice text)
{
	redisReply *raw = calloc(1, sizeof(*raw));
	CHECK(raw);
	raw->type = type;
	raw->str = (char *)text.data;
	raw->len = text.len;
	return raw;
}

redisReply *sim_raw_create(const struct sim_answer *answer)
{
	static const int types[] = {[SIM_NIL] = REDIS_REPLY_NIL, [SIM_STATUS] = REDIS_REPLY_STATUS,
				    [SIM_ERROR] = REDIS_REPLY_ERROR, [SIM_TEXT] = REDIS_REPLY_STRING,
				    [SIM_INTEGER] = REDIS_REPLY_INTEGER, [SIM_LIST] = REDIS_REPLY_ARRAY};
	redisReply *raw = make_raw(types[answer->kind], buffer_slice(&answer->text));
	raw->integer = answer->integer;
	if (answer->kind != SIM_LIST)
		return raw;
	struct reader reader = reader_of(buffer_slice(&answer->text));
	raw->elements = answer->count;
	raw->element = calloc(answer->count + 1, sizeof(*raw->element));
	CHECK(raw->element);
	for (size_t i = 0; i < answer->count; i++)
		raw->element[i] = make_raw(REDIS_REPLY_STRING, reader_text(&reader));
	return raw;
}
