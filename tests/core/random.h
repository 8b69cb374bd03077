/* Random numbers of the tests: the same for the same seed, everywhere. */
#ifndef LADDER_TESTS_CORE_RANDOM_H
#define LADDER_TESTS_CORE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	random->state += 0x9E3779B97F4A7C15;
	uint64_t word = random->state;
	word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9;
	word = (word ^ word >> 27) * 0x94D049BB133111EB;
	return word ^ word >> 31;
}

/* From 0 to limit - 1. */
static inline int64_t random_below(struct random *random, int64_t limit)
{
	return (int64_t)(random_next(random) % (uint64_t)limit);
}

static inline bool random_percent(struct random *random, unsigned percent)
{
	return random_next(random) % 100 < percent;
}

#endif
