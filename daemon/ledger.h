/* Ledger: what a task knows, kept in Redis, with the offsets it is good for. Design decision 3, promises
 * P1, P3, P6.
 *
 * The keys of task 3 in namespace "ladder", all in one slot:
 *
 *   {ladder:3}:vector   "5 <owner> <number> ", the vector, and 8 hexadecimal digits: who committed last,
 *                       which commit, the offsets, how many names there are
 *   {ladder:3}:meta     sealed bytes of the task's choice, which open only under this vector
 *   {ladder:3}:names    a set: the names of all pages
 *   {ladder:3}:p/17     a page, sealed
 *   {ladder:3}:s:<owner>:<number>:p/17   the same, staged by a commit that is under way
 *
 * A commit stages its pages and then runs one script (ledger_script.c): if {..}:vector still is, byte for
 * byte, what this ledger read or wrote last, the pages are renamed into place and the vector is replaced;
 * else nothing is changed. Owner (64 random bits) and number make every stored vector unique, so
 *   - a stale owner, or a Redis that lost its last writes, is told from the one that this task goes on from;
 *   - a commit whose answer was lost can be sent again: it finds its own vector, and that is success;
 *   - staged keys of one commit are never taken for another's, however late a stalled Redis gets to them;
 *   - a restore that sees the same vector before and after reading the pages has read one commit.
 * Pages of different commits are never taken for one: see ledger_versions.h.
 * Nothing but the script writes keys other than staged ones. Staged keys expire after 10 minutes, which the
 * renaming takes away, so what a dead owner left goes by itself; a commit that finds one of its pages expired
 * or lost stages again.
 *
 * Connection, LOADING, MISCONF, OOM, READONLY, BUSY and their like are waited out: the operation starts
 * again from its copy, for ever, 100 ms to 5 s apart. Errors that stay (WRONGTYPE, NOAUTH, NOPERM, a page
 * of another identity) fail the operation with a sentence that names the key. Operations of a task run one
 * after another, in the order they were asked for.
 *
 * Redis may be a cluster, which it says itself (cluster_enabled in INFO, or MOVED): then operations go to the
 * node that has the task's slot, over one connection a node, side by side; one more connection asks for the
 * slot map, every 5 s and whenever something is not as it says. An operation that is MOVED begins again at
 * the right node. While a slot is on its way to another node, its keys are in two places: a commit, which
 * needs them in one, is begun again until they are (nothing is staged behind ASKING: it would be in the way
 * of the keys that come); a restore follows ASK, and takes no key's absence for granted there. CLUSTERDOWN
 * is waited out. A replica that takes over without the last commits is told by its vector, like any Redis
 * that lost its last writes.
 *
 * Redis must not evict (maxmemory-policy noeviction, or volatile-*): a restore that misses a page or a name
 * fails and says so, as does one that finds what was damaged or replaced.
 *
 * Thread: one ledger per worker, used in its loop's thread. Callbacks may start operations and open or
 * close tasks, but not destroy the ledger. */
#ifndef LADDER_DAEMON_LEDGER_H
#define LADDER_DAEMON_LEDGER_H

#include "core/base/slice.h"
#include "daemon/identity.h"
#include "daemon/ledger_commit.h"
#include "daemon/loop.h"
#include "daemon/redis_url.h"

enum {
	NAMESPACE_MAX = 64,
	VECTOR_COUNT_LEN = 8, /* behind what is stored as a vector */
	META_SUM_LEN = 8,     /* in front of what is sealed as the meta: see ledger_versions.h */
};

enum ledger_result {
	LEDGER_DONE,
	LEDGER_FENCED, /* the stored task is not the one that this worker goes on from: drop it, restore it */
	LEDGER_FAILED, /* `error` says why; it will not pass by itself. Restore before the next commit. */
};

struct ledger;
struct ledger_task;

/* For the metrics. */
struct ledger_counts {
	uint64_t commits;
	uint64_t fenced;
	uint64_t failed;
	uint64_t restarts;   /* operations begun again: connection lost, an error that passes, pages lost */
	uint64_t bytes_out;  /* sealed pages staged, again included */
	uint64_t pages_out;
	uint64_t bytes_in;   /* pages restored, opened */
	uint64_t pages_in;
};

/* Begins to connect; url and identity are copied. `name_space` (redis.namespace) has at most NAMESPACE_MAX
 * bytes and none of { } newline. Aborts where memory is missing. */
struct ledger *ledger_create(struct loop *loop, const struct redis_url *url, const char *name_space,
			     const struct identity *identity);
/* Operations under way end without their callbacks; a commit may or may not have happened. Closes all
 * tasks. */
void ledger_destroy(struct ledger *ledger);

bool ledger_is_up(const struct ledger *ledger);
const struct ledger_counts *ledger_counts(const struct ledger *ledger);

/* A task must be restored before its first commit. Closing it ends its operations without their callbacks. */
struct ledger_task *ledger_open_task(struct ledger *ledger, uint32_t number);
void ledger_close_task(struct ledger_task *task);

/* `begin` comes first, with the number of pages, and again whenever the image changed while it was read or
 * Redis went away: forget what was handed out. Then `page` for each, in the order of `compare` (which is
 * given their names); then `done`, maybe alone where it failed. A task that was never committed begins with
 * an empty vector and no page. Slices are valid during the call, names end with NUL; `error` is NULL but for
 * LEDGER_FAILED. */
struct ledger_reader {
	int (*compare)(const char *left, const char *right);
	void (*begin)(void *ctx, struct slice vector, struct slice meta, size_t page_count);
	void (*page)(void *ctx, const char *name, struct slice bytes);
	void (*done)(void *ctx, enum ledger_result result, const char *error);
	void *ctx;
};

void ledger_restore(struct ledger_task *task, const struct ledger_reader *reader);

/* The name under which the meta of a task is sealed (identity.h), by what is stored as its vector, without
 * the count. To be destroyed. Any thread. */
struct buffer ledger_meta_seal_name(uint32_t task, struct slice vector);
/* The vector that a commit was given, within what is stored as it; data NULL where that is not ours. The
 * same. */
struct slice ledger_stored_vector(struct slice stored);

typedef void ledger_committed(void *ctx, enum ledger_result result, const char *error);

/* Takes `commit` and destroys it before the callback. One may wait behind another of the same task; when
 * the first is fenced or fails, those behind it are fenced. */
void ledger_commit(struct ledger_task *task, struct commit *commit, ledger_committed *committed, void *ctx);

#endif
