#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/connections.h"
#include "daemon/kafka_admin.h"
#include "daemon/load_config.h"
#include "daemon/reshard_keys.h"
#include "daemon/reshard_state.h"
#include "daemon/shuffle.h"

enum { ASK_MS = 10000, WHY_BYTES = 768 };

enum plan { PLAN_LEAVE, PLAN_WRITE, PLAN_CLEAR };

struct reshard {
	const struct config *config;
	struct connections connections;
	struct identity identity;
	struct kafka_admin *admin;
	struct reshard_state *state;
	const struct stored_task **tasks; /* by number */
	enum plan *plans;                 /* the same */
	size_t task_count;                /* the inputs' partitions */
	size_t due_count;                 /* to be written or cleared */
	size_t new_count;                 /* to be written, and never resharded before */
	char why[WHY_BYTES];
	int exit_code;
};

static const char help[] =
	"usage: ladderd reshard -c FILE\n"
	"\n"
	"Lets the stored state go on after the input topics were given more partitions, so that nothing\n"
	"has to be read again. People stay in the partitions where they are; what comes in others goes\n"
	"there through kafka.outputs.shuffle. To be done once after each change of the number:\n"
	"\n"
	"  1. stop all instances\n"
	"  2. give all input topics the same, greater number of partitions\n"
	"  3. set kafka.home_partitions to the number that they had when the state was begun\n"
	"  4. ladderd reshard -c FILE\n"
	"  5. start the instances\n"
	"\n"
	"  -c FILE   the configuration of the instances\n"
	"\n"
	"It changes nothing unless everything is as it must be, and can be interrupted at any time and\n"
	"begun again. The inputs may not have fewer partitions than people are kept in.\n"
	"\n"
	"Exit codes: 0 done, or there was nothing to do; 1 the state is not whole; 69 Redis does not\n"
	"answer; 75 an instance is running, or Kafka does not answer; 77 a right is missing; 78 the\n"
	"configuration, the topics or the state must be another one first.\n";

__attribute__((format(printf, 3, 4)))
static bool refuse(struct reshard *reshard, int exit_code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reshard->why, sizeof(reshard->why), format, arguments);
	va_end(arguments);
	reshard->exit_code = exit_code;
	return false;
}

static bool refuse_kafka(struct reshard *reshard, const struct kafka_error *error)
{
	return refuse(reshard, command_code_of(error, EXIT_TEMPORARY), "%s", error->text);
}

/* ---- What is there ---- */

static bool open_all(struct reshard *reshard)
{
	const struct config *config = reshard->config;
	struct kafka_error error;
	int code = identity_load(config->identity.key_file, &reshard->identity, reshard->why,
				 sizeof(reshard->why));
	if (code == EXIT_DONE)
		code = connections_open(config, CONNECTIONS_WITH_SECRETS, &reshard->connections, reshard->why,
					sizeof(reshard->why));
	reshard->exit_code = code;
	if (code != EXIT_DONE)
		return false;
	reshard->admin = kafka_admin_create(&reshard->connections.kafka, &error);
	return reshard->admin || refuse_kafka(reshard, &error);
}

static bool look_at_kafka(struct reshard *reshard)
{
	const struct config_inputs *inputs = &reshard->config->kafka.inputs;
	const char *topics[inputs->count], *group = reshard->config->kafka.group;
	struct kafka_error error;
	char member[WHY_BYTES / 2];
	size_t member_count;
	int count;
	for (size_t i = 0; i < inputs->count; i++)
		topics[i] = inputs->items[i].topic;
	if (!kafka_admin_check_inputs(reshard->admin, topics, inputs->count, ASK_MS, &count, &error) ||
	    !kafka_admin_count_members(reshard->admin, group, ASK_MS, &member_count, member, sizeof(member),
				       &error))
		return refuse_kafka(reshard, &error);
	reshard->task_count = (size_t)count;
	if (member_count > 0)
		return refuse(reshard, EXIT_TEMPORARY, "the group %s has %zu member%s (%s): stop all "
			      "instances; one that was stopped just now may count until its "
			      "session.timeout.ms (10 s) is over", group, member_count,
			      member_count == 1 ? "" : "s", member);
	return true;
}

/* ---- The tasks ---- */

static bool is_first_time(const struct task_meta *head)
{
	return shuffle_mode_home_count(head->shuffle_mode) == 0;
}

/* What is stored was written under this configuration, as it was before. */
static bool was_fit(const struct reshard *reshard, const struct task_meta *head, char why[TASK_FIT_MAX])
{
	struct config before = *reshard->config;
	if (is_first_time(head))
		before.kafka.home_partitions = 0;
	return task_meta_fits(head, &before, head->partition_count, why);
}

static bool judge_task(struct reshard *reshard, size_t number)
{
	const struct stored_task *task = reshard->tasks[number];
	const struct task_meta *head = &task->head;
	const struct config *config = reshard->config;
	uint64_t home_count = is_first_time(head) ? head->partition_count
						  : shuffle_mode_home_count(head->shuffle_mode);
	char why[TASK_FIT_MAX];
	if (head->partition_count == 0)
		return task->vector.len == 0 ||
		       refuse(reshard, EXIT_FAILED, "task %zu: its meta is not ours; is redis.namespace used "
			      "by something else?", number);
	if (task_meta_fits(head, config, reshard->task_count, why))
		return true;
	if (config->kafka.home_partitions && number >= config->kafka.home_partitions && is_first_time(head)) {
		reshard->plans[number] = PLAN_CLEAR;
		reshard->due_count++;
		return true;
	}
	if (config->kafka.home_partitions != home_count || home_count > reshard->task_count)
		return refuse(reshard, EXIT_CONFIG, "task %zu: %s", number, why);
	if (head->partition_count > reshard->task_count)
		return refuse(reshard, EXIT_CONFIG, "task %zu: it was written for %" PRIu64 " partitions, "
			      "and the inputs have %zu: give them as many", number,
			      head->partition_count, reshard->task_count);
	if (!was_fit(reshard, head, why))
		return refuse(reshard, EXIT_CONFIG, "task %zu: %s", number, why);
	reshard->plans[number] = PLAN_WRITE;
	reshard->due_count++;
	reshard->new_count += is_first_time(head);
	return true;
}

/* Of the home tasks none may be missing, of the others all may: they have nothing but offsets. */
static bool judge_presence(struct reshard *reshard)
{
	const char *name_space = reshard->config->redis.namespace;
	size_t home_count = config_home_count(reshard->config, reshard->task_count);
	size_t missing = SIZE_MAX, stored_count = 0;
	for (size_t i = 0; i < reshard->task_count; i++) {
		bool is_stored = reshard->tasks[i]->head.partition_count != 0;
		stored_count += is_stored;
		if (!is_stored && i < home_count && missing == SIZE_MAX)
			missing = i;
	}
	if (stored_count == 0)
		return refuse(reshard, EXIT_CONFIG, "redis.namespace %s holds no state: if the name is "
			      "right, just start ladderd, and everything is read from the beginning",
			      name_space);
	if (missing != SIZE_MAX && reshard->due_count > 0)
		return refuse(reshard, EXIT_FAILED, "redis.namespace %s holds state of %zu tasks, but "
			      "none of task %zu: restore Redis from a copy, or give it a new name, and "
			      "everything is read from the beginning", name_space, stored_count, missing);
	return true;
}

static bool look_at_state(struct reshard *reshard)
{
	const struct config *config = reshard->config;
	reshard->tasks = calloc(reshard->task_count, sizeof(*reshard->tasks));
	reshard->plans = calloc(reshard->task_count, sizeof(*reshard->plans));
	CHECK(reshard->tasks && reshard->plans);
	reshard->state = reshard_state_create(&reshard->connections.redis, config->redis.namespace,
					      &reshard->identity);
	for (size_t i = 0; i < reshard->task_count; i++) {
		reshard->tasks[i] = reshard_state_read(reshard->state, reshard->why, sizeof(reshard->why),
						       &reshard->exit_code);
		if (!reshard->tasks[i] || !judge_task(reshard, i))
			return false;
	}
	return judge_presence(reshard);
}

/* ---- Before the first time ---- */

static bool look_at_keys(struct reshard *reshard)
{
	const struct config *config = reshard->config;
	struct keys_seen seen;
	struct kafka_error error;
	if (reshard->new_count == 0 || !config_shuffle(config).is_by_key)
		return true;
	if (!reshard_look_at_keys(config, &reshard->connections.kafka, reshard->tasks,
				  config->kafka.home_partitions, &seen, &error))
		return refuse_kafka(reshard, &error);
	if (seen.topic)
		return refuse(reshard, EXIT_CONFIG, "%s, partition %" PRId32 ": the key of the record at "
			      "offset %" PRId64 ", which was read there, belongs into partition %" PRIu32
			      " of %" PRIu32 ": either kafka.inputs[].partitioner is not that of its "
			      "producers, and is to be set, or an instance still ran when the topics had "
			      "been given more partitions, and people are in two tasks now: give "
			      "redis.namespace a new name, and everything is read from the beginning",
			      seen.topic, seen.partition, seen.offset, seen.belongs,
			      config->kafka.home_partitions);
	if (seen.looked_at)
		printf("%" PRIu64 " keys of records that were read last are where they belong\n",
		       seen.looked_at);
	else
		printf("no record that was read is left: it is not known whether keys lie where "
		       "kafka.inputs[].partitioner puts them\n");
	return true;
}

/* ---- Changing it ---- */

static bool grow_shuffle(struct reshard *reshard)
{
	const char *topic = reshard->config->kafka.outputs.shuffle;
	struct kafka_error error;
	int count;
	if (!kafka_admin_count_partitions(reshard->admin, topic, ASK_MS, &count, &error))
		return error.fault == KAFKA_FAULT_CONFIG || refuse_kafka(reshard, &error);
	if ((size_t)count >= reshard->task_count)
		return true;
	if (!kafka_admin_grow_topic(reshard->admin, topic, (int)reshard->task_count, ASK_MS, &error))
		return refuse_kafka(reshard, &error);
	printf("%s has %zu partitions now, not %d\n", topic, reshard->task_count, count);
	return true;
}

static bool write_task(struct reshard *reshard, size_t number)
{
	struct task_meta head = reshard->tasks[number]->head;
	head.partition_count = reshard->task_count;
	head.shuffle_mode = shuffle_mode(reshard->config);
	head.shuffle_stamp = shuffle_stamp(reshard->config, reshard->task_count);
	if (!reshard_state_write(reshard->state, number, &head, reshard->why, sizeof(reshard->why),
				 &reshard->exit_code))
		return false;
	printf("task %zu (%zu pages) goes on with %zu partitions\n", number,
	       reshard->tasks[number]->page_count, reshard->task_count);
	return true;
}

static bool clear_task(struct reshard *reshard, size_t number)
{
	if (!reshard_state_clear(reshard->state, number, reshard->why, sizeof(reshard->why),
				 &reshard->exit_code))
		return false;
	printf("task %zu is begun anew: it had been without kafka.home_partitions\n", number);
	return true;
}

static bool change_tasks(struct reshard *reshard)
{
	bool is_done = true;
	for (size_t i = 0; i < reshard->task_count && is_done; i++)
		if (reshard->plans[i] == PLAN_WRITE)
			is_done = write_task(reshard, i);
		else if (reshard->plans[i] == PLAN_CLEAR)
			is_done = clear_task(reshard, i);
	return is_done;
}

static bool change_all(struct reshard *reshard)
{
	if (reshard->due_count == 0) {
		printf("nothing to do: the state is for %zu partitions already\n", reshard->task_count);
		return true;
	}
	if (!look_at_keys(reshard) || !grow_shuffle(reshard) || !change_tasks(reshard))
		return false;
	printf("done: people are kept in the first %" PRIu32 " of %zu partitions; start the instances\n",
	       reshard->config->kafka.home_partitions, reshard->task_count);
	return true;
}

static int reshard_with(const struct config *config)
{
	struct reshard reshard = {.config = config};
	bool is_done = open_all(&reshard) && look_at_kafka(&reshard) && look_at_state(&reshard) &&
		       change_all(&reshard);
	if (!is_done)
		fprintf(stderr, "ladderd reshard: %s\n", reshard.why);
	reshard_state_destroy(reshard.state);
	kafka_admin_destroy(reshard.admin);
	connections_close(&reshard.connections);
	explicit_bzero(&reshard.identity, sizeof(reshard.identity));
	free(reshard.tasks);
	free(reshard.plans);
	return is_done ? EXIT_DONE : reshard.exit_code;
}

int command_reshard(int argc, char **argv)
{
	const char *path;
	int code;
	if (!command_take_config("reshard", help, argc, argv, &path, &code))
		return code;
	struct config *config = load_config(path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	code = reshard_with(config);
	config_destroy(config);
	return code;
}
