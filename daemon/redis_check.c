#include "daemon/redis_check.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buffer.h"
#include "daemon/commands.h"
#include "daemon/ledger.h"
#include "daemon/redis_cluster.h"
#include "daemon/task_meta.h"

enum { TIMEOUT_S = 5, VERSION_MIN = 5, LOOKS = 10 };

struct redis_talk {
	redisContext *redis;
	struct redis_place place;
	const char *address; /* of `place` */
	struct redis_address address_text;
	struct check_report *report;
};

static bool has_failed(const struct redis_talk *talk)
{
	return talk->redis->err != 0;
}

/* NULL, and the reason reported, where Redis does not answer or refuses. The caller frees the reply. */
__attribute__((format(printf, 3, 4)))
static redisReply *ask(struct redis_talk *talk, const char *what, const char *format, ...)
{
	if (has_failed(talk))
		return NULL;
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redisvCommand(talk->redis, format, arguments);
	va_end(arguments);
	if (!reply) {
		check_report_error(talk->report, EXIT_UNAVAILABLE, "redis %s: %s: %s", talk->address, what,
				   talk->redis->errstr);
		return NULL;
	}
	if (reply->type != REDIS_REPLY_ERROR)
		return reply;
	bool passes = redis_error_passes((struct slice){reply->str, reply->len});
	check_report_error(talk->report, passes ? EXIT_UNAVAILABLE : EXIT_NO_PERMISSION, "redis %s: %s: %s",
			   talk->address, what, reply->str);
	freeReplyObject(reply);
	return NULL;
}

static bool log_in(struct redis_talk *talk, const struct redis_url *url)
{
	redisReply *reply = NULL;
	if (url->user[0])
		reply = ask(talk, "AUTH", "AUTH %s %s", url->user, url->password);
	else if (url->password[0])
		reply = ask(talk, "AUTH", "AUTH %s", url->password);
	if (!reply && (url->user[0] || url->password[0]))
		return false;
	freeReplyObject(reply);
	reply = ask(talk, "PING", "PING");
	freeReplyObject(reply);
	return reply != NULL;
}

static bool choose_database(struct redis_talk *talk, const char *database, bool is_cluster)
{
	if (is_cluster && strcmp(database, "0") != 0) {
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: a node of a cluster, which has no database but 0: redis.url "
				   "must not end in /%s", talk->address, database);
		return false;
	}
	redisReply *reply = ask(talk, "SELECT", "SELECT %s", database);
	freeReplyObject(reply);
	return reply != NULL;
}

/* The value of "name:value\r\n" in what INFO said; "" where it is not there. */
static void info_take(const char *info, const char *name, char *value, size_t size)
{
	struct slice found = redis_info_value(slice_from(info), name);
	snprintf(value, size, "%.*s", (int)found.len, found.len ? found.data : "");
}

static bool info_is(const char *info, const char *name, const char *value)
{
	return slice_equal(redis_info_value(slice_from(info), name), slice_from(value));
}

static void check_version(struct redis_talk *talk, const char *info)
{
	char version[32];
	info_take(info, "redis_version", version, sizeof version);
	if (strtoul(version, NULL, 10) >= VERSION_MIN)
		check_report_ok(talk->report, "redis %s: answers, version %s", talk->address, version);
	else
		check_report_error(talk->report, EXIT_CONFIG, "redis %s: version %s: at least %d is needed",
				   talk->address, version[0] ? version : "unknown", VERSION_MIN);
}

static void check_memory(struct redis_talk *talk, const char *info)
{
	char policy[32], limit[32];
	info_take(info, "maxmemory_policy", policy, sizeof policy);
	info_take(info, "maxmemory", limit, sizeof limit);
	if (strcmp(policy, "noeviction") == 0 || strncmp(policy, "volatile-", 9) == 0)
		check_report_ok(talk->report, "redis %s: maxmemory-policy %s: state is not evicted",
				talk->address, policy);
	else if (strcmp(limit, "0") == 0)
		check_report_warning(talk->report,
				     "redis %s: maxmemory-policy %s would evict state once a maxmemory is "
				     "set: use noeviction", talk->address, policy);
	else
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: maxmemory-policy %s evicts state when memory is short: use "
				   "noeviction", talk->address, policy[0] ? policy : "unknown");
}

static void check_persistence(struct redis_talk *talk, const char *info)
{
	char is_on[8];
	info_take(info, "aof_enabled", is_on, sizeof is_on);
	if (strcmp(is_on, "1") == 0)
		check_report_ok(talk->report, "redis %s: appendonly is on", talk->address);
	else
		check_report_warning(talk->report,
				     "redis %s: appendonly is off: what Redis loses in a crash is read again "
				     "from Kafka, as far as Kafka still holds it", talk->address);
}

/* "" and a warning without the right to ask: ladderd runs all the same. NULL, reported, where nothing
 * answers. The caller frees it. */
static char *ask_info(struct redis_talk *talk)
{
	redisReply *reply = redisCommand(talk->redis, "INFO");
	char *info = NULL;
	if (!reply) {
		check_report_error(talk->report, EXIT_UNAVAILABLE, "redis %s: INFO: %s", talk->address,
				   talk->redis->errstr);
	} else if (reply->type == REDIS_REPLY_ERROR || !reply->str) {
		check_report_warning(talk->report,
				     "redis %s: answers, but version, maxmemory-policy and appendonly could "
				     "not be asked: %s", talk->address, reply->str ? reply->str : "");
		info = strdup("");
	} else {
		info = strdup(reply->str);
	}
	freeReplyObject(reply);
	return info;
}

static void check_scripts(struct redis_talk *talk)
{
	redisReply *reply = ask(talk, "SCRIPT LOAD", "SCRIPT LOAD %s", "return 1");
	if (reply)
		check_report_ok(talk->report, "redis %s: scripts are allowed", talk->address);
	freeReplyObject(reply);
}

static void check_node(struct redis_talk *talk, const char *info)
{
	if (info[0]) {
		check_version(talk, info);
		check_memory(talk, info);
		check_persistence(talk, info);
	}
	check_scripts(talk);
}

/* 1: there and of its type, 0: absent, -1: reported. */
static int check_key(struct redis_talk *talk, const char *key, const char *type)
{
	redisReply *reply = ask(talk, "TYPE", "TYPE %s", key);
	if (!reply)
		return -1;
	int result = strcmp(reply->str, type) == 0 ? 1 : strcmp(reply->str, "none") == 0 ? 0 : -1;
	if (result < 0)
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: the key %s is a %s, not a %s: something else uses it; choose "
				   "another redis.namespace", talk->address, key, reply->str, type);
	freeReplyObject(reply);
	return result;
}

/* `map` is NULL without a cluster; then there is one talk. */
static struct redis_talk *talk_of(struct redis_talk *talks, const struct slot_map *map, const char *key)
{
	const struct redis_place *owner = map ? slot_map_owner(map, redis_key_slot(slice_from(key))) : NULL;
	while (owner && !redis_place_equal(&talks->place, owner))
		talks++;
	return talks;
}

/* The vector and the meta of one commit, while others may come; to be freed. False: there are none, or it is
 * reported. */
static bool get_state(struct redis_talk *talk, const struct redis_wanted *wanted, size_t task,
		      redisReply **vector, redisReply **meta)
{
	bool is_one = false;
	char vector_key[128], meta_key[128];
	snprintf(vector_key, sizeof vector_key, "{%s:%zu}:vector", wanted->name_space, task);
	snprintf(meta_key, sizeof meta_key, "{%s:%zu}:meta", wanted->name_space, task);
	*vector = ask(talk, "GET", "GET %s", vector_key);
	*meta = NULL;
	for (int i = 0; i < LOOKS && *vector && (*vector)->str && !is_one; i++) {
		freeReplyObject(*meta);
		*meta = ask(talk, "GET", "GET %s", meta_key);
		redisReply *after = ask(talk, "GET", "GET %s", vector_key);
		is_one = after && after->str && after->len == (*vector)->len &&
			 memcmp(after->str, (*vector)->str, after->len) == 0;
		freeReplyObject(*vector);
		*vector = after;
	}
	return is_one && *meta && (*meta)->str && (*meta)->len >= SEAL_OVERHEAD &&
	       (*vector)->len >= VECTOR_COUNT_LEN;
}

/* What a task's state says of the partitions it was written for. */
static void check_meta(struct redis_talk *talk, const struct redis_wanted *wanted, size_t task)
{
	char key[128];
	snprintf(key, sizeof key, "{%s:%zu}:meta", wanted->name_space, task);
	redisReply *vector, *reply;
	struct sealer *sealer = sealer_create(wanted->identity);
	struct buffer plain = {0}, seal_name = {0};
	if (get_state(talk, wanted, task, &vector, &reply)) {
		struct slice stored = {vector->str, vector->len - VECTOR_COUNT_LEN};
		seal_name = ledger_meta_seal_name((uint32_t)task, stored);
		char *text = buffer_reserve(&plain, reply->len);
		bool is_ours = sealer_open(sealer, buffer_slice(&seal_name),
					   (struct slice){reply->str, reply->len}, text);
		struct slice meta = {text, reply->len - SEAL_OVERHEAD};
		struct reader reader = reader_of(meta);
		uint64_t count = is_ours ? task_meta_read(&reader).partition_count : 0;
		if (!is_ours)
			check_report_error(talk->report, EXIT_FAILED,
					   "redis %s: %s is sealed with another identity key "
					   "(identity.key_file), or damaged", talk->address, key);
		else if (wanted->task_count && count != wanted->task_count)
			check_report_error(talk->report, EXIT_CONFIG,
					   "redis %s: the state was written for %zu partitions, and the "
					   "inputs have %zu: give redis.namespace a new name, and everything "
					   "is read from the beginning", talk->address, (size_t)count,
					   wanted->task_count);
	}
	buffer_destroy(&plain);
	buffer_destroy(&seal_name);
	sealer_destroy(sealer);
	freeReplyObject(vector);
	freeReplyObject(reply);
}

static void check_keys(struct redis_talk *talks, const struct slot_map *map,
		       const struct redis_wanted *wanted)
{
	static const struct {
		const char *name;
		const char *type;
	} keys[] = {{"vector", "string"}, {"meta", "string"}, {"names", "set"}};
	size_t stored = 0, task_count = wanted->task_count ? wanted->task_count : 1;
	for (size_t task = 0; task < task_count; task++) {
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
			char key[128];
			snprintf(key, sizeof key, "{%s:%zu}:%s", wanted->name_space, task, keys[i].name);
			struct redis_talk *talk = talk_of(talks, map, key);
			int found = check_key(talk, key, keys[i].type);
			if (found < 0)
				return;
			bool is_first_meta = i == 1 && found && stored == 1;
			stored += i == 0 && found;
			if (is_first_meta && wanted->identity)
				check_meta(talk, wanted, task);
		}
	}
	check_report_ok(talks->report, "redis %s: namespace %s: %zu of %zu tasks looked at have state",
			talks->address, wanted->name_space, stored, task_count);
}

static redisContext *connect_to(const struct redis_url *url, const struct redis_place *place)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	redisContext *redis =
		url->is_unix
			? redisConnectUnixWithTimeout(place->host, timeout)
			: redisConnectWithTimeout(place->host, (int)strtol(place->port, NULL, 10), timeout);
	CHECK(redis);
	if (!redis->err)
		redisSetTimeout(redis, timeout);
	return redis;
}

/* False where it does not answer, reported as an error, or if it is one of several as a warning; or where it
 * refuses. To be closed in any case. */
static bool talk_open(struct redis_talk *talk, const struct redis_url *url, const struct redis_place *place,
		      bool is_needed, struct check_report *report)
{
	*talk = (struct redis_talk){.redis = connect_to(url, place), .place = *place,
				    .address_text = redis_place_address(place), .report = report};
	talk->address = talk->address_text.text;
	if (!has_failed(talk))
		return log_in(talk, url);
	if (is_needed)
		check_report_error(report, EXIT_UNAVAILABLE, "redis %s: does not answer: %s", talk->address,
				   talk->redis->errstr);
	else
		check_report_warning(report, "redis %s: does not answer: %s", talk->address,
				     talk->redis->errstr);
	return false;
}

/* ---- A cluster ---- */

static bool ask_map(struct redis_talk *talk, struct slot_map *map)
{
	redisReply *raw = ask(talk, "CLUSTER SLOTS", "CLUSTER SLOTS");
	if (!raw)
		return false;
	struct redis_reply reply = redis_reply_of(raw);
	unsigned owned = slot_map_take(map, &reply, &talk->place) ? slot_map_owned_count(map) : 0;
	freeReplyObject(raw);
	if (owned == SLOT_COUNT)
		return true;
	check_report_error(talk->report, EXIT_UNAVAILABLE,
			   "redis %s: a node of a cluster in which only %u of %d slots are served",
			   talk->address, owned, SLOT_COUNT);
	return false;
}

static size_t find_owners(const struct slot_map *map, struct redis_place *owners)
{
	size_t count = 0;
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		const struct redis_place *owner = slot_map_owner(map, slot);
		size_t i = 0;
		while (i < count && !redis_place_equal(&owners[i], owner))
			i++;
		if (i == count)
			owners[count++] = *owner;
	}
	return count;
}

/* False where one does not answer. */
static bool check_owners(struct redis_talk *talks, size_t count, const struct redis_url *url,
			 const struct redis_place *owners, struct check_report *report)
{
	struct redis_url node_url = *url;
	bool do_answer = true;
	node_url.is_unix = false;
	for (size_t i = 0; i < count; i++) {
		bool is_open = talk_open(&talks[i], &node_url, &owners[i], true, report);
		char *info = is_open ? ask_info(&talks[i]) : NULL;
		if (info)
			check_node(&talks[i], info);
		do_answer &= info != NULL;
		free(info);
	}
	return do_answer;
}

static void check_cluster(struct redis_talk *seed, const struct redis_url *url,
			  const struct redis_wanted *wanted)
{
	struct slot_map *map = slot_map_create();
	if (ask_map(seed, map)) {
		size_t place_count;
		slot_map_places(map, &place_count);
		struct redis_place *owners = calloc(place_count, sizeof *owners);
		struct redis_talk *talks = calloc(place_count, sizeof *talks);
		CHECK(owners && talks);
		size_t count = find_owners(map, owners);
		check_report_ok(seed->report, "redis %s: a cluster of %zu master%s", seed->address, count,
				count == 1 ? "" : "s");
		if (check_owners(talks, count, url, owners, seed->report))
			check_keys(talks, map, wanted);
		for (size_t i = 0; i < count; i++)
			redisFree(talks[i].redis);
		free(talks);
		free(owners);
	}
	slot_map_destroy(map);
}

/* ---- One Redis, maybe with replicas ---- */

enum finding { FOUND_NOTHING, FOUND_REPLICA, FOUND_MASTER, FOUND_CLUSTER };

static void report_replica(const struct redis_talk *talk, bool is_only)
{
	if (is_only)
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: this is a replica, which takes no writes: name its primary",
				   talk->address);
	else
		check_report_ok(talk->report, "redis %s: a replica, to take over one day", talk->address);
}

static enum finding check_place(const struct redis_url *url, const struct redis_place *place,
				const struct redis_wanted *wanted, struct check_report *report)
{
	struct redis_talk talk;
	bool is_only = url->place_count == 1;
	enum finding found = FOUND_NOTHING;
	char *info = talk_open(&talk, url, place, is_only, report) ? ask_info(&talk) : NULL;
	bool is_cluster = info && info_is(info, "cluster_enabled", "1");
	if (!info || !choose_database(&talk, url->database, is_cluster)) {
		/* reported */
	} else if (is_cluster) {
		check_cluster(&talk, url, wanted);
		found = FOUND_CLUSTER;
	} else if (info_is(info, "role", "slave")) {
		report_replica(&talk, is_only);
		found = FOUND_REPLICA;
	} else {
		check_node(&talk, info);
		check_keys(&talk, NULL, wanted);
		found = FOUND_MASTER;
	}
	free(info);
	redisFree(talk.redis);
	return found;
}

void redis_check(const struct redis_url *url, const struct redis_wanted *wanted, struct check_report *report)
{
	size_t masters = 0;
	for (size_t i = 0; i < url->place_count; i++) {
		enum finding found = check_place(url, &url->places[i], wanted, report);
		if (found == FOUND_CLUSTER)
			return;
		masters += found == FOUND_MASTER;
	}
	if (url->place_count > 1 && masters == 0)
		check_report_error(report, EXIT_UNAVAILABLE,
				   "redis: of the hosts of redis.url none is a master that answers");
	if (masters > 1)
		check_report_error(report, EXIT_CONFIG,
				   "redis: %zu hosts of redis.url are masters: they must be one Redis and "
				   "its replicas", masters);
}
