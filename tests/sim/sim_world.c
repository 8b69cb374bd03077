#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "daemon/publisher_private.h"
#include "daemon/worker_private.h"
#include "tests/sim/sim_cluster.h"

enum { SESSION_MS = 2000, LET_GO_US = 8000000, NOTICE_MAX_US = 3000000 };
enum { NOBODY = -1 };

struct instance {
	bool is_alive;
	int64_t back_us;     /* when a dead one is started again */
	int64_t frozen_us;   /* until then it gets no turn */
	int64_t expelled_us; /* the group goes on without it from then; 0: it is a member */
	int64_t notices_us;  /* when it hears of that */
	bool is_leaving;     /* ends when it has let go of all */
	struct shared shared;
	struct publisher *publisher;
	struct worker *workers[SIM_WORKERS_MAX];
	size_t worker_count;
	int32_t tasks[SIM_TASKS];
};

enum fault {
	FAULT_CRASH, FAULT_FREEZE, FAULT_EXPEL, FAULT_LEAVE, FAULT_CUT, FAULT_REDIS_CRASH, FAULT_REDIS_EMPTY,
	FAULT_KAFKA_AWAY, FAULT_SESSION, FAULT_MEMORY, FAULT_DELETE, FAULT_COUNT
};

static const char *const fault_names[FAULT_COUNT] = {
	"crashes", "pauses", "expulsions", "leaves", "lost connections", "Redis losing writes",
	"Redis losing all", "brokers away", "broken producer sessions", "memory full",
	"records deleted"};

static struct {
	const struct config *config;
	const struct identity *identity;
	struct erased *nobody_erased;
	struct memory_plan plan;
	struct instance instances[SIM_INSTANCES_MAX];
	int owners[SIM_TASKS];       /* whom the group gave it to */
	int64_t leave_by_us[SIM_TASKS]; /* being let go by its owner; 0: not */
	bool is_calm;
	struct sim_options options;
	uint64_t *counts;            /* of faults, in all processes */
} world;

/* ---- Life ---- */

static void share(struct instance *instance)
{
	struct shared *shared = &instance->shared;
	*shared = (struct shared){.worker_count = instance->worker_count, .task_count = SIM_TASKS};
	shared->positions = calloc(instance->worker_count, sizeof(*shared->positions));
	shared->duties = calloc(SIM_TASKS, sizeof(*shared->duties));
	size_t pulse_bytes = (instance->worker_count + 1) * sizeof(*shared->pulses);
	shared->pulses = aligned_alloc(_Alignof(struct pulse), pulse_bytes);
	CHECK(shared->positions && shared->duties && shared->pulses);
	memset(shared->pulses, 0, pulse_bytes);
	for (size_t i = 0; i < instance->worker_count; i++)
		atomic_store(&shared->positions[i], TIME_NONE);
	atomic_store(&shared->others_position_ms, INT64_MAX);
	atomic_store(&shared->erased, world.nobody_erased);
	atomic_store(&shared->config, world.config);
}

static struct worker *start_worker(struct instance *instance, size_t number, const int32_t *tasks,
				   size_t count)
{
	struct worker_options options = {
		.identity = world.identity,
		.shared = &instance->shared,
		.publisher = instance->publisher,
		.number = number,
		.tasks = tasks,
		.task_count = count,
		.memory = &world.plan,
	};
	options.redis.place_count = sim_cluster_places(options.redis.places);
	struct worker *worker = worker_create(&options);
	CHECK(worker_begin(worker));
	return worker;
}

static void start(struct instance *instance)
{
	struct kafka_error error;
	*instance = (struct instance){.is_alive = true, .worker_count = 1 + sim_random(SIM_WORKERS_MAX)};
	share(instance);
	instance->publisher = publisher_create(&(struct publisher_options){
		.shared = &instance->shared,
		.worker_count = instance->worker_count,
		.task_count = SIM_TASKS,
		.current_partitions = 1,
		.history_partitions = 1,
		.alert_partitions = 1,
		.session_ms = SESSION_MS,
		.waiting_bytes = 1 << 20,
		.queue_records = 2000,
		.queue_bytes = 1 << 20,
	}, &error);
	CHECK(instance->publisher);
	publisher_begin(instance->publisher);
	size_t at = 0;
	for (size_t i = 0; i < instance->worker_count; i++) {
		size_t first = at;
		for (size_t task = i; task < SIM_TASKS; task += instance->worker_count)
			instance->tasks[at++] = (int32_t)task;
		instance->workers[i] = start_worker(instance, i, instance->tasks + first, at - first);
	}
}

static void end(struct instance *instance)
{
	for (size_t i = 0; i < instance->worker_count; i++)
		worker_destroy(instance->workers[i]);
	publisher_destroy(instance->publisher);
	free(instance->shared.positions);
	free(instance->shared.duties);
	free(instance->shared.pulses);
	instance->is_alive = false;
	instance->back_us = sim_now_us() + (int64_t)sim_random(3000000);
}

/* ---- The group ---- */

static bool is_member(const struct instance *instance)
{
	return instance->is_alive && !instance->is_leaving &&
	       (instance->expelled_us == 0 || sim_now_us() < instance->expelled_us);
}

static struct task_duty *duty(int owner, size_t task)
{
	return &world.instances[owner].shared.duties[task];
}

/* Who should have a task: spread over the members, differently as they come and go. */
static int wanted_owner(size_t task)
{
	int members[SIM_INSTANCES_MAX], count = 0;
	for (int i = 0; i < SIM_INSTANCES_MAX; i++)
		if (is_member(&world.instances[i]))
			members[count++] = i;
	return count ? members[task % (size_t)count] : NOBODY;
}

static void give(size_t task, int owner)
{
	world.owners[task] = owner;
	world.leave_by_us[task] = 0;
	if (owner != NOBODY)
		atomic_store(&duty(owner, task)->is_wanted, true);
}

static void move_task(size_t task)
{
	int owner = world.owners[task], wanted = wanted_owner(task);
	if (owner == wanted && !world.leave_by_us[task])
		return;
	bool is_gone = owner == NOBODY || !world.instances[owner].is_alive ||
		       (!is_member(&world.instances[owner]) && !world.instances[owner].is_leaving);
	if (is_gone) {
		give(task, wanted);
		return;
	}
	if (!world.leave_by_us[task]) {
		atomic_store(&duty(owner, task)->is_wanted, false);
		world.leave_by_us[task] = sim_now_us() + LET_GO_US;
	}
	if (!atomic_load(&duty(owner, task)->is_held) || sim_now_us() > world.leave_by_us[task])
		give(task, wanted);
}

/* One that was expelled hears of it, gives all up, and joins again. */
static void notice(struct instance *instance)
{
	if (!instance->expelled_us || sim_now_us() < instance->notices_us ||
	    sim_now_us() < instance->frozen_us)
		return;
	for (size_t i = 0; i < SIM_TASKS; i++)
		atomic_store(&instance->shared.duties[i].is_wanted, false);
	for (size_t i = 0; i < SIM_TASKS; i++)
		if (atomic_load(&instance->shared.duties[i].is_held))
			return;
	instance->expelled_us = instance->notices_us = 0;
	for (size_t i = 0; i < SIM_TASKS; i++)
		if (world.owners[i] == instance - world.instances)
			give(i, NOBODY);
}

static bool holds_any(const struct instance *instance)
{
	for (size_t i = 0; i < SIM_TASKS; i++)
		if (world.owners[i] == instance - world.instances ||
		    atomic_load(&instance->shared.duties[i].is_held))
			return true;
	return false;
}

static void turn_group(void)
{
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++) {
		struct instance *instance = &world.instances[i];
		if (!instance->is_alive && sim_now_us() >= instance->back_us)
			start(instance);
		else if (instance->is_alive)
			notice(instance);
		if (instance->is_alive && instance->is_leaving && !holds_any(instance))
			end(instance);
	}
	for (size_t i = 0; i < SIM_TASKS; i++)
		move_task(i);
}

/* ---- Faults ---- */

static void freeze(struct instance *instance, bool is_expelled)
{
	int64_t us = 200000 + (int64_t)sim_random(is_expelled ? 6000000 : 1500000);
	instance->frozen_us = sim_now_us() + us;
	if (!is_expelled || us < SESSION_MS * 1000 || instance->expelled_us)
		return;
	instance->expelled_us = sim_now_us() + SESSION_MS * 1000;
	instance->notices_us = instance->frozen_us + (int64_t)sim_random(NOTICE_MAX_US);
}

static void hurt(struct instance *instance, enum fault fault)
{
	if (!instance->is_alive)
		return;
	__atomic_fetch_add(&world.counts[fault], 1, __ATOMIC_RELAXED);
	switch (fault) {
	case FAULT_CRASH:
		end(instance);
		return;
	case FAULT_FREEZE:
	case FAULT_EXPEL:
		freeze(instance, fault == FAULT_EXPEL);
		return;
	case FAULT_LEAVE:
		instance->is_leaving = true;
		return;
	case FAULT_MEMORY:
		atomic_store(&instance->shared.is_memory_full, true);
		return;
	default:
		CHECK(false);
	}
}

static bool delete_records(void)
{
	if (!world.options.has_gaps)
		return false;
	size_t input = SIM_INPUT_MESSAGES + sim_random(SIM_INPUT_OUTCOMES - SIM_INPUT_MESSAGES + 1);
	const char *topic = world.config->kafka.inputs.items[input].topic;
	return sim_log_delete(&sim_topic(topic)->logs[sim_random(SIM_TASKS)]);
}

static void strike(enum fault fault)
{
	switch (fault) {
	case FAULT_CUT:
		sim_redis_cut();
		break;
	case FAULT_REDIS_CRASH:
	case FAULT_REDIS_EMPTY:
		sim_redis_crash(fault == FAULT_REDIS_EMPTY);
		break;
	case FAULT_KAFKA_AWAY:
		sim_kafka_away(sim_now_us() + (int64_t)sim_random(2000000));
		break;
	case FAULT_SESSION:
		sim_kafka_break_sessions();
		break;
	case FAULT_DELETE:
		if (!delete_records())
			return;
		break;
	default:
		hurt(&world.instances[sim_random(SIM_INSTANCES_MAX)], fault);
		return;
	}
	__atomic_fetch_add(&world.counts[fault], 1, __ATOMIC_RELAXED);
}

/* In a hundred thousand steps. */
static const unsigned fault_rates[FAULT_COUNT] = {
	[FAULT_CRASH] = 150, [FAULT_FREEZE] = 100, [FAULT_EXPEL] = 100, [FAULT_LEAVE] = 80, [FAULT_CUT] = 200,
	[FAULT_REDIS_CRASH] = 60, [FAULT_REDIS_EMPTY] = 15, [FAULT_KAFKA_AWAY] = 60, [FAULT_SESSION] = 100,
	[FAULT_MEMORY] = 100, [FAULT_DELETE] = 200};

static void strike_sometimes(void)
{
	uint64_t drawn = sim_random(100000);
	for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
		if (drawn < fault_rates[fault]) {
			strike(fault);
			return;
		}
		drawn -= fault_rates[fault];
	}
}

/* ---- Steps ---- */

static void turn_instance(struct instance *instance)
{
	if (!instance->is_alive || sim_now_us() < instance->frozen_us)
		return;
	CHECK(atomic_load(&instance->shared.exit_code) == 0);
	size_t who = sim_random(instance->worker_count + 1);
	if (who < instance->worker_count)
		worker_turn(instance->workers[who]);
	else
		publisher_turn(instance->publisher);
	if (sim_chance(50))
		atomic_store(&instance->shared.is_memory_full, false);
}

void sim_world_step(void)
{
	sim_pass((int64_t)sim_random(10000));
	sim_redis_turn();
	if (!world.is_calm)
		strike_sometimes();
	if (!world.is_calm && sim_chance(3))
		sim_redis_save();
	if (sim_chance(4))
		sim_kafka_clean();
	if (world.options.is_cluster && sim_chance(world.is_calm ? 2 : 20))
		sim_redis_move();
	turn_group();
	turn_instance(&world.instances[sim_random(SIM_INSTANCES_MAX)]);
}

void sim_world_begin(const struct config *config, const struct identity *identity,
		     const struct sim_options *options)
{
	world.options = *options;
	world.config = config;
	world.identity = identity;
	world.is_calm = false;
	world.nobody_erased = erased_create(NULL, 0);
	world.plan = (struct memory_plan){.state_bytes = UINT64_MAX / 32, .prefetch_bytes = 1 << 20};
	sim_kafka_begin();
	sim_topic_compact(config->kafka.outputs.current);
	sim_topic_compact(config->kafka.outputs.history);
	sim_topic_compact(config->kafka.outputs.alerts);
	sim_redis_begin(options->is_cluster);
	for (size_t i = 0; i < SIM_TASKS; i++) {
		world.owners[i] = NOBODY;
		world.leave_by_us[i] = 0;
	}
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++)
		world.instances[i].back_us = sim_now_us() + (int64_t)sim_random(4000000);
}

void sim_world_reload(const struct config *config)
{
	world.config = config;
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++)
		if (world.instances[i].is_alive)
			atomic_store(&world.instances[i].shared.config, config);
}

void sim_world_end(void)
{
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++)
		if (world.instances[i].is_alive)
			end(&world.instances[i]);
	sim_redis_end();
	sim_kafka_end();
	free(world.nobody_erased);
}

void sim_world_calm(void)
{
	world.is_calm = true;
	sim_redis_calm();
	sim_kafka_calm();
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++)
		world.instances[i].frozen_us = 0;
}

/* ---- The end ---- */

static bool stands_before_gap(const struct worker_task *task, size_t input)
{
	const struct worker *worker = task->worker;
	return world.config->kafka.on_gap == CONFIG_ON_GAP_STOP &&
	       kafka_in_problem(worker->in, input, (int32_t)task->number)->kind == KAFKA_PROBLEM_GAP;
}

static bool task_is_quiet(const struct worker_task *task)
{
	const struct worker *worker = task->worker;
	for (size_t i = 0; i < worker->input_count; i++)
		if (!kafka_in_at_end(worker->in, i, (int32_t)task->number) && !stands_before_gap(task, i))
			return false;
	return task->is_caught_up && !task->commit && !task->is_committing && !task->is_dirty;
}

static const struct worker_task *find_task(uint32_t number)
{
	const struct worker_task *found = NULL;
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++) {
		const struct instance *instance = &world.instances[i];
		for (size_t w = 0; instance->is_alive && w < instance->worker_count; w++)
			for (size_t t = 0; t < instance->workers[w]->options.task_count; t++) {
				const struct worker_task *task = &instance->workers[w]->tasks[t];
				if (task->number != number || task->state == TASK_ABSENT)
					continue;
				if (found || task->state != TASK_READING)
					return NULL;
				found = task;
			}
	}
	return found;
}

static bool publisher_is_quiet(struct publisher *publisher)
{
	int64_t due_ms;
	if (dead_letters_waiting(publisher->dead) || publisher->far.waiting_count ||
	    (publisher->forwards && forwards_waiting(publisher->forwards)))
		return false;
	return !publisher_merges(publisher) ||
	       (publisher->merging.caught_up_count == SIM_TASKS && far_is_leased(publisher) &&
		!publisher->far.look_due_ms &&
		!merger_is_waiting(publisher->merging.merger, &due_ms));
}

/* Redis may have lost the claim of an owner that the merger listened to: then it takes time until it listens
 * to the one before him again. */
static bool listens_to_owners(const struct publisher *publisher)
{
	for (uint32_t i = 0; i < SIM_TASKS; i++)
		if (publisher->merging.sources[i].term != find_task(i)->term)
			return false;
	return true;
}

bool sim_world_is_quiet(void)
{
	size_t merging_count = 0;
	for (uint32_t i = 0; i < SIM_TASKS; i++) {
		const struct worker_task *task = find_task(i);
		if (!task || !task_is_quiet(task))
			return false;
	}
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++) {
		const struct instance *instance = &world.instances[i];
		if (!instance->is_alive || instance->is_leaving || instance->expelled_us ||
		    !publisher_is_quiet(instance->publisher))
			return false;
		if (!publisher_merges(instance->publisher))
			continue;
		merging_count++;
		if (!listens_to_owners(instance->publisher))
			return false;
	}
	return merging_count == 1;
}

const struct counts *sim_world_counts(uint32_t task, size_t input)
{
	const struct worker_task *found = find_task(task);
	CHECK(found);
	return &found->task->inputs[input];
}

const struct input_gap *sim_world_gap(uint32_t task, size_t input, int64_t *offset)
{
	const struct worker_task *found = find_task(task);
	CHECK(found);
	*offset = kafka_in_position(found->worker->in, input, (int32_t)task);
	return &found->inputs[input].gap;
}

static const struct instance *merging_instance(void)
{
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++)
		if (world.instances[i].is_alive && publisher_merges(world.instances[i].publisher))
			return &world.instances[i];
	CHECK(false);
	return NULL;
}

int64_t sim_world_now_ms(void)
{
	return atomic_load(&merging_instance()->shared.now_ms);
}

struct merger *sim_world_merger(void)
{
	return merging_instance()->publisher->merging.merger;
}

static void print_instance(const struct instance *instance)
{
	const struct publisher *publisher = instance->publisher;
	printf("instance: leaving %d, expelled %d, merges %d, wanted merger %d, announcement %" PRIu64
	       ", caught up %zu, letters %zu\n", instance->is_leaving, instance->expelled_us != 0,
	       publisher_merges(publisher), atomic_load(&instance->shared.is_merger),
	       publisher->far.announcement, publisher->merging.caught_up_count,
	       dead_letters_waiting(publisher->dead));
	for (uint32_t i = 0; publisher_merges(publisher) && i < SIM_TASKS; i++)
		printf("  hears task %" PRIu32 ": term %" PRIu64 ", caught up %d\n", i,
		       publisher->merging.sources[i].term, publisher->merging.sources[i].is_caught_up);
	for (size_t w = 0; w < instance->worker_count; w++)
		for (size_t t = 0; t < instance->workers[w]->options.task_count; t++) {
			const struct worker_task *task = &instance->workers[w]->tasks[t];
			printf("  task %" PRIu32 ": term %" PRIu64
			       ", state %d, caught up %d, told %d, dirty %d\n", task->number, task->term,
			       task->state, task->is_caught_up, task->is_told, task->is_dirty);
		}
}

void sim_world_print(void)
{
	for (size_t i = 0; i < SIM_INSTANCES_MAX; i++)
		if (world.instances[i].is_alive)
			print_instance(&world.instances[i]);
}

void sim_world_count(void)
{
	world.counts = mmap(NULL, FAULT_COUNT * sizeof(*world.counts), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(world.counts != MAP_FAILED);
}

void sim_world_print_counts(void)
{
	for (enum fault fault = 0; fault < FAULT_COUNT; fault++)
		printf("%s%" PRIu64 " %s", fault ? ", " : "", world.counts[fault], fault_names[fault]);
	printf("\n");
}
