/* Erased: the people whose events up to a time are to be left out, as `ladderd erase` asked for. Promise P6.
 *
 *   people   sorted by key, each once: { key, until_ms }
 *
 * Keyed hashes only. Immutable once made, so any thread may read it. */
#ifndef LADDER_STATE_ERASED_H
#define LADDER_STATE_ERASED_H

#include "core/base/hash.h"
#include "core/model/step.h"

struct erased_person {
	struct key128 key; /* of a user, or of a click id */
	int64_t until_ms;  /* events up to then are left out */
};

struct erased {
	size_t count;
	struct erased_person people[];
};

/* In any order; of a key that is there twice the later time counts. Aborts where memory is missing; free()
 * it. */
struct erased *erased_create(const struct erased_person *people, size_t count);

/* Whether an event of this person at this time is left out. `erased` may be NULL. */
bool erased_covers(const struct erased *erased, struct key128 key, int64_t time_ms);

#endif
