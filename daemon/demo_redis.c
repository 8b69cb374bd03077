#include "daemon/demo_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEP_MS = 20, START_STEPS = 500, STOP_STEPS = 150, EXIT_NOT_FOUND = 127 };

_Static_assert(DEMO_PATH_BYTES <= sizeof(((struct sockaddr_un *)0)->sun_path), "a path fits");

static void wait_a_step(void)
{
	struct timespec step = {0, STEP_MS * 1000000};
	nanosleep(&step, NULL);
}

/* ---- The child ---- */

/* A group of its own, so that Ctrl-C leaves it to us. */
static void become_redis(const struct demo_redis *redis, const char *folder, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int nothing = open("/dev/null", O_RDWR);
	if (getppid() != parent || nothing < 0)
		_exit(EXIT_NOT_FOUND);
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDOUT_FILENO);
	dup2(nothing, STDERR_FILENO);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket_path,
	       "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", folder,
	       "--logfile", "redis.log", "--daemonize", "no", (char *)NULL);
	_exit(EXIT_NOT_FOUND);
}

static bool redis_answers(const struct demo_redis *redis)
{
	static const char ping[] = "PING\r\n", pong[] = "+PONG";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char reply[sizeof pong] = "";
	memcpy(address.sun_path, redis->socket_path, sizeof redis->socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
		       write(fd, ping, sizeof ping - 1) == sizeof ping - 1 &&
		       read(fd, reply, sizeof pong - 1) == sizeof pong - 1 && strcmp(reply, pong) == 0;
	if (fd >= 0)
		close(fd);
	return answers;
}

/* ---- Its life ---- */

static bool wait_until_it_answers(struct demo_redis *redis, char *error, size_t error_size)
{
	int status;
	for (int i = 0; i < START_STEPS; i++) {
		if (redis_answers(redis))
			return true;
		if (waitpid(redis->pid, &status, WNOHANG) == redis->pid) {
			bool is_missing = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND;
			redis->pid = 0;
			snprintf(error, error_size, "%s",
				 is_missing ? "redis-server cannot be started: apt-get install redis-server"
					    : "redis-server ended at once: does it start by hand?");
			return false;
		}
		wait_a_step();
	}
	snprintf(error, error_size, "redis-server does not answer at %s", redis->socket_path);
	demo_redis_stop(redis);
	return false;
}

bool demo_redis_start(struct demo_redis *redis, const char *folder, char *error,
		      size_t error_size)
{
	*redis = (struct demo_redis){0};
	int len = snprintf(redis->socket_path, sizeof redis->socket_path, "%s/redis.sock", folder);
	if (len < 0 || (size_t)len >= sizeof redis->socket_path) {
		snprintf(error, error_size, "%s is too long a path for a socket: set TMPDIR to a shorter one",
			 folder);
		return false;
	}
	pid_t parent = getpid();
	redis->pid = fork();
	if (redis->pid == 0)
		become_redis(redis, folder, parent);
	if (redis->pid < 0) {
		snprintf(error, error_size, "redis-server cannot be started: %s", strerror(errno));
		return false;
	}
	return wait_until_it_answers(redis, error, error_size);
}

void demo_redis_stop(struct demo_redis *redis)
{
	if (redis->pid <= 0)
		return;
	kill(redis->pid, SIGTERM);
	for (int i = 0; i < STOP_STEPS; i++) {
		if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid) {
			redis->pid = 0;
			return;
		}
		wait_a_step();
	}
	kill(redis->pid, SIGKILL);
	waitpid(redis->pid, NULL, 0);
	redis->pid = 0;
}
