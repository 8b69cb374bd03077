/* Loop: the one event loop of a worker. Design decision 7.
 *
 * Everything a worker waits for comes through here: Kafka's queue eventfd, the Redis socket, timers, and
 * the mailbox by which another thread wakes it. It runs on io_uring, and on epoll where the kernel or the
 * container does not give one or LADDER_IO=epoll in the environment asks for it; LADDER_IO=io_uring makes
 * loop_create fail rather than fall back.
 *
 * Thread: created, run and used by one thread, and destroyed by it or after it was joined. Only loop_wake
 * may be called by others. Callbacks may call anything here but loop_run_once and loop_destroy, and may
 * unwatch any fd or cancel any timer, their own included: what was cancelled is not called any more. */
#ifndef LADDER_DAEMON_LOOP_H
#define LADDER_DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/check.h"

enum loop_interest { LOOP_READ = 1, LOOP_WRITE = 2 };

/* An error or a hang-up counts as both: the next read or write tells. Level-triggered: called again
 * as long as the fd is ready. */
typedef void loop_ready_callback(void *ctx, unsigned ready);
typedef void loop_callback(void *ctx);

/* One-shot. Owned by the caller, who sets `fire` and `ctx`, and zeroes the rest once before first use. */
struct loop_timer {
	loop_callback *fire;
	void *ctx;
	int64_t due_ms;
	bool is_set;
	struct loop_timer *next;
	struct loop_timer *previous;
};

struct loop;

/* NULL with errno set where the system gives no more file descriptors or memory, or refuses LADDER_IO. */
must_check struct loop *loop_create(void);
void loop_destroy(struct loop *loop);

/* "io_uring" or "epoll". */
const char *loop_backend_name(const struct loop *loop);

/* Milliseconds of CLOCK_MONOTONIC, the clock of all timers. */
int64_t loop_now_ms(void);

/* Returns the watch's number, for loop_change and loop_unwatch. An interest of 0 keeps the watch asleep.
 * The fd is the caller's: unwatch it before closing it, and have only one watch on it. */
int loop_watch(struct loop *loop, int fd, unsigned interest, loop_ready_callback *ready, void *ctx);
void loop_change(struct loop *loop, int watch, unsigned interest);
void loop_unwatch(struct loop *loop, int watch);

/* Fires once when loop_now_ms() reaches due_ms; a timer that is set already is moved. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* Any thread, also a signal handler: has `woken` called soon in the loop's thread, once for any number of
 * wakes that came before. */
void loop_wake(struct loop *loop);
void loop_on_wake(struct loop *loop, loop_callback *woken, void *ctx);

/* Waits at most max_wait_ms (0: does not wait, negative: without end) for something to happen, then calls
 * what is ready and due. Returns how many callbacks it called. */
int loop_run_once(struct loop *loop, int64_t max_wait_ms);

#endif
