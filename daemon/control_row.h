/* Control, its answer about a row. Private to control*.c. */
#ifndef LADDER_DAEMON_CONTROL_ROW_H
#define LADDER_DAEMON_CONTROL_ROW_H

#include "daemon/desk.h"
#include "daemon/row_shelf.h"

/* What one request asked of all workers, who have answered. */
struct asked {
	struct question *questions; /* by worker */
	size_t worker_count;
	unsigned char *tasks;       /* by task: enum desk_task */
	size_t task_count;
	bool is_json;
};

/* The answers of all workers, one behind the other. */
void control_put_answers(const struct asked *asked, struct buffer *out);

/* The row as it was published, how it compares to what the workers have of it, and that. False: neither is
 * there; `out` is as it was. `shelf`: NULL is fine. */
must_check bool control_put_row(const struct asked *asked, const struct row_scope *scope,
				const struct options *options, struct row_shelf *shelf, struct buffer *out);

#endif
