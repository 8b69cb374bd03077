/* Task meta: how the meta of a task begins that is stored with its state (ledger.h), and whether such a task
 * can go on. Behind it come the traces (task_trace.h), then what worker_state.c keeps there. Pure. */
#ifndef LADDER_DAEMON_TASK_META_H
#define LADDER_DAEMON_TASK_META_H

#include "config/config.h"
#include "core/base/buffer.h"

struct task_meta {
	uint64_t revision;        /* the greatest that was given out */
	uint64_t term;            /* of the owner */
	uint64_t partition_count; /* of the inputs; 0: it is no meta */
	uint64_t shuffle_mode;    /* shuffle.h */
	uint64_t shuffle_stamp;   /* shuffle.h */
};

static inline void task_meta_put(struct buffer *out, const struct task_meta *meta)
{
	buffer_put_unsigned(out, meta->revision);
	buffer_put_unsigned(out, meta->term);
	buffer_put_unsigned(out, meta->partition_count);
	buffer_put_unsigned(out, meta->shuffle_mode);
	buffer_put_unsigned(out, meta->shuffle_stamp);
}

static inline struct task_meta task_meta_read(struct reader *reader)
{
	struct task_meta meta = {.revision = reader_unsigned(reader)};
	meta.term = reader_unsigned(reader);
	meta.partition_count = reader_unsigned(reader);
	meta.shuffle_mode = reader_unsigned(reader);
	meta.shuffle_stamp = reader_unsigned(reader);
	return reader->failed ? (struct task_meta){0} : meta;
}

enum { TASK_FIT_MAX = 512 };

/* Whether what is stored under this meta can go on under a configuration with inputs of so many partitions.
 * False: `text` says why not and what to do, as the end of a sentence that begins with the state: "it was
 * written for ...". */
must_check bool task_meta_fits(const struct task_meta *meta, const struct config *config,
			       size_t partition_count, char text[TASK_FIT_MAX]);

/* Whether inputs of so many partitions have those that people are to be kept in. */
must_check bool task_homes_fit(const struct config *config, size_t partition_count, char text[TASK_FIT_MAX]);

#endif
