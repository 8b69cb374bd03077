/* Redis talk: Redis, or each master of a cluster, asked one thing after another. For commands that look at
 * what is there, and change nothing: `check --connect`, `audit`.
 *
 * What fails is reported (check_report.h), once. Blocks, at most a few seconds a question. One thread. */
#ifndef LADDER_DAEMON_REDIS_TALK_H
#define LADDER_DAEMON_REDIS_TALK_H

#include "core/base/buffer.h"
#include "daemon/check_report.h"
#include "daemon/identity.h"
#include "daemon/redis_url.h"

struct redisContext;
struct redisReply;
struct slot_map;

struct redis_talk {
	struct redisContext *redis;
	struct redis_place place;
	struct redis_address address; /* of `place`, for people */
	struct check_report *report;
	bool is_open; /* redis_talk_open was true */
};

/* False where it does not answer, which is an error, or if it is one of several (`is_needed` false) a
 * warning; or where it refuses. To be closed in any case. */
must_check bool redis_talk_open(struct redis_talk *talk, const struct redis_url *url,
				const struct redis_place *place, bool is_needed, struct check_report *report);
void redis_talk_close(struct redis_talk *talk);

/* NULL where Redis does not answer or refuses. The caller frees the reply. */
__attribute__((format(printf, 3, 4)))
struct redisReply *redis_talk_ask(struct redis_talk *talk, const char *what, const char *format, ...);

must_check bool redis_talk_choose(struct redis_talk *talk, const char *database, bool is_cluster);
/* What INFO says; "" and a warning without the right to ask: ladderd runs all the same. NULL where nothing
 * answers. The caller frees it. */
char *redis_talk_info(struct redis_talk *talk);
bool redis_info_is(const char *info, const char *name, const char *value);
/* That one must not write to it, so not rely on it: an error, or of several places just said. */
void redis_talk_report_replica(const struct redis_talk *talk, bool is_only);

/* Those who together have all keys: one, or the masters of a cluster. */
struct redis_talks {
	struct redis_talk *talks;
	size_t count;
	struct slot_map *map; /* NULL without a cluster */
};

/* From a node of a cluster to all its masters. False where some slot is not served, or one of them does not
 * answer. To be closed in any case. */
must_check bool redis_talks_open_cluster(struct redis_talks *talks, struct redis_talk *node,
					 const struct redis_url *url);
/* The same from redis.url: the one that is master, or a cluster. */
must_check bool redis_talks_open(struct redis_talks *talks, const struct redis_url *url,
				 struct check_report *report);
void redis_talks_close(struct redis_talks *talks);
struct redis_talk *redis_talks_of(const struct redis_talks *talks, const char *key);

/* What a task has stored (ledger.h): the vector of its offsets, and the meta, opened. */
enum redis_state { REDIS_STATE_NONE, REDIS_STATE_FOUND, REDIS_STATE_FAILED };

/* Of one commit, while others may come. Both are to be destroyed. */
enum redis_state redis_talks_get_state(const struct redis_talks *talks, const char *name_space, size_t task,
				       const struct identity *identity, struct buffer *vector,
				       struct buffer *meta);

#endif
