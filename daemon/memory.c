#include "daemon/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bulletin.h"
#include "daemon/exchange.h"
#include "daemon/forwards.h"
#include "daemon/publisher.h"
#include "daemon/read_back.h"

static const uint64_t MIB = 1 << 20;

/* Of a queued record, beside its bytes: kafka_out.h. */
enum { RECORD_BYTES = 300, QUEUE_RECORDS_MAX = 200000, ROW_BYTES = 1340 };

enum { PATH_BYTES = 4096 };

static uint64_t within(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static void plan_buffers(const struct config *config, size_t worker_count, size_t partition_count,
			 struct memory_plan *plan)
{
	plan->prefetch_bytes = within(plan->limit_bytes / 16 / worker_count, 4 * MIB, 64 * MIB);
	plan->waiting_bytes = within(plan->limit_bytes / 32 / worker_count, 2 * MIB, 64 * MIB);
	plan->queue_bytes = within(plan->limit_bytes / 16, 16 * MIB, 256 * MIB);
	plan->queue_records = within(plan->queue_bytes / ROW_BYTES, 1000, QUEUE_RECORDS_MAX);
	const uint64_t bulletins = 2 * BULLETIN_BYTES_MAX; /* one being written, one being read */
	plan->buffers_bytes = worker_count * (plan->prefetch_bytes + plan->waiting_bytes + bulletins) +
			      partition_count * (uint64_t)config->limits.record_bytes + plan->queue_bytes +
			      plan->queue_records * RECORD_BYTES + EXCHANGE_PREFETCH_BYTES +
			      PUBLISHER_READ_BACK_COUNT * READ_BACK_PREFETCH_BYTES;
	if (config_shuffle(config).is_on)
		plan->buffers_bytes += FORWARDS_QUEUE_BYTES + FORWARDS_QUEUE_RECORDS * RECORD_BYTES;
}

bool memory_plan(const struct config *config, size_t worker_count, size_t partition_count,
		 uint64_t machine_bytes, struct memory_plan *plan, char *error, size_t size)
{
	const uint64_t state_least = 64 * MIB;
	uint64_t asked = (uint64_t)config->limits.memory_bytes;
	*plan = (struct memory_plan){.limit_bytes = asked ? asked : machine_bytes / 10 * 9};
	if (plan->limit_bytes > machine_bytes) {
		snprintf(error, size, "limits.memory is %" PRIu64 " MiB, but there are %" PRIu64
			 " MiB: lower it, or give the machine or its control group more",
			 plan->limit_bytes / MIB, machine_bytes / MIB);
		return false;
	}
	plan_buffers(config, worker_count, partition_count, plan);
	if (plan->limit_bytes < plan->buffers_bytes + state_least) {
		snprintf(error, size,
			 "limits.memory is %" PRIu64 " MiB; %zu workers and %zu partitions take %" PRIu64
			 " MiB for buffers, and the rest needs %" PRIu64
			 " at least: raise it, or have fewer workers or a smaller limits.record_bytes",
			 plan->limit_bytes / MIB, worker_count, partition_count, plan->buffers_bytes / MIB,
			 state_least / MIB);
		return false;
	}
	plan->state_bytes = plan->limit_bytes - plan->buffers_bytes;
	return true;
}

bool memory_is_full(const struct memory_plan *plan, const struct memory_use *use, bool was_full)
{
	uint64_t most_bytes = was_full ? plan->state_bytes / 20 * 19 : plan->state_bytes;
	return use->resident_bytes + use->uncopied_bytes >= most_bytes + use->ahead_bytes;
}

uint64_t memory_resident_bytes(void)
{
	uint64_t pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- What there is ---- */

/* A group without a limit says "max", or a number beyond every machine. */
static uint64_t limit_in(const char *path)
{
	uint64_t bytes = UINT64_MAX;
	FILE *file = fopen(path, "re");
	if (!file)
		return UINT64_MAX;
	if (fscanf(file, "%" SCNu64, &bytes) != 1)
		bytes = UINT64_MAX;
	fclose(file);
	return bytes;
}

/* Of a group and of those above it, which bind it as well. */
static uint64_t limit_along(const char *root, const char *group, const char *name)
{
	char path[PATH_BYTES], above[PATH_BYTES];
	uint64_t least = UINT64_MAX;
	snprintf(above, sizeof(above), "%s", group);
	for (char *end = above + strlen(above); end; end = strrchr(above, '/')) {
		*end = '\0';
		if (snprintf(path, sizeof(path), "%s%s/%s", root, above, name) >= (int)sizeof(path))
			break;
		uint64_t bytes = limit_in(path);
		least = bytes < least ? bytes : least;
	}
	return least;
}

/* "4:memory:/a/b" is version 1, "0::/a/b" version 2. */
static uint64_t limit_of_line(char *line, const char *root)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!group)
		return UINT64_MAX;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	controllers++;
	if (!*controllers)
		return limit_along(root, group, "memory.max");
	if (strcmp(controllers, "memory") != 0)
		return UINT64_MAX;
	char memory[PATH_BYTES];
	snprintf(memory, sizeof(memory), "%s/memory", root);
	return limit_along(memory, group, "memory.limit_in_bytes");
}

uint64_t memory_group_bytes(const char *groups, const char *root)
{
	char line[PATH_BYTES];
	uint64_t least = UINT64_MAX;
	FILE *file = fopen(groups, "re");
	if (!file)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), file)) {
		uint64_t bytes = limit_of_line(line, root);
		least = bytes < least ? bytes : least;
	}
	fclose(file);
	return least;
}

uint64_t memory_machine_bytes(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t group = memory_group_bytes("/proc/self/cgroup", "/sys/fs/cgroup");
	return group < machine ? group : machine;
}
