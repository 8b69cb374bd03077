/* Thin pane: the sums of a pane that are not zero, in one small piece of memory. Design decision 2.
 *
 * Sorted by slot. NULL is the pane of zeros, and a thin pane that becomes one is freed. One that hardly
 * changes any more can be packed: it takes a quarter of the memory then, stays packed, and reads the same. */
#ifndef LADDER_STATE_THIN_H
#define LADDER_STATE_THIN_H

#include "core/model/pane.h"

struct thin {
	uint16_t count;    /* of sums; of a packed one, of bytes in their place, as thin_encode gives them */
	uint16_t capacity; /* 0: it is packed */
	struct slot_sum sums[];
};

/* Adds sums, sorted by slot, each slot once. Returns what the thin pane is then: it may have moved. */
must_check struct thin *thin_add(struct thin *thin, const struct slot_sum *sums, size_t count);

/* Packs it, if that makes it smaller. It may move. */
must_check struct thin *thin_pack(struct thin *thin);

/* Of sums that thin_add takes; packed, if that makes it smaller. */
must_check struct thin *thin_create(const struct slot_sum *sums, size_t count);

void thin_add_to_pane(const struct thin *thin, struct pane *pane, int64_t sign);

/* What a pane has more than a thin pane: sums that thin_add takes, at most SLOT_WROTE. Returns how many. */
size_t thin_subtract(const struct pane *pane, const struct thin *thin, struct slot_sum *sums);

/* The same bytes as pane_encode gives. Decoding makes a new one; slots out of range or order fail the
 * reader. */
void thin_encode(const struct thin *thin, struct buffer *out);
struct thin *thin_decode(struct reader *reader);

/* Free with free(). */

#endif
