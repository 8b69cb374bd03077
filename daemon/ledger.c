#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/ledger_private.h"

static void ledger_load_script(struct ledger *ledger)
{
	redis_link_begin(ledger->link, 3);
	redis_link_put(ledger->link, slice_from("SCRIPT"));
	redis_link_put(ledger->link, slice_from("LOAD"));
	redis_link_put(ledger->link, slice_from(ledger_script));
	redis_link_flush(ledger->link);
}

static void operation_activate(struct ledger_operation *operation)
{
	operation->is_active = operation->task->ledger->is_active = true;
	operation->task->hold_count++;
}

static void ledger_start_next(struct ledger *ledger)
{
	while (ledger->is_ready && !ledger->is_active && ledger->first) {
		operation_activate(ledger->first);
		ledger->first->verbs->start(ledger->first);
	}
}

void ledger_enqueue(struct ledger *ledger, struct ledger_operation *operation)
{
	operation->next = NULL;
	*ledger->last = operation;
	ledger->last = &operation->next;
	ledger_start_next(ledger);
}

static void operation_pop(struct ledger *ledger, struct ledger_operation **place)
{
	struct ledger_operation *operation = *place;
	*place = operation->next;
	if (ledger->last == &operation->next)
		ledger->last = place;
}

static void task_release(struct ledger_task *task)
{
	if (--task->hold_count > 0 || !task->is_closed)
		return;
	buffer_destroy(&task->stored);
	free(task);
}

void ledger_finish(struct ledger_operation *operation, enum ledger_result result)
{
	struct ledger_task *task = operation->task;
	struct ledger *ledger = task->ledger;
	CHECK(ledger->first == operation && ledger->is_active);
	operation_pop(ledger, &ledger->first);
	operation->result = result;
	ledger->counts.fenced += result == LEDGER_FENCED;
	ledger->counts.failed += result == LEDGER_FAILED;
	task->is_restored = result == LEDGER_DONE;
	if (result == LEDGER_DONE)
		redis_link_succeed(ledger->link);
	operation->verbs->end(operation, !task->is_closed);
	task_release(task);
	ledger->is_active = false;
	ledger_start_next(ledger);
}

void ledger_fail(struct ledger_operation *operation, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(operation->error, sizeof operation->error, format, arguments);
	va_end(arguments);
	operation->is_failed = true;
}

void ledger_take_error(struct ledger_operation *operation, const char *key, struct slice error)
{
	if (!redis_error_passes(error)) {
		ledger_fail(operation, "redis key %s: %.*s", key, (int)error.len, error.data);
		return;
	}
	char why[LEDGER_ERROR_MAX];
	snprintf(why, sizeof why, "%.*s", (int)error.len, error.data);
	redis_link_drop(operation->task->ledger->link, why);
}

static void ledger_on_up(void *ctx)
{
	ledger_load_script(ctx);
}

static void ledger_on_refused(void *ctx, const char *why)
{
	struct ledger *ledger = ctx;
	size_t count = 0;
	for (struct ledger_operation *operation = ledger->first; operation; operation = operation->next)
		count++;
	for (; count > 0 && ledger->first; count--) {
		struct ledger_operation *operation = ledger->first;
		operation_activate(operation);
		ledger_fail(operation, "redis refuses this user: %s", why);
		ledger_finish(operation, LEDGER_FAILED);
	}
}

static void ledger_take_script(struct ledger *ledger, const struct redis_reply *reply)
{
	if (reply->kind == REDIS_TEXT && reply->text.len == sizeof ledger->script_hash - 1) {
		memcpy(ledger->script_hash, reply->text.data, reply->text.len);
		ledger->is_ready = true;
		if (!ledger->first)
			redis_link_succeed(ledger->link);
		ledger_start_next(ledger);
		return;
	}
	char why[LEDGER_ERROR_MAX];
	snprintf(why, sizeof why, "SCRIPT LOAD: %.*s", (int)reply->text.len, reply->text.data);
	redis_link_drop(ledger->link, why);
	if (!redis_error_passes(reply->text))
		ledger_on_refused(ledger, why);
}

static void ledger_on_reply(void *ctx, const struct redis_reply *reply)
{
	struct ledger *ledger = ctx;
	if (!ledger->is_ready) {
		ledger_take_script(ledger, reply);
		return;
	}
	struct ledger_operation *operation = ledger->first;
	CHECK(ledger->is_active && operation);
	if (!operation->is_failed)
		operation->verbs->reply(operation, reply);
	if (ledger->first == operation && operation->is_failed && redis_link_due(ledger->link) == 0)
		ledger_finish(operation, LEDGER_FAILED);
}

static void ledger_on_room(void *ctx)
{
	struct ledger *ledger = ctx;
	if (ledger->is_active && !ledger->first->is_failed)
		ledger->first->verbs->pump(ledger->first);
}

/* The operation under way starts again at the next `up`. */
static void ledger_on_down(void *ctx)
{
	struct ledger *ledger = ctx;
	ledger->is_ready = false;
	if (!ledger->is_active)
		return;
	struct ledger_operation *operation = ledger->first;
	struct ledger_task *task = operation->task;
	operation->is_active = operation->is_failed = ledger->is_active = false;
	ledger->counts.restarts++;
	if (task->is_closed) {
		operation_pop(ledger, &ledger->first);
		operation->verbs->end(operation, false);
	}
	task_release(task);
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
	ledger->last = &ledger->first;
	ledger->sealer = sealer_create(identity);
	struct redis_handler handler = {
		ledger_on_up, ledger_on_reply, ledger_on_room, ledger_on_down, ledger_on_refused, ledger,
	};
	ledger->link = redis_link_create(loop, url, &handler);
	return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
	if (!ledger)
		return;
	redis_link_destroy(ledger->link);
	while (ledger->first) {
		struct ledger_operation *operation = ledger->first;
		struct ledger_task *task = operation->task;
		bool was_active = operation->is_active;
		operation_pop(ledger, &ledger->first);
		operation->verbs->end(operation, false);
		if (was_active)
			task_release(task);
	}
	while (ledger->tasks)
		ledger_close_task(ledger->tasks);
	sealer_destroy(ledger->sealer);
	free(ledger);
}

bool ledger_is_up(const struct ledger *ledger)
{
	return ledger->is_ready && redis_link_is_up(ledger->link);
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
	snprintf(task->prefix, sizeof task->prefix, "{%s:%" PRIu32 "}:", ledger->name_space, number);
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
	struct ledger_operation **waiting = &ledger->first;
	if (ledger->first && ledger->first->is_active)
		waiting = &ledger->first->next;
	while (*waiting) {
		struct ledger_operation *operation = *waiting;
		if (operation->task == task) {
			operation_pop(ledger, waiting);
			operation->verbs->end(operation, false);
		} else {
			waiting = &operation->next;
		}
	}
	task->is_closed = true;
	task_release(task);
}

struct slice ledger_seal_name(const struct ledger_task *task, struct slice name, char *text)
{
	int len = snprintf(text, KEY_MAX, "%" PRIu32 ":%.*s", task->number, (int)name.len, name.data);
	return (struct slice){text, (size_t)len};
}
