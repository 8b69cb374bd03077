/* Memory: what the daemon may take, and what it takes. Promise P4.
 *
 *   limits.memory = buffers, by the settings: queues from and to Kafka, batches of the partitions, bulletins
 *                 + the rest: the program, people and ads
 *
 * Buffers shrink with the limit. People and ads grow with the feed: when the process comes up to what the
 * buffers leave, nothing more is read (shared->is_memory_full) until there is room again, and nothing is
 * dropped. That is judged by the resident set, so it holds for what no formula knows, too.
 *
 * A commit is a copy of all that has changed since the last one, until Redis has it. With a slow Redis, or
 * none, that becomes nearly everything; so what commits will still copy counts as if it were there already.
 * Reading then waits for Redis, and goes on by itself: what is read ahead meanwhile is among the buffers, and
 * does not keep it waiting. */
#ifndef LADDER_DAEMON_MEMORY_H
#define LADDER_DAEMON_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct memory_plan {
	uint64_t limit_bytes;   /* of the resident set */
	uint64_t buffers_bytes;
	uint64_t state_bytes;   /* the rest */
	size_t prefetch_bytes;  /* of each worker: kafka_in */
	size_t waiting_bytes;   /* of each worker's bulletins: publisher */
	size_t queue_bytes;     /* of the producer: kafka_out */
	size_t queue_records;
};

/* `machine_bytes`: what there is at all, memory_machine_bytes(). False with the error told, as a sentence
 * that names limits.memory: it is more than that, or too little to work with. */
must_check bool memory_plan(const struct config *config, size_t worker_count, size_t partition_count,
			    uint64_t machine_bytes, struct memory_plan *plan, char *error, size_t size);

/* What the machine has, or the least that a control group leaves to this process. */
uint64_t memory_machine_bytes(void);

/* The least limit of the groups that `groups` names, a file like /proc/self/cgroup, and of those above them,
 * under `root` as under /sys/fs/cgroup. UINT64_MAX without one. */
uint64_t memory_group_bytes(const char *groups, const char *root);

/* The resident set. 0 where /proc is not to be read. */
uint64_t memory_resident_bytes(void);

struct memory_use {
	uint64_t resident_bytes;
	uint64_t copied_bytes;   /* of them: by commits that Redis does not have yet */
	uint64_t uncopied_bytes; /* that commits will still copy */
	uint64_t ahead_bytes;    /* of the resident ones: read ahead, which is within the buffers */
};

/* Whether memory is full now, if it was so before or not: it is until a twentieth is free again. */
bool memory_is_full(const struct memory_plan *plan, const struct memory_use *use, bool was_full);

#endif
