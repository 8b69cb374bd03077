/* Hashes. The keyed one is SipHash-2-4 with a 128-bit result (Aumasson and Bernstein): people are kept under
 * it (promise P6), and tables keyed by it cannot be flooded by whoever chooses the ids. */
#ifndef LADDER_BASE_HASH_H
#define LADDER_BASE_HASH_H

#include "core/base/slice.h"

struct key128 {
	uint64_t high;
	uint64_t low;
};

static inline bool key128_equal(struct key128 a, struct key128 b)
{
	return a.high == b.high && a.low == b.low;
}

static inline int key128_compare(struct key128 a, struct key128 b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}

/* The keyed hash of `text` in a domain: the same text in two domains has unrelated hashes. */
struct key128 hash_keyed(const unsigned char key[16], uint8_t domain, struct slice text);

/* A fast hash of text that the configuration or a platform chose (ids of ads, event ids): not keyed. */
uint64_t hash_text(struct slice text);

#endif
