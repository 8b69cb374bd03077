#include "daemon/run.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/commands.h"
#include "daemon/connections.h"
#include "daemon/control.h"
#include "daemon/erasures.h"
#include "daemon/kafka_admin.h"
#include "daemon/load_config.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/memory.h"
#include "daemon/output_topics.h"
#include "daemon/progress.h"
#include "daemon/reload.h"
#include "daemon/service.h"
#include "daemon/task_meta.h"
#include "daemon/watch.h"
#include "daemon/worker.h"

enum { ASK_TIMEOUT_MS = 3000, ASK_AGAIN_MS = 1000, LAST_ROWS_MS = 1500, LEAVE_GROUP_MS = 1000 };
enum { LET_GO_MS = 15000, LET_GO_LOOK_MS = 5 };
enum { WATCH_MS = 100, MEMORY_SAID_EVERY_MS = 60000, COMMITTED_FOR_MS = 5000 };
enum { START_MS = 60000, START_SAID_EVERY_MS = 5000, END_MS = 15000 };

/* What belongs to one run. */
struct run {
	const struct config *config;
	enum run_outputs outputs;
	struct connections connections;
	struct identity identity;
	struct shared shared;
	struct publisher *publisher;
	struct kafka_group *group;
	struct erasures *erasures;
	struct worker **workers;
	int32_t *tasks; /* ordered by worker */
	size_t worker_count;
	int task_count;
	int current_partitions;
	int history_partitions;
	int alert_partitions;
	struct memory_plan memory;
	bool is_memory_said;    /* that it is full, since it is */
	int64_t memory_said_ms; /* when it was last said that it is full of people; 0: not since it is */
	int64_t uncommitted_ms; /* when what is not committed last made much of it */
	struct watch *watch;    /* NULL: nobody asks */
	struct desk *desk;      /* between control and the workers */
	struct control *control; /* NULL: the same */
	struct progress *progress;
	struct reload *reload;  /* NULL: there is no file */
	bool is_member;         /* the group has said what tasks are ours */
	bool is_ready;          /* the same, once, and the service manager knows */
	int64_t start_said_ms;
	int64_t status_due_ms;
};

/* Set by any thread or a signal handler: licenses nothing but the end. */
static atomic_bool is_stop_requested;
/* Set by a signal handler: licenses the main thread to read the configuration file again. */
static atomic_bool is_reload_requested;

void run_request_stop(void)
{
	atomic_store(&is_stop_requested, true);
}

static void pause_ms(int64_t time_ms)
{
	struct timespec pause = {time_ms / 1000, time_ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

/* The service manager waits for Kafka as patiently as we do. */
static void say_start(struct run *run, const char *waits_for)
{
	int64_t now_ms = loop_now_ms();
	if (run->start_said_ms && now_ms - run->start_said_ms < START_SAID_EVERY_MS)
		return;
	run->start_said_ms = now_ms;
	service_extend(START_MS);
	service_say("waits for %s", waits_for);
}

static bool check_inputs(struct run *run, struct kafka_admin *admin, struct kafka_error *error)
{
	const struct config_inputs *inputs = &run->config->kafka.inputs;
	const char *topics[inputs->count];
	for (size_t i = 0; i < inputs->count; i++)
		topics[i] = inputs->items[i].topic;
	if (!kafka_admin_check_inputs(admin, topics, inputs->count, ASK_TIMEOUT_MS, &run->task_count, error))
		return false;
	error->fault = KAFKA_FAULT_CONFIG;
	return task_homes_fit(run->config, (size_t)run->task_count, error->text);
}

/* As many partitions as the inputs have. */
static bool ensure_shuffle(struct run *run, struct kafka_admin *admin, struct kafka_error *error)
{
	const struct kafka_output output = {run->config->kafka.outputs.shuffle, false, run->task_count,
					    KAFKA_ADMIN_DEFAULT, 0, 0};
	int partition_count;
	if (!config_shuffle(run->config).is_on)
		return true;
	if (run->outputs != RUN_OUTPUTS_EXIST &&
	    !kafka_admin_ensure_outputs(admin, &output, 1, ASK_TIMEOUT_MS, error))
		return false;
	if (!kafka_admin_count_partitions(admin, output.topic, ASK_TIMEOUT_MS, &partition_count, error)) {
		if (error->fault == KAFKA_FAULT_CONFIG) /* just created: not every broker has heard of it */
			error->fault = KAFKA_FAULT_RETRY;
		return false;
	}
	error->fault = KAFKA_FAULT_CONFIG;
	snprintf(error->text, sizeof(error->text),
		 "%s has %d partitions, and the inputs have %d: if they were given more, stop all instances, "
		 "set kafka.home_partitions to the number that they had when the state was begun, and run "
		 "`ladderd reshard`", output.topic, partition_count, run->task_count);
	return partition_count == run->task_count;
}

static bool ensure_outputs(struct run *run, struct kafka_admin *admin, struct kafka_error *error)
{
	if (run->outputs == RUN_OUTPUTS_EXIST)
		return true;
	struct kafka_output outputs[OUTPUT_TOPIC_COUNT];
	output_topics(run->config, outputs);
	return kafka_admin_ensure_outputs(admin, outputs, OUTPUT_TOPIC_COUNT, ASK_TIMEOUT_MS, error);
}

static bool count_output_partitions(struct run *run, struct kafka_admin *admin, struct kafka_error *error)
{
	return kafka_admin_count_partitions(admin, run->config->kafka.outputs.current, ASK_TIMEOUT_MS,
					    &run->current_partitions, error) &&
	       kafka_admin_count_partitions(admin, run->config->kafka.outputs.history, ASK_TIMEOUT_MS,
					    &run->history_partitions, error) &&
	       kafka_admin_count_partitions(admin, run->config->kafka.outputs.alerts, ASK_TIMEOUT_MS,
					    &run->alert_partitions, error);
}

/* Asks until Kafka answers; what only somebody's hand can mend ends it. */
static int ask_kafka(struct run *run)
{
	struct kafka_error error;
	struct kafka_admin *admin = kafka_admin_create(&run->connections.kafka, &error);
	if (!admin) {
		log_error("kafka cannot be used", "why=%s", log_quoted(error.text).text);
		return command_code_of(&error, EXIT_TEMPORARY);
	}
	int code = EXIT_DONE;
	while (!atomic_load(&is_stop_requested)) {
		if (check_inputs(run, admin, &error) && ensure_outputs(run, admin, &error) &&
		    ensure_shuffle(run, admin, &error) && count_output_partitions(run, admin, &error))
			break;
		log_event(error.fault == KAFKA_FAULT_RETRY ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
			  "kafka is not ready for us", "why=%s", log_quoted(error.text).text);
		if (error.fault != KAFKA_FAULT_RETRY) {
			code = command_code_of(&error, EXIT_TEMPORARY);
			break;
		}
		say_start(run, "Kafka");
		pause_ms(ASK_AGAIN_MS);
	}
	kafka_admin_destroy(admin);
	return code;
}

/* Task p belongs to worker p modulo the number of workers. */
static void divide_tasks(struct run *run)
{
	run->worker_count = run->config->workers;
	if (run->worker_count > (size_t)run->task_count)
		run->worker_count = (size_t)run->task_count;
	run->tasks = calloc((size_t)run->task_count, sizeof(*run->tasks));
	CHECK(run->tasks);
	size_t count = 0;
	for (size_t i = 0; i < run->worker_count; i++)
		for (int task = (int)i; task < run->task_count; task += (int)run->worker_count)
			run->tasks[count++] = task;
}

static void start_workers(struct run *run)
{
	run->workers = calloc(run->worker_count, sizeof(struct worker *));
	CHECK(run->workers);
	const int32_t *tasks = run->tasks;
	for (size_t i = 0; i < run->worker_count; i++) {
		size_t count = ((size_t)run->task_count - i + run->worker_count - 1) / run->worker_count;
		run->workers[i] = worker_start(&(struct worker_options){
			.connection = run->connections.kafka,
			.redis = run->connections.redis,
			.identity = &run->identity,
			.shared = &run->shared,
			.publisher = run->publisher,
			.group = run->group,
			.number = i,
			.tasks = tasks,
			.task_count = count,
			.memory = &run->memory,
			.board = watch_board(run->watch),
			.desk = run->desk,
		});
		tasks += count;
	}
}

static unsigned to_mib(uint64_t bytes)
{
	return (unsigned)(bytes >> 20);
}

static bool plan_memory(struct run *run)
{
	char error[512];
	size_t partition_count = (size_t)run->task_count * config_read_count(run->config);
	uint64_t machine_bytes = memory_machine_bytes();
	struct memory_plan *plan = &run->memory;
	if (!memory_plan(run->config, run->worker_count, partition_count, machine_bytes, plan, error,
			 sizeof(error))) {
		log_error("the memory is not enough", "why=%s", log_quoted(error).text);
		return false;
	}
	log_info("memory is bounded", "limit_mib=%u buffers_mib=%u rest_mib=%u machine_mib=%u",
		 to_mib(plan->limit_bytes), to_mib(plan->buffers_bytes), to_mib(plan->state_bytes),
		 to_mib(machine_bytes));
	return true;
}

static struct memory_use memory_use(const struct run *run)
{
	struct memory_use use = {.resident_bytes = memory_resident_bytes()};
	for (size_t i = 0; i < run->worker_count; i++) {
		const struct pulse *pulse = &run->shared.pulses[i];
		use.copied_bytes += atomic_load_explicit(&pulse->copied_bytes, memory_order_relaxed);
		use.uncopied_bytes += atomic_load_explicit(&pulse->uncopied_bytes, memory_order_relaxed);
		use.ahead_bytes += atomic_load_explicit(&pulse->ahead_bytes, memory_order_relaxed);
	}
	return use;
}

/* Of people and ads said at once, and then once a minute. */
static void say_memory_is_full(struct run *run, const struct memory_use *use)
{
	int64_t now_ms = loop_now_ms();
	uint64_t uncommitted_bytes = use->copied_bytes + use->uncopied_bytes;
	if (uncommitted_bytes > run->memory.state_bytes / 20)
		run->uncommitted_ms = now_ms;
	bool is_waiting = run->uncommitted_ms && now_ms - run->uncommitted_ms < COMMITTED_FOR_MS;
	if (is_waiting && !run->is_memory_said) {
		log_warn("what waits for Redis has filled the memory: nothing is read until it is committed",
			 "resident_mib=%u uncommitted_mib=%u rest_mib=%u limit_mib=%u",
			 to_mib(use->resident_bytes), to_mib(uncommitted_bytes),
			 to_mib(run->memory.state_bytes), to_mib(run->memory.limit_bytes));
	} else if (!is_waiting && (!run->memory_said_ms ||
				   now_ms - run->memory_said_ms >= MEMORY_SAID_EVERY_MS)) {
		run->memory_said_ms = now_ms;
		log_error("people and ads have filled the memory: nothing is read",
			  "resident_mib=%u rest_mib=%u limit_mib=%u hint=%s", to_mib(use->resident_bytes),
			  to_mib(run->memory.state_bytes), to_mib(run->memory.limit_bytes),
			  "\"raise limits.memory and start again, or shorten ladder.retention\"");
	}
	run->is_memory_said = true;
}

static void watch_memory(struct run *run)
{
	bool was_full = atomic_load(&run->shared.is_memory_full);
	const struct memory_use use = memory_use(run);
	bool is_full = memory_is_full(&run->memory, &use, was_full);
	atomic_store(&run->shared.is_memory_full, is_full);
	if (is_full)
		say_memory_is_full(run, &use);
	if (was_full && !is_full) {
		run->is_memory_said = false;
		run->memory_said_ms = 0;
		log_info("there is memory again: reading goes on", "resident_mib=%u",
			 to_mib(use.resident_bytes));
	}
}

static void say_status(struct run *run, bool is_changed)
{
	int64_t now_ms = loop_now_ms();
	if (!watch_board(run->watch) || (!is_changed && now_ms < run->status_due_ms))
		return;
	run->status_due_ms = now_ms + STATUS_EVERY_MS;
	size_t task_count = (size_t)run->task_count;
	struct instance_status *status = calloc(1, sizeof(*status) + task_count);
	CHECK(status);
	status->at_ms = now_ms;
	status->is_member = run->is_member;
	status->now_ms = atomic_load_explicit(&run->shared.now_ms, memory_order_relaxed);
	status->is_memory_full = atomic_load(&run->shared.is_memory_full);
	status->memory_limit_bytes = run->memory.limit_bytes;
	status->task_count = task_count;
	for (size_t i = 0; i < task_count; i++) {
		status->is_wanted[i] = atomic_load(&run->shared.duties[i].is_wanted);
		status->wanted_count += status->is_wanted[i];
	}
	status_put_instance(watch_board(run->watch), status);
}

/* ---- The group ---- */

static void wake_workers(struct run *run)
{
	for (size_t i = 0; i < run->worker_count; i++)
		worker_wake(run->workers[i]);
}

static void fail(struct run *run, int exit_code)
{
	atomic_store(&run->shared.exit_code, exit_code);
	atomic_store(&run->shared.is_stopping, true);
}

static void take_tasks(void *ctx, const int32_t *tasks, size_t task_count)
{
	struct run *run = ctx;
	for (size_t i = 0; i < task_count; i++) {
		if (tasks[i] >= run->task_count) {
			log_error("the number of partitions has changed",
				  "topic=%s partition=%d tasks=%d hint=%s",
				  run->config->kafka.inputs.items[0].topic, (int)tasks[i], run->task_count,
				  "\"stop all instances, set kafka.home_partitions and run `ladderd "
				  "reshard`\"");
			fail(run, EXIT_CONFIG);
			return;
		}
		atomic_store(&run->shared.duties[tasks[i]].is_wanted, true);
	}
	run->is_member = true;
	say_status(run, true);
	wake_workers(run);
}

static bool is_any_held(struct run *run, const int32_t *tasks, size_t task_count)
{
	for (size_t i = 0; i < task_count; i++)
		if (tasks[i] < run->task_count && atomic_load(&run->shared.duties[tasks[i]].is_held))
			return true;
	return false;
}

/* Returns when the workers have committed them and let them go; others may have them only then. */
static void leave_tasks(void *ctx, const int32_t *tasks, size_t task_count, bool is_lost)
{
	struct run *run = ctx;
	for (size_t i = 0; i < task_count; i++)
		if (tasks[i] < run->task_count)
			atomic_store(&run->shared.duties[tasks[i]].is_wanted, false);
	run->is_member = !is_lost;
	say_status(run, true);
	wake_workers(run);
	int64_t until_ms = loop_now_ms() + LET_GO_MS;
	while (is_any_held(run, tasks, task_count) && !is_lost && loop_now_ms() < until_ms)
		pause_ms(LET_GO_LOOK_MS);
}

static void tell_manager(struct run *run)
{
	if (run->is_member && !run->is_ready) {
		run->is_ready = true;
		service_ready();
		service_say("has joined its group");
	} else if (!run->is_ready) {
		say_start(run, "its group");
	}
	progress_tell(run->progress, loop_now_ms(), run->task_count);
}

/* The service manager sees it as reloading until the new values hold, or the old ones go on to. */
static void reload(struct run *run)
{
	if (!run->reload || !atomic_exchange(&is_reload_requested, false))
		return;
	service_reloading();
	const struct config *config = reload_take(run->reload);
	if (config) {
		log_configure((enum log_level)config->log.level, (enum log_format)config->log.format);
		atomic_store_explicit(&run->shared.config, config, memory_order_release);
	}
	service_say(config ? "has taken its configuration" : "goes on with the configuration it had");
	service_ready();
}

static void wait_for_end(struct run *run)
{
	struct kafka_error error;
	while (!atomic_load(&is_stop_requested) && !atomic_load(&run->shared.is_stopping)) {
		watch_memory(run);
		say_status(run, false);
		tell_manager(run);
		if (run->is_ready)
			reload(run);
		if (!erasures_poll(run->erasures, &error)) {
			log_error("who is erased cannot be read", "why=%s", log_quoted(error.text).text);
			fail(run, command_code_of(&error, EXIT_TEMPORARY));
		}
		atomic_store_explicit(&run->shared.erased, erasures_current(run->erasures),
				      memory_order_release);
		erasures_free_older(run->erasures, run->shared.pulses, run->worker_count);
		if (!kafka_group_poll(run->group, WATCH_MS, &error)) {
			log_error("this instance cannot be a member of its group",
				  "why=%s", log_quoted(error.text).text);
			fail(run, command_code_of(&error, EXIT_TEMPORARY));
		}
	}
	service_stopping(END_MS);
	service_say("commits what it has read");
	atomic_store(&run->shared.is_stopping, true);
	wake_workers(run);
}

static int stop_all(struct run *run)
{
	bool is_committed = true;
	control_stop(run->control);
	for (size_t i = 0; i < run->worker_count; i++)
		is_committed &= worker_join(run->workers[i]);
	bool is_sent = publisher_stop(run->publisher, LAST_ROWS_MS);
	kafka_group_leave(run->group, LEAVE_GROUP_MS);
	for (size_t i = 0; i < run->worker_count; i++)
		worker_destroy(run->workers[i]);
	publisher_destroy(run->publisher);
	int code = atomic_load(&run->shared.exit_code);
	if (code == EXIT_DONE && !is_committed) {
		log_warn("not everything could be committed in time: the next start reads it again", "%s",
			 "");
		code = EXIT_TEMPORARY;
	}
	if (code == EXIT_DONE && !is_sent)
		log_warn("not every row could be sent in time: the next start sends them", "%s", "");
	log_info("ladderd has ended", "exit_code=%d", code);
	return code;
}

/* What all threads share: nobody has anything yet. */
static void create_shared(struct run *run)
{
	struct shared *shared = &run->shared;
	shared->worker_count = run->worker_count;
	shared->task_count = (size_t)run->task_count;
	shared->positions = calloc(run->worker_count, sizeof(*shared->positions));
	shared->duties = calloc(shared->task_count, sizeof(*shared->duties));
	size_t pulse_bytes = (run->worker_count + 1) * sizeof(*shared->pulses);
	shared->pulses = aligned_alloc(_Alignof(struct pulse), pulse_bytes);
	CHECK(shared->positions && shared->duties && shared->pulses);
	memset(shared->pulses, 0, pulse_bytes);
	for (size_t i = 0; i < run->worker_count; i++)
		atomic_store(&shared->positions[i], TIME_NONE);
	atomic_store(&shared->others_position_ms, INT64_MAX);
}

static bool create_clients(struct run *run, struct kafka_error *error)
{
	run->group = kafka_group_create(&(struct kafka_group_options){
		.connection = run->connections.kafka,
		.group = run->config->kafka.group,
		.topic = run->config->kafka.inputs.items[0].topic,
		.take = take_tasks,
		.leave = leave_tasks,
		.ctx = run,
	}, error);
	if (!run->group)
		return false;
	run->erasures = erasures_create(run->config, run->identity.print, &run->connections.kafka, error);
	if (!run->erasures)
		return false;
	run->publisher = publisher_create(&(struct publisher_options){
		.connection = run->connections.kafka,
		.shared = &run->shared,
		.worker_count = run->worker_count,
		.task_count = (size_t)run->task_count,
		.current_partitions = run->current_partitions,
		.history_partitions = run->history_partitions,
		.alert_partitions = run->alert_partitions,
		.session_ms = kafka_group_session_ms(run->group),
		.waiting_bytes = run->memory.waiting_bytes,
		.queue_records = run->memory.queue_records,
		.queue_bytes = run->memory.queue_bytes,
		.board = watch_board(run->watch),
		.shelf = watch_shelf(run->watch),
		.alert_shelf = watch_alert_shelf(run->watch),
	}, error);
	return run->publisher != NULL;
}

static int run_clients(struct run *run)
{
	struct kafka_error error;
	if (!create_clients(run, &error)) {
		log_error("kafka cannot be used", "why=%s", log_quoted(error.text).text);
		return command_code_of(&error, EXIT_TEMPORARY);
	}
	publisher_start(run->publisher);
	run->desk = desk_create(run->worker_count);
	start_workers(run);
	run->control = control_start(&(struct control_options){
		.config = run->config,
		.identity = &run->identity,
		.shared = &run->shared,
		.watch = run->watch,
		.desk = run->desk,
	});
	run->progress = progress_create(run->shared.pulses, run->worker_count + 1, loop_now_ms());
	log_info("ladderd is running", "tasks=%d workers=%zu inputs=%zu", run->task_count, run->worker_count,
		 run->config->kafka.inputs.count);
	wait_for_end(run);
	return stop_all(run);
}

static int run_all(struct run *run)
{
	divide_tasks(run);
	int code = EXIT_CONFIG;
	if (plan_memory(run)) {
		create_shared(run);
		code = run_clients(run);
	}
	kafka_group_destroy(run->group);
	erasures_destroy(run->erasures);
	progress_destroy(run->progress);
	desk_destroy(run->desk);
	free(run->workers);
	free(run->tasks);
	free(run->shared.pulses);
	free(run->shared.positions);
	free(run->shared.duties);
	return code;
}

static int run_connected(struct run *run)
{
	char error[512];
	int code = identity_load_or_create(run->config->identity.key_file, &run->identity, error,
					   sizeof(error));
	if (code != 0) {
		log_error("the identity key cannot be used", "why=%s", log_quoted(error).text);
		return code;
	}
	if (!watch_start(run->config, &run->watch, &code))
		return code;
	code = ask_kafka(run);
	if (code == EXIT_DONE && !atomic_load(&is_stop_requested))
		code = run_all(run);
	watch_stop(run->watch);
	return code;
}

int run_daemon(const struct config *config, const char *path, enum run_outputs outputs)
{
	char error[512];
	struct run run = {.config = config, .outputs = outputs};
	atomic_store(&run.shared.now_ms, TIME_NONE);
	atomic_store(&run.shared.config, config);
	int code = connections_open(config, CONNECTIONS_WITH_SECRETS, &run.connections, error, sizeof(error));
	if (code != EXIT_DONE) {
		log_error("a connection cannot be made as it is configured", "why=%s",
			  log_quoted(error).text);
		return code;
	}
	run.reload = path ? reload_create(path, config) : NULL;
	code = run_connected(&run);
	reload_destroy(run.reload);
	connections_close(&run.connections);
	return code;
}

static void handle_signal(int number)
{
	if (number == SIGHUP)
		atomic_store(&is_reload_requested, true);
	else
		run_request_stop();
}

static const char help[] =
	"usage: ladderd run -c FILE\n"
	"\n"
	"Reads the input topics, joins clicks, chats, messages and sales person by person, and writes\n"
	"the rolling and the history rows to the output topics, which are created if they are absent.\n"
	"State and offsets are kept in Redis. Ends on SIGTERM or SIGINT within 10 seconds, with\n"
	"everything committed. While Kafka or Redis is away it waits. On SIGHUP it reads FILE again and\n"
	"takes what can change while it runs (`ladderd config --reference`: live), all of it or nothing.\n"
	"\n"
	"Exit codes: 0; 1 state in Redis that is not ours; 69 http.listen is in use; 75 not everything\n"
	"could be committed in time; 77 a right is missing; 78 the configuration, or topics that do not\n"
	"fit it.\n";

int command_run(int argc, char **argv)
{
	const char *path;
	int code;
	if (!command_take_config("run", help, argc, argv, &path, &code))
		return code;
	struct config *config = load_config(path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	log_configure((enum log_level)config->log.level, (enum log_format)config->log.format);
	struct sigaction action = {.sa_handler = handle_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	code = run_daemon(config, path, RUN_CREATE_OUTPUTS);
	config_destroy(config);
	return code;
}
