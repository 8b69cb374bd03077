#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "tests/sim/sim.h"

void sim_raw_destroy(redisReply *raw)
{
	for (size_t i = 0; raw->type == REDIS_REPLY_ARRAY && i < raw->elements; i++)
		sim_raw_destroy(raw->element[i]);
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

static redisReply *make_list(size_t count)
{
	redisReply *raw = make_raw(REDIS_REPLY_ARRAY, (struct slice){NULL, 0});
	raw->elements = count;
	raw->element = calloc(count + 1, sizeof(*raw->element));
	CHECK(raw->element);
	return raw;
}

static redisReply *make_integer(uint64_t number)
{
	redisReply *raw = make_raw(REDIS_REPLY_INTEGER, (struct slice){NULL, 0});
	raw->integer = (long long)number;
	return raw;
}

static redisReply *make_server(uint64_t port)
{
	redisReply *raw = make_list(2);
	raw->element[0] = make_raw(REDIS_REPLY_STRING, slice_from("simulated"));
	raw->element[1] = make_integer(port);
	return raw;
}

static redisReply *make_slots(const struct sim_answer *answer)
{
	struct reader reader = reader_of(buffer_slice(&answer->text));
	redisReply *raw = make_list(answer->count);
	for (size_t i = 0; i < answer->count; i++) {
		redisReply *range = raw->element[i] = make_list(4);
		for (size_t at = 0; at < range->elements; at++) {
			uint64_t number = reader_unsigned(&reader);
			range->element[at] = at < 2 ? make_integer(number) : make_server(number);
		}
	}
	return raw;
}

redisReply *sim_raw_create(const struct sim_answer *answer)
{
	static const int types[] = {[SIM_NIL] = REDIS_REPLY_NIL, [SIM_STATUS] = REDIS_REPLY_STATUS,
				    [SIM_ERROR] = REDIS_REPLY_ERROR, [SIM_TEXT] = REDIS_REPLY_STRING,
				    [SIM_INTEGER] = REDIS_REPLY_INTEGER, [SIM_LIST] = REDIS_REPLY_ARRAY};
	if (answer->kind == SIM_SLOTS)
		return make_slots(answer);
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
