/* Shared: the few words that the threads of one daemon share without a ring.
 *
 * Everything else goes by message (bulletin.h). Each field says who writes it and what its value licenses. */
#ifndef LADDER_DAEMON_SHARED_H
#define LADDER_DAEMON_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "config/config.h"
#include "core/model/step.h"
#include "core/state/erased.h"
#include "daemon/progress.h"

/* One task of all there are: see worker.h. */
struct task_duty {
	/* The group gave it to this instance: set and cleared by the main thread. Licenses a worker to take
	 * it. */
	atomic_bool is_wanted;
	/* Set by its worker when it takes the task, cleared when it has committed it and let it go:
	 * licenses the main thread to give it back to the group. */
	atomic_bool is_held;
};

struct shared {
	/* Whose live settings hold: set by the main thread. Licenses a thread to copy them into a
	 * configuration of its own, at a moment that suits it (shared_take_config). It stays until all
	 * threads have ended. */
	_Atomic(const struct config *) config;
	/* Stream time T: any worker raises it, none lowers it. Readers may see it late: windows then slide a
	 * tick later. Licenses nothing but that. */
	_Atomic int64_t now_ms;
	/* How far each worker has read, in event time (worker_say_position): written by it, read by
	 * the others, which do not run ahead of the hindmost. Stale values only make them wait. */
	_Atomic int64_t *positions;
	size_t worker_count;
	/* The same of the hindmost task of other instances, as the merging one told; INT64_MAX without any.
	 * Written by the publisher. */
	_Atomic int64_t others_position_ms;
	/* Loop time when the merging instance was last heard of, be it this one: written by the publisher.
	 * Licenses workers to go by what it has confirmed, for a while. */
	_Atomic int64_t merger_heard_ms;
	struct pulse *pulses; /* by worker, and behind them the publisher's: progress.h */
	struct task_duty *duties; /* by task */
	size_t task_count;
	/* Task 0 is ours, and Redis knows it: set by the worker that has claimed it, cleared when it lets
	 * it go. Licenses the publisher to merge for all instances. */
	atomic_bool is_merger;
	/* Under which announcement the rows are merged (exchange.h), and how often everything has been
	 * asked for anew. Raised by the publisher, the announcement first; workers that find the second
	 * grown say everything again, under the first. */
	_Atomic uint64_t announcement;
	_Atomic uint64_t asked_count;
	/* Who is erased (erasures.h), set by the main thread: licenses workers to begin to read. */
	_Atomic(const struct erased *) erased;
	/* No revision was given out above it. The publisher raises it as it publishes, workers to what they
	 * read back; they store it with every commit, also before the first row. */
	_Atomic uint64_t revision;
	/* The memory is full (memory.h): set and cleared by the main thread, ten times a
	 * second. Workers read nothing meanwhile. */
	atomic_bool is_memory_full;
	/* Set by whoever wants everything to end: workers commit and leave, then the publisher. */
	atomic_bool is_stopping;
	/* The exit code of a failure that ends the daemon; 0 while there is none. Set before is_stopping. */
	atomic_int exit_code;
};

/* A thread's own configuration: nobody else changes what it reads. */
struct own_config {
	struct config config;
	const struct config *taken; /* whose live settings it has */
};

static inline void shared_begin_config(const struct shared *shared, struct own_config *own)
{
	own->taken = atomic_load_explicit(&shared->config, memory_order_acquire);
	own->config = *own->taken;
}

/* Whether there was anything to take. */
static inline bool shared_take_config(const struct shared *shared, struct own_config *own)
{
	const struct config *config = atomic_load_explicit(&shared->config, memory_order_acquire);
	if (config == own->taken)
		return false;
	own->taken = config;
	config_take_live(&own->config, config);
	return true;
}

static inline void raise_to(_Atomic int64_t *place, int64_t value)
{
	int64_t seen = atomic_load_explicit(place, memory_order_relaxed);
	while (seen < value &&
	       !atomic_compare_exchange_weak_explicit(place, &seen, value, memory_order_relaxed,
						      memory_order_relaxed))
		continue;
}

/* Revisions follow the wall clock, so that they grow from run to run. */
static inline uint64_t wall_micros(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void raise_revision(_Atomic uint64_t *place, uint64_t value)
{
	uint64_t seen = atomic_load_explicit(place, memory_order_relaxed);
	while (seen < value &&
	       !atomic_compare_exchange_weak_explicit(place, &seen, value, memory_order_relaxed,
						      memory_order_relaxed))
		continue;
}

#endif
