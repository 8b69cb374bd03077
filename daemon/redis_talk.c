#include "daemon/redis_talk.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/ledger.h"
#include "daemon/redis_cluster.h"
#include "daemon/redis_reply.h"

enum { TIMEOUT_S = 5, LOOKS = 10, KEY_BYTES = 128 };

static bool has_failed(const struct redis_talk *talk)
{
	return talk->redis->err != 0;
}

/* Also while a cluster changes. */
static bool passes(const redisReply *reply)
{
	const struct slice error = {reply->str, reply->len};
	return redis_error_passes(error) || redis_error_is(error, "MOVED ") ||
	       redis_error_is(error, "ASK ") || redis_error_is(error, "CLUSTERDOWN ");
}

redisReply *redis_talk_ask(struct redis_talk *talk, const char *what, const char *format, ...)
{
	if (has_failed(talk))
		return NULL;
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redisvCommand(talk->redis, format, arguments);
	va_end(arguments);
	if (!reply) {
		check_report_error(talk->report, EXIT_UNAVAILABLE, "redis %s: %s: %s", talk->address.text,
				   what, talk->redis->errstr);
		return NULL;
	}
	if (reply->type != REDIS_REPLY_ERROR)
		return reply;
	check_report_error(talk->report, passes(reply) ? EXIT_UNAVAILABLE : EXIT_NO_PERMISSION,
			   "redis %s: %s: %s", talk->address.text, what, reply->str);
	freeReplyObject(reply);
	return NULL;
}

/* ---- One connection ---- */

static bool log_in(struct redis_talk *talk, const struct redis_url *url)
{
	redisReply *reply = NULL;
	if (url->user[0])
		reply = redis_talk_ask(talk, "AUTH", "AUTH %s %s", url->user, url->password);
	else if (url->password[0])
		reply = redis_talk_ask(talk, "AUTH", "AUTH %s", url->password);
	if (!reply && (url->user[0] || url->password[0]))
		return false;
	freeReplyObject(reply);
	reply = redis_talk_ask(talk, "PING", "PING");
	freeReplyObject(reply);
	return reply != NULL;
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

bool redis_talk_open(struct redis_talk *talk, const struct redis_url *url, const struct redis_place *place,
		     bool is_needed, struct check_report *report)
{
	*talk = (struct redis_talk){.redis = connect_to(url, place), .place = *place,
				    .address = redis_place_address(place), .report = report};
	if (!has_failed(talk))
		return talk->is_open = log_in(talk, url);
	if (is_needed)
		check_report_error(report, EXIT_UNAVAILABLE, "redis %s: does not answer: %s",
				   talk->address.text, talk->redis->errstr);
	else
		check_report_warning(report, "redis %s: does not answer: %s", talk->address.text,
				     talk->redis->errstr);
	return false;
}

void redis_talk_close(struct redis_talk *talk)
{
	if (talk->redis)
		redisFree(talk->redis);
	talk->redis = NULL;
}

bool redis_talk_choose(struct redis_talk *talk, const char *database, bool is_cluster)
{
	if (is_cluster && strcmp(database, "0") != 0) {
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: a node of a cluster, which has no database but 0: redis.url "
				   "must not end in /%s", talk->address.text, database);
		return false;
	}
	redisReply *reply = redis_talk_ask(talk, "SELECT", "SELECT %s", database);
	freeReplyObject(reply);
	return reply != NULL;
}

char *redis_talk_info(struct redis_talk *talk)
{
	redisReply *reply = redisCommand(talk->redis, "INFO");
	char *info = NULL;
	if (!reply) {
		check_report_error(talk->report, EXIT_UNAVAILABLE, "redis %s: INFO: %s", talk->address.text,
				   talk->redis->errstr);
	} else if (reply->type == REDIS_REPLY_ERROR || !reply->str) {
		check_report_warning(talk->report,
				     "redis %s: answers, but version, maxmemory-policy and appendonly could "
				     "not be asked: %s", talk->address.text, reply->str ? reply->str : "");
		info = strdup("");
	} else {
		info = strdup(reply->str);
	}
	freeReplyObject(reply);
	return info;
}

bool redis_info_is(const char *info, const char *name, const char *value)
{
	return slice_equal(redis_info_value(slice_from(info), name), slice_from(value));
}

void redis_talk_report_replica(const struct redis_talk *talk, bool is_only)
{
	if (is_only)
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: this is a replica, which takes no writes: name its primary",
				   talk->address.text);
	else
		check_report_ok(talk->report, "redis %s: a replica, to take over one day",
				talk->address.text);
}

/* ---- All of them ---- */

static bool ask_map(struct redis_talk *node, struct slot_map *map)
{
	redisReply *raw = redis_talk_ask(node, "CLUSTER SLOTS", "CLUSTER SLOTS");
	if (!raw)
		return false;
	struct redis_reply reply = redis_reply_of(raw);
	unsigned owned = slot_map_take(map, &reply, &node->place) ? slot_map_owned_count(map) : 0;
	freeReplyObject(raw);
	if (owned == SLOT_COUNT)
		return true;
	check_report_error(node->report, EXIT_UNAVAILABLE,
			   "redis %s: a node of a cluster in which only %u of %d slots are served",
			   node->address.text, owned, SLOT_COUNT);
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

static bool open_owners(struct redis_talks *talks, const struct redis_url *url, struct check_report *report)
{
	struct redis_url node_url = *url;
	size_t place_count;
	bool do_answer = true;
	slot_map_places(talks->map, &place_count);
	struct redis_place *owners = calloc(place_count, sizeof(*owners));
	talks->talks = calloc(place_count, sizeof(*talks->talks));
	CHECK(owners && talks->talks);
	talks->count = find_owners(talks->map, owners);
	node_url.is_unix = false;
	for (size_t i = 0; i < talks->count; i++)
		do_answer &= redis_talk_open(&talks->talks[i], &node_url, &owners[i], true, report);
	free(owners);
	return do_answer;
}

bool redis_talks_open_cluster(struct redis_talks *talks, struct redis_talk *node, const struct redis_url *url)
{
	*talks = (struct redis_talks){.map = slot_map_create()};
	return ask_map(node, talks->map) && open_owners(talks, url, node->report);
}

/* False: it is not here, or not to be had. `talk` is closed, or one of `talks`. */
static bool open_here(struct redis_talks *talks, struct redis_talk *talk, const struct redis_url *url)
{
	char *info = redis_talk_info(talk);
	bool is_cluster = info && redis_info_is(info, "cluster_enabled", "1");
	bool is_open = info && redis_talk_choose(talk, url->database, is_cluster);
	if (is_open && is_cluster) {
		is_open = redis_talks_open_cluster(talks, talk, url);
	} else if (is_open && redis_info_is(info, "role", "slave")) {
		redis_talk_report_replica(talk, url->place_count == 1);
		is_open = false;
	} else if (is_open) {
		*talks = (struct redis_talks){.talks = calloc(1, sizeof(*talk)), .count = 1};
		CHECK(talks->talks);
		talks->talks[0] = *talk;
		talk->redis = NULL;
	}
	free(info);
	redis_talk_close(talk);
	return is_open;
}

bool redis_talks_open(struct redis_talks *talks, const struct redis_url *url, struct check_report *report)
{
	*talks = (struct redis_talks){.count = 0};
	for (size_t i = 0; i < url->place_count; i++) {
		struct redis_talk talk;
		bool answers =
			redis_talk_open(&talk, url, &url->places[i], url->place_count == 1, report);
		if (answers && open_here(talks, &talk, url))
			return true;
		redis_talk_close(&talk);
		if (talks->map)
			return false;
	}
	if (report->error_count == 0)
		check_report_error(report, EXIT_UNAVAILABLE,
				   "redis: of the hosts of redis.url none is a master that answers");
	return false;
}

void redis_talks_close(struct redis_talks *talks)
{
	for (size_t i = 0; i < talks->count; i++)
		redis_talk_close(&talks->talks[i]);
	free(talks->talks);
	if (talks->map)
		slot_map_destroy(talks->map);
	*talks = (struct redis_talks){.count = 0};
}

struct redis_talk *redis_talks_of(const struct redis_talks *talks, const char *key)
{
	struct redis_talk *talk = talks->talks;
	if (!talks->map)
		return talk;
	const struct redis_place *owner = slot_map_owner(talks->map, redis_key_slot(slice_from(key)));
	while (!redis_place_equal(&talk->place, owner))
		talk++;
	return talk;
}

/* ---- What is stored ---- */

static redisReply *get(struct redis_talk *talk, const char *name_space, size_t task, const char *name)
{
	char key[KEY_BYTES];
	snprintf(key, sizeof(key), "{%s:%zu}:%s", name_space, task, name);
	return redis_talk_ask(talk, "GET", "GET %s", key);
}

/* What is stored as the vector, and the meta, sealed: of one commit. False: there is none, or it cannot be
 * had. Both are to be freed. */
static bool get_sealed(struct redis_talk *talk, const char *name_space, size_t task, redisReply **vector,
		       redisReply **meta)
{
	bool is_one = false;
	*vector = get(talk, name_space, task, "vector");
	*meta = NULL;
	for (int i = 0; i < LOOKS && *vector && (*vector)->str && !is_one; i++) {
		freeReplyObject(*meta);
		*meta = get(talk, name_space, task, "meta");
		redisReply *after = get(talk, name_space, task, "vector");
		is_one = after && after->str && after->len == (*vector)->len &&
			 memcmp(after->str, (*vector)->str, after->len) == 0;
		freeReplyObject(*vector);
		*vector = after;
	}
	return is_one && *meta && (*meta)->str && (*meta)->len >= SEAL_OVERHEAD + META_SUM_LEN &&
	       ledger_stored_vector((struct slice){(*vector)->str, (*vector)->len}).data;
}

static bool open_meta(const struct identity *identity, size_t task, struct slice stored, struct slice sealed,
		      struct buffer *meta)
{
	struct sealer *sealer = sealer_create(identity);
	struct buffer name = ledger_meta_seal_name(
		(uint32_t)task, (struct slice){stored.data, stored.len - VECTOR_COUNT_LEN});
	bool is_ours = sealer_open(sealer, buffer_slice(&name), sealed, buffer_reserve(meta, sealed.len));
	meta->len = is_ours ? sealed.len - SEAL_OVERHEAD - META_SUM_LEN : 0;
	memmove(meta->data, meta->data + META_SUM_LEN, meta->len);
	buffer_destroy(&name);
	sealer_destroy(sealer);
	return is_ours;
}

enum redis_state redis_talks_get_state(const struct redis_talks *talks, const char *name_space, size_t task,
				       const struct identity *identity, struct buffer *vector,
				       struct buffer *meta)
{
	char key[KEY_BYTES];
	snprintf(key, sizeof(key), "{%s:%zu}:meta", name_space, task);
	struct redis_talk *talk = redis_talks_of(talks, key);
	unsigned error_count = talk->report->error_count;
	redisReply *stored, *sealed;
	enum redis_state state = REDIS_STATE_NONE;
	if (get_sealed(talk, name_space, task, &stored, &sealed)) {
		const struct slice all = {stored->str, stored->len};
		struct slice found = ledger_stored_vector(all);
		buffer_put(vector, found.data, found.len);
		state = REDIS_STATE_FOUND;
		if (!open_meta(identity, task, all, (struct slice){sealed->str, sealed->len}, meta))
			check_report_error(talk->report, EXIT_FAILED,
					   "redis %s: %s is sealed with another identity key "
					   "(identity.key_file), or damaged", talk->address.text, key);
	} else if (stored && stored->str && talk->report->error_count == error_count) {
		check_report_error(talk->report, EXIT_FAILED,
				   "redis %s: %s and the vector beside it are not of one commit, or not of "
				   "this version", talk->address.text, key);
	}
	freeReplyObject(stored);
	freeReplyObject(sealed);
	return talk->report->error_count > error_count ? REDIS_STATE_FAILED : state;
}
