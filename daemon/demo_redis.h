/* Demo redis: a redis-server of our own, as a child, on a UNIX socket in a folder. Nothing is written to disk
 * but its log. It ends with us, however we end.
 *
 * Thread: the main one, before any other is started: the child dies with the thread that made it. */
#ifndef LADDER_DAEMON_DEMO_REDIS_H
#define LADDER_DAEMON_DEMO_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/check.h"

enum { DEMO_PATH_BYTES = 100 }; /* what fits into the address of a UNIX socket, with the NUL */

struct demo_redis {
	pid_t pid;
	char socket_path[DEMO_PATH_BYTES];
};

/* Waits until it answers. False with one English sentence in `error`; then there is no child. */
must_check bool demo_redis_start(struct demo_redis *redis, const char *folder, char *error,
				 size_t error_size);

void demo_redis_stop(struct demo_redis *redis);

#endif
