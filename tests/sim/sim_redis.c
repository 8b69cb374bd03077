#include <stdio.h>
#include <stdlib.h>

#include "daemon/ledger_private.h"
#include "tests/sim/sim_cluster.h"

enum { ARGUMENTS_MAX = 2048, ROOM_BYTES = 64 << 10, UP_AFTER_MAX_US = 300000, LATE_MAX_US = 3000000 };
enum { LINK_PLACES_MAX = 32 };

struct command {
	struct buffer *arguments;
	size_t count;
	size_t wanted;
	int64_t arrives_us;
};

/* Commands on their way on a connection that is lost, which Redis does all the same. */
struct orphan {
	struct command command;
	unsigned server;
	struct orphan *next;
};

static struct {
	struct sim_store store;
	struct sim_store saved;
	struct redis_link *links;
	struct orphan *orphans;
	struct server {
		int64_t up_us;    /* it is away until then */
		uint64_t epoch;   /* of its life: a connection is of one */
		bool has_script;
	} servers[SIM_SERVERS];
	unsigned server;  /* that does a command */
	bool is_asking;   /* behind ASKING */
	bool is_in_script;
	bool is_calm;
} redis;

static bool is_away(unsigned server)
{
	return sim_now_us() < redis.servers[server].up_us;
}

static void *grow(void *array, size_t *capacity, size_t count, size_t size)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 64;
	array = realloc(array, *capacity * size);
	CHECK(array);
	return array;
}

/* ---- Commands ---- */

/* The ledger never takes a key for what it is not. */
struct sim_answer sim_redis_do(const struct slice *arguments, size_t count)
{
	struct slice name = arguments[0]; /* SET and all of sets begin with S */
	bool minds_kind = name.data[0] == 'S' || slice_equal(name, slice_from("GET"));
	struct sim_answer refusal;
	CHECK(count >= 2);
	redis.store.now_us = sim_now_us();
	redis.store.node = sim_cluster_node(redis.server);
	if (!sim_cluster_allows(redis.server, redis.is_asking, &redis.store, arguments, count, &refusal)) {
		if (!redis.is_in_script)
			return refusal;
		sim_answer_destroy(&refusal);
		return sim_answer_text(SIM_ERROR, slice_from("ERR Script attempted to access a non local "
							     "key in a cluster node"));
	}
	const struct sim_entry *entry = sim_store_find(&redis.store, arguments[1]);
	CHECK(!entry || !minds_kind || entry->is_set == sim_store_is_of_sets(name));
	return sim_store_do(&redis.store, arguments, count);
}

static const char script_hash[] = "0123456789abcdef0123456789abcdef01234567";

static struct sim_answer do_script(const struct slice *arguments, size_t count)
{
	struct sim_answer answer;
	CHECK(slice_equal(arguments[1], slice_from(script_hash)) &&
	      slice_equal(arguments[2], slice_from("3")));
	redis.store.now_us = sim_now_us();
	redis.store.node = sim_cluster_node(redis.server);
	if (!sim_cluster_allows(redis.server, redis.is_asking, &redis.store, arguments, count, &answer))
		return answer;
	if (!redis.servers[redis.server].has_script)
		return sim_answer_text(SIM_ERROR,
				       slice_from("NOSCRIPT No matching script. Please use EVAL."));
	redis.is_in_script = true;
	answer = sim_lua_run(arguments + 3, 3, arguments + 6, count - 6);
	redis.is_in_script = false;
	return answer;
}

/* At a server, which may have been told ASKING just before. */
static struct sim_answer do_command(const struct command *command, unsigned server, bool *is_asking)
{
	struct slice arguments[ARGUMENTS_MAX];
	CHECK(command->count <= ARGUMENTS_MAX);
	for (size_t i = 0; i < command->count; i++)
		arguments[i] = buffer_slice(&command->arguments[i]);
	redis.server = server;
	redis.is_asking = *is_asking;
	*is_asking = slice_equal(arguments[0], slice_from("ASKING"));
	if (*is_asking)
		return sim_answer_text(SIM_STATUS, slice_from("OK"));
	if (slice_equal(arguments[0], slice_from("CLUSTER")))
		return sim_cluster_slots();
	if (slice_equal(arguments[0], slice_from("SCRIPT"))) {
		redis.servers[server].has_script = true;
		return sim_answer_text(SIM_TEXT, slice_from(script_hash));
	}
	if (slice_equal(arguments[0], slice_from("EVALSHA")))
		return do_script(arguments, command->count);
	return sim_redis_do(arguments, command->count);
}

static void command_destroy(struct command *command)
{
	for (size_t i = 0; i < command->count; i++)
		buffer_destroy(&command->arguments[i]);
	free(command->arguments);
}

/* Those that are on their way to this server. */
static void forget_orphans(unsigned server)
{
	for (struct orphan **at = &redis.orphans; *at;) {
		struct orphan *orphan = *at;
		if (orphan->server != server) {
			at = &orphan->next;
			continue;
		}
		*at = orphan->next;
		command_destroy(&orphan->command);
		free(orphan);
	}
}

/* ---- Links ---- */

struct reply {
	struct sim_answer answer;
	int64_t arrives_us;
};

enum link_state { LINK_DOWN, LINK_UP, LINK_LOST /* the handler does not know it yet */ };

struct redis_link {
	struct redis_link *next;
	struct loop *loop;
	struct redis_handler handler;
	struct redis_place places[LINK_PLACES_MAX];
	size_t place_count;
	size_t place;      /* where it is, or tries to be */
	unsigned server;   /* there */
	bool is_asking;
	enum link_state state;
	int64_t up_us;
	uint64_t epoch;
	struct command writing;
	struct command *commands; /* on their way */
	size_t command_count;
	size_t command_capacity;
	size_t waiting_bytes;
	struct reply *replies;
	size_t reply_count;
	size_t reply_capacity;
	bool is_room_wanted;
};

static int64_t latency_us(void)
{
	return redis.is_calm ? 200 : (int64_t)sim_random(sim_chance(20) ? 200000 : 4000);
}

static void wait_for_up(struct redis_link *link)
{
	link->state = LINK_DOWN;
	link->up_us = sim_now_us() + (int64_t)sim_random(UP_AFTER_MAX_US);
}

static void forget_under_way(struct redis_link *link)
{
	for (size_t i = 0; i < link->command_count; i++)
		command_destroy(&link->commands[i]);
	for (size_t i = 0; i < link->reply_count; i++)
		sim_answer_destroy(&link->replies[i].answer);
	command_destroy(&link->writing);
	link->writing = (struct command){0};
	link->command_count = link->reply_count = link->waiting_bytes = 0;
	link->is_room_wanted = link->is_asking = false;
}

static void try_place(struct redis_link *link, size_t place)
{
	link->place = place % link->place_count;
	link->server = sim_cluster_server(&link->places[link->place]);
}

/* The first of them may have reached Redis, or its kernel, and are done at some time. */
static void lose(struct redis_link *link)
{
	if (link->state != LINK_UP)
		return;
	link->state = LINK_LOST;
	size_t kept = link->command_count ? sim_random(link->command_count + 1) : 0;
	int64_t arrives_us = sim_now_us() + (int64_t)sim_random(sim_chance(100) ? LATE_MAX_US : 5000);
	for (size_t i = 0; i < kept; i++) {
		struct orphan *orphan = calloc(1, sizeof(*orphan));
		CHECK(orphan);
		orphan->command = link->commands[i];
		orphan->command.arrives_us = arrives_us;
		orphan->server = link->server;
		struct orphan **last = &redis.orphans;
		while (*last)
			last = &(*last)->next;
		*last = orphan;
		link->commands[i] = (struct command){0};
	}
}

struct redis_link *redis_link_create(struct loop *loop, const struct redis_url *url,
				     const struct redis_handler *handler)
{
	struct redis_link *link = calloc(1, sizeof(*link));
	CHECK(link);
	link->loop = loop;
	link->handler = *handler;
	redis_link_set_places(link, url->places, url->place_count);
	try_place(link, 0);
	wait_for_up(link);
	link->next = redis.links;
	redis.links = link;
	return link;
}

void redis_link_destroy(struct redis_link *link)
{
	if (!link)
		return;
	lose(link);
	forget_under_way(link);
	struct redis_link **at = &redis.links;
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	free(link->commands);
	free(link->replies);
	free(link);
}

bool redis_link_is_up(const struct redis_link *link)
{
	return link->state == LINK_UP;
}

void redis_link_set_places(struct redis_link *link, const struct redis_place *places, size_t count)
{
	CHECK(count > 0 && count <= LINK_PLACES_MAX);
	memcpy(link->places, places, count * sizeof(*places));
	link->place_count = count;
	link->place = 0;
	for (size_t i = 0; i < count; i++)
		if (sim_cluster_server(&places[i]) == link->server)
			link->place = i;
}

const struct redis_place *redis_link_place(const struct redis_link *link)
{
	return &link->places[link->place];
}

bool redis_link_is_cluster(const struct redis_link *link)
{
	(void)link;
	return sim_cluster_is_on();
}

static void finish_command(struct redis_link *link)
{
	if (link->writing.count < link->writing.wanted)
		return;
	link->commands = grow(link->commands, &link->command_capacity, link->command_count,
			      sizeof(*link->commands));
	int64_t arrives_us = sim_now_us() + latency_us();
	if (link->command_count && link->commands[link->command_count - 1].arrives_us > arrives_us)
		arrives_us = link->commands[link->command_count - 1].arrives_us;
	link->writing.arrives_us = arrives_us;
	link->commands[link->command_count++] = link->writing;
	link->writing = (struct command){0};
}

void redis_link_begin(struct redis_link *link, unsigned argument_count)
{
	CHECK(link->state != LINK_DOWN && link->writing.wanted == 0);
	link->writing.wanted = argument_count;
	link->writing.arguments = calloc(argument_count, sizeof(struct buffer));
	CHECK(link->writing.arguments);
}

char *redis_link_put_space(struct redis_link *link, size_t len)
{
	struct command *command = &link->writing;
	CHECK(command->count < command->wanted);
	struct buffer *argument = &command->arguments[command->count++];
	char *space = buffer_reserve(argument, len + 1);
	argument->len = len;
	link->waiting_bytes += len;
	finish_command(link);
	return space;
}

void redis_link_put(struct redis_link *link, struct slice argument)
{
	char *space = redis_link_put_space(link, argument.len);
	if (argument.len)
		memcpy(space, argument.data, argument.len);
	space[argument.len] = '\0';
}

bool redis_link_has_room(const struct redis_link *link)
{
	return link->waiting_bytes < ROOM_BYTES;
}

void redis_link_flush(struct redis_link *link)
{
	(void)link;
}

void redis_link_ask_room(struct redis_link *link)
{
	link->is_room_wanted = true;
}

size_t redis_link_due(const struct redis_link *link)
{
	return link->command_count + link->reply_count;
}

void redis_link_succeed(struct redis_link *link)
{
	(void)link;
}

void redis_link_drop(struct redis_link *link, const char *why)
{
	(void)why;
	lose(link);
}

void redis_link_leave(struct redis_link *link, const char *why)
{
	redis_link_drop(link, why);
	try_place(link, link->place + 1);
}

/* ---- Turns ---- */

static void take_answer(struct redis_link *link, struct sim_answer answer)
{
	link->replies = grow(link->replies, &link->reply_capacity, link->reply_count, sizeof(*link->replies));
	int64_t arrives_us = sim_now_us() + latency_us();
	if (link->reply_count && link->replies[link->reply_count - 1].arrives_us > arrives_us)
		arrives_us = link->replies[link->reply_count - 1].arrives_us;
	link->replies[link->reply_count++] = (struct reply){answer, arrives_us};
}

static void do_arrived(struct redis_link *link)
{
	size_t done = 0;
	while (done < link->command_count && link->commands[done].arrives_us <= sim_now_us()) {
		struct command *command = &link->commands[done++];
		for (size_t i = 0; i < command->count; i++)
			link->waiting_bytes -= command->arguments[i].len;
		take_answer(link, do_command(command, link->server, &link->is_asking));
		command_destroy(command);
	}
	link->command_count -= done;
	if (done && link->command_count)
		memmove(link->commands, link->commands + done, link->command_count * sizeof(*link->commands));
}

static void do_orphans(void)
{
	for (struct orphan **at = &redis.orphans; *at;) {
		struct orphan *orphan = *at;
		bool is_asking = false;
		if (orphan->command.arrives_us > sim_now_us() || is_away(orphan->server)) {
			at = &orphan->next;
			continue;
		}
		struct sim_answer answer = do_command(&orphan->command, orphan->server, &is_asking);
		sim_answer_destroy(&answer);
		command_destroy(&orphan->command);
		*at = orphan->next;
		free(orphan);
	}
}

void sim_redis_turn(void)
{
	do_orphans();
	for (struct redis_link *link = redis.links; link; link = link->next)
		if (link->state == LINK_UP && !is_away(link->server) &&
		    link->epoch == redis.servers[link->server].epoch)
			do_arrived(link);
}

static void deliver(struct redis_link *link)
{
	struct sim_answer answer = link->replies[0].answer;
	link->reply_count--;
	memmove(link->replies, link->replies + 1, link->reply_count * sizeof(*link->replies));
	struct redisReply *raw = sim_raw_create(&answer);
	struct redis_reply reply = redis_reply_of(raw);
	link->handler.reply(link->handler.ctx, &reply);
	sim_raw_destroy(raw);
	sim_answer_destroy(&answer);
}

/* One thing that has happened on a link. */
static bool serve(struct redis_link *link)
{
	const struct server *server = &redis.servers[link->server];
	bool is_gone = is_away(link->server) || link->epoch != server->epoch;
	if (link->state == LINK_LOST || (link->state == LINK_UP && is_gone)) {
		forget_under_way(link);
		wait_for_up(link);
		link->handler.down(link->handler.ctx);
		return true;
	}
	if (link->state == LINK_DOWN && sim_now_us() >= link->up_us && is_away(link->server)) {
		try_place(link, link->place + 1);
		wait_for_up(link);
		return false;
	}
	if (link->state == LINK_DOWN && sim_now_us() >= link->up_us) {
		link->state = LINK_UP;
		link->epoch = server->epoch;
		link->handler.up(link->handler.ctx);
		return true;
	}
	if (link->state == LINK_UP && link->reply_count && link->replies[0].arrives_us <= sim_now_us()) {
		deliver(link);
		return true;
	}
	if (link->state == LINK_UP && link->is_room_wanted && redis_link_has_room(link)) {
		link->is_room_wanted = false;
		link->handler.room(link->handler.ctx);
		return true;
	}
	return false;
}

bool sim_redis_serve(struct loop *loop)
{
	for (struct redis_link *link = redis.links; link; link = link->next)
		if (link->loop == loop && serve(link))
			return true;
	return false;
}

/* ---- Faults ---- */

void sim_redis_begin(bool is_cluster)
{
	sim_cluster_begin(is_cluster);
	sim_lua_begin(ledger_script);
	for (size_t i = 0; i < SIM_SERVERS; i++)
		redis.servers[i] = (struct server){.epoch = 1};
	redis.is_calm = false;
}

void sim_redis_end(void)
{
	CHECK(!redis.links);
	for (unsigned server = 0; server < SIM_SERVERS; server++)
		forget_orphans(server);
	sim_store_clear(&redis.store);
	sim_store_clear(&redis.saved);
	sim_lua_end();
}

void sim_redis_cut(void)
{
	for (struct redis_link *link = redis.links; link; link = link->next)
		if (link->state == LINK_UP && sim_chance(500))
			lose(link);
}

static void stop_server(unsigned server)
{
	redis.servers[server].epoch++;
	redis.servers[server].has_script = false;
	redis.servers[server].up_us = sim_now_us() + (int64_t)sim_random(2000000);
	forget_orphans(server);
}

/* What is not the node's any more it throws away. */
static void forget_strangers(unsigned node)
{
	for (size_t i = redis.store.count; i > 0; i--) {
		struct sim_entry *entry = &redis.store.entries[i - 1];
		if (entry->node == node && !sim_cluster_keeps(node, buffer_slice(&entry->key)))
			sim_store_remove(&redis.store, entry);
	}
}

void sim_redis_crash(bool is_empty)
{
	const struct sim_store nothing = {.count = 0};
	unsigned node = sim_cluster_is_on() ? (unsigned)sim_random(SIM_NODES) : 0;
	while (sim_cluster_is_moving(node))
		node = (node + 1) % SIM_NODES;
	stop_server(sim_cluster_master(node));
	if (sim_cluster_is_on() && sim_chance(500)) {
		sim_cluster_fail_over(node);
		stop_server(sim_cluster_master(node));
	}
	if (is_empty)
		sim_store_copy_node(&redis.saved, &nothing, node);
	sim_store_copy_node(&redis.store, &redis.saved, node);
	forget_strangers(node);
}

void sim_redis_move(void)
{
	unsigned from, to;
	redis.store.now_us = sim_now_us();
	if (!sim_cluster_move(&redis.store, &from, &to))
		return;
	sim_store_copy_node(&redis.saved, &redis.store, from);
	sim_store_copy_node(&redis.saved, &redis.store, to);
}

void sim_redis_save(void)
{
	sim_store_copy(&redis.saved, &redis.store);
}

void sim_redis_calm(void)
{
	redis.is_calm = true;
}
