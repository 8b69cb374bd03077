/* Task merge: from a task straight into the merger, for those who have both in one thread. */
#ifndef LADDER_DAEMON_TASK_MERGE_H
#define LADDER_DAEMON_TASK_MERGE_H

#include "core/pipeline.h"

/* Says everything that changed in the task to the merger, and tells the task of parents that changed, until
 * nothing is left to say. */
void task_merge(struct task *task, uint32_t number, struct merger *merger);

/* The merger's side of task_collect: a sink that puts what it is told. `moved` gets the ids of the ads whose
 * parents are others now, each as buffer_put_text. */
struct merge_sink {
	struct merger *merger;
	uint32_t task;
	struct buffer moved;
};
struct task_sink merge_sink(struct merge_sink *merge);

/* Tells a task the parents, as the merger has them, of every ad in `moved`. */
void merge_put_parents(struct task *task, const struct merger *merger, const struct buffer *moved,
		       const struct task_sink *sink);

#endif
