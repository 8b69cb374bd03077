/* Goal: both back ends of the loop keep the contract of daemon/loop.h. Every case runs on both. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop.h"

static const char *backend;

struct seen {
	struct loop *loop;
	int fd;
	int watch;
	int calls;
	unsigned ready;
};

static struct loop *open_loop(void)
{
	setenv("LADDER_IO", backend, 1);
	struct loop *loop = loop_create();
	assert_non_null(loop);
	assert_string_equal(loop_backend_name(loop), backend);
	return loop;
}

static void count_ready(void *ctx, unsigned ready)
{
	struct seen *seen = ctx;
	seen->calls++;
	seen->ready = ready;
}

static void count_call(void *ctx)
{
	++*(int *)ctx;
}

static void test_readable_until_it_is_read(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	struct seen seen = {0};
	loop_watch(loop, ends[0], LOOP_READ, count_ready, &seen);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_run_once(loop, 0), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(loop_run_once(loop, 1000), 1);
		assert_int_equal(seen.calls, i);
		assert_int_equal(seen.ready, LOOP_READ);
	}
	char byte;
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(loop_run_once(loop, 20), 0);
	assert_int_equal(seen.calls, 3);
	close(ends[1]);
	loop_run_once(loop, 1000);
	assert_int_equal(seen.calls, 4);
	assert_true(seen.ready & LOOP_READ);
	loop_destroy(loop);
	close(ends[0]);
}

static void test_interest_can_change(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct seen seen = {0};
	int watch = loop_watch(loop, ends[0], LOOP_READ, count_ready, &seen);
	assert_int_equal(loop_run_once(loop, 10), 0);
	loop_change(loop, watch, LOOP_READ | LOOP_WRITE);
	assert_int_equal(loop_run_once(loop, 1000), 1);
	assert_int_equal(seen.ready, LOOP_WRITE);
	assert_int_equal(write(ends[1], "x", 1), 1);
	loop_run_once(loop, 1000);
	loop_run_once(loop, 1000);
	assert_int_equal(seen.ready, LOOP_READ | LOOP_WRITE);
	loop_change(loop, watch, 0);
	int calls = seen.calls;
	assert_int_equal(loop_run_once(loop, 20), 0);
	loop_change(loop, watch, LOOP_READ);
	assert_int_equal(loop_run_once(loop, 1000), 1);
	assert_int_equal(seen.calls, calls + 1);
	assert_int_equal(seen.ready, LOOP_READ);
	loop_destroy(loop);
	close(ends[0]);
	close(ends[1]);
}

static void unwatch_the_other(void *ctx, unsigned ready)
{
	(void)ready;
	struct seen *pair = ctx;
	pair[0].calls++;
	loop_unwatch(pair[0].loop, pair[0].watch);
	loop_unwatch(pair[0].loop, pair[1].watch);
}

static void test_unwatched_is_not_called_even_if_ready(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	struct seen pair[2] = {{.loop = loop}, {.loop = loop}};
	int ends[4];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(ends + 2), 0);
	assert_int_equal(write(ends[1], "x", 1) + write(ends[3], "x", 1), 2);
	pair[0].watch = loop_watch(loop, ends[0], LOOP_READ, unwatch_the_other, pair);
	pair[1].watch = loop_watch(loop, ends[2], LOOP_READ, unwatch_the_other, pair);
	for (int i = 0; i < 5; i++)
		loop_run_once(loop, 5);
	assert_int_equal(pair[0].calls, 1);
	struct seen fresh = {0};
	loop_watch(loop, ends[0], LOOP_READ, count_ready, &fresh);
	loop_run_once(loop, 1000);
	loop_run_once(loop, 1000);
	assert_int_equal(fresh.calls, 2);
	loop_destroy(loop);
	for (int i = 0; i < 4; i++)
		close(ends[i]);
}

static void test_a_closed_number_comes_back(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	for (int round = 0; round < 200; round++) {
		int ends[2];
		struct seen seen = {0};
		assert_int_equal(pipe(ends), 0);
		int watch = loop_watch(loop, ends[0], LOOP_READ, count_ready, &seen);
		assert_int_equal(loop_run_once(loop, 0), 0);
		assert_int_equal(write(ends[1], "x", 1), 1);
		if (round % 2) {
			assert_int_equal(loop_run_once(loop, 1000), 1);
			assert_int_equal(seen.calls, 1);
		}
		loop_unwatch(loop, watch);
		close(ends[0]);
		close(ends[1]);
	}
	loop_destroy(loop);
}

/* A poll must not keep a file open behind its owner's back: the peer would wait for its end. */
static void test_closing_is_seen_by_the_peer(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	struct seen seen = {0};
	int ends[2];
	char byte;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	int watch = loop_watch(loop, ends[0], LOOP_READ, count_ready, &seen);
	assert_int_equal(loop_run_once(loop, 5), 0);
	assert_int_equal(read(ends[1], &byte, 1), -1);
	loop_unwatch(loop, watch);
	close(ends[0]);
	assert_int_equal(read(ends[1], &byte, 1), 0);
	close(ends[1]);
	loop_destroy(loop);
}

enum { TIMERS = 5 };

struct order {
	struct loop *loop;
	struct loop_timer timers[TIMERS];
	char fired[TIMERS + 1];
	size_t count;
};

struct tick {
	struct order *order;
	char name;
};

static void note_tick(void *ctx)
{
	struct tick *tick = ctx;
	tick->order->fired[tick->order->count++] = tick->name;
}

static void test_timers_fire_in_order_and_not_early(void **state)
{
	(void)state;
	struct order order = {.loop = open_loop()};
	struct tick ticks[TIMERS];
	static const int delays_ms[TIMERS] = {30, 10, 20, 10, 1};
	int64_t start_ms = loop_now_ms();
	for (int i = 0; i < TIMERS; i++) {
		ticks[i] = (struct tick){&order, (char)('a' + i)};
		order.timers[i] = (struct loop_timer){.fire = note_tick, .ctx = &ticks[i]};
		loop_timer_set(order.loop, &order.timers[i], start_ms + delays_ms[i]);
	}
	loop_timer_set(order.loop, &order.timers[4], start_ms + 40);
	loop_timer_cancel(order.loop, &order.timers[2]);
	loop_timer_cancel(order.loop, &order.timers[2]);
	while (order.count < 4)
		loop_run_once(order.loop, -1);
	assert_string_equal(order.fired, "bdae");
	int64_t took_ms = loop_now_ms() - start_ms;
	assert_true(took_ms >= 40);
	assert_int_equal(loop_run_once(order.loop, 0), 0);
	loop_destroy(order.loop);
}

static void test_waits_no_longer_than_asked(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	int fired = 0;
	struct loop_timer timer = {.fire = count_call, .ctx = &fired};
	int64_t start_ms = loop_now_ms();
	loop_timer_set(loop, &timer, start_ms + 100000);
	assert_int_equal(loop_run_once(loop, 0), 0);
	assert_true(loop_now_ms() - start_ms < 50);
	while (loop_now_ms() - start_ms < 30)
		assert_int_equal(loop_run_once(loop, 30), 0);
	assert_true(loop_now_ms() - start_ms < 5000);
	assert_int_equal(fired, 0);
	loop_destroy(loop);
}

enum { WAKES = 20000 };

static void *wake_often(void *loop)
{
	for (int i = 0; i < WAKES; i++)
		loop_wake(loop);
	return NULL;
}

static void test_wakes_from_another_thread(void **state)
{
	(void)state;
	struct loop *loop = open_loop();
	int woken = 0;
	loop_on_wake(loop, count_call, &woken);
	assert_int_equal(loop_run_once(loop, 10), 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_often, loop), 0);
	while (woken == 0)
		loop_run_once(loop, -1);
	pthread_join(thread, NULL);
	loop_run_once(loop, 0);
	int so_far = woken;
	assert_in_range(so_far, 1, WAKES);
	assert_int_equal(loop_run_once(loop, 10), 0);
	loop_wake(loop);
	loop_wake(loop);
	assert_int_equal(loop_run_once(loop, -1), 1);
	assert_int_equal(woken, so_far + 1);
	loop_destroy(loop);
}

static void test_many_fds_are_all_served(void **state)
{
	(void)state;
	enum { FDS = 300 };
	struct loop *loop = open_loop();
	static struct seen seen[FDS];
	static int ends[FDS][2];
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < FDS; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		loop_watch(loop, ends[i][0], LOOP_READ, count_ready, &seen[i]);
		assert_int_equal(write(ends[i][1], "x", 1), 1);
	}
	for (int i = 0; i < 50; i++)
		loop_run_once(loop, 0);
	for (int i = 0; i < FDS; i++)
		assert_true(seen[i].calls > 1);
	loop_destroy(loop);
	for (int i = 0; i < FDS; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readable_until_it_is_read),
		cmocka_unit_test(test_interest_can_change),
		cmocka_unit_test(test_unwatched_is_not_called_even_if_ready),
		cmocka_unit_test(test_a_closed_number_comes_back),
		cmocka_unit_test(test_closing_is_seen_by_the_peer),
		cmocka_unit_test(test_timers_fire_in_order_and_not_early),
		cmocka_unit_test(test_waits_no_longer_than_asked),
		cmocka_unit_test(test_wakes_from_another_thread),
		cmocka_unit_test(test_many_fds_are_all_served),
	};
	backend = "epoll";
	int failed = cmocka_run_group_tests_name("loop on epoll", tests, NULL, NULL);
	backend = "io_uring";
	setenv("LADDER_IO", backend, 1);
	struct loop *probe = loop_create();
	if (!probe) {
		fprintf(stderr, "SKIPPED: the kernel gives no io_uring here, only epoll was tested\n");
		return failed ? 1 : 77;
	}
	loop_destroy(probe);
	return failed + cmocka_run_group_tests_name("loop on io_uring", tests, NULL, NULL);
}
