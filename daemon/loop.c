#include "daemon/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop_backend.h"

struct watch {
	int fd; /* -1: the slot is free */
	unsigned interest;
	uint32_t arming; /* of the token that is armed now; never goes back, so old reports are known */
	loop_ready_callback *ready;
	void *ctx;
};

struct loop {
	const struct loop_backend *backend;
	void *state;
	struct watch *watches;
	int watch_count;
	struct loop_timer timers; /* head of a ring, soonest first */
	int wake_fd;
	loop_callback *woken;
	void *woken_ctx;
};

static uint64_t watch_token(const struct loop *loop, int watch)
{
	return (uint64_t)loop->watches[watch].arming << 32 | (uint32_t)watch;
}

static void watch_arm(struct loop *loop, int watch)
{
	struct watch *entry = &loop->watches[watch];
	entry->arming++;
	if (entry->interest)
		loop->backend->arm(loop->state, entry->fd, entry->interest, watch_token(loop, watch));
}

static void watch_disarm(struct loop *loop, int watch)
{
	if (loop->watches[watch].interest)
		loop->backend->disarm(loop->state, loop->watches[watch].fd, watch_token(loop, watch));
}

static int watch_take_slot(struct loop *loop)
{
	for (int i = 0; i < loop->watch_count; i++)
		if (loop->watches[i].fd < 0)
			return i;
	int count = loop->watch_count ? 2 * loop->watch_count : 8;
	loop->watches = realloc(loop->watches, (size_t)count * sizeof *loop->watches);
	CHECK(loop->watches);
	for (int i = loop->watch_count; i < count; i++)
		loop->watches[i] = (struct watch){.fd = -1};
	int slot = loop->watch_count;
	loop->watch_count = count;
	return slot;
}

int loop_watch(struct loop *loop, int fd, unsigned interest, loop_ready_callback *ready, void *ctx)
{
	CHECK(fd >= 0 && ready);
	int watch = watch_take_slot(loop);
	struct watch *entry = &loop->watches[watch];
	*entry = (struct watch){fd, interest, entry->arming, ready, ctx};
	watch_arm(loop, watch);
	return watch;
}

void loop_change(struct loop *loop, int watch, unsigned interest)
{
	CHECK(watch >= 0 && watch < loop->watch_count && loop->watches[watch].fd >= 0);
	if (loop->watches[watch].interest == interest)
		return;
	watch_disarm(loop, watch);
	loop->watches[watch].interest = interest;
	watch_arm(loop, watch);
}

void loop_unwatch(struct loop *loop, int watch)
{
	CHECK(watch >= 0 && watch < loop->watch_count && loop->watches[watch].fd >= 0);
	watch_disarm(loop, watch);
	loop->watches[watch].fd = -1;
	loop->watches[watch].arming++;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	(void)loop;
	if (!timer->is_set)
		return;
	timer->previous->next = timer->next;
	timer->next->previous = timer->previous;
	timer->is_set = false;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms)
{
	loop_timer_cancel(loop, timer);
	struct loop_timer *after = loop->timers.previous;
	while (after != &loop->timers && after->due_ms > due_ms)
		after = after->previous;
	timer->due_ms = due_ms;
	timer->previous = after;
	timer->next = after->next;
	after->next->previous = timer;
	after->next = timer;
	timer->is_set = true;
}

static int timers_fire(struct loop *loop)
{
	int called = 0;
	int64_t now_ms = loop_now_ms();
	while (loop->timers.next != &loop->timers && loop->timers.next->due_ms <= now_ms) {
		struct loop_timer *timer = loop->timers.next;
		loop_timer_cancel(loop, timer);
		timer->fire(timer->ctx);
		called++;
	}
	return called;
}

static int64_t timers_wait_ms(const struct loop *loop, int64_t max_wait_ms)
{
	if (max_wait_ms == 0 || loop->timers.next == &loop->timers)
		return max_wait_ms;
	int64_t wait_ms = loop->timers.next->due_ms - loop_now_ms();
	wait_ms = wait_ms < 0 ? 0 : wait_ms;
	return max_wait_ms < 0 || wait_ms < max_wait_ms ? wait_ms : max_wait_ms;
}

void loop_wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t written = write(loop->wake_fd, &one, sizeof one);
	(void)written; /* EAGAIN: the counter is full, so the loop is awake already */
}

static void loop_read_wake(void *ctx, unsigned ready)
{
	(void)ready;
	struct loop *loop = ctx;
	uint64_t count;
	if (read(loop->wake_fd, &count, sizeof count) > 0 && loop->woken)
		loop->woken(loop->woken_ctx);
}

void loop_on_wake(struct loop *loop, loop_callback *woken, void *ctx)
{
	loop->woken = woken;
	loop->woken_ctx = ctx;
}

int64_t loop_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

const char *loop_backend_name(const struct loop *loop)
{
	return loop->backend->name;
}

static bool loop_open_backend(struct loop *loop)
{
	const char *wanted = getenv("LADDER_IO");
	bool epoll_only = wanted && strcmp(wanted, loop_backend_epoll.name) == 0;
	bool uring_only = wanted && strcmp(wanted, loop_backend_uring.name) == 0;
	if (!epoll_only) {
		loop->backend = &loop_backend_uring;
		loop->state = loop->backend->open();
		if (loop->state || uring_only)
			return loop->state;
	}
	loop->backend = &loop_backend_epoll;
	loop->state = loop->backend->open();
	return loop->state;
}

struct loop *loop_create(void)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return NULL;
	loop->timers.next = loop->timers.previous = &loop->timers;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd >= 0 && loop_open_backend(loop)) {
		loop_watch(loop, loop->wake_fd, LOOP_READ, loop_read_wake, loop);
		return loop;
	}
	int error = errno;
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	free(loop);
	errno = error;
	return NULL;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	loop->backend->close(loop->state);
	close(loop->wake_fd);
	free(loop->watches);
	free(loop);
}

static int loop_dispatch(struct loop *loop, struct loop_report report)
{
	int watch = (int)(uint32_t)report.token;
	if (watch >= loop->watch_count || loop->watches[watch].fd < 0 ||
	    watch_token(loop, watch) != report.token)
		return 0;
	struct watch entry = loop->watches[watch];
	entry.ready(entry.ctx, report.ready);
	if (loop->watches[watch].fd >= 0 && watch_token(loop, watch) == report.token)
		watch_arm(loop, watch);
	return 1;
}

int loop_run_once(struct loop *loop, int64_t max_wait_ms)
{
	struct loop_report reports[LOOP_BATCH];
	int count = loop->backend->wait(loop->state, timers_wait_ms(loop, max_wait_ms), reports);
	int called = 0;
	for (int i = 0; i < count; i++)
		called += loop_dispatch(loop, reports[i]);
	return called + timers_fire(loop);
}
