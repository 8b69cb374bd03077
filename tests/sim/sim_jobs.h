/* Runs the seeds: blocks of them in processes of their own, several at a time, so that one that aborts ends
 * nothing else. What they say comes out in the order of the seeds, whatever ran beside what. */
#ifndef LADDER_TESTS_SIM_SIM_JOBS_H
#define LADDER_TESTS_SIM_SIM_JOBS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_jobs {
	uint64_t first;
	uint64_t count;
	unsigned process_count;
	const char *again; /* the command that runs a seed again, up to its number */
	bool (*run)(void *ctx, uint64_t seed); /* says on stdout what is wrong */
	void *ctx;
};

/* Returns how many failed; each is named with the command that runs it again, and every hundred seeds it is
 * said how far they are. */
uint64_t sim_jobs_run(const struct sim_jobs *jobs);

#endif
