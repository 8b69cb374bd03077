#include "tests/sim/sim_jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/check.h"

enum { BLOCK_SEEDS = 20, BLOCKS_AHEAD = 8 /* per process */, TELL_SEEDS = 100 };

/* A block that is run, or waits for those before it to be printed. */
struct block {
	uint64_t begin; /* the next seed to run */
	uint64_t end;
	uint64_t failed;
	pid_t process;  /* 0: it is through */
	FILE *said;
	uint64_t *at;   /* shared with the process: the seed that it runs, and behind it how many failed */
};

struct pool_of_blocks {
	const struct sim_jobs *jobs;
	struct block *blocks; /* a ring */
	uint64_t capacity;
	uint64_t started;
	uint64_t printed;
	uint64_t total;
	unsigned running;
	uint64_t failed;
	uint64_t done;        /* seeds */
};

static void name_failed(const struct sim_jobs *jobs, uint64_t seed)
{
	printf("  again: %s%" PRIu64 "\n", jobs->again, seed);
}

static void run_block(const struct sim_jobs *jobs, struct block *block)
{
	for (uint64_t seed = block->begin; seed < block->end; seed++) {
		block->at[0] = seed;
		if (!jobs->run(jobs->ctx, seed)) {
			name_failed(jobs, seed);
			block->at[1]++;
		}
		fflush(stdout);
	}
	exit(0);
}

static void start_process(struct pool_of_blocks *pool, struct block *block)
{
	block->at[0] = block->begin;
	block->at[1] = 0;
	fflush(stdout);
	block->process = fork();
	CHECK(block->process >= 0);
	if (block->process == 0) {
		CHECK(dup2(fileno(block->said), STDOUT_FILENO) >= 0);
		run_block(pool->jobs, block);
	}
	pool->running++;
}

static void start_block(struct pool_of_blocks *pool)
{
	const struct sim_jobs *jobs = pool->jobs;
	struct block *block = &pool->blocks[pool->started % pool->capacity];
	uint64_t *at = block->at, begin = pool->started * BLOCK_SEEDS, end = begin + BLOCK_SEEDS;
	*block = (struct block){.begin = jobs->first + begin, .said = tmpfile(), .at = at,
				.end = jobs->first + (end < jobs->count ? end : jobs->count)};
	CHECK(block->said);
	pool->started++;
	start_process(pool, block);
}

static struct block *block_of(struct pool_of_blocks *pool, pid_t process)
{
	uint64_t i = pool->printed;
	while (i < pool->started && pool->blocks[i % pool->capacity].process != process)
		i++;
	CHECK(i < pool->started);
	return &pool->blocks[i % pool->capacity];
}

/* A block whose process died goes on behind the seed that it died of. */
static void wait_for_one(struct pool_of_blocks *pool)
{
	int status;
	struct block *block = block_of(pool, wait(&status));
	block->process = 0;
	pool->running--;
	block->failed += block->at[1];
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	CHECK(fseek(block->said, 0, SEEK_END) == 0);
	fprintf(block->said, "seed %" PRIu64 ": it ends by %s %d\n  again: %s%" PRIu64 "\n", block->at[0],
		WIFSIGNALED(status) ? "signal" : "exit code",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), pool->jobs->again,
		block->at[0]);
	fflush(block->said);
	block->failed++;
	block->begin = block->at[0] + 1;
	if (block->begin < block->end)
		start_process(pool, block);
}

static void print_block(struct pool_of_blocks *pool, struct block *block)
{
	char text[4096];
	rewind(block->said);
	for (size_t len; (len = fread(text, 1, sizeof(text), block->said)) > 0;)
		fwrite(text, 1, len, stdout);
	fclose(block->said);
	pool->printed++;
	pool->failed += block->failed;
	uint64_t done = block->end - pool->jobs->first;
	if (done / TELL_SEEDS > pool->done / TELL_SEEDS && done < pool->jobs->count)
		printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", done, pool->failed);
	pool->done = done;
	fflush(stdout);
}

static void print_finished(struct pool_of_blocks *pool)
{
	while (pool->printed < pool->started) {
		struct block *block = &pool->blocks[pool->printed % pool->capacity];
		if (block->process)
			return;
		print_block(pool, block);
	}
}

uint64_t sim_jobs_run(const struct sim_jobs *jobs)
{
	struct pool_of_blocks pool = {.jobs = jobs, .capacity = (uint64_t)jobs->process_count * BLOCKS_AHEAD,
				      .total = (jobs->count + BLOCK_SEEDS - 1) / BLOCK_SEEDS};
	size_t bytes = pool.capacity * 2 * sizeof(uint64_t);
	uint64_t *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pool.blocks = calloc(pool.capacity, sizeof(*pool.blocks));
	CHECK(shared != MAP_FAILED && pool.blocks);
	for (uint64_t i = 0; i < pool.capacity; i++)
		pool.blocks[i].at = shared + 2 * i;
	while (pool.printed < pool.total) {
		while (pool.started < pool.total && pool.running < jobs->process_count &&
		       pool.started - pool.printed < pool.capacity)
			start_block(&pool);
		wait_for_one(&pool);
		print_finished(&pool);
	}
	free(pool.blocks);
	munmap(shared, bytes);
	return pool.failed;
}
