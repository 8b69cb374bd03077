/* Keys: the keys of the objects that are open, to find duplicates. A stack: an object's keys lie
 * above those of the objects around it. The bytes are borrowed. */
#ifndef LADDER_DECODE_KEYS_H
#define LADDER_DECODE_KEYS_H

#include "core/base/slice.h"

struct keys {
	struct slice *list; /* owned */
	size_t count;
	size_t capacity;
};

/* Aborts where memory is missing; grows only beyond the most keys ever seen. */
void keys_push(struct keys *keys, struct slice key);
void keys_free(struct keys *keys);

/* Whether all of list[first, last) differ; may sort them. Time is n log n for whatever input. */
bool keys_are_distinct(struct keys *keys, size_t first, size_t last);

#endif
