/* Pane: sums that can be taken back, the noun between window and publish. Design decision 2.
 *
 * One sum a slot, for some span of time: the smallest slice, a coarser one, or a whole window.
 * Histogram bins are kept sparse, sorted by slot, none of them zero. Plain integers: panes add and
 * subtract exactly, in any order. */
#ifndef LADDER_MODEL_PANE_H
#define LADDER_MODEL_PANE_H

#include "core/base/buffer.h"
#include "core/model/step.h"

struct bin {
	int64_t count;
	uint16_t slot;
};

struct pane {
	int64_t sums[SLOT_COUNT];
	struct bin *bins; /* owned */
	uint32_t bin_count;
	uint32_t bin_capacity;
};

/* A pane of zeros; free(pane) after pane_clear, or pane_destroy. Aborts where memory is missing. */
struct pane *pane_create(void);
void pane_destroy(struct pane *pane); /* NULL is fine */
void pane_clear(struct pane *pane);

void pane_add(struct pane *pane, unsigned slot, int64_t delta);
/* `sign`: 1, or -1 to take it back. */
void pane_add_pane(struct pane *pane, const struct pane *other, int64_t sign);
void pane_assign(struct pane *pane, const struct pane *other); /* becomes a copy */
bool pane_is_zero(const struct pane *pane);
bool pane_equal(const struct pane *a, const struct pane *b);

/* The nearest-rank quantile (percent of 100) of a histogram in milliseconds, or -1 if it is empty. */
int64_t pane_quantile_ms(const struct pane *pane, enum histogram_kind kind, enum basis basis,
			 unsigned percent);

/* Sparse: only what is not zero. Decoding adds to the pane; a slot out of range fails the reader. */
void pane_encode(const struct pane *pane, struct buffer *out);
void pane_decode(struct pane *pane, struct reader *reader);

#endif
