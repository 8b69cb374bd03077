#include "daemon/task_meta.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/shuffle.h"

static uint64_t home_count_of(const struct task_meta *meta)
{
	uint64_t count = shuffle_mode_home_count(meta->shuffle_mode);
	return count ? count : meta->partition_count;
}

/* Of a task whose people, or the inputs, are in another number of partitions. */
static void say_counts(const struct task_meta *meta, const struct config *config, size_t partition_count,
		       char text[TASK_FIT_MAX])
{
	uint64_t home_count = home_count_of(meta);
	bool is_resharded = shuffle_mode_home_count(meta->shuffle_mode) != 0;
	char then[TASK_FIT_MAX - 100];
	if (home_count > partition_count)
		snprintf(then, sizeof(then),
			 "people are kept in %" PRIu64 " of them; give kafka.inputs topics of as many, or "
			 "redis.namespace a new name, and everything is read from the beginning",
			 home_count);
	else if (config->kafka.home_partitions == home_count)
		snprintf(then, sizeof(then), "stop all instances and run `ladderd reshard`, which lets it "
			 "go on");
	else if (meta->partition_count == partition_count)
		snprintf(then, sizeof(then), "set kafka.home_partitions to %" PRIu64 ", as it was",
			 is_resharded ? home_count : 0);
	else
		snprintf(then, sizeof(then),
			 "people are kept in %" PRIu64 " of them; stop all instances, set "
			 "kafka.home_partitions to %" PRIu64 " and run `ladderd reshard`, which lets it go "
			 "on; or give redis.namespace a new name, and everything is read from the beginning",
			 home_count, home_count);
	snprintf(text, TASK_FIT_MAX,
		 "it was written for %" PRIu64 " partitions, and the inputs have %zu: %s",
		 meta->partition_count, partition_count, then);
}

bool task_meta_fits(const struct task_meta *meta, const struct config *config, size_t partition_count,
		    char text[TASK_FIT_MAX])
{
	uint64_t stored_homes = shuffle_mode_home_count(meta->shuffle_mode);
	const char *fault = NULL;
	if (meta->partition_count != partition_count || stored_homes != config->kafka.home_partitions) {
		say_counts(meta, config, partition_count, text);
		return false;
	}
	if (meta->shuffle_mode != shuffle_mode(config))
		fault = "it was written for another `key` or `partitioner` of kafka.inputs: people or clicks "
			"are in other partitions now; give redis.namespace a new name, and everything is "
			"read from the beginning";
	else if (meta->shuffle_stamp != shuffle_stamp(config, partition_count))
		fault = "it was written with another kafka.group or kafka.outputs.shuffle: what tasks had "
			"sent each other there would be missing; go back to those, or give redis.namespace a "
			"new name, and everything is read from the beginning";
	snprintf(text, TASK_FIT_MAX, "%s", fault ? fault : "");
	return !fault;
}

bool task_homes_fit(const struct config *config, size_t partition_count, char text[TASK_FIT_MAX])
{
	if (config->kafka.home_partitions <= partition_count)
		return true;
	snprintf(text, TASK_FIT_MAX,
		 "kafka.home_partitions: people are to be kept in %" PRIu32 " partitions, and the inputs "
		 "have %zu: give them as many, or set it to 0 and give redis.namespace a new name, and "
		 "everything is read from the beginning", config->kafka.home_partitions, partition_count);
	return false;
}
