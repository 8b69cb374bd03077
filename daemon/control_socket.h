/* Control socket: a UNIX stream socket that only its owner may use.
 *
 * It has mode 0600 from the moment it has a name, and takes its place at once, when it already listens: the
 * socket of a process that is gone is replaced, one that answers and anything that is no socket are not. */
#ifndef LADDER_DAEMON_CONTROL_SOCKET_H
#define LADDER_DAEMON_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/check.h"

enum { CONTROL_PATH_MAX = 90 }; /* bytes, as config/checks.c says; a name of the same folder is longer */

struct control_socket {
	char path[CONTROL_PATH_MAX + 1];
	int fd;        /* listens */
	dev_t device;  /* whose name the path is, as this: */
	ino_t inode;
};

/* False with a sentence in `error` that names the setting and the path. */
must_check bool control_socket_open(struct control_socket *socket, const char *path, char *error,
				    size_t error_size);

/* Removes the name, if it still is this socket's. Who got `fd` closes it. */
void control_socket_remove(const struct control_socket *socket);

#endif
