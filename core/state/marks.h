/* Marks: what of other tasks' partitions has been applied here, so that it is applied once. Design
 * decision 6.
 *
 * A task sends on what it read in the order in which it read it, and after a crash again from where it
 * committed: of one partition everything up to the greatest place that has come is here already.
 *
 *   offset    low ============= high           a task that begins anew, with nothing, sends everything again;
 *   again ===== again_high                     where what it sent before is gone in part, from below `low`
 *
 * A log that was created anew has the next number, and offsets from the beginning.
 * Plain data, one thread. */
#ifndef LADDER_STATE_MARKS_H
#define LADDER_STATE_MARKS_H

#include "core/base/buffer.h"

/* An item of a record. */
struct mark_place {
	int64_t offset;
	uint32_t item;
};

struct mark {
	bool is_used;
	bool is_again;
	uint64_t log;
	struct mark_place low;
	struct mark_place high;
	struct mark_place again_low;
	struct mark_place again_high;
};

/* By (input, partition). */
struct marks {
	struct mark **inputs; /* each by partition, NULL before its first */
	size_t input_count;
	size_t partition_count;
};

void marks_create(struct marks *marks, size_t input_count, size_t partition_count);
void marks_destroy(struct marks *marks);
/* Nothing has been applied. */
void marks_clear(struct marks *marks);

/* True if it has not been applied: it is from now on. */
bool marks_take(struct marks *marks, size_t input, size_t partition, uint64_t log, struct mark_place place);

/* Whether it has been applied. */
bool marks_have(const struct marks *marks, size_t input, size_t partition, uint64_t log,
		struct mark_place place);

/* Those of one input, appended; and back. What comes back of an input that is not there any more is read with
 * SIZE_MAX, and dropped. The reader fails if they are not our bytes. */
void marks_encode(const struct marks *marks, size_t input, struct buffer *out);
void marks_decode(struct marks *marks, size_t input, struct reader *reader);

#endif
