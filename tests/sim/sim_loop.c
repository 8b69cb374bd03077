#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "tests/sim/sim.h"
#include "tests/sim/sim_timers.h"

/* ---- Chance ---- */

static uint64_t random_state;
static int64_t now_us;

/* 2026-06-01T00:00:00Z, where the wall clock begins. */
#define WALL_BEGIN_US INT64_C(1780272000000000)

static uint64_t next_random(void)
{
	uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Seeds next to each other must not draw the same numbers one place apart. */
void sim_begin(uint64_t seed)
{
	random_state = seed;
	random_state = next_random();
	now_us = 1000000;
}

uint64_t sim_random(uint64_t below)
{
	CHECK(below > 0);
	return next_random() % below;
}

bool sim_chance(unsigned permille)
{
	return sim_random(1000) < permille;
}

/* ---- Clocks, as libc has them: linked with --wrap ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);

int64_t sim_now_us(void)
{
	return now_us;
}

int64_t sim_wall_ms(void)
{
	return (WALL_BEGIN_US + now_us) / 1000;
}

void sim_pass(int64_t us)
{
	now_us += us;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	int64_t us = clock == CLOCK_REALTIME ? WALL_BEGIN_US + now_us : now_us;
	*time = (struct timespec){us / 1000000, us % 1000000 * 1000};
	return 0;
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)bytes)[i] = (unsigned char)next_random();
	return (ssize_t)len;
}

/* ---- loop.h ---- */

struct loop {
	struct loop_timer *timers;
	bool is_woken;
	loop_callback *woken;
	void *woken_ctx;
};

struct loop *loop_create(void)
{
	return calloc(1, sizeof(struct loop));
}

void loop_destroy(struct loop *loop)
{
	free(loop);
}

const char *loop_backend_name(const struct loop *loop)
{
	(void)loop;
	return "sim";
}

int64_t loop_now_ms(void)
{
	return now_us / 1000;
}

/* Whoever watches looks by himself in each of his turns. */
int loop_watch(struct loop *loop, int fd, unsigned interest, loop_ready_callback *ready, void *ctx)
{
	(void)loop, (void)fd, (void)interest, (void)ready, (void)ctx;
	return 0;
}

void loop_change(struct loop *loop, int watch, unsigned interest)
{
	(void)loop, (void)watch, (void)interest;
}

void loop_unwatch(struct loop *loop, int watch)
{
	(void)loop, (void)watch;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	sim_timer_cancel(&loop->timers, timer);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms)
{
	sim_timer_set(&loop->timers, timer, due_ms);
}

void loop_wake(struct loop *loop)
{
	loop->is_woken = true;
}

void loop_on_wake(struct loop *loop, loop_callback *woken, void *ctx)
{
	loop->woken = woken;
	loop->woken_ctx = ctx;
}

static struct loop_timer *find_due(const struct loop *loop)
{
	for (struct loop_timer *timer = loop->timers; timer; timer = timer->next)
		if (timer->due_ms <= loop_now_ms())
			return timer;
	return NULL;
}

/* Never waits: time passes between turns. */
int loop_run_once(struct loop *loop, int64_t max_wait_ms)
{
	(void)max_wait_ms;
	int count = 0;
	while (sim_redis_serve(loop))
		count++;
	for (struct loop_timer *timer; (timer = find_due(loop)); count++) {
		loop_timer_cancel(loop, timer);
		timer->fire(timer->ctx);
	}
	if (loop->is_woken && loop->woken)
		loop->woken(loop->woken_ctx);
	loop->is_woken = false;
	return count;
}
