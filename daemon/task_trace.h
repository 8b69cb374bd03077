/* Task trace: what the meta of a task (task_meta.h) holds of each of its inputs. Behind the meta's head come
 * the time at which it was written (signed, ms of the wall clock), the number of inputs, and one of these for
 * each. Pure. */
#ifndef LADDER_DAEMON_TASK_TRACE_H
#define LADDER_DAEMON_TASK_TRACE_H

#include "core/base/buffer.h"
#include "core/model/activity.h"
#include "daemon/kafka_in.h"
#include "daemon/status.h"

/* Of an input of a task: what was read of it last, what was skipped, and what it has brought. */
struct task_trace {
	struct slice topic;
	struct kafka_trace trace;
	struct input_gap gap;
	struct activity_digest activity;
};

void task_trace_put(struct buffer *out, const struct task_trace *trace);
struct task_trace task_trace_read(struct reader *reader);

#endif
