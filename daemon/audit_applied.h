/* Audit applied: how many of the events that were not rejected, late or ignored can have been applied. Of
 * those of one person (of spend: ad) with one id the first to come is applied, and the others are duplicates.
 *
 * Which one comes first is open between inputs, as they are read side by side: then an input's number is a
 * range, and only that of all inputs of the task is exact. It is a range, too, where an event of a click has
 * the id of one of the person who claims it: they are duplicates if the claim comes before one of them.
 *
 * In memory: some 50 bytes an event. Thread: one. Spec sections 2 and 7. */
#ifndef LADDER_DAEMON_AUDIT_APPLIED_H
#define LADDER_DAEMON_AUDIT_APPLIED_H

#include "core/base/buffer.h"
#include "core/base/hash.h"

struct audit_range {
	uint64_t low;
	uint64_t high;
};

struct audit_event {
	struct key128 key; /* of whom: a user, a click, an ad */
	uint64_t id_hash;
	uint32_t task;     /* that counts it */
	uint16_t input;
	bool is_of_click;
	bool is_open;      /* with others, see above; set here */
};

struct audit_claim {
	struct key128 click;
	struct key128 user;
};

/* Starts as {0}. */
struct audit_applied {
	struct buffer events;
	struct buffer claims;
};

void audit_applied_destroy(struct audit_applied *applied);
void audit_applied_put(struct audit_applied *applied, const struct audit_event *event);
void audit_applied_put_claim(struct audit_applied *applied, const struct audit_claim *claim);

/* Added to `inputs` (by task, then input) and `tasks`. */
void audit_applied_count(struct audit_applied *applied, size_t input_count, struct audit_range *inputs,
			 struct audit_range *tasks);

#endif
