/* Log-linear histograms of delays: bins whose counts add and subtract, so that windows slide.
 *
 * A bin holds the delays [low, high) in milliseconds: 32 exact ones below 32 ms, then 32 bins to each
 * doubling. The value shown for a bin is within 1.6 % of every delay in it (spec 6.4 asks for 2.5 %).
 * Delays beyond the last bin (about 139 years) count in it. */
#ifndef LADDER_BASE_HISTOGRAM_H
#define LADDER_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 5, HISTOGRAM_BIN_COUNT = (42 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS };

static inline unsigned histogram_bin(int64_t delay_ms)
{
	const unsigned sub_count = 1u << HISTOGRAM_SUB_BITS;
	if (delay_ms < (int64_t)sub_count)
		return delay_ms < 0 ? 0 : (unsigned)delay_ms;
	unsigned exponent = 63 - __builtin_clzll((uint64_t)delay_ms) - HISTOGRAM_SUB_BITS;
	unsigned bin = (exponent << HISTOGRAM_SUB_BITS) + (unsigned)(delay_ms >> exponent);
	return bin < HISTOGRAM_BIN_COUNT ? bin : HISTOGRAM_BIN_COUNT - 1;
}

/* The delay shown for a bin: its middle. */
static inline int64_t histogram_value_ms(unsigned bin)
{
	const unsigned sub_count = 1u << HISTOGRAM_SUB_BITS;
	if (bin < 2 * sub_count)
		return bin;
	unsigned exponent = (bin >> HISTOGRAM_SUB_BITS) - 1;
	int64_t low = (int64_t)(sub_count + (bin & (sub_count - 1))) << exponent;
	return low + ((int64_t)1 << exponent) / 2;
}

#endif
