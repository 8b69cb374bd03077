/* What test_ledger.c stands on: a redis-server of its own, on a socket in a folder. Included by that one file
 * only, behind ledger_fixture.h. */
#ifndef LADDER_TESTS_DAEMON_REDIS_FIXTURE_H
#define LADDER_TESTS_DAEMON_REDIS_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/ledger_fixture.h"

static char directory[] = "/tmp/ladder-ledger-XXXXXX";
static char socket_path[64];
static pid_t redis_pid;

static redisContext *redis_open(void)
{
	redisContext *redis = redisConnectUnix(socket_path);
	if (redis && redis->err) {
		redisFree(redis);
		return NULL;
	}
	return redis;
}

/* One command of the test's own; its integer, the length of its text or array, or -1. */
__attribute__((format(printf, 1, 2)))
static long long redis_do(const char *format, ...)
{
	redisContext *redis = redis_open();
	assert_non_null(redis);
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redisvCommand(redis, format, arguments);
	va_end(arguments);
	long long result = -1;
	if (reply && reply->type == REDIS_REPLY_INTEGER)
		result = reply->integer;
	else if (reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS))
		result = (long long)reply->len;
	else if (reply && reply->type == REDIS_REPLY_ARRAY)
		result = (long long)reply->elements;
	if (reply)
		freeReplyObject(reply);
	redisFree(redis);
	return result;
}

static void redis_start(void)
{
	redis_pid = fork();
	if (redis_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
		int null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--dir",
		       directory, "--appendonly", "yes", "--appendfsync", "always", "--save", "", NULL);
		_exit(127);
	}
}

static void redis_wait(void)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		redisContext *redis = redis_open();
		if (redis) {
			redisFree(redis);
			return;
		}
		usleep(10000);
	}
	fail_msg("redis-server does not come up");
}

/* Until the append-only file that it loaded is written anew (redis_link.h): its files stay then. */
static void redis_wait_rewritten(void)
{
	bool is_done = false;
	for (int i = 0; i < PATIENCE_MS / 10 && !is_done; i++) {
		redisContext *redis = redis_open();
		assert_non_null(redis);
		redisReply *reply = redisCommand(redis, "INFO persistence");
		assert_non_null(reply);
		is_done = strstr(reply->str, "aof_rewrite_in_progress:0") &&
			  !strstr(reply->str, "aof_last_rewrite_time_sec:-1");
		freeReplyObject(reply);
		redisFree(redis);
		usleep(10000);
	}
	assert_true(is_done);
}

static void redis_kill(void)
{
	kill(redis_pid, SIGKILL);
	waitpid(redis_pid, NULL, 0);
	redis_pid = 0;
}

static void run(const char *format, const char *first, const char *second)
{
	char command[512];
	snprintf(command, sizeof command, format, first, second);
	assert_int_equal(system(command), 0);
}

#endif
