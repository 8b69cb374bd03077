#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/ledger_private.h"
#include "daemon/log.h"

enum {
	MAP_LEAST_MS = 100, /* between two questions */
	MAP_WANTED_MS = 300,
	MAP_USUAL_MS = 5000,
	MAPS_IN_VAIN = 20,  /* then another node is asked */
	REDIRECTS_AT_ONCE = 3,
	PAUSE_MIN_MS = 200, /* jitter takes up to half off */
	PAUSE_DOUBLINGS = 4,
};

/* ---- Nodes ---- */

static struct ledger_node *node_at(struct ledger *ledger, const struct redis_place *place)
{
	for (struct ledger_node *node = ledger->nodes; node; node = node->next)
		if (redis_place_equal(&node->place, place))
			return node;
	struct redis_url url = ledger->url;
	url.is_unix = false;
	url.places[0] = *place;
	url.place_count = 1;
	struct ledger_node *node = ledger_node_create(ledger, &url);
	node->next = ledger->nodes;
	ledger->nodes = node;
	return node;
}

struct ledger_node *ledger_home(struct ledger_task *task)
{
	struct ledger *ledger = task->ledger;
	const struct redis_place *owner =
		ledger->is_cluster ? slot_map_owner(ledger->map, task->slot) : NULL;
	return owner ? node_at(ledger, owner) : ledger->seed;
}

static bool node_is_used(const struct ledger_node *node)
{
	if (node->active || node->first)
		return true;
	for (struct ledger_task *task = node->ledger->tasks; task; task = task->next) {
		const struct redis_place *owner = slot_map_owner(node->ledger->map, task->slot);
		if (owner && redis_place_equal(owner, &node->place))
			return true;
	}
	return false;
}

static void drop_unused_nodes(struct ledger *ledger)
{
	struct ledger_node **place = &ledger->nodes;
	while (*place) {
		struct ledger_node *node = *place;
		if (node_is_used(node)) {
			place = &node->next;
		} else {
			*place = node->next;
			ledger_node_destroy(node);
		}
	}
}

/* ---- The map ---- */

/* Something waits for a node that is away: the map may know better by now. */
static bool is_waiting(const struct ledger *ledger)
{
	for (const struct ledger_task *task = ledger->tasks; task; task = task->next)
		if (task->state == LEDGER_TASK_QUEUED && !task->node->is_ready)
			return true;
	return false;
}

static void ask_map(void *ctx)
{
	struct ledger *ledger = ctx;
	struct redis_link *link = ledger->seed->link;
	if (redis_link_is_up(link) && !ledger->is_map_due) {
		redis_link_begin(link, 2);
		redis_link_put(link, slice_from("CLUSTER"));
		redis_link_put(link, slice_from("SLOTS"));
		redis_link_flush(link);
		ledger->is_map_due = true;
		ledger->map_asked_ms = loop_now_ms();
	}
	int64_t wait_ms = is_waiting(ledger) ? MAP_WANTED_MS : MAP_USUAL_MS;
	loop_timer_set(ledger->loop, &ledger->map_timer, loop_now_ms() + wait_ms);
}

void ledger_want_map(struct ledger *ledger)
{
	ledger->map_timer.fire = ask_map;
	ledger->map_timer.ctx = ledger;
	loop_timer_set(ledger->loop, &ledger->map_timer, ledger->map_asked_ms + MAP_LEAST_MS);
}

void ledger_cluster_up(struct ledger *ledger)
{
	ledger->is_cluster = true;
	ledger->is_map_due = false;
	ledger->vain_count = 0;
	ledger_want_map(ledger);
}

/* The seed may be at any node that was ever heard of. */
static void tell_places(struct ledger *ledger)
{
	size_t count;
	const struct redis_place *known = slot_map_places(ledger->map, &count);
	struct redis_place places[count + ledger->url.place_count];
	memcpy(places, known, count * sizeof *places);
	size_t total = ledger->url.is_unix ? 0 : ledger->url.place_count;
	memcpy(places + count, ledger->url.places, total * sizeof *places);
	redis_link_set_places(ledger->seed->link, places, count + total);
}

static struct ledger_task *find_misplaced(struct ledger *ledger)
{
	for (struct ledger_task *task = ledger->tasks; task; task = task->next)
		if (task->state == LEDGER_TASK_QUEUED && ledger_home(task) != task->node)
			return task;
	return NULL;
}

static void use_map(struct ledger *ledger)
{
	struct ledger_task *task;
	while ((task = find_misplaced(ledger))) {
		ledger_unqueue_task(task);
		ledger_queue_task(task, ledger_home(task));
	}
	drop_unused_nodes(ledger);
}

void ledger_cluster_take(struct ledger *ledger, const struct redis_reply *reply)
{
	struct redis_link *link = ledger->seed->link;
	bool knew = slot_map_owned_count(ledger->map) > 0;
	ledger->is_map_due = false;
	if (!slot_map_take(ledger->map, reply, redis_link_place(link))) {
		char why[LEDGER_ERROR_MAX];
		bool passes = redis_error_passes(reply->text);
		snprintf(why, sizeof why, "CLUSTER SLOTS: %.*s", (int)reply->text.len, reply->text.data);
		redis_link_drop(link, why);
		if (!passes)
			ledger_refuse(ledger->seed, why);
		return;
	}
	unsigned owned = slot_map_owned_count(ledger->map);
	redis_link_succeed(link);
	if (!knew && owned > 0)
		log_info("redis is a cluster", "address=%s slots=%u",
			 redis_place_address(redis_link_place(link)).text, owned);
	if (owned > 0)
		tell_places(ledger);
	use_map(ledger);
	ledger->vain_count = is_waiting(ledger) ? ledger->vain_count + 1 : 0;
	if (ledger->vain_count >= MAPS_IN_VAIN)
		redis_link_leave(link, "its map of the cluster is of no help");
}

/* ---- Redirects ---- */

bool ledger_take_redirect(struct ledger_operation *operation, struct slice error)
{
	struct ledger *ledger = operation->task->ledger;
	struct redis_redirect redirect;
	if (redis_redirect_parse(error, redis_link_place(ledger_link(operation)), &redirect)) {
		if (!ledger->is_cluster) {
			ledger->is_cluster = true;
			redis_link_drop(ledger->seed->link, "it is a node of a cluster");
			return true;
		}
		operation->detour = !redirect.is_ask ? DETOUR_MOVED :
				    operation->verbs->only_reads ? DETOUR_ASK : DETOUR_LATER;
		operation->ask_place = redirect.place;
		if (!redirect.is_ask)
			slot_map_move(ledger->map, redirect.slot, &redirect.place);
	} else if (ledger->is_cluster &&
		   (redis_error_is(error, "TRYAGAIN ") || redis_error_is(error, "CLUSTERDOWN "))) {
		operation->detour = DETOUR_LATER;
	} else {
		return false;
	}
	snprintf(operation->error, sizeof operation->error, "%.*s", (int)error.len, error.data);
	operation->is_over = true;
	ledger_want_map(ledger);
	return true;
}

void ledger_wait(struct ledger_operation *operation)
{
	snprintf(operation->error, sizeof operation->error, "not all keys have arrived there");
	operation->is_over = true;
	operation->detour = DETOUR_LATER;
}

static void go_on(void *ctx)
{
	struct ledger_task *task = ctx;
	task->state = LEDGER_TASK_IDLE;
	ledger_queue_task(task, ledger_home(task));
}

static void task_pause(struct ledger_task *task)
{
	unsigned doublings = task->pauses < PAUSE_DOUBLINGS ? task->pauses : PAUSE_DOUBLINGS;
	uint32_t pause_ms = (uint32_t)PAUSE_MIN_MS << doublings;
	uint32_t random = 0;
	ssize_t got = getrandom(&random, sizeof random, GRND_NONBLOCK);
	(void)got; /* without, there is no jitter this time */
	task->state = LEDGER_TASK_PAUSED;
	task->pauses++;
	task->redirects = 0;
	task->pause.fire = go_on;
	task->pause.ctx = task;
	loop_timer_set(task->ledger->loop, &task->pause,
		       loop_now_ms() + pause_ms / 2 + random % (pause_ms / 2 + 1));
}

void ledger_follow(struct ledger_operation *operation)
{
	struct ledger_task *task = operation->task;
	struct ledger_node *node = task->node;
	enum ledger_detour detour = operation->detour;
	if (ledger_stop(task)) {
		if (task->redirects++ == 0 && task->pauses == 0)
			log_info("the redis cluster sends a task elsewhere, or lets it wait",
				 "task=%u why=%s", task->number, log_quoted(operation->error).text);
		if (detour == DETOUR_LATER || task->redirects > REDIRECTS_AT_ONCE) {
			task_pause(task);
		} else {
			operation->is_asking = detour == DETOUR_ASK;
			ledger_queue_task(task, detour == DETOUR_ASK
						? node_at(task->ledger, &operation->ask_place)
						: ledger_home(task));
		}
	}
	ledger_start_next(node);
}
