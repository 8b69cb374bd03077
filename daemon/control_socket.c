#include "daemon/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, OWNER_ONLY = 0600 };

struct failure {
	char *text;
	size_t size;
	const char *path;
};

/* Returns false. */
static bool fail(struct failure failure, const char *why, const char *hint)
{
	snprintf(failure.text, failure.size, "control.socket: %s: %s%s", failure.path, why, hint);
	return false;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static bool answers(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_there = fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
				    errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	return is_there;
}

static bool may_replace(struct failure failure)
{
	struct stat status;
	if (lstat(failure.path, &status) != 0)
		return errno == ENOENT || fail(failure, strerror(errno), "");
	if (!S_ISSOCK(status.st_mode))
		return fail(failure, "it is there and is no socket", ": remove it, or give another path");
	if (answers(failure.path))
		return fail(failure, "another ladderd answers there",
			    ": give each its own control.socket, or `off`");
	return true;
}

/* The mode of a socket before it is bound is that of its name. */
static bool listen_at(struct control_socket *made, const char *draft, struct failure failure)
{
	struct sockaddr_un address = address_of(draft);
	struct stat status;
	made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (made->fd < 0)
		return fail(failure, strerror(errno), "");
	unlink(draft);
	if (fchmod(made->fd, OWNER_ONLY) == 0 &&
	    bind(made->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(made->fd, BACKLOG) == 0 && lstat(draft, &status) == 0 &&
	    (status.st_mode & 0777) == OWNER_ONLY && rename(draft, failure.path) == 0) {
		made->device = status.st_dev;
		made->inode = status.st_ino;
		return true;
	}
	int why = errno;
	unlink(draft);
	close(made->fd);
	return fail(failure, strerror(why),
		    why == ENOENT ? ": make the folder, give another path, or `off`" : "");
}

bool control_socket_open(struct control_socket *made, const char *path, char *error, size_t error_size)
{
	struct failure failure = {error, error_size, path};
	char draft[CONTROL_PATH_MAX + 16];
	snprintf(made->path, sizeof(made->path), "%s", path);
	snprintf(draft, sizeof(draft), "%s.%d", made->path, (int)getpid());
	return may_replace(failure) && listen_at(made, draft, failure);
}

void control_socket_remove(const struct control_socket *made)
{
	struct stat status;
	if (lstat(made->path, &status) == 0 && status.st_dev == made->device && status.st_ino == made->inode)
		unlink(made->path);
}
