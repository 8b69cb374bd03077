/* Ledger, inside: what ledger.c (tasks and their operations), ledger_node.c (a connection and its queue),
 * ledger_cluster.c (who is asked), ledger_stage.c (commits) and ledger_restore.c share.
 *
 *   task:  idle ---> queued at a node ---> active there ---> idle, or queued again if more is asked for
 *                       ^                     |
 *                       +------- paused <-----+  a cluster that is being changed: begun again, or elsewhere
 *
 * A task's operations run one after another; a node has one active task at a time. A connection that comes up
 * starts its first operation from the beginning; replies go to that in the order of its commands. One that is
 * over before its time (an error that stays, or a redirect) waits until all replies that it asked for have
 * come.
 *
 * The seed is the connection to redis.url. Without a cluster it is the only node. Of a cluster it is but
 * asked for the map; each node that has keys of ours has a connection of its own, and tasks whose slot nobody
 * has wait in the queue of the seed. */
#ifndef LADDER_DAEMON_LEDGER_PRIVATE_H
#define LADDER_DAEMON_LEDGER_PRIVATE_H

#include "daemon/ledger.h"
#include "daemon/ledger_versions.h"
#include "daemon/redis_cluster.h"
#include "daemon/redis_link.h"

/* Of all that is stored of a task. */
#define FORMAT "5"

enum {
	STAGED_TTL_S = 600,
	OWNER_LEN = 16,
	STAMP_LEN = 2 + OWNER_LEN + 1 + 16 + 1, /* in front of the stored vector */
	PREFIX_MAX = NAMESPACE_MAX + 16,        /* "{ladder:3}:" */
	KEY_MAX = PREFIX_MAX + 2 * OWNER_LEN + PAGE_NAME_MAX + 8,
	LEDGER_ERROR_MAX = 512,
	IN_FLIGHT_BYTES = 8 << 20,  /* pages sent and not answered */
	PUMP_BYTES = 256 << 10,     /* pages sealed in one go */
	IN_FLIGHT_GETS = 64, /* of pages of 64 KiB, mostly */
};

enum ledger_task_state { LEDGER_TASK_IDLE, LEDGER_TASK_QUEUED, LEDGER_TASK_ACTIVE, LEDGER_TASK_PAUSED };

struct ledger_task {
	struct ledger *ledger;
	struct ledger_task *next;
	uint32_t number;
	unsigned slot;
	char prefix[PREFIX_MAX];
	struct buffer stored; /* the vector with its stamp and count, as this ledger knows it */
	struct page_versions versions; /* of the pages under it, and of those of the commit under way */
	bool is_restored;     /* `stored` is good to commit from */
	bool is_closed;
	unsigned hold_count;  /* the owner until it closes the task, and being active; freed at 0 */
	struct ledger_operation *first;
	struct ledger_operation **last;
	enum ledger_task_state state;
	struct ledger_node *node; /* while queued or active */
	struct ledger_task *next_queued;
	struct loop_timer pause;
	unsigned redirects; /* since the last pause */
	unsigned pauses;    /* since an operation was done */
};

struct ledger_operation;

struct ledger_verbs {
	void (*start)(struct ledger_operation *operation);
	void (*pump)(struct ledger_operation *operation); /* sends as much as there is room for */
	void (*reply)(struct ledger_operation *operation, const struct redis_reply *reply);
	/* Hands operation->result to the caller, if that is wanted, and frees the operation. */
	void (*end)(struct ledger_operation *operation, bool tells_caller);
	bool only_reads;
};

/* Where an operation that is over goes on. */
enum ledger_detour { DETOUR_NONE /* it has failed */, DETOUR_MOVED, DETOUR_ASK, DETOUR_LATER };

/* The head of struct stage and struct restore. */
struct ledger_operation {
	const struct ledger_verbs *verbs;
	struct ledger_task *task;
	struct ledger_operation *next;
	enum ledger_result result;
	bool is_active; /* started on this connection; at most the first of a task is */
	bool is_over;   /* ends, or begins again elsewhere, when no reply is due */
	enum ledger_detour detour;
	struct redis_place ask_place;
	bool is_asking; /* at ask_place, ASKING before each command, whose reply comes before each reply */
	bool is_asked;  /* that one came */
	char error[LEDGER_ERROR_MAX];
};

struct ledger_node {
	struct ledger *ledger;
	struct ledger_node *next;
	struct redis_link *link;
	struct redis_place place; /* as the map has it; unused of the seed */
	bool is_ready;            /* the script is loaded on this connection */
	struct ledger_task *active; /* has an operation under way on it, or its caller is being told */
	struct ledger_task *first;  /* queue */
	struct ledger_task **last;
};

struct ledger {
	struct loop *loop;
	struct redis_url url;
	struct sealer *sealer;
	char name_space[NAMESPACE_MAX + 1];
	char owner[OWNER_LEN + 1];
	uint64_t number; /* of the last commit */
	char script_hash[41];
	struct ledger_node *seed;
	struct ledger_node *nodes; /* of a cluster */
	bool is_cluster;
	struct slot_map *map;
	struct loop_timer map_timer;
	int64_t map_asked_ms;
	bool is_map_due;      /* the reply */
	unsigned vain_count;  /* maps in a row that did not help */
	struct ledger_task *tasks;
	struct ledger_counts counts;
};

extern const char ledger_script[];

/* ---- ledger.c ---- */

void ledger_enqueue(struct ledger_operation *operation);

/* A command of an active operation, as redis_link_begin; and where its arguments go. */
void ledger_begin(struct ledger_operation *operation, unsigned argument_count);
struct redis_link *ledger_link(const struct ledger_operation *operation);

/* Within verbs.reply, as its last act: the active operation is over. */
void ledger_finish(struct ledger_operation *operation, enum ledger_result result);
/* The same with an error, once the replies that are still due have come. */
__attribute__((format(printf, 2, 3)))
void ledger_fail(struct ledger_operation *operation, const char *format, ...);
/* An error reply at `key`: waited out, followed or failed, whichever fits. */
void ledger_take_error(struct ledger_operation *operation, const char *key, struct slice error);

/* What the seal of a page is bound to: "3:p/17". `text` holds KEY_MAX. */
struct slice ledger_seal_name(const struct ledger_task *task, struct slice name, char *text);

/* Of an idle task: into the queue of the node, and off if that is free. */
void ledger_queue_task(struct ledger_task *task, struct ledger_node *node);
void ledger_unqueue_task(struct ledger_task *task);
void ledger_start_next(struct ledger_node *node);
/* Fails every operation that waits at the node. */
void ledger_refuse(struct ledger_node *node, const char *why);
/* The active operation of the task is to begin again: the task is idle. False if nobody wants that any more:
 * the task is gone. */
bool ledger_stop(struct ledger_task *task);

/* ---- ledger_node.c ---- */

struct ledger_node *ledger_node_create(struct ledger *ledger, const struct redis_url *url);
/* Its tasks become idle. */
void ledger_node_destroy(struct ledger_node *node);

/* ---- ledger_cluster.c ---- */

/* The node that a task's commands go to. */
struct ledger_node *ledger_home(struct ledger_task *task);
/* The seed came up as a node of a cluster; or said something since. */
void ledger_cluster_up(struct ledger *ledger);
void ledger_cluster_take(struct ledger *ledger, const struct redis_reply *reply);
/* Something is not as the map says, or is away. */
void ledger_want_map(struct ledger *ledger);
/* False if the error is not one that is followed or waited out in a cluster. */
must_check bool ledger_take_redirect(struct ledger_operation *operation, struct slice error);
/* Of an operation that reads behind ASKING: what it asked for may still be on its way. */
void ledger_wait(struct ledger_operation *operation);
/* Of an operation that is over by a redirect, with no reply due. */
void ledger_follow(struct ledger_operation *operation);

#endif
