/* Exchange: how the instances of one group make known to each other what their tasks say. Design decision 6.
 *
 * One instance merges the tasks of all to rows: the one that has task 0 (shared->is_merger). The others
 * send it their workers' bulletins, and it sends them what comes back, on two partitions of one topic:
 *
 *   0 up    bulletins, read by the merging instance alone        every instance --> merger
 *   1 down  announcements, beats, parents of ads                 merger --> every instance
 *
 * Everything said is absolute, so repeats do no harm, and nothing has to be kept: an instance that begins to
 * merge announces itself, and everybody says everything again, under the number of that announcement. Greater
 * numbers win. Who still sends under a smaller one was paused, or cut off, and is not listened to.
 *
 * The merger sends a beat every EXCHANGE_BEAT_MS and reads it back. As long as its own come back, with no
 * greater announcement before them, it is the only one that merges: rows are published only then. That is
 * why one that was stopped for a while (SIGSTOP, a machine that slept) publishes nothing stale when it goes
 * on.
 *
 * A record: magic, version, the head, then notes as of bulletin.h; at most about EXCHANGE_NOTES_BYTES of
 * them. What another group says there, or one with another redis.namespace, is not for us and is passed
 * over; heads of our own with other windows or another number of partitions are refused, loudly.
 *
 * Thread: the publisher's. */
#ifndef LADDER_DAEMON_EXCHANGE_H
#define LADDER_DAEMON_EXCHANGE_H

#include "config/config.h"
#include "core/base/buffer.h"
#include "daemon/kafka_connection.h"

enum { EXCHANGE_UP, EXCHANGE_DOWN, EXCHANGE_PARTITION_COUNT };
enum { EXCHANGE_BEAT_MS = 250, EXCHANGE_NOTES_BYTES = 256 << 10 };
enum { EXCHANGE_PREFETCH_BYTES = 8 << 20 }; /* of what has come and was not read yet */

enum exchange_kind {
	EXCHANGE_ANNOUNCE, /* down: I merge from now on */
	EXCHANGE_BEAT,     /* down: I merge still; with parents, if there are any */
	EXCHANGE_NOTES,    /* up: notes of a bulletin; more of it follow */
	EXCHANGE_END,      /* up: the last notes of a bulletin; its position counts */
	EXCHANGE_LOST,     /* up: I have missed something that came down */
	EXCHANGE_KIND_COUNT
};

struct exchange_head {
	enum exchange_kind kind;
	uint64_t announcement;
	uint64_t sender;      /* random, of the instance's life */
	int64_t sent_ms;      /* the sender's loop time; means something to itself only */
	int64_t now_ms;       /* T as far as the sender knows; TIME_NONE: not */
	int64_t position_ms;  /* up: what the names said so far cover; down: the hindmost task's position */
	uint64_t revision;    /* down: no revision was given out above it */
};

struct exchange;

/* Talks to nobody yet. NULL with the error told: settings. */
must_check struct exchange *exchange_create(const struct config *config,
					    const struct kafka_connection *connection, size_t task_count,
					    struct kafka_error *error);
void exchange_destroy(struct exchange *exchange); /* NULL is fine */

uint64_t exchange_sender(const struct exchange *exchange); /* of this instance */
int exchange_fd(const struct exchange *exchange);          /* readable when there may be something */

/* Begins to read what comes down, and (or no longer) what comes up, each from its end. Blocks for up to a few
 * seconds. False with the error told: try again. */
must_check bool exchange_listen(struct exchange *exchange, bool is_merger, struct kafka_error *error);

/* Hands out what has come; slices are valid during the call. Returns whether there was anything. */
typedef void exchange_sink(void *ctx, const struct exchange_head *head, struct slice notes);
bool exchange_read(struct exchange *exchange, exchange_sink *sink, void *ctx);

/* NULL, or why it cannot be read: a right is missing. */
const char *exchange_denied(const struct exchange *exchange);

/* Whether something was deleted before it was read, since this was last asked. */
bool exchange_has_lost(struct exchange *exchange);

/* A record's value, behind what is in `out`. */
void exchange_encode(const struct exchange *exchange, const struct exchange_head *head, struct slice notes,
		     struct buffer *out);

#endif
