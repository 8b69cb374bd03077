/* The nodes of a simulated Redis Cluster: which of them has a slot, where they are, and what they refuse, as
 * Redis does. Each node is at one of two servers, a master and its replica, which change places when it is
 * failed over. Slots of tasks move from node to node, key by key, one at a time.
 *
 * Without a cluster there is one node, at server 0, which refuses nothing. */
#ifndef LADDER_TESTS_SIM_SIM_CLUSTER_H
#define LADDER_TESTS_SIM_SIM_CLUSTER_H

#include "tests/sim/sim_store.h"

enum { SIM_NODES = 3, SIM_SERVERS = 2 * SIM_NODES };

void sim_cluster_begin(bool is_on);
bool sim_cluster_is_on(void);

struct redis_place;
/* Where somebody may ask first: one server of each node. */
size_t sim_cluster_places(struct redis_place *places);
unsigned sim_cluster_server(const struct redis_place *place);
unsigned sim_cluster_node(unsigned server);
unsigned sim_cluster_master(unsigned node);
struct sim_answer sim_cluster_slots(void);

/* False with the error told where the node at this server does not do such a command now. */
bool sim_cluster_allows(unsigned server, bool is_asking, struct sim_store *store,
			const struct slice *arguments, size_t count, struct sim_answer *refusal);
/* Whether a node that comes back with this key would keep it. */
bool sim_cluster_keeps(unsigned node, struct slice key);

void sim_cluster_fail_over(unsigned node);
/* A slot begins to move, some of its keys go, or it has moved: then true, with the nodes told. */
bool sim_cluster_move(struct sim_store *store, unsigned *from, unsigned *to);
/* A slot is on its way from this node or to it. If it lost its last writes now, keys of one task would be of
 * several commits, or gone: the ledger names that as damage and stops, and so it does not happen here. */
bool sim_cluster_is_moving(unsigned node);

#endif
