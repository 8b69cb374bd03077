/* Pane: sums that can be taken back, the noun between window and publish. Design decision 2.
 *
 * One sum a slot, for some span of time: the smallest slice, a coarser one, or a whole window.
 * Histogram bins are kept sparse, sorted by slot, none of them zero. Plain integers: panes add and
 * subtract exactly, in any order. */
#ifndef LADDER_MODEL_PANE_H
#define LADDER_MODEL_PANE_H

#include "core/base/buffer.h"
#include "core/model/step.h"

/* What a slot has or gets. */
struct slot_sum {
	int64_t sum;
	uint16_t slot;
} __attribute__((packed));

enum { PANE_USED_WORDS = (SLOT_COUNT + 63) / 64 };

struct pane {
	int64_t sums[SLOT_COUNT];
	uint64_t used[PANE_USED_WORDS]; /* a bit for each sum that may be other than 0 */
	struct slot_sum *bins; /* owned */
	uint32_t bin_count;
	uint32_t bin_capacity;
};

/* {0} is a pane of zeros; pane_clear makes it that again, and frees what it holds. Calls that add abort where
 * memory is missing. */
void pane_clear(struct pane *pane);

/* To a bin of a histogram. */
void pane_add_bin(struct pane *pane, unsigned slot, int64_t delta);

static inline void pane_add(struct pane *pane, unsigned slot, int64_t delta)
{
	if (slot >= SLOT_COUNT) {
		pane_add_bin(pane, slot, delta);
		return;
	}
	/* Sums wrap, so that what was added can be taken back exactly whatever came between. */
	pane->sums[slot] = (int64_t)((uint64_t)pane->sums[slot] + (uint64_t)delta);
	pane->used[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* Sums sorted by slot, each slot once, none of them zero. `sign`: 1, or -1 to take them back. */
void pane_add_sums(struct pane *pane, const struct slot_sum *sums, size_t count, int64_t sign);
void pane_add_pane(struct pane *pane, const struct pane *other, int64_t sign);
bool pane_is_zero(const struct pane *pane);

/* The first slot from here on whose sum may be other than 0; SLOT_COUNT: no other is. */
static inline unsigned pane_used(const struct pane *pane, unsigned slot)
{
	for (unsigned word = slot / 64; word < PANE_USED_WORDS; slot = ++word * 64) {
		uint64_t left = pane->used[word] >> (slot % 64);
		if (left)
			return slot + (unsigned)__builtin_ctzll(left);
	}
	return SLOT_COUNT;
}

bool pane_equal(const struct pane *a, const struct pane *b);

/* The nearest-rank quantile (percent of 100) of a histogram in milliseconds, or -1 if it is empty. */
int64_t pane_quantile_ms(const struct pane *pane, enum histogram_kind kind, enum basis basis,
			 unsigned percent);

/* Sparse: only what is not zero. Decoding adds to the pane; a slot out of range fails the reader. */
void pane_encode(const struct pane *pane, struct buffer *out);
void pane_decode(struct pane *pane, struct reader *reader);

#endif
