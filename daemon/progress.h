/* Progress: whether every thread that must not stand still goes on, told by its own loop.
 *
 *   worker 0 --pulse--\
 *   worker 1 --pulse----> main thread --> service manager: STATUS=, and WATCHDOG=1 while all go on
 *   publisher -pulse--/
 *
 * A pulse is beaten once a turn of its loop, so a thread that hangs, in a lock, a system call or a loop
 * without end, ceases to beat; then the main thread no longer tells the manager that ladderd is alive, and
 * its watchdog ends ladderd.
 * Kafka or Redis being away stops no loop. */
#ifndef LADDER_DAEMON_PROGRESS_H
#define LADDER_DAEMON_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/state/erased.h"

enum { MEMORY_EVERY_MS = 50 };

/* Written by its thread, read by the main thread. Of a worker the counts are no older than STATUS_EVERY_MS
 * and license nothing but what is said; the bytes are no older than MEMORY_EVERY_MS, and by them memory is
 * full or not (memory.h). */
struct pulse {
	_Alignas(64) _Atomic int64_t beat_ms; /* loop time of the last turn's begin; 0: there was none */
	_Atomic uint64_t record_count;        /* read since the start */
	_Atomic uint64_t behind_count;        /* records that its inputs hold and it has not read */
	_Atomic uint32_t task_count;          /* that it reads */
	_Atomic uint64_t copied_bytes;        /* of commits that Redis does not have yet */
	_Atomic uint64_t uncopied_bytes;      /* that commits will still copy */
	_Atomic uint64_t ahead_bytes;         /* kafka_in_ahead_bytes */
	/* That the worker goes by: licenses the main thread to free all older ones. */
	_Atomic(const struct erased *) erased;
};

static inline void pulse_beat(struct pulse *pulse, int64_t now_ms)
{
	atomic_store_explicit(&pulse->beat_ms, now_ms, memory_order_relaxed);
}

struct progress;

/* `pulses` are borrowed: those of the workers, and at last the publisher's. The threads have just been
 * started. */
struct progress *progress_create(const struct pulse *pulses, size_t count, int64_t now_ms);
void progress_destroy(struct progress *progress); /* NULL is fine */

/* To be called ten times a second: tells the service manager what is due. `task_count` of all instances
 * together. */
void progress_tell(struct progress *progress, int64_t now_ms, int task_count);

#endif
