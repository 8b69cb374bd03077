/* Sim: a world in one thread, in which whole instances of the daemon live: their workers, ledgers and
 * publishers are the real ones, and what lies behind them is simulated.
 *
 *   real        worker*.c, ledger*.c with its script, publisher*.c, exchange.c, core/
 *   simulated   loop.h and the clocks (sim_loop.c), redis_link.h and Redis itself (sim_redis.c, as a
 *               cluster sim_cluster.c; the script runs in Lua: sim_lua.c), kafka_in.h, kafka_out.h and the
 *               brokers (sim_kafka.c)
 *   the rest    instances, the group that gives them tasks, the faults (sim_world.c); the feed (sim_feed.c),
 *               what is expected of it (sim_reference.c), whether it is so (sim_compare.c)
 *
 * Everything that may go one way or another is drawn from one generator: a seed says all that happens. Clocks
 * stand still but for sim_pass. Where memory is missing or a call is not one that the daemon makes, CHECK. */
#ifndef LADDER_TESTS_SIM_SIM_H
#define LADDER_TESTS_SIM_SIM_H

#include "config/config.h"
#include "core/base/buffer.h"
#include "daemon/identity.h"
#include "daemon/loop.h"

/* ---- Chance and time: sim_loop.c ---- */

void sim_begin(uint64_t seed);
uint64_t sim_random(uint64_t below); /* 0 ... below - 1 */
bool sim_chance(unsigned permille);
int64_t sim_now_us(void);
int64_t sim_wall_ms(void);
void sim_pass(int64_t us);

/* ---- Redis: sim_redis.c ---- */

/* Nothing is there, and all is well. Links must be gone before. */
void sim_redis_begin(bool is_cluster);
void sim_redis_end(void);
/* Does what has reached Redis by now. */
void sim_redis_turn(void);
/* Serves the links of a loop: called by loop_run_once. */
bool sim_redis_serve(struct loop *loop);

/* Faults. Connections are lost, with what is under way on them: some of it is done later all the same. */
void sim_redis_cut(void);
/* Stops, and comes back with what was saved last: `is_empty`, with nothing at all. Of a cluster one node
 * does, or is failed over to its replica, which has no more than that. */
void sim_redis_crash(bool is_empty);
void sim_redis_save(void);
/* A slot of a cluster goes on moving. */
void sim_redis_move(void);
/* From now on connections are neither lost nor slow. */
void sim_redis_calm(void);

/* What the script of a commit asks of Redis, and what it is told. */
enum sim_kind { SIM_NIL, SIM_STATUS, SIM_ERROR, SIM_TEXT, SIM_INTEGER, SIM_LIST, SIM_SLOTS };
struct sim_answer {
	enum sim_kind kind;
	int64_t integer;
	/* Of a list: each text with its length in front (buffer_put_text); of slots: sim_cluster.c. */
	struct buffer text;
	size_t count;
};
void sim_answer_destroy(struct sim_answer *answer);
struct sim_answer sim_redis_do(const struct slice *arguments, size_t count);

/* As hiredis would have read it; borrows the texts: sim_reply.c. */
struct redisReply;
struct redisReply *sim_raw_create(const struct sim_answer *answer);
void sim_raw_destroy(struct redisReply *raw);

/* ---- Lua: sim_lua.c ---- */

void sim_lua_begin(const char *script);
void sim_lua_end(void);
struct sim_answer sim_lua_run(const struct slice *keys, size_t key_count, const struct slice *arguments,
			      size_t count);

/* ---- Kafka: sim_kafka.c ---- */

enum { SIM_PARTITIONS_MAX = 4, SIM_STARTS_MAX = 2 };

struct sim_record {
	struct slice key;   /* absent: data is NULL. Both lie in one piece of memory */
	struct slice value;
	int64_t wall_ms;
	size_t next;        /* the next one with this key in a compacted log; SIM_LAST: there is none */
};

#define SIM_LAST SIZE_MAX

struct sim_log {
	struct sim_record *records;
	size_t count;
	size_t capacity;
	bool is_compacted;
	size_t clean;       /* before it a compacted log shows each key's last record only, as of there */
	size_t starts[SIM_STARTS_MAX]; /* after each deletion; before the last there is nothing */
	size_t start_count;
	uint32_t *index;    /* of a compacted log, open-addressed by key, twice the capacity: place + 1 */
};

struct sim_topic {
	char name[64];
	struct sim_log logs[SIM_PARTITIONS_MAX];
};

void sim_kafka_begin(void);
void sim_kafka_end(void);
/* Made if it is not there; stays where it is. */
struct sim_topic *sim_topic(const char *name);
void sim_topic_compact(const char *name); /* from now on; it is empty */
void sim_append(struct sim_log *log, struct slice key, struct slice value);
void sim_log_destroy(struct sim_log *log);
size_t sim_log_start(const struct sim_log *log);
/* Some logs are compacted, up to somewhere. */
void sim_kafka_clean(void);

/* Faults: the brokers are away until then; producers' sessions cannot go on. */
void sim_kafka_away(int64_t until_us);
void sim_kafka_break_sessions(void);
/* Deletes the front of the log, up to somewhere, at most SIM_STARTS_MAX times. False: no more. */
bool sim_log_delete(struct sim_log *log);
void sim_kafka_calm(void);

/* ---- The world: sim_world.c ---- */

enum { SIM_INPUTS = 4, SIM_INPUT_MESSAGES = 1, SIM_INPUT_OUTCOMES = 2, SIM_TASKS = 3,
	SIM_INSTANCES_MAX = 3, SIM_WORKERS_MAX = 2 };

struct sim_options {
	bool has_gaps;   /* the inputs in which messages and outcomes are lose records, be they read or not */
	bool is_cluster; /* Redis is one */
};
void sim_world_begin(const struct config *config, const struct identity *identity,
		     const struct sim_options *options);
/* Another configuration is loaded everywhere. */
void sim_world_reload(const struct config *config);
void sim_world_end(void);
/* One step of somebody, drawn by lot, then a little time. */
void sim_world_step(void);
/* No more faults: everybody lives, and takes part. */
void sim_world_calm(void);
/* Everything in the inputs is read, committed, and out. */
bool sim_world_is_quiet(void);
/* What a task counted of an input. CHECK where it belongs to nobody or to two. */
struct counts;
const struct counts *sim_world_counts(uint32_t task, size_t input);
/* The gap in it that the task names, and the offset that is read next. The same. */
struct input_gap;
const struct input_gap *sim_world_gap(uint32_t task, size_t input, int64_t *offset);
/* Stream time as the instance that merges has it, and its merger. CHECK that there is one. */
int64_t sim_world_now_ms(void);
struct merger;
struct merger *sim_world_merger(void);
void sim_world_print(void);
/* Once, before all: how often each fault comes is counted over all processes from now on. */
void sim_world_count(void);
void sim_world_print_counts(void);

#endif
