#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>

#include "daemon/loop_backend.h"
#include "daemon/loop.h"

enum { LOOP_URING_ENTRIES = 256 };

/* Cancelled polls and removals complete under this token, which no watch has. */
static const uint64_t TOKEN_NONE = UINT64_MAX;

static void *loop_uring_open(void)
{
	struct io_uring *ring = calloc(1, sizeof *ring);
	if (!ring)
		return NULL;
	int result = io_uring_queue_init(LOOP_URING_ENTRIES, ring,
					 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (result == -EINVAL) /* before Linux 6.1 */
		result = io_uring_queue_init(LOOP_URING_ENTRIES, ring, 0);
	if (result == 0 && ring->features & IORING_FEAT_EXT_ARG)
		return ring;
	if (result == 0) {
		io_uring_queue_exit(ring);
		result = -ENOSYS;
	}
	free(ring);
	errno = -result;
	return NULL;
}

static void loop_uring_close(void *state)
{
	io_uring_queue_exit(state);
	free(state);
}

static struct io_uring_sqe *loop_uring_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	if (sqe)
		return sqe;
	io_uring_submit(ring);
	sqe = io_uring_get_sqe(ring);
	CHECK(sqe);
	return sqe;
}

static void loop_uring_arm(void *state, int fd, unsigned interest, uint64_t token)
{
	struct io_uring_sqe *sqe = loop_uring_sqe(state);
	unsigned mask = (interest & LOOP_READ ? POLLIN : 0) | (interest & LOOP_WRITE ? POLLOUT : 0);
	io_uring_prep_poll_add(sqe, fd, mask);
	io_uring_sqe_set_data64(sqe, token);
}

/* Carried out at once: a poll that is pending keeps the file open, and the caller may close the fd next. */
static void loop_uring_disarm(void *state, int fd, uint64_t token)
{
	(void)fd;
	struct io_uring_sqe *sqe = loop_uring_sqe(state);
	io_uring_prep_poll_remove(sqe, token);
	io_uring_sqe_set_data64(sqe, TOKEN_NONE);
	io_uring_submit_and_get_events(state);
}

static void loop_uring_enter(struct io_uring *ring, int64_t wait_ms)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec span = {wait_ms / 1000, wait_ms % 1000 * 1000000};
	int result;
	if (wait_ms == 0)
		result = io_uring_submit_and_get_events(ring);
	else
		result = io_uring_submit_and_wait_timeout(ring, &cqe, 1, wait_ms < 0 ? NULL : &span, NULL);
	CHECK(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

static int loop_uring_wait(void *state, int64_t wait_ms, struct loop_report *reports)
{
	struct io_uring *ring = state;
	struct io_uring_cqe *cqes[LOOP_BATCH];
	loop_uring_enter(ring, wait_ms);
	unsigned count = io_uring_peek_batch_cqe(ring, cqes, LOOP_BATCH);
	int stored = 0;
	for (unsigned i = 0; i < count; i++) {
		uint64_t token = io_uring_cqe_get_data64(cqes[i]);
		int seen = cqes[i]->res;
		if (token == TOKEN_NONE || seen == -ECANCELED)
			continue;
		bool is_broken = seen < 0 || seen & (POLLERR | POLLHUP);
		reports[stored].token = token;
		reports[stored++].ready = (seen & POLLIN || is_broken ? (unsigned)LOOP_READ : 0) |
					  (seen & POLLOUT || is_broken ? (unsigned)LOOP_WRITE : 0);
	}
	io_uring_cq_advance(ring, count);
	return stored;
}

const struct loop_backend loop_backend_uring = {
	"io_uring", loop_uring_open, loop_uring_close, loop_uring_arm, loop_uring_disarm, loop_uring_wait,
};
