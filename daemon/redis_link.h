/* Redis link: one connection to Redis that comes back by itself. hiredis reads the replies; the commands are
 * written in RESP straight into the send buffer, so a page is sealed where it is sent from.
 *
 *            connect          AUTH, SELECT, INFO, [BGREWRITEAOF,] PING
 *   waiting ---------> connecting -----> greeting -----> up: handler.up, then commands and replies
 *      ^                   |                |             |
 *      +------ backoff ----+----------------+-------------+  handler.down
 *
 * It tries for ever, 100 ms to 5 s apart with jitter; the pause grows until redis_link_succeed says that
 * work got done, not just a connection. "redis is away" and "redis is back" are logged once each, the first
 * again when its reason changes. A silent Redis (no byte for 30 s while replies are due, 5 s to connect)
 * counts as gone.
 *
 * Of several places it is at one: the one where it was up last, else the next in turn, until one lets it in.
 * It leaves a replica again, which takes no writes (but a node of a cluster says by MOVED what it does not
 * take): so after a failover, which a demoted master tells by READONLY, it finds the new master by itself.
 * Where it has no right to INFO it stays anywhere.
 *
 * A Redis that has loaded its append-only file and not written it anew since is asked to (BGREWRITEAOF),
 * before anything is stored there. For where the file ended within a transaction, as a crash may leave it,
 * Redis cuts off the broken command only (seen with 7.0.15): what stands before it in the transaction would
 * be carried out at the next load, with the transaction that was written behind it.
 *
 * Redis answers in order, so the user counts replies. Nothing is repeated here: after `down` every reply that
 * was due will not come, and the user starts again at `up`.
 *
 * Thread: that of the loop. Callbacks may send commands and call redis_link_drop, but not destroy the link. A
 * host name (not an address) is looked up by the resolver of libc, which blocks. */
#ifndef LADDER_DAEMON_REDIS_LINK_H
#define LADDER_DAEMON_REDIS_LINK_H

#include "core/base/slice.h"
#include "daemon/loop.h"
#include "daemon/redis_reply.h"
#include "daemon/redis_url.h"

struct redis_handler {
	void (*up)(void *ctx);
	void (*reply)(void *ctx, const struct redis_reply *reply);
	/* As redis_link_ask_room asked for. */
	void (*room)(void *ctx);
	void (*down)(void *ctx);
	/* Redis does not let us in (a wrong password, no right to PING). Tried again all the same. */
	void (*refused)(void *ctx, const char *why);
	void *ctx;
};

struct redis_link;

/* Begins to connect at once. Aborts where memory is missing. */
struct redis_link *redis_link_create(struct loop *loop, const struct redis_url *url,
				     const struct redis_handler *handler);
void redis_link_destroy(struct redis_link *link);

bool redis_link_is_up(const struct redis_link *link);

/* Where it tries from now on; the connection that it has stays. */
void redis_link_set_places(struct redis_link *link, const struct redis_place *places, size_t count);
/* Where it is, or tries to be. */
const struct redis_place *redis_link_place(const struct redis_link *link);
/* While up: it is a node of a cluster. */
bool redis_link_is_cluster(const struct redis_link *link);

/* A command is begun with its number of arguments, and given each in turn. Only while up. */
void redis_link_begin(struct redis_link *link, unsigned argument_count);
void redis_link_put(struct redis_link *link, struct slice argument);
/* Where the caller writes the `len` bytes of an argument before the next call. */
char *redis_link_put_space(struct redis_link *link, size_t len);
/* False once as many bytes wait as is worth having; commands are still taken. */
bool redis_link_has_room(const struct redis_link *link);
/* Sends what waits, as much as the socket takes; the loop sends the rest. */
void redis_link_flush(struct redis_link *link);
/* Has handler.room called once there is room, in a later round of the loop even if there is some now: so that
 * much can be sent without holding up everything else. */
void redis_link_ask_room(struct redis_link *link);

/* Replies that are still to come. */
size_t redis_link_due(const struct redis_link *link);

/* Work got done: the backoff starts over, and if Redis was away it is logged as back. */
void redis_link_succeed(struct redis_link *link);

/* Within handler.reply only: gives the connection up and tries again later; `why` is logged. For errors of
 * Redis that pass by themselves. No further reply is handed out; `down` follows. */
void redis_link_drop(struct redis_link *link, const char *why);
/* The same, and the next place is tried before this one. */
void redis_link_leave(struct redis_link *link, const char *why);

#endif
