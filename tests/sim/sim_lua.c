#include <stdlib.h>

#include <lua5.1/lauxlib.h>
#include <lua5.1/lua.h>
#include <lua5.1/lualib.h>

#include "tests/sim/sim.h"

enum { ARGUMENTS_MAX = 2048 };

static lua_State *lua;

static void push_answer(lua_State *state, const struct sim_answer *answer)
{
	struct reader reader = reader_of(buffer_slice(&answer->text));
	switch (answer->kind) {
	case SIM_NIL:
		lua_pushboolean(state, 0);
		return;
	case SIM_STATUS:
	case SIM_ERROR:
		lua_newtable(state);
		lua_pushlstring(state, answer->text.data, answer->text.len);
		lua_setfield(state, -2, answer->kind == SIM_ERROR ? "err" : "ok");
		return;
	case SIM_TEXT:
		lua_pushlstring(state, answer->text.len ? answer->text.data : "", answer->text.len);
		return;
	case SIM_INTEGER:
		lua_pushnumber(state, (lua_Number)answer->integer);
		return;
	case SIM_LIST:
		lua_createtable(state, (int)answer->count, 0);
		for (size_t i = 0; i < answer->count; i++) {
			struct slice text = reader_text(&reader);
			lua_pushlstring(state, text.data, text.len);
			lua_rawseti(state, -2, (int)i + 1);
		}
		return;
	case SIM_SLOTS:
		break;
	}
	CHECK(false);
}

static void call_redis(lua_State *state, struct sim_answer *answer)
{
	struct slice arguments[ARGUMENTS_MAX];
	int count = lua_gettop(state);
	CHECK(count <= ARGUMENTS_MAX);
	for (int i = 0; i < count; i++) {
		size_t len;
		const char *text = lua_tolstring(state, i + 1, &len);
		CHECK(text);
		arguments[i] = (struct slice){text, len};
	}
	*answer = sim_redis_do(arguments, (size_t)count);
}

static int lua_pcall_redis(lua_State *state)
{
	struct sim_answer answer;
	call_redis(state, &answer);
	push_answer(state, &answer);
	sim_answer_destroy(&answer);
	return 1;
}

static int lua_call_redis(lua_State *state)
{
	lua_pcall_redis(state);
	if (lua_istable(state, -1)) {
		lua_getfield(state, -1, "err");
		if (lua_isstring(state, -1))
			return lua_error(state);
		lua_pop(state, 1);
	}
	return 1;
}

static int lua_reply(lua_State *state, const char *field)
{
	lua_newtable(state);
	lua_pushvalue(state, 1);
	lua_setfield(state, -2, field);
	return 1;
}

static int lua_status_reply(lua_State *state)
{
	return lua_reply(state, "ok");
}

static int lua_error_reply(lua_State *state)
{
	return lua_reply(state, "err");
}

void sim_lua_begin(const char *script)
{
	static const luaL_Reg functions[] = {{"call", lua_call_redis}, {"pcall", lua_pcall_redis},
					     {"status_reply", lua_status_reply},
					     {"error_reply", lua_error_reply}, {NULL, NULL}};
	lua = luaL_newstate();
	CHECK(lua);
	luaL_openlibs(lua);
	luaL_register(lua, "redis", functions);
	lua_pop(lua, 1);
	CHECK(luaL_loadstring(lua, script) == 0);
	lua_setglobal(lua, "commit");
}

void sim_lua_end(void)
{
	lua_close(lua);
}

static void set_list(const char *name, const struct slice *texts, size_t count)
{
	lua_createtable(lua, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		lua_pushlstring(lua, texts[i].len ? texts[i].data : "", texts[i].len);
		lua_rawseti(lua, -2, (int)i + 1);
	}
	lua_setglobal(lua, name);
}

static bool take_field(const char *field, enum sim_kind kind, struct sim_answer *answer)
{
	size_t len;
	lua_getfield(lua, -1, field);
	const char *text = lua_tolstring(lua, -1, &len);
	if (text) {
		answer->kind = kind;
		buffer_put(&answer->text, text, len);
	}
	lua_pop(lua, 1);
	return text != NULL;
}

struct sim_answer sim_lua_run(const struct slice *keys, size_t key_count, const struct slice *arguments,
			      size_t count)
{
	struct sim_answer answer = {.kind = SIM_ERROR};
	set_list("KEYS", keys, key_count);
	set_list("ARGV", arguments, count);
	lua_getglobal(lua, "commit");
	if (lua_pcall(lua, 0, 1, 0) != 0) {
		size_t len;
		const char *text = lua_tolstring(lua, -1, &len);
		buffer_put(&answer.text, text ? text : "?", text ? len : 1);
	} else {
		CHECK(lua_istable(lua, -1));
		CHECK(take_field("ok", SIM_STATUS, &answer) || take_field("err", SIM_ERROR, &answer));
	}
	lua_settop(lua, 0);
	return answer;
}
