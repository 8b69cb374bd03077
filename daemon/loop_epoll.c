#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/loop_backend.h"
#include "daemon/loop.h"

struct loop_epoll {
	int fd;
};

static void *loop_epoll_open(void)
{
	struct loop_epoll *backend = calloc(1, sizeof *backend);
	if (!backend)
		return NULL;
	backend->fd = epoll_create1(EPOLL_CLOEXEC);
	if (backend->fd >= 0)
		return backend;
	free(backend);
	return NULL;
}

static void loop_epoll_close(void *state)
{
	struct loop_epoll *backend = state;
	close(backend->fd);
	free(backend);
}

static void loop_epoll_arm(void *state, int fd, unsigned interest, uint64_t token)
{
	struct loop_epoll *backend = state;
	struct epoll_event event = {.events = EPOLLONESHOT, .data.u64 = token};
	event.events |= interest & LOOP_READ ? (uint32_t)EPOLLIN : 0;
	event.events |= interest & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0;
	if (epoll_ctl(backend->fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return;
	CHECK(errno == ENOENT);
	CHECK(epoll_ctl(backend->fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void loop_epoll_disarm(void *state, int fd, uint64_t token)
{
	(void)token;
	struct loop_epoll *backend = state;
	epoll_ctl(backend->fd, EPOLL_CTL_DEL, fd, NULL);
}

static int loop_epoll_wait(void *state, int64_t wait_ms, struct loop_report *reports)
{
	struct loop_epoll *backend = state;
	struct epoll_event events[LOOP_BATCH];
	int timeout_ms = wait_ms < 0 ? -1 : wait_ms > 60000 ? 60000 : (int)wait_ms;
	int count = epoll_wait(backend->fd, events, LOOP_BATCH, timeout_ms);
	CHECK(count >= 0 || errno == EINTR);
	for (int i = 0; i < count; i++) {
		uint32_t seen = events[i].events;
		bool is_broken = seen & (EPOLLERR | EPOLLHUP);
		reports[i].token = events[i].data.u64;
		reports[i].ready = (seen & EPOLLIN || is_broken ? (unsigned)LOOP_READ : 0) |
				   (seen & EPOLLOUT || is_broken ? (unsigned)LOOP_WRITE : 0);
	}
	return count < 0 ? 0 : count;
}

const struct loop_backend loop_backend_epoll = {
	"epoll", loop_epoll_open, loop_epoll_close, loop_epoll_arm, loop_epoll_disarm, loop_epoll_wait,
};
