#include "daemon/redis_check.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/redis_reply.h"
#include "daemon/redis_talk.h"
#include "daemon/task_meta.h"

enum { VERSION_MIN = 5 };

/* The value of "name:value\r\n" in what INFO said; "" where it is not there. */
static void info_take(const char *info, const char *name, char *value, size_t size)
{
	struct slice found = redis_info_value(slice_from(info), name);
	snprintf(value, size, "%.*s", (int)found.len, found.len ? found.data : "");
}

static void check_version(struct redis_talk *talk, const char *info)
{
	char version[32];
	info_take(info, "redis_version", version, sizeof version);
	if (strtoul(version, NULL, 10) >= VERSION_MIN)
		check_report_ok(talk->report, "redis %s: answers, version %s", talk->address.text, version);
	else
		check_report_error(talk->report, EXIT_CONFIG, "redis %s: version %s: at least %d is needed",
				   talk->address.text, version[0] ? version : "unknown", VERSION_MIN);
}

static void check_memory(struct redis_talk *talk, const char *info)
{
	char policy[32], limit[32];
	info_take(info, "maxmemory_policy", policy, sizeof policy);
	info_take(info, "maxmemory", limit, sizeof limit);
	if (strcmp(policy, "noeviction") == 0 || strncmp(policy, "volatile-", 9) == 0)
		check_report_ok(talk->report, "redis %s: maxmemory-policy %s: state is not evicted",
				talk->address.text, policy);
	else if (strcmp(limit, "0") == 0)
		check_report_warning(talk->report,
				     "redis %s: maxmemory-policy %s would evict state once a maxmemory is "
				     "set: use noeviction", talk->address.text, policy);
	else
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: maxmemory-policy %s evicts state when memory is short: use "
				   "noeviction", talk->address.text, policy[0] ? policy : "unknown");
}

static void check_persistence(struct redis_talk *talk, const char *info)
{
	char is_on[8];
	info_take(info, "aof_enabled", is_on, sizeof is_on);
	if (strcmp(is_on, "1") == 0)
		check_report_ok(talk->report, "redis %s: appendonly is on", talk->address.text);
	else
		check_report_warning(talk->report,
				     "redis %s: appendonly is off: what Redis loses in a crash is read again "
				     "from Kafka, as far as Kafka still holds it", talk->address.text);
}

static void check_scripts(struct redis_talk *talk)
{
	redisReply *reply = redis_talk_ask(talk, "SCRIPT LOAD", "SCRIPT LOAD %s", "return 1");
	if (reply)
		check_report_ok(talk->report, "redis %s: scripts are allowed", talk->address.text);
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
	redisReply *reply = redis_talk_ask(talk, "TYPE", "TYPE %s", key);
	if (!reply)
		return -1;
	int result = strcmp(reply->str, type) == 0 ? 1 : strcmp(reply->str, "none") == 0 ? 0 : -1;
	if (result < 0)
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: the key %s is a %s, not a %s: something else uses it; choose "
				   "another redis.namespace", talk->address.text, key, reply->str, type);
	freeReplyObject(reply);
	return result;
}

/* What a task's state says of the partitions it was written for. */
static void check_meta(const struct redis_talks *talks, const struct redis_wanted *wanted, size_t task)
{
	struct buffer vector = {0}, meta = {0};
	const struct redis_talk *talk = talks->talks;
	enum redis_state state = redis_talks_get_state(talks, wanted->config->redis.namespace, task,
						       wanted->identity, &vector, &meta);
	struct reader reader = reader_of(buffer_slice(&meta));
	struct task_meta head = task_meta_read(&reader);
	char why[TASK_FIT_MAX];
	if (state == REDIS_STATE_FOUND && wanted->task_count &&
	    !task_meta_fits(&head, wanted->config, wanted->task_count, why))
		check_report_error(talk->report, EXIT_CONFIG, "redis %s: the state of task %zu: %s",
				   talk->address.text, task, why);
	buffer_destroy(&vector);
	buffer_destroy(&meta);
}

static void check_keys(const struct redis_talks *talks, const struct redis_wanted *wanted)
{
	static const struct {
		const char *name;
		const char *type;
	} keys[] = {{"vector", "string"}, {"meta", "string"}, {"names", "set"}};
	size_t stored = 0, task_count = wanted->task_count ? wanted->task_count : 1;
	for (size_t task = 0; task < task_count; task++) {
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
			char key[128];
			snprintf(key, sizeof key, "{%s:%zu}:%s", wanted->config->redis.namespace, task,
				 keys[i].name);
			struct redis_talk *talk = redis_talks_of(talks, key);
			int found = check_key(talk, key, keys[i].type);
			if (found < 0)
				return;
			bool is_first_meta = i == 1 && found && stored == 1;
			stored += i == 0 && found;
			if (is_first_meta && wanted->identity)
				check_meta(talks, wanted, task);
		}
	}
	const struct redis_talk *talk = talks->talks;
	check_report_ok(talk->report, "redis %s: namespace %s: %zu of %zu tasks looked at have state",
			talk->address.text, wanted->config->redis.namespace, stored, task_count);
}

static void check_cluster(struct redis_talk *node, const struct redis_url *url,
			  const struct redis_wanted *wanted)
{
	struct redis_talks talks;
	bool do_answer = redis_talks_open_cluster(&talks, node, url);
	if (talks.count)
		check_report_ok(node->report, "redis %s: a cluster of %zu master%s", node->address.text,
				talks.count, talks.count == 1 ? "" : "s");
	for (size_t i = 0; i < talks.count; i++) {
		char *info = talks.talks[i].is_open ? redis_talk_info(&talks.talks[i]) : NULL;
		if (info)
			check_node(&talks.talks[i], info);
		do_answer &= info != NULL;
		free(info);
	}
	if (do_answer)
		check_keys(&talks, wanted);
	redis_talks_close(&talks);
}

/* ---- One Redis, maybe with replicas ---- */

enum finding { FOUND_NOTHING, FOUND_REPLICA, FOUND_MASTER, FOUND_CLUSTER };

static enum finding check_place(const struct redis_url *url, const struct redis_place *place,
				const struct redis_wanted *wanted, struct check_report *report)
{
	struct redis_talk talk;
	bool is_only = url->place_count == 1;
	enum finding found = FOUND_NOTHING;
	char *info = redis_talk_open(&talk, url, place, is_only, report) ? redis_talk_info(&talk) : NULL;
	bool is_cluster = info && redis_info_is(info, "cluster_enabled", "1");
	if (!info || !redis_talk_choose(&talk, url->database, is_cluster)) {
		/* reported */
	} else if (is_cluster) {
		check_cluster(&talk, url, wanted);
		found = FOUND_CLUSTER;
	} else if (redis_info_is(info, "role", "slave")) {
		redis_talk_report_replica(&talk, is_only);
		found = FOUND_REPLICA;
	} else {
		check_node(&talk, info);
		check_keys(&(struct redis_talks){.talks = &talk, .count = 1}, wanted);
		found = FOUND_MASTER;
	}
	free(info);
	redis_talk_close(&talk);
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
