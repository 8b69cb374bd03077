#include "tests/sim/sim_cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/redis_cluster.h"

enum { FIRST_PORT = 7000, KEYS_AT_ONCE = 8, NOT_MOVING = SLOT_COUNT };

static struct {
	bool is_on;
	unsigned owners[SLOT_COUNT];
	unsigned masters[SIM_NODES]; /* the server that a node is at */
	unsigned moving;             /* slot */
	unsigned target;
} cluster;

static struct redis_place place_of(unsigned server)
{
	struct redis_place place = {.host = "simulated"};
	snprintf(place.port, sizeof(place.port), "%u", FIRST_PORT + server);
	return place;
}

void sim_cluster_begin(bool is_on)
{
	cluster.is_on = is_on;
	cluster.moving = NOT_MOVING;
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		cluster.owners[slot] = is_on ? slot * SIM_NODES / SLOT_COUNT : 0;
	for (unsigned node = 0; node < SIM_NODES; node++)
		cluster.masters[node] = node;
}

bool sim_cluster_is_on(void)
{
	return cluster.is_on;
}

size_t sim_cluster_places(struct redis_place *places)
{
	size_t count = cluster.is_on ? SIM_NODES : 1;
	for (unsigned server = 0; server < count; server++)
		places[server] = place_of(server);
	return count;
}

unsigned sim_cluster_server(const struct redis_place *place)
{
	unsigned server = (unsigned)sim_number(slice_from(place->port)) - FIRST_PORT;
	CHECK(server < SIM_SERVERS);
	return server;
}

unsigned sim_cluster_node(unsigned server)
{
	return server % SIM_NODES;
}

unsigned sim_cluster_master(unsigned node)
{
	return cluster.masters[node];
}

void sim_cluster_fail_over(unsigned node)
{
	cluster.masters[node] = (cluster.masters[node] + SIM_NODES) % SIM_SERVERS;
}

/* Ranges of slots, each with the ports of its master and its replica. */
struct sim_answer sim_cluster_slots(void)
{
	struct sim_answer answer = {.kind = SIM_SLOTS};
	for (unsigned slot = 0, first = 0; slot < SLOT_COUNT; slot++) {
		unsigned master = cluster.masters[cluster.owners[slot]];
		if (slot + 1 < SLOT_COUNT && cluster.owners[slot + 1] == cluster.owners[slot])
			continue;
		buffer_put_unsigned(&answer.text, first);
		buffer_put_unsigned(&answer.text, slot);
		buffer_put_unsigned(&answer.text, FIRST_PORT + master);
		buffer_put_unsigned(&answer.text, FIRST_PORT + (master + SIM_NODES) % SIM_SERVERS);
		answer.count++;
		first = slot + 1;
	}
	return answer;
}

/* ---- What is refused ---- */

static struct sim_answer redirect(const char *kind, unsigned slot, unsigned node)
{
	char text[64];
	snprintf(text, sizeof(text), "%s %u simulated:%u", kind, slot, FIRST_PORT + cluster.masters[node]);
	return sim_answer_text(SIM_ERROR, slice_from(text));
}

static bool has_many_keys(struct slice command)
{
	return slice_equal(command, slice_from("EXISTS")) || slice_equal(command, slice_from("UNLINK")) ||
	       slice_equal(command, slice_from("RENAME"));
}

/* The keys that a command names; those of a script stand behind its hash and their number. */
static const struct slice *keys_of(const struct slice *arguments, size_t count, size_t *key_count)
{
	bool is_script = slice_equal(arguments[0], slice_from("EVALSHA"));
	*key_count = is_script ? (size_t)sim_number(arguments[2])
			       : has_many_keys(arguments[0]) ? count - 1 : 1;
	return arguments + (is_script ? 3 : 1);
}

static bool keys_allow(unsigned slot, unsigned node, struct sim_store *store, const struct slice *keys,
		       size_t key_count, struct sim_answer *refusal)
{
	size_t found = 0;
	for (size_t i = 0; i < key_count; i++)
		found += sim_store_find(store, keys[i]) != NULL;
	bool is_leaving = cluster.owners[slot] == node;
	if (found == key_count || (!is_leaving && key_count == 1))
		return true;
	if (is_leaving && found == 0)
		*refusal = redirect("ASK", slot, cluster.target);
	else
		*refusal = sim_answer_text(SIM_ERROR, slice_from("TRYAGAIN Multiple keys request"));
	return false;
}

bool sim_cluster_allows(unsigned server, bool is_asking, struct sim_store *store,
			const struct slice *arguments, size_t count, struct sim_answer *refusal)
{
	size_t key_count;
	const struct slice *keys = keys_of(arguments, count, &key_count);
	unsigned slot = redis_key_slot(keys[0]), node = sim_cluster_node(server);
	if (!cluster.is_on)
		return true;
	bool is_coming = slot == cluster.moving && node == cluster.target && is_asking;
	if (cluster.masters[node] != server || (cluster.owners[slot] != node && !is_coming)) {
		*refusal = redirect("MOVED", slot, cluster.owners[slot]);
		return false;
	}
	return slot != cluster.moving || keys_allow(slot, node, store, keys, key_count, refusal);
}

bool sim_cluster_keeps(unsigned node, struct slice key)
{
	unsigned slot = redis_key_slot(key);
	return cluster.owners[slot] == node || (slot == cluster.moving && cluster.target == node);
}

/* ---- Moving ---- */

static void begin_move(void)
{
	char key[32];
	snprintf(key, sizeof(key), "{ladder:%u}:", (unsigned)sim_random(SIM_TASKS));
	unsigned slot = redis_key_slot(slice_from(key));
	cluster.moving = slot;
	cluster.target = (cluster.owners[slot] + 1 + (unsigned)sim_random(SIM_NODES - 1)) % SIM_NODES;
}

static struct sim_entry *find_moving(struct sim_store *store)
{
	for (size_t i = 0; i < store->count; i++)
		if (store->entries[i].node == cluster.owners[cluster.moving] &&
		    redis_key_slot(buffer_slice(&store->entries[i].key)) == cluster.moving)
			return &store->entries[i];
	return NULL;
}

static void move_key(struct sim_store *store, struct sim_entry *entry)
{
	struct buffer key = {0};
	buffer_put(&key, entry->key.data, entry->key.len);
	store->node = cluster.target;
	struct sim_entry *old = sim_store_find(store, buffer_slice(&key));
	if (old)
		sim_store_remove(store, old);
	store->node = cluster.owners[cluster.moving];
	entry = sim_store_find(store, buffer_slice(&key));
	if (entry)
		entry->node = cluster.target;
	buffer_destroy(&key);
}

bool sim_cluster_move(struct sim_store *store, unsigned *from, unsigned *to)
{
	struct sim_entry *entry = NULL;
	if (cluster.moving == NOT_MOVING) {
		begin_move();
		return false;
	}
	for (uint64_t left = 1 + sim_random(KEYS_AT_ONCE); left && (entry = find_moving(store)); left--)
		move_key(store, entry);
	if (find_moving(store))
		return false;
	*from = cluster.owners[cluster.moving];
	*to = cluster.target;
	cluster.owners[cluster.moving] = cluster.target;
	cluster.moving = NOT_MOVING;
	return true;
}

bool sim_cluster_is_moving(unsigned node)
{
	return cluster.moving != NOT_MOVING &&
	       (node == cluster.owners[cluster.moving] || node == cluster.target);
}
