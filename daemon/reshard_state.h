/* Reshard: has the state of N partitions go on under inputs that have more, for `ladderd reshard`. Here: what
 * the tasks of a namespace have stored, read whole, and their metas written anew. Design decision 6.
 *
 * People are known under a keyed hash, so nobody can say into which of more partitions they would go, and
 * nobody is moved: they stay in the tasks where they are, the home tasks (kafka.home_partitions), and what
 * lies in other partitions from now on is sent there through the shuffle topic. What says where a record
 * belongs, its key or what is in it, says the same as before; so it does not matter how far the old
 * partitions have been read, nor what is still on its way between tasks. What changes in a task is its meta:
 * how many partitions there are, in how many people are kept, and what it goes by in the shuffle topic. Tasks
 * that are new begin with nothing, at the beginning of their partitions; one that an instance began before,
 * which did not know yet where people are kept, is begun anew.
 *
 * So this must hold, and is looked at in this order before anything is changed:
 *   - all inputs have the same number of partitions, and not fewer than before;
 *   - no instance is a member of the group (one that is all the same cannot commit any more afterwards);
 *   - all home tasks are there, whole, and written for as many partitions as home_partitions says, or
 *     resharded from there before, with the same keys, partitioners, group and shuffle topic;
 *   - the first time, where all inputs are keyed by the person, what was read last lies where the keys
 *     belong: reshard_keys.h.
 * Then the shuffle topic is given as many partitions as the inputs have, and each task is written. What
 * interrupts it leaves each task wholly as before or wholly as after: `run` refuses those that are as before,
 * and to begin again goes on with them.
 *
 * A task is read as an instance reads it, every page of it, so that one which is damaged is told; what is
 * kept of it is its meta, its offsets and the names of its pages. It is written as an instance commits, in
 * one atomic step, and only if nobody has committed it since it was read: pages and offsets stay.
 *
 * Blocks; progress is shown on stderr where that is a terminal. Thread: one. */
#ifndef LADDER_DAEMON_RESHARD_STATE_H
#define LADDER_DAEMON_RESHARD_STATE_H

#include "core/base/buffer.h"
#include "daemon/identity.h"
#include "daemon/redis_url.h"
#include "daemon/task_meta.h"

struct stored_task {
	struct task_meta head; /* partition_count 0: nothing is stored */
	struct buffer rest;    /* of the meta, behind the head */
	struct buffer vector;  /* the offsets, as worker_state.c writes them */
	struct buffer names;   /* of the pages, each with a NUL behind it */
	size_t page_count;
};

struct reshard_state;

struct reshard_state *reshard_state_create(const struct redis_url *url, const char *name_space,
					   const struct identity *identity);
void reshard_state_destroy(struct reshard_state *state); /* NULL is fine */

/* Reads the next task, by number from 0. NULL with an exit code and an English sentence where Redis does not
 * answer for half a minute, or a task is not whole. What it returns stays until the end. */
const struct stored_task *reshard_state_read(struct reshard_state *state, char *error, size_t error_size,
					     int *exit_code);

/* Writes another head of a task that was read. False likewise, or where somebody has committed it since. */
must_check bool reshard_state_write(struct reshard_state *state, size_t task, const struct task_meta *head,
				    char *error, size_t error_size, int *exit_code);
/* The same, but nothing of the task is left: it begins anew. */
must_check bool reshard_state_clear(struct reshard_state *state, size_t task, char *error, size_t error_size,
				    int *exit_code);

#endif
