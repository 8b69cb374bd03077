/* Random: numbers that are the same on every machine, for `ladderd generate`. Integers only: no double,
 * no library's generator. The sequence is part of the promise that a seed always gives the same events.
 *
 * A stream belongs to one thread. */
#ifndef LADDER_DAEMON_GENERATE_RANDOM_H
#define LADDER_DAEMON_GENERATE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random_stream {
	uint64_t state; /* any number: the seed */
};

/* One to one on 64 bits: different numbers stay different. */
static inline uint64_t random_mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

static inline uint64_t random_next(struct random_stream *stream)
{
	return random_mix(stream->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 to limit - 1; limit is at least 1. */
static inline uint32_t random_below(struct random_stream *stream, uint32_t limit)
{
	return (uint32_t)(((random_next(stream) >> 32) * limit) >> 32);
}

static inline int64_t random_between(struct random_stream *stream, uint32_t low, uint32_t high)
{
	return (int64_t)low + random_below(stream, high - low + 1);
}

static inline bool random_chance(struct random_stream *stream, unsigned permille)
{
	return random_below(stream, 1000) < permille;
}

enum { QUANTILE_COUNT = 9 };

/* A number of the distribution that has these quantiles, 0 to 8 eighths, straight between them; times scale,
 * which is at most 65536. */
static inline int64_t random_quantile(struct random_stream *stream, const uint32_t quantiles[QUANTILE_COUNT],
				      uint32_t scale)
{
	uint64_t drawn = random_next(stream);
	unsigned eighth = (unsigned)(drawn >> 61);
	uint64_t low = (uint64_t)quantiles[eighth] * scale;
	uint64_t width = (uint64_t)(quantiles[eighth + 1] - quantiles[eighth]) * scale;
	return (int64_t)(low + (width * (drawn & 0xffff) >> 16));
}

#endif
