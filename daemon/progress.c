#include "daemon/progress.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "daemon/log.h"
#include "daemon/service.h"

enum { SAID_EVERY_MS = 5000 };

struct progress {
	const struct pulse *pulses;
	size_t count;
	int64_t since_ms;     /* when they were started */
	int64_t watchdog_ms;  /* 0: none */
	int64_t alive_due_ms; /* loop time, as these */
	int64_t said_ms;
	uint64_t said_record_count; /* as of said_ms */
	bool is_hung;               /* and was logged */
};

struct progress *progress_create(const struct pulse *pulses, size_t count, int64_t now_ms)
{
	struct progress *progress = calloc(1, sizeof(*progress));
	CHECK(progress && count > 0);
	*progress = (struct progress){
		.pulses = pulses,
		.count = count,
		.since_ms = now_ms,
		.watchdog_ms = service_watchdog_ms(),
		.said_ms = now_ms,
	};
	return progress;
}

void progress_destroy(struct progress *progress)
{
	free(progress);
}

/* The number of the first whose loop has not turned for `most_ms`, or -1. */
static int find_hung(const struct progress *progress, int64_t now_ms, int64_t most_ms)
{
	for (size_t i = 0; i < progress->count; i++) {
		int64_t beat_ms = atomic_load_explicit(&progress->pulses[i].beat_ms, memory_order_relaxed);
		int64_t last_ms = beat_ms ? beat_ms : progress->since_ms;
		if (now_ms - last_ms > most_ms)
			return (int)i;
	}
	return -1;
}

/* Four times as often as is asked for, so that one that comes late does no harm. */
static void tell_alive(struct progress *progress, int64_t now_ms)
{
	if (!progress->watchdog_ms || now_ms < progress->alive_due_ms)
		return;
	int hung = find_hung(progress, now_ms, progress->watchdog_ms / 2);
	if (hung < 0) {
		progress->alive_due_ms = now_ms + progress->watchdog_ms / 4;
		progress->is_hung = false;
		service_alive();
	} else if (!progress->is_hung) {
		progress->is_hung = true;
		bool is_publisher = (size_t)hung == progress->count - 1;
		log_error("a thread hangs: the service manager will end ladderd", "thread=%s number=%d",
			  is_publisher ? "publisher" : "worker", is_publisher ? 0 : hung);
	}
}

static void say(struct progress *progress, int64_t now_ms, int task_count)
{
	uint32_t reading = 0;
	uint64_t records = 0, behind = 0;
	for (size_t i = 0; i < progress->count; i++) {
		const struct pulse *pulse = &progress->pulses[i];
		reading += atomic_load_explicit(&pulse->task_count, memory_order_relaxed);
		records += atomic_load_explicit(&pulse->record_count, memory_order_relaxed);
		behind += atomic_load_explicit(&pulse->behind_count, memory_order_relaxed);
	}
	uint64_t passed_ms = (uint64_t)(now_ms - progress->said_ms);
	service_say("%" PRIu32 " of %d tasks, %" PRIu64 " records/s, %" PRIu64 " records behind", reading,
		    task_count, (records - progress->said_record_count) * 1000 / passed_ms, behind);
	progress->said_ms = now_ms;
	progress->said_record_count = records;
}

void progress_tell(struct progress *progress, int64_t now_ms, int task_count)
{
	tell_alive(progress, now_ms);
	if (now_ms - progress->said_ms >= SAID_EVERY_MS)
		say(progress, now_ms, task_count);
}
