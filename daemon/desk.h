/* Desk: questions of one thread to all workers, about what only they may look at.
 *
 *   control thread --question--> [ place of worker 0 ] --> worker 0, between two batches
 *                                [ place of worker 1 ] --> worker 1
 *
 * A place is a pointer that both sides exchange: who has it owns the question. A worker looks once a turn,
 * without waiting for anybody, so an answer takes as long as its turn: 50 ms while nothing comes.
 *
 * Thread: one asks at a time; each worker takes from its own place. */
#ifndef LADDER_DAEMON_DESK_H
#define LADDER_DAEMON_DESK_H

#include "core/base/buffer.h"
#include "core/base/hash.h"
#include "core/row_parts.h"

struct desk;

enum desk_task { DESK_TASK_ELSEWHERE, DESK_TASK_COMING, DESK_TASK_HERE };

struct question {
	struct key128 person;        /* who is asked for; or */
	const struct row_scope *row; /* what row, not NULL then */
	bool is_json;
	/* By task, what the workers say of theirs (enum desk_task): a byte that only its worker writes. */
	unsigned char *tasks;
	/* What one worker answered: JSON documents, with a comma between them, or texts. */
	struct buffer answer;
	size_t answer_count;
	int64_t sums[COUNTER_COUNT]; /* of a row: what the worker's tasks have together */
};

struct desk *desk_create(size_t worker_count);
void desk_destroy(struct desk *desk); /* NULL is fine */
size_t desk_worker_count(const struct desk *desk);

/* Asks every worker; `questions` has one for each. Waits for all answers, each at most until timeout_ms have
 * passed. False: some worker did not answer, and its question is as it was. */
must_check bool desk_ask(struct desk *desk, struct question *questions, int timeout_ms);

/* A worker's: the question that waits for it, or NULL; it belongs to the worker until desk_answer. */
struct question *desk_take(struct desk *desk, size_t worker);
void desk_answer(struct desk *desk, size_t worker);

#endif
