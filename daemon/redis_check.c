#include "daemon/redis_check.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/redis_link.h"

enum { TIMEOUT_S = 5, VERSION_MIN = 5 };

struct redis_talk {
	redisContext *redis;
	const char *address;
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
	reply = ask(talk, "SELECT", "SELECT %s", url->database);
	if (!reply)
		return false;
	freeReplyObject(reply);
	reply = ask(talk, "PING", "PING");
	freeReplyObject(reply);
	return reply != NULL;
}

/* The value of "name:value\r\n" in what INFO said; "" where it is not there. */
static void info_take(const char *info, const char *name, char *value, size_t size)
{
	char start[64];
	snprintf(start, sizeof start, "\n%s:", name);
	const char *at = strstr(info, start);
	at = at ? at + strlen(start) : "";
	snprintf(value, size, "%.*s", (int)strcspn(at, "\r\n"), at);
}

static void check_server(struct redis_talk *talk, const char *info)
{
	char version[32], role[32], cluster[8];
	info_take(info, "redis_version", version, sizeof version);
	info_take(info, "role", role, sizeof role);
	info_take(info, "cluster_enabled", cluster, sizeof cluster);
	if (strtoul(version, NULL, 10) >= VERSION_MIN)
		check_report_ok(talk->report, "redis %s: answers, version %s", talk->address, version);
	else
		check_report_error(talk->report, EXIT_CONFIG, "redis %s: version %s: at least %d is needed",
				   talk->address, version[0] ? version : "unknown", VERSION_MIN);
	if (strcmp(role, "slave") == 0)
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: this is a replica, which takes no writes: name its primary",
				   talk->address);
	if (strcmp(cluster, "1") == 0)
		check_report_error(talk->report, EXIT_CONFIG,
				   "redis %s: a node of a cluster: ladderd talks to one Redis that has all "
				   "keys", talk->address);
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

/* Without the right to ask, ladderd runs all the same. */
static void check_info(struct redis_talk *talk)
{
	redisReply *reply = redisCommand(talk->redis, "INFO");
	if (reply && reply->type != REDIS_REPLY_ERROR && reply->str) {
		check_server(talk, reply->str);
		check_memory(talk, reply->str);
		check_persistence(talk, reply->str);
	} else if (reply) {
		check_report_warning(talk->report,
				     "redis %s: answers, but version, maxmemory-policy and appendonly could "
				     "not be asked: %s", talk->address, reply->str);
	} else {
		check_report_error(talk->report, EXIT_UNAVAILABLE, "redis %s: INFO: %s", talk->address,
				   talk->redis->errstr);
	}
	freeReplyObject(reply);
}

static void check_scripts(struct redis_talk *talk)
{
	redisReply *reply = ask(talk, "SCRIPT LOAD", "SCRIPT LOAD %s", "return 1");
	if (reply)
		check_report_ok(talk->report, "redis %s: scripts are allowed", talk->address);
	freeReplyObject(reply);
}

/* 1: there and of its type, 0: absent, -1: reported. */
static int check_key(struct redis_talk *talk, const char *name_space, size_t task, const char *name,
		     const char *type)
{
	char key[128];
	snprintf(key, sizeof key, "{%s:%zu}:%s", name_space, task, name);
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

static void check_keys(struct redis_talk *talk, const char *name_space, size_t task_count)
{
	static const struct {
		const char *name;
		const char *type;
	} keys[] = {{"vector", "string"}, {"meta", "string"}, {"names", "set"}};
	size_t stored = 0;
	for (size_t task = 0; task < task_count; task++) {
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
			int found = check_key(talk, name_space, task, keys[i].name, keys[i].type);
			if (found < 0)
				return;
			stored += i == 0 && found;
		}
	}
	check_report_ok(talk->report, "redis %s: namespace %s: %zu of %zu tasks looked at have state",
			talk->address, name_space, stored, task_count);
}

static redisContext *connect_to(const struct redis_url *url)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	redisContext *redis = url->is_unix
				      ? redisConnectUnixWithTimeout(url->places[0].host, timeout)
				      : redisConnectWithTimeout(url->places[0].host,
								(int)strtol(url->places[0].port, NULL, 10),
								timeout);
	CHECK(redis);
	if (!redis->err)
		redisSetTimeout(redis, timeout);
	return redis;
}

void redis_check(const struct redis_url *url, const char *name_space, size_t task_count,
		 struct check_report *report)
{
	struct redis_address address = redis_place_address(&url->places[0]);
	struct redis_talk talk = {connect_to(url), address.text, report};
	if (has_failed(&talk)) {
		check_report_error(report, EXIT_UNAVAILABLE, "redis %s: does not answer: %s", talk.address,
				   talk.redis->errstr);
	} else if (log_in(&talk, url)) {
		check_info(&talk);
		check_scripts(&talk);
		check_keys(&talk, name_space, task_count);
	}
	redisFree(talk.redis);
}
