#include "daemon/redis_link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "daemon/log.h"

enum {
	CONNECT_MS = 5000,
	SILENCE_MS = 30000,
	WATCH_MS = 1000,
	BACKOFF_MIN_MS = 200, /* jitter takes up to half off */
	BACKOFF_MAX_MS = 5000,
	ROOM_BYTES = 1 << 20,
	RECEIVE_BYTES = 64 << 10,
	RECEIVE_ROUNDS = 16,
	FEED_BYTES = 16 << 10, /* hiredis moves the rest of its buffer after each reply: keep it short */
	WHY_MAX = 256
};

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct redis_link {
	struct loop *loop;
	struct redis_url url; /* but for its places */
	struct redis_handler handler;
	struct redis_place *places;
	size_t place_count;
	size_t next_place;
	struct redis_place here; /* the one it is at, or tries */
	bool is_here_good;       /* it was up there: tried once more before the next */
	bool is_cluster;
	bool is_informed; /* while greeting: INFO was answered */
	enum link_state state;
	struct loop_timer timer; /* when to connect, when to give up connecting, when to look for silence */
	struct addrinfo *addresses;
	struct addrinfo *next_address;
	int fd;
	int watch;
	redisReader *replies;
	struct buffer out;
	size_t out_sent;
	size_t due; /* replies */
	int64_t heard_ms;
	unsigned failures; /* in a row */
	bool is_away;
	bool is_blocked; /* the socket takes no more */
	bool is_room_asked;
	bool is_dropped;
	char why[WHY_MAX];      /* what was logged last */
	char drop_why[WHY_MAX]; /* why is_dropped */
	char received[RECEIVE_BYTES];
};

static void link_connect(struct redis_link *link);

static int64_t link_pause_ms(const struct redis_link *link)
{
	size_t rounds = link->failures / link->place_count;
	unsigned shift = rounds < 6 ? (unsigned)rounds : 6;
	int64_t pause_ms = (int64_t)BACKOFF_MIN_MS << shift;
	pause_ms = pause_ms < BACKOFF_MAX_MS ? pause_ms : BACKOFF_MAX_MS;
	uint32_t random = 0;
	ssize_t got = getrandom(&random, sizeof random, GRND_NONBLOCK);
	(void)got; /* without, there is no jitter this time */
	return pause_ms / 2 + (int64_t)(random % (uint64_t)(pause_ms / 2 + 1));
}

static void link_close(struct redis_link *link)
{
	if (link->fd >= 0) {
		loop_unwatch(link->loop, link->watch);
		close(link->fd);
	}
	link->fd = -1;
	if (link->replies)
		redisReaderFree(link->replies);
	link->replies = NULL;
	link->out.len = 0;
	link->out_sent = 0;
	link->due = 0;
	link->is_blocked = false;
	link->is_room_asked = false;
	link->is_dropped = false;
}

static void link_lost(struct redis_link *link, const char *why)
{
	bool was_up = link->state == LINK_UP;
	if (!link->is_away || strcmp(link->why, why) != 0) {
		snprintf(link->why, sizeof link->why, "%s", why);
		log_warn("redis is away", "address=%s why=%s", redis_place_address(&link->here).text,
			 log_quoted(link->why).text);
	}
	link->is_away = true;
	link_close(link);
	link->state = LINK_WAITING;
	loop_timer_set(link->loop, &link->timer, loop_now_ms() + link_pause_ms(link));
	link->failures++;
	if (was_up)
		link->handler.down(link->handler.ctx);
}

void redis_link_succeed(struct redis_link *link)
{
	if (link->is_away)
		log_info("redis is back", "address=%s", redis_place_address(&link->here).text);
	link->is_away = false;
	link->failures = 0;
}

void redis_link_drop(struct redis_link *link, const char *why)
{
	if (link->is_dropped)
		return;
	link->is_dropped = true;
	snprintf(link->drop_why, sizeof link->drop_why, "%s", why);
}

void redis_link_leave(struct redis_link *link, const char *why)
{
	link->is_here_good = false;
	redis_link_drop(link, why);
}

static void link_put_number(struct redis_link *link, char kind, size_t number)
{
	char *to = buffer_reserve(&link->out, 24);
	link->out.len += (size_t)snprintf(to, 24, "%c%zu\r\n", kind, number);
}

static void link_command(struct redis_link *link, unsigned argument_count)
{
	if (link->due++ == 0)
		link->heard_ms = loop_now_ms();
	link_put_number(link, '*', argument_count);
}

void redis_link_begin(struct redis_link *link, unsigned argument_count)
{
	CHECK(link->state == LINK_UP);
	link_command(link, argument_count);
}

char *redis_link_put_space(struct redis_link *link, size_t len)
{
	link_put_number(link, '$', len);
	char *space = buffer_reserve(&link->out, len + 2);
	memcpy(space + len, "\r\n", 2);
	link->out.len += len + 2;
	return space;
}

void redis_link_put(struct redis_link *link, struct slice argument)
{
	char *space = redis_link_put_space(link, argument.len);
	if (argument.len)
		memcpy(space, argument.data, argument.len);
}

bool redis_link_has_room(const struct redis_link *link)
{
	return link->out.len - link->out_sent < ROOM_BYTES;
}

bool redis_link_is_up(const struct redis_link *link)
{
	return link->state == LINK_UP && !link->is_dropped;
}

size_t redis_link_due(const struct redis_link *link)
{
	return link->due;
}

static void link_watch(struct redis_link *link)
{
	bool wants_write = link->is_blocked || link->is_room_asked;
	loop_change(link->loop, link->watch, wants_write ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

void redis_link_ask_room(struct redis_link *link)
{
	CHECK(link->state == LINK_UP);
	link->is_room_asked = true;
	link_watch(link);
}

/* A broken socket is left to be found by the read that follows. */
void redis_link_flush(struct redis_link *link)
{
	if (link->fd < 0)
		return;
	link->is_blocked = false;
	while (link->out_sent < link->out.len && !link->is_blocked) {
		ssize_t sent = send(link->fd, link->out.data + link->out_sent, link->out.len - link->out_sent,
				    MSG_NOSIGNAL);
		if (sent > 0)
			link->out_sent += (size_t)sent;
		else if (errno != EINTR)
			link->is_blocked = true;
	}
	if (link->out_sent == link->out.len) {
		link->out.len = link->out_sent = 0;
	} else if (link->out_sent >= ROOM_BYTES) {
		link->out.len -= link->out_sent;
		memmove(link->out.data, link->out.data + link->out_sent, link->out.len);
		link->out_sent = 0;
	}
	link_watch(link);
}

static void link_greet(struct redis_link *link)
{
	link->state = LINK_GREETING;
	if (link->url.password[0] || link->url.user[0]) {
		link_command(link, link->url.user[0] ? 3 : 2);
		redis_link_put(link, slice_from("AUTH"));
		if (link->url.user[0])
			redis_link_put(link, slice_from(link->url.user));
		redis_link_put(link, slice_from(link->url.password));
	}
	if (strcmp(link->url.database, "0") != 0) {
		link_command(link, 2);
		redis_link_put(link, slice_from("SELECT"));
		redis_link_put(link, slice_from(link->url.database));
	}
	link->is_informed = false;
	link_command(link, 1);
	redis_link_put(link, slice_from("INFO"));
	redis_link_flush(link);
}

/* Its append-only file is as it was loaded. */
static bool is_log_old(struct slice info)
{
	return slice_equal(redis_info_value(info, "aof_enabled"), slice_from("1")) &&
	       slice_equal(redis_info_value(info, "aof_last_rewrite_time_sec"), slice_from("-1")) &&
	       slice_equal(redis_info_value(info, "aof_rewrite_in_progress"), slice_from("0")) &&
	       slice_equal(redis_info_value(info, "aof_rewrite_scheduled"), slice_from("0"));
}

/* Who may not ask is not told, and goes on. */
static void link_take_info(struct redis_link *link, const struct redis_reply *reply)
{
	bool is_replica = slice_equal(redis_info_value(reply->text, "role"), slice_from("slave"));
	link->is_cluster =
		slice_equal(redis_info_value(reply->text, "cluster_enabled"), slice_from("1"));
	link->is_informed = true;
	if (is_replica && !link->is_cluster) {
		redis_link_drop(link, "this is a replica, which takes no writes");
		return;
	}
	if (is_log_old(reply->text)) {
		link_command(link, 1);
		redis_link_put(link, slice_from("BGREWRITEAOF"));
	}
	link_command(link, 1);
	redis_link_put(link, slice_from("PING"));
	redis_link_flush(link);
}

/* Whoever else asked for it may have been first. */
static void link_take_rewrite(struct redis_link *link, const struct redis_reply *reply)
{
	static const char already[] = "in progress";
	char why[WHY_MAX];
	if (reply->kind != REDIS_ERROR) {
		log_info("redis rewrites its append-only file", "address=%s",
			 redis_place_address(&link->here).text);
	} else if (!memmem(reply->text.data, reply->text.len, already, sizeof(already) - 1)) {
		snprintf(why, sizeof why, "%.*s", (int)reply->text.len, reply->text.data);
		log_warn("redis does not rewrite its append-only file", "address=%s why=%s hint=%s",
			 redis_place_address(&link->here).text, log_quoted(why).text,
			 "\"let it, or run BGREWRITEAOF after each start of Redis\"");
	}
}

static void link_take_greeting(struct redis_link *link, const struct redis_reply *reply)
{
	if (!link->is_informed && link->due == 0) {
		link_take_info(link, reply);
	} else if (link->is_informed && link->due == 1) {
		link_take_rewrite(link, reply);
	} else if (reply->kind == REDIS_ERROR) {
		char why[WHY_MAX];
		snprintf(why, sizeof why, "%.*s", (int)reply->text.len, reply->text.data);
		redis_link_drop(link, why);
		if (!redis_error_passes(reply->text))
			link->handler.refused(link->handler.ctx, why);
	} else if (link->due == 0) {
		link->state = LINK_UP;
		link->is_here_good = true;
		loop_timer_set(link->loop, &link->timer, loop_now_ms() + WATCH_MS);
		link->handler.up(link->handler.ctx);
	}
}

static void link_take_reply(struct redis_link *link, const redisReply *raw)
{
	struct redis_reply reply = redis_reply_of(raw);
	if (link->due == 0) {
		redis_link_drop(link, "a reply that nobody asked for");
		return;
	}
	link->due--;
	if (link->state == LINK_GREETING)
		link_take_greeting(link, &reply);
	else
		link->handler.reply(link->handler.ctx, &reply);
}

static void link_feed(struct redis_link *link, const char *data, size_t len)
{
	redisReaderFeed(link->replies, data, len);
	while (!link->is_dropped) {
		void *raw = NULL;
		if (redisReaderGetReply(link->replies, &raw) != REDIS_OK) {
			redis_link_drop(link, link->replies->errstr);
			return;
		}
		if (!raw)
			return;
		link_take_reply(link, raw);
		freeReplyObject(raw);
	}
}

static void link_receive(struct redis_link *link)
{
	for (int i = 0; i < RECEIVE_ROUNDS && !link->is_dropped; i++) {
		ssize_t got = recv(link->fd, link->received, sizeof link->received, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0) {
			redis_link_drop(link, got == 0 ? "Redis closed the connection" : strerror(errno));
			break;
		}
		link->heard_ms = loop_now_ms();
		for (size_t at = 0; at < (size_t)got && !link->is_dropped; at += FEED_BYTES) {
			size_t left = (size_t)got - at;
			link_feed(link, link->received + at, left < FEED_BYTES ? left : FEED_BYTES);
		}
	}
	if (link->is_dropped)
		link_lost(link, link->drop_why);
}

static void link_connected(struct redis_link *link)
{
	int error = 0;
	socklen_t len = sizeof error;
	getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error == 0) {
		link_greet(link);
		return;
	}
	link_close(link);
	if (link->next_address)
		link_connect(link);
	else
		link_lost(link, strerror(error));
}

static void link_ready(void *ctx, unsigned ready)
{
	struct redis_link *link = ctx;
	if (link->state == LINK_CONNECTING) {
		link_connected(link);
		return;
	}
	if (ready & LOOP_WRITE) {
		redis_link_flush(link);
		if (link->is_room_asked && redis_link_has_room(link)) {
			link->is_room_asked = false;
			link_watch(link);
			link->handler.room(link->handler.ctx);
		}
	}
	if (ready & LOOP_READ)
		link_receive(link);
}

static int link_open_socket(struct redis_link *link, int family, const void *address, socklen_t address_len)
{
	int one = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	}
	if (connect(fd, address, address_len) < 0 && errno != EINPROGRESS) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	link->replies = redisReaderCreate();
	CHECK(link->replies);
	link->replies->maxbuf = 0;
	return fd;
}

static int link_open_unix(struct redis_link *link)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, link->here.host, strlen(link->here.host) + 1);
	return link_open_socket(link, AF_UNIX, &address, sizeof address);
}

static int link_open_next(struct redis_link *link)
{
	int fd = -1;
	while (fd < 0 && link->next_address) {
		struct addrinfo *address = link->next_address;
		link->next_address = address->ai_next;
		fd = link_open_socket(link, address->ai_family, address->ai_addr, address->ai_addrlen);
	}
	return fd;
}

static const char *link_look_up(struct redis_link *link)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	if (link->addresses)
		freeaddrinfo(link->addresses);
	link->addresses = NULL;
	int error = getaddrinfo(link->here.host, link->here.port, &hints, &link->addresses);
	link->next_address = error ? NULL : link->addresses;
	return error ? gai_strerror(error) : NULL;
}

static void link_choose_place(struct redis_link *link)
{
	if (!link->is_here_good)
		link->here = link->places[link->next_place++ % link->place_count];
	link->is_here_good = false;
}

static void link_connect(struct redis_link *link)
{
	link->fd = link->url.is_unix ? link_open_unix(link) : link_open_next(link);
	if (link->fd < 0) {
		link_lost(link, strerror(errno));
		return;
	}
	link->state = LINK_CONNECTING;
	link->watch = loop_watch(link->loop, link->fd, LOOP_WRITE, link_ready, link);
	loop_timer_set(link->loop, &link->timer, loop_now_ms() + CONNECT_MS);
}

static void link_fire(void *ctx)
{
	struct redis_link *link = ctx;
	if (link->state == LINK_WAITING) {
		link_choose_place(link);
		const char *problem = link->url.is_unix ? NULL : link_look_up(link);
		if (problem)
			link_lost(link, problem);
		else
			link_connect(link);
	} else if (link->state != LINK_UP) {
		link_lost(link, "no answer in 5 s");
	} else if (link->due > 0 && loop_now_ms() - link->heard_ms > SILENCE_MS) {
		link_lost(link, "no answer in 30 s");
	} else {
		loop_timer_set(link->loop, &link->timer, loop_now_ms() + WATCH_MS);
	}
}

void redis_link_set_places(struct redis_link *link, const struct redis_place *places, size_t count)
{
	CHECK(count > 0);
	link->places = realloc(link->places, count * sizeof *places);
	CHECK(link->places);
	memcpy(link->places, places, count * sizeof *places);
	link->place_count = count;
}

const struct redis_place *redis_link_place(const struct redis_link *link)
{
	return &link->here;
}

bool redis_link_is_cluster(const struct redis_link *link)
{
	return link->is_cluster;
}

struct redis_link *redis_link_create(struct loop *loop, const struct redis_url *url,
				     const struct redis_handler *handler)
{
	struct redis_link *link = calloc(1, sizeof *link);
	CHECK(link);
	link->loop = loop;
	link->url = *url;
	link->handler = *handler;
	redis_link_set_places(link, url->places, url->place_count);
	link->fd = -1;
	link->timer.fire = link_fire;
	link->timer.ctx = link;
	loop_timer_set(loop, &link->timer, loop_now_ms());
	return link;
}

void redis_link_destroy(struct redis_link *link)
{
	if (!link)
		return;
	loop_timer_cancel(link->loop, &link->timer);
	link_close(link);
	if (link->addresses)
		freeaddrinfo(link->addresses);
	buffer_destroy(&link->out);
	free(link->places);
	free(link);
}
