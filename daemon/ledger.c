#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/ledger_private.h"

static void operation_pop(struct ledger_task *task, struct ledger_operation **place)
{
	struct ledger_operation *operation = *place;
	*place = operation->next;
	if (task->last == &operation->next)
		task->last = place;
}

static void task_release(struct ledger_task *task)
{
	if (--task->hold_count > 0 || !task->is_closed)
		return;
	buffer_destroy(&task->stored);
	page_versions_clear(&task->versions);
	free(task);
}

static struct ledger_operation *task_activate(struct ledger_node *node)
{
	struct ledger_task *task = node->first;
	ledger_unqueue_task(task);
	task->node = node;
	task->state = LEDGER_TASK_ACTIVE;
	task->hold_count++;
	task->first->is_active = true;
	node->active = task;
	return task->first;
}

static void task_deactivate(struct ledger_task *task)
{
	task->node->active = NULL;
	task->node = NULL;
	task->state = LEDGER_TASK_IDLE;
}

void ledger_queue_task(struct ledger_task *task, struct ledger_node *node)
{
	CHECK(task->state == LEDGER_TASK_IDLE && task->first);
	task->state = LEDGER_TASK_QUEUED;
	task->node = node;
	task->next_queued = NULL;
	*node->last = task;
	node->last = &task->next_queued;
	ledger_start_next(node);
}

void ledger_unqueue_task(struct ledger_task *task)
{
	struct ledger_node *node = task->node;
	struct ledger_task **place = &node->first;
	while (*place != task)
		place = &(*place)->next_queued;
	*place = task->next_queued;
	if (node->last == &task->next_queued)
		node->last = place;
	task->node = NULL;
	task->state = LEDGER_TASK_IDLE;
}

void ledger_start_next(struct ledger_node *node)
{
	while (node->is_ready && !node->active && node->first) {
		struct ledger_operation *operation = task_activate(node);
		operation->verbs->start(operation);
	}
}

void ledger_enqueue(struct ledger_operation *operation)
{
	struct ledger_task *task = operation->task;
	operation->next = NULL;
	*task->last = operation;
	task->last = &operation->next;
	if (task->state == LEDGER_TASK_IDLE)
		ledger_queue_task(task, ledger_home(task));
}

struct redis_link *ledger_link(const struct ledger_operation *operation)
{
	return operation->task->node->link;
}

void ledger_begin(struct ledger_operation *operation, unsigned argument_count)
{
	struct redis_link *link = ledger_link(operation);
	if (operation->is_asking) {
		redis_link_begin(link, 1);
		redis_link_put(link, slice_from("ASKING"));
	}
	redis_link_begin(link, argument_count);
}

void ledger_finish(struct ledger_operation *operation, enum ledger_result result)
{
	struct ledger_task *task = operation->task;
	struct ledger *ledger = task->ledger;
	struct ledger_node *node = task->node;
	CHECK(node->active == task && task->first == operation);
	operation_pop(task, &task->first);
	operation->result = result;
	ledger->counts.fenced += result == LEDGER_FENCED;
	ledger->counts.failed += result == LEDGER_FAILED;
	task->is_restored = result == LEDGER_DONE;
	if (result == LEDGER_DONE) {
		redis_link_succeed(node->link);
		task->redirects = task->pauses = 0;
	}
	operation->verbs->end(operation, !task->is_closed);
	task_deactivate(task);
	if (task->first)
		ledger_queue_task(task, ledger_home(task));
	task_release(task);
	ledger_start_next(node);
}

bool ledger_stop(struct ledger_task *task)
{
	struct ledger_operation *operation = task->first;
	bool is_closed = task->is_closed;
	task_deactivate(task);
	task->ledger->counts.restarts++;
	operation->is_active = operation->is_over = operation->is_asking = operation->is_asked = false;
	if (is_closed) {
		operation_pop(task, &task->first);
		operation->verbs->end(operation, false);
	}
	task_release(task);
	return !is_closed;
}

void ledger_fail(struct ledger_operation *operation, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(operation->error, sizeof operation->error, format, arguments);
	va_end(arguments);
	operation->is_over = true;
	operation->detour = DETOUR_NONE;
}

void ledger_take_error(struct ledger_operation *operation, const char *key, struct slice error)
{
	if (ledger_take_redirect(operation, error))
		return;
	if (!redis_error_passes(error)) {
		ledger_fail(operation, "redis key %s: %.*s", key, (int)error.len, error.data);
		return;
	}
	char why[LEDGER_ERROR_MAX];
	snprintf(why, sizeof why, "%.*s", (int)error.len, error.data);
	redis_link_drop(ledger_link(operation), why);
}

static size_t node_operation_count(const struct ledger_node *node)
{
	size_t count = 0;
	for (const struct ledger_task *task = node->first; task; task = task->next_queued)
		for (const struct ledger_operation *at = task->first; at; at = at->next)
			count++;
	return count;
}

void ledger_refuse(struct ledger_node *node, const char *why)
{
	for (size_t count = node_operation_count(node); count > 0 && node->first; count--) {
		struct ledger_operation *operation = task_activate(node);
		ledger_fail(operation, "redis refuses this user: %s", why);
		ledger_finish(operation, LEDGER_FAILED);
	}
}

struct ledger *ledger_create(struct loop *loop, const struct redis_url *url, const char *name_space,
			     const struct identity *identity)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);
	uint64_t owner;
	CHECK(ledger && strlen(name_space) <= NAMESPACE_MAX && !strpbrk(name_space, "{}\n"));
	CHECK(getrandom(&owner, sizeof owner, 0) == sizeof owner);
	snprintf(ledger->owner, sizeof ledger->owner, "%016" PRIx64, owner);
	memcpy(ledger->name_space, name_space, strlen(name_space) + 1);
	ledger->loop = loop;
	ledger->url = *url;
	ledger->sealer = sealer_create(identity);
	ledger->map = slot_map_create();
	ledger->seed = ledger_node_create(ledger, url);
	return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
	if (!ledger)
		return;
	loop_timer_cancel(ledger->loop, &ledger->map_timer);
	ledger_node_destroy(ledger->seed);
	while (ledger->nodes) {
		struct ledger_node *node = ledger->nodes;
		ledger->nodes = node->next;
		ledger_node_destroy(node);
	}
	while (ledger->tasks)
		ledger_close_task(ledger->tasks);
	slot_map_destroy(ledger->map);
	sealer_destroy(ledger->sealer);
	free(ledger);
}

bool ledger_is_up(const struct ledger *ledger)
{
	bool is_up = redis_link_is_up(ledger->seed->link);
	if (!ledger->is_cluster)
		return is_up && ledger->seed->is_ready;
	for (const struct ledger_node *node = ledger->nodes; node; node = node->next)
		is_up &= node->is_ready && redis_link_is_up(node->link);
	return is_up && !ledger->seed->first && ledger->nodes;
}

const struct ledger_counts *ledger_counts(const struct ledger *ledger)
{
	return &ledger->counts;
}

struct ledger_task *ledger_open_task(struct ledger *ledger, uint32_t number)
{
	struct ledger_task *task = calloc(1, sizeof *task);
	CHECK(task);
	*task = (struct ledger_task){
		.ledger = ledger, .next = ledger->tasks, .number = number, .hold_count = 1,
	};
	task->last = &task->first;
	snprintf(task->prefix, sizeof task->prefix, "{%s:%" PRIu32 "}:", ledger->name_space, number);
	task->slot = redis_key_slot(slice_from(task->prefix));
	ledger->tasks = task;
	return task;
}

void ledger_close_task(struct ledger_task *task)
{
	struct ledger *ledger = task->ledger;
	struct ledger_task **place = &ledger->tasks;
	while (*place != task)
		place = &(*place)->next;
	*place = task->next;
	if (task->state == LEDGER_TASK_QUEUED)
		ledger_unqueue_task(task);
	if (task->state == LEDGER_TASK_PAUSED)
		loop_timer_cancel(ledger->loop, &task->pause);
	bool is_under_way = task->first && task->first->is_active;
	struct ledger_operation **waiting = is_under_way ? &task->first->next : &task->first;
	while (*waiting) {
		struct ledger_operation *operation = *waiting;
		operation_pop(task, waiting);
		operation->verbs->end(operation, false);
	}
	task->is_closed = true;
	task_release(task);
}

struct slice ledger_seal_name(const struct ledger_task *task, struct slice name, char *text)
{
	int len = snprintf(text, KEY_MAX, "%" PRIu32 ":%.*s", task->number, (int)name.len, name.data);
	return (struct slice){text, (size_t)len};
}

struct buffer ledger_meta_seal_name(uint32_t task, struct slice vector)
{
	char head[32];
	struct buffer name = {0};
	buffer_put(&name, head, (size_t)snprintf(head, sizeof head, "%" PRIu32 ":meta:", task));
	buffer_put(&name, vector.data, vector.len);
	return name;
}

struct slice ledger_stored_vector(struct slice stored)
{
	if (stored.len < STAMP_LEN + VECTOR_COUNT_LEN || memcmp(stored.data, FORMAT " ", 2) != 0)
		return (struct slice){NULL, 0};
	return (struct slice){stored.data + STAMP_LEN, stored.len - STAMP_LEN - VECTOR_COUNT_LEN};
}
