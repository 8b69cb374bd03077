#include <stdio.h>
#include <stdlib.h>

#include "daemon/ledger_private.h"

static bool node_is_asked_for_map(const struct ledger_node *node)
{
	return node == node->ledger->seed && node->ledger->is_cluster;
}

static void node_load_script(struct ledger_node *node)
{
	redis_link_begin(node->link, 3);
	redis_link_put(node->link, slice_from("SCRIPT"));
	redis_link_put(node->link, slice_from("LOAD"));
	redis_link_put(node->link, slice_from(ledger_script));
	redis_link_flush(node->link);
}

static void node_on_up(void *ctx)
{
	struct ledger_node *node = ctx;
	struct ledger *ledger = node->ledger;
	if (node == ledger->seed && (ledger->is_cluster || redis_link_is_cluster(node->link)))
		ledger_cluster_up(ledger);
	else
		node_load_script(node);
}

static void node_on_refused(void *ctx, const char *why)
{
	struct ledger_node *node = ctx;
	if (!node_is_asked_for_map(node))
		ledger_refuse(node, why);
}

static void node_take_script(struct ledger_node *node, const struct redis_reply *reply)
{
	char *hash = node->ledger->script_hash;
	if (reply->kind == REDIS_TEXT && reply->text.len == sizeof node->ledger->script_hash - 1) {
		memcpy(hash, reply->text.data, reply->text.len);
		node->is_ready = true;
		if (!node->first)
			redis_link_succeed(node->link);
		ledger_start_next(node);
		return;
	}
	char why[LEDGER_ERROR_MAX];
	snprintf(why, sizeof why, "SCRIPT LOAD: %.*s", (int)reply->text.len, reply->text.data);
	redis_link_drop(node->link, why);
	if (!redis_error_passes(reply->text))
		ledger_refuse(node, why);
}

/* The reply to ASKING comes before that to the command. */
static bool takes_asking(struct ledger_operation *operation, const struct redis_reply *reply)
{
	if (!operation->is_asking)
		return false;
	operation->is_asked = !operation->is_asked;
	if (operation->is_asked && reply->kind == REDIS_ERROR && !operation->is_over)
		ledger_take_error(operation, "ASKING", reply->text);
	return operation->is_asked;
}

static void node_on_reply(void *ctx, const struct redis_reply *reply)
{
	struct ledger_node *node = ctx;
	if (node_is_asked_for_map(node)) {
		ledger_cluster_take(node->ledger, reply);
		return;
	}
	if (!node->is_ready) {
		node_take_script(node, reply);
		return;
	}
	struct ledger_task *task = node->active;
	CHECK(task && task->first->is_active);
	struct ledger_operation *operation = task->first;
	if (!takes_asking(operation, reply) && !operation->is_over)
		operation->verbs->reply(operation, reply);
	if (node->active != task || task->first != operation || !operation->is_over ||
	    redis_link_due(node->link) > 0)
		return;
	if (operation->detour == DETOUR_NONE)
		ledger_finish(operation, LEDGER_FAILED);
	else
		ledger_follow(operation);
}

static void node_on_room(void *ctx)
{
	struct ledger_node *node = ctx;
	if (node->active && node->active->first->is_active && !node->active->first->is_over)
		node->active->first->verbs->pump(node->active->first);
}

/* The operation under way starts again at the next `up`, or where the cluster has its keys by then. */
static void node_on_down(void *ctx)
{
	struct ledger_node *node = ctx;
	struct ledger_task *task = node->active;
	node->is_ready = false;
	if (node->ledger->is_cluster)
		ledger_want_map(node->ledger);
	if (task && ledger_stop(task))
		ledger_queue_task(task, ledger_home(task));
}

struct ledger_node *ledger_node_create(struct ledger *ledger, const struct redis_url *url)
{
	struct ledger_node *node = calloc(1, sizeof *node);
	CHECK(node);
	node->ledger = ledger;
	node->place = url->places[0];
	node->last = &node->first;
	struct redis_handler handler = {
		node_on_up, node_on_reply, node_on_room, node_on_down, node_on_refused, node,
	};
	node->link = redis_link_create(ledger->loop, url, &handler);
	return node;
}

void ledger_node_destroy(struct ledger_node *node)
{
	redis_link_destroy(node->link);
	if (node->active)
		ledger_stop(node->active);
	while (node->first)
		ledger_unqueue_task(node->first);
	free(node);
}
