/* Audit state: what the tasks have stored of their inputs: how far they are read, and how every event ended.
 *
 * Read from Redis, where nothing is changed. Instances may be running: each task is of one of its commits.
 * One thread. Spec section 7; what is stored: daemon/worker_state.c. */
#ifndef LADDER_DAEMON_AUDIT_STATE_H
#define LADDER_DAEMON_AUDIT_STATE_H

#include "config/config.h"
#include "core/pipeline.h"
#include "core/state/marks.h"
#include "daemon/check_report.h"
#include "daemon/connections.h"

/* An input in a task. */
struct audit_input {
	int64_t offset;         /* everything before it is counted */
	uint64_t log;           /* the topic was created anew so often */
	uint64_t skipped_count; /* offsets that were gone when they were to be read */
	struct counts counts;
};

struct audit_task {
	bool is_stored;
	struct audit_input *inputs; /* by their number in the configuration */
	struct marks marks;         /* what of other tasks' partitions is counted here */
};

struct audit_state {
	struct audit_task *tasks;
	size_t task_count;
	size_t input_count;
};

/* False where Redis does not answer or refuses, or something there is not what the configuration reads:
 * reported. To be destroyed in any case. */
must_check bool audit_state_read(struct audit_state *state, const struct config *config,
				 const struct connections *connections, size_t task_count,
				 struct check_report *report);
void audit_state_destroy(struct audit_state *state);

/* One task's part of it, from what is stored. False: it is not our bytes. */
must_check bool audit_state_take(struct audit_state *state, size_t task, const struct config *config,
				 struct slice vector, struct slice meta);

#endif
