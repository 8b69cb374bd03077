/* Redis cluster: which node has a key. A key's slot is the CRC16 of its hash tag, which is what stands
 * between the first { and the next } (so all keys of a task have one slot); the slot map says which node has
 * which slots, from CLUSTER SLOTS and, one slot at a time, from MOVED.
 *
 * Plain data without I/O, one thread. Aborts where memory is missing. */
#ifndef LADDER_DAEMON_REDIS_CLUSTER_H
#define LADDER_DAEMON_REDIS_CLUSTER_H

#include "core/base/check.h"
#include "daemon/redis_reply.h"
#include "daemon/redis_url.h"

enum { SLOT_COUNT = 16384, CLUSTER_NODES_MAX = 4096 };

unsigned redis_key_slot(struct slice key);

/* What an error reply says of a slot: "MOVED 3999 10.0.0.1:6381", or ASK. */
struct redis_redirect {
	bool is_ask; /* only this time, and behind ASKING: the slot is on its way there */
	unsigned slot;
	struct redis_place place;
};

/* False for any other error. Where the reply names no host it is `asked`'s. */
must_check bool redis_redirect_parse(struct slice error, const struct redis_place *asked,
				     struct redis_redirect *redirect);

struct slot_map;

struct slot_map *slot_map_create(void);
void slot_map_destroy(struct slot_map *map);

/* Replaces the map by the reply to CLUSTER SLOTS; false, and nothing is changed, for any other reply, or one
 * with more than CLUSTER_NODES_MAX nodes. A node without a host is at `asked`'s. */
must_check bool slot_map_take(struct slot_map *map, const struct redis_reply *reply,
			      const struct redis_place *asked);
/* A node too many is not remembered: then nobody is known to have the slot. */
void slot_map_move(struct slot_map *map, unsigned slot, const struct redis_place *place);

/* NULL where nobody is known to have it. Valid until the map changes, like those below. */
const struct redis_place *slot_map_owner(const struct slot_map *map, unsigned slot);
/* Every node that is known, replicas too. */
const struct redis_place *slot_map_places(const struct slot_map *map, size_t *count);
/* How many slots have an owner. */
unsigned slot_map_owned_count(const struct slot_map *map);

#endif
