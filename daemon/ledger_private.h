/* Ledger, inside: what ledger.c (the queue and the connection), ledger_stage.c (commits) and
 * ledger_restore.c share.
 *
 * One operation is active at a time. A connection that comes up starts it from its beginning; replies go to
 * it in the order of its commands. An operation that met an error that stays waits until all replies it
 * asked for have come, then ends. */
#ifndef LADDER_DAEMON_LEDGER_PRIVATE_H
#define LADDER_DAEMON_LEDGER_PRIVATE_H

#include "daemon/ledger.h"
#include "daemon/redis_link.h"

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

struct ledger_task {
	struct ledger *ledger;
	struct ledger_task *next;
	uint32_t number;
	char prefix[PREFIX_MAX];
	struct buffer stored; /* the vector with its stamp, as this ledger knows it */
	bool is_restored;     /* `stored` is good to commit from */
	bool is_closed;
	unsigned hold_count;  /* the owner until it closes the task, and the active operation; freed at 0 */
};

struct ledger_operation;

struct ledger_verbs {
	void (*start)(struct ledger_operation *operation);
	void (*pump)(struct ledger_operation *operation); /* sends as much as there is room for */
	void (*reply)(struct ledger_operation *operation, const struct redis_reply *reply);
	/* Hands operation->result to the caller, if that is wanted, and frees the operation. */
	void (*end)(struct ledger_operation *operation, bool tells_caller);
};

/* The head of struct stage and struct restore. */
struct ledger_operation {
	const struct ledger_verbs *verbs;
	struct ledger_task *task;
	struct ledger_operation *next;
	enum ledger_result result;
	bool is_active; /* started on this connection; at most the first in the queue is */
	bool is_failed; /* ends when no reply is due */
	char error[LEDGER_ERROR_MAX];
};

struct ledger {
	struct redis_link *link;
	struct sealer *sealer;
	char name_space[NAMESPACE_MAX + 1];
	char owner[OWNER_LEN + 1];
	uint64_t number; /* of the last commit */
	char script_hash[41];
	bool is_ready;  /* the script is loaded on this connection */
	bool is_active; /* an operation is under way on it, or its caller is being told */
	struct ledger_operation *first;
	struct ledger_operation **last;
	struct ledger_task *tasks;
	struct ledger_counts counts;
};

extern const char ledger_script[];

void ledger_enqueue(struct ledger *ledger, struct ledger_operation *operation);

/* Within verbs.reply, as its last act: the active operation is over. */
void ledger_finish(struct ledger_operation *operation, enum ledger_result result);
/* The same with an error, once the replies that are still due have come. */
__attribute__((format(printf, 2, 3)))
void ledger_fail(struct ledger_operation *operation, const char *format, ...);
/* An error reply at `key`: waited out or failed, whichever fits. */
void ledger_take_error(struct ledger_operation *operation, const char *key, struct slice error);

/* What the seal of a page or of the meta is bound to: "3:p/17". `text` holds KEY_MAX. */
struct slice ledger_seal_name(const struct ledger_task *task, struct slice name, char *text);

#endif
