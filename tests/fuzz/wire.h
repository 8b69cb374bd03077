/* Wire: a loop whose time passes only when nothing else can happen, and sockets without a kernel behind them.
 * Whatever the program under test sends to a port is given to wire_serve, in the same thread, which puts its
 * answers into `back`. So a fuzzer sees 30 seconds of silence in no time, and the same every time.
 *
 * It takes the place of loop.h, and of the calls named __wrap_ here (linked with --wrap). Included by one
 * fuzzer, which defines wire_serve. */
#ifndef LADDER_TESTS_FUZZ_WIRE_H
#define LADDER_TESTS_FUZZ_WIRE_H

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "core/base/buffer.h"
#include "tests/sim/sim_timers.h"

enum { WIRE_SOCKETS = 32, WIRE_FD = 1 << 20, WIRE_BEGIN_MS = 1000000 };

struct wire_socket {
	bool is_open;
	unsigned port;      /* 0: not connected */
	struct buffer sent; /* by the program, and not yet served */
	struct buffer back;
	size_t back_taken;
	bool is_cut; /* the program reads to the end of `back`, and then that it is over */
	size_t room; /* of what it may still send in this round */
	unsigned interest;
	loop_ready_callback *ready;
	void *ctx;
	bool is_asking; /* Redis: ASKING came before */
};

struct loop {
	struct loop_timer *timers;
	int64_t now_ms;
	struct wire_socket sockets[WIRE_SOCKETS];
	size_t room; /* bytes that a socket takes in a round */
	size_t part; /* bytes that it gives at once, at most */
	int64_t down_until_ms; /* it takes no connection before */
	uint64_t random;
};

static struct loop wire;

/* Takes what it can from socket->sent. */
static void wire_serve(struct wire_socket *socket);

static void wire_begin(size_t room, size_t part)
{
	wire = (struct loop){.now_ms = WIRE_BEGIN_MS, .room = room, .part = part};
}

/* Whoever was connected must be gone. */
static void wire_end(void)
{
	CHECK(!wire.timers);
	for (size_t i = 0; i < WIRE_SOCKETS; i++)
		CHECK(!wire.sockets[i].is_open);
}

static void wire_cut_all(void)
{
	for (size_t i = 0; i < WIRE_SOCKETS; i++)
		wire.sockets[i].is_cut = true;
}

/* ---- Calls ---- */

int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **addresses);
void __wrap_freeaddrinfo(struct addrinfo *addresses);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);

int __wrap_socket(int family, int type, int protocol)
{
	(void)family, (void)type, (void)protocol;
	int i = 0;
	while (i < WIRE_SOCKETS && wire.sockets[i].is_open)
		i++;
	if (i == WIRE_SOCKETS) {
		errno = EMFILE;
		return -1;
	}
	wire.sockets[i] = (struct wire_socket){.is_open = true, .room = wire.room};
	return WIRE_FD + i;
}

static struct wire_socket *socket_of(int fd)
{
	CHECK(fd >= WIRE_FD && fd < WIRE_FD + WIRE_SOCKETS && wire.sockets[fd - WIRE_FD].is_open);
	return &wire.sockets[fd - WIRE_FD];
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_in to;
	CHECK(len == sizeof to);
	memcpy(&to, address, sizeof to);
	if (wire.now_ms < wire.down_until_ms || to.sin_port == 0) {
		errno = ECONNREFUSED;
		return -1;
	}
	socket_of(fd)->port = ntohs(to.sin_port);
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	(void)level, (void)name;
	memset(value, 0, *len);
	return socket_of(fd) ? 0 : -1;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)level, (void)name, (void)value, (void)len;
	return socket_of(fd) ? 0 : -1;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	struct wire_socket *socket = socket_of(fd);
	size_t taken = len < socket->room ? len : socket->room;
	(void)flags;
	if (taken == 0) {
		errno = EAGAIN;
		return -1;
	}
	socket->room -= taken;
	if (!socket->is_cut)
		buffer_put(&socket->sent, bytes, taken);
	return (ssize_t)taken;
}

ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags)
{
	struct wire_socket *socket = socket_of(fd);
	size_t left = socket->back.len - socket->back_taken;
	size_t taken = len < wire.part ? len : wire.part;
	(void)flags;
	taken = taken < left ? taken : left;
	if (taken == 0 && !socket->is_cut) {
		errno = EAGAIN;
		return -1;
	}
	if (taken > 0)
		memcpy(bytes, socket->back.data + socket->back_taken, taken);
	socket->back_taken += taken;
	if (socket->back_taken == socket->back.len)
		socket->back_taken = socket->back.len = 0;
	return (ssize_t)taken;
}

int __wrap_close(int fd)
{
	if (fd < WIRE_FD)
		return __real_close(fd);
	struct wire_socket *socket = socket_of(fd);
	buffer_destroy(&socket->sent);
	buffer_destroy(&socket->back);
	*socket = (struct wire_socket){.is_open = false};
	return 0;
}

struct wire_address {
	struct addrinfo head;
	struct sockaddr_in to;
};

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **addresses)
{
	(void)hints;
	if (strcmp(host, "127.0.0.1") != 0)
		return EAI_NONAME;
	struct wire_address *address = calloc(1, sizeof *address);
	CHECK(address);
	address->to.sin_family = AF_INET;
	address->to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	address->head.ai_family = AF_INET;
	address->head.ai_addr = (struct sockaddr *)&address->to;
	address->head.ai_addrlen = sizeof address->to;
	*addresses = &address->head;
	return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *addresses)
{
	free(addresses);
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)bytes)[i] = (unsigned char)(++wire.random * 167 >> 3);
	return (ssize_t)len;
}

/* ---- loop.h ---- */

int64_t loop_now_ms(void)
{
	return wire.now_ms;
}

int loop_watch(struct loop *loop, int fd, unsigned interest, loop_ready_callback *ready, void *ctx)
{
	struct wire_socket *socket = socket_of(fd);
	socket->interest = interest;
	socket->ready = ready;
	socket->ctx = ctx;
	return (int)(socket - loop->sockets);
}

void loop_change(struct loop *loop, int watch, unsigned interest)
{
	loop->sockets[watch].interest = interest;
}

void loop_unwatch(struct loop *loop, int watch)
{
	loop->sockets[watch].ready = NULL;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	sim_timer_cancel(&loop->timers, timer);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms)
{
	sim_timer_set(&loop->timers, timer, due_ms);
}

static int run_socket(struct loop *loop, struct wire_socket *socket)
{
	socket->room = loop->room;
	if (!socket->is_cut && socket->port)
		wire_serve(socket);
	unsigned ready = socket->interest & LOOP_WRITE;
	if (socket->is_cut || socket->back.len > 0)
		ready |= socket->interest & LOOP_READ;
	if (!socket->ready || !ready)
		return 0;
	socket->ready(socket->ctx, ready);
	return 1;
}

static struct loop_timer *earliest(const struct loop *loop)
{
	struct loop_timer *earliest = loop->timers;
	for (struct loop_timer *timer = earliest; timer; timer = timer->next)
		if (timer->due_ms < earliest->due_ms)
			earliest = timer;
	return earliest;
}

int loop_run_once(struct loop *loop, int64_t max_wait_ms)
{
	int count = 0;
	(void)max_wait_ms;
	for (size_t i = 0; i < WIRE_SOCKETS; i++)
		if (loop->sockets[i].is_open)
			count += run_socket(loop, &loop->sockets[i]);
	struct loop_timer *timer = earliest(loop);
	if (count == 0 && timer && timer->due_ms > loop->now_ms)
		loop->now_ms = timer->due_ms;
	if (timer && timer->due_ms <= loop->now_ms) {
		loop_timer_cancel(loop, timer);
		timer->fire(timer->ctx);
		count++;
	}
	return count;
}

#endif
