/* What a Redis that stands in for the genuine one holds, and the commands that ledger_script and the ledger
 * use, as Redis does them. The nodes of a cluster have one store: a key is at one of them.
 *
 * An answer owns its text. Aborts where a command is none of these. */
#ifndef LADDER_TESTS_SIM_SIM_STORE_H
#define LADDER_TESTS_SIM_SIM_STORE_H

#include "tests/sim/sim.h"

struct sim_entry {
	struct buffer key;
	struct buffer text;    /* of a set: its members, each with its length in front */
	bool is_set;
	int64_t expires_us;    /* 0: never */
	unsigned node;
};

struct sim_store {
	struct sim_entry *entries;
	size_t count;
	size_t capacity;
	/* of the command that comes next: */
	unsigned node;
	int64_t now_us;
};

void sim_store_clear(struct sim_store *store);
void sim_store_copy(struct sim_store *to, const struct sim_store *from);

/* The same of what one node has. */
void sim_store_copy_node(struct sim_store *to, const struct sim_store *from, unsigned node);

/* NULL: it is not there, at this node and now. Valid until the next command. */
struct sim_entry *sim_store_find(struct sim_store *store, struct slice key);
void sim_store_remove(struct sim_store *store, struct sim_entry *entry);

/* What a command says in digits: its text ends where the slice does. */
int64_t sim_number(struct slice digits);

/* Whether a command is about sets. */
bool sim_store_is_of_sets(struct slice command);

struct sim_answer sim_store_do(struct sim_store *store, const struct slice *arguments, size_t count);
struct sim_answer sim_answer_text(enum sim_kind kind, struct slice text);

#endif
