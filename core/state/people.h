/* People: the table of a task's persons, and the chunks in which they are committed. Design decisions 1 and
 * 3.
 *
 *   segments [top 10 bits of the key] -> slots, an open-addressed table that grows on its own:
 *
 *   slot    0        1        2        3       ...     each 8 bytes: where the blob is, whether it is dirty,
 *         [ blob ] [ blob ] [ free ] [ blob ]          where it is stored, and 10 bits of the key
 *
 * so that no growth takes longer than that of one segment. What is committed is a log: chunks with the people
 * that changed, the newest version of each counts (generations.h).
 * A table belongs to one thread. Aborts where memory is missing. */
#ifndef LADDER_STATE_PEOPLE_H
#define LADDER_STATE_PEOPLE_H

#include "core/state/erased.h"
#include "core/state/generations.h"
#include "core/state/person_blob.h"

struct people;

struct people *people_create(void);
void people_destroy(struct people *people);

size_t people_count(const struct people *people);
/* What the blobs and the slots take; and all the memory that the table holds, what is free for more people
 * in it. */
size_t people_used_bytes(const struct people *people);
size_t people_held_bytes(const struct people *people);
/* About how much commits have still to say of those who are dirty or due. */
size_t people_unsaid_bytes(const struct people *people);

/* Asks for the cache lines that a people_find of this key will read: first the slot; then, once that has
 * come, the start of the blob, which is most likely his, NULL without one; then, of such a blob and before
 * anything changes, the rest: one that grows may move. Each can be left out. */
void people_prefetch(const struct people *people, struct key128 key);
const struct blob_header *people_prefetch_blob(const struct people *people, struct key128 key);
void people_prefetch_rest(const struct blob_header *blob);

/* The blob of a person, or an empty slice; valid until the next people_put or people_resize. */
struct slice people_find(struct people *people, struct key128 key);

/* Puts a blob (whose key is its own) in place of the one before; it is dirty then. */
void people_put(struct people *people, struct slice blob);
void people_remove(struct people *people, struct key128 key); /* not while a commit is under way */

/* The blob of a person, who may be new, with room for `len` bytes; what was there, at most `len` bytes of
 * it, is kept. The caller makes it a blob of that length and this key before the next call. Its page is
 * dirty then. */
struct blob_header *people_resize(struct people *people, struct key128 key, size_t len);

/* The blob, which had room for `len` bytes, has become shorter than that. */
void people_shrink(struct people *people, struct key128 key, size_t len);

/* Every blob, in slot order: people_next(people, &at) until it is empty; `at` starts at 0. The table must not
 * get or lose people meanwhile; people_put of a key that is there is allowed. */
struct slice people_next(const struct people *people, size_t *at);

/* Commits. Who is dirty when one begins is due in it, and nobody is dirty then; so are those of generations
 * that leave. Each of them is said once: by people_step_commit, or before he changes. Nobody is removed while
 * some are due. */
typedef void people_say(void *ctx, struct slice blob);
void people_begin_commit(struct people *people, people_say *say, void *ctx);
/* Says some of those that are due, after a look at no more than so many slots. False: there are none left. */
bool people_step_commit(struct people *people, size_t slot_count);

/* Who was removed shall not stay in what is stored: all chunks that there are are written again, some with
 * each commit that follows, and deleted. */
void people_rewrite(struct people *people);
bool people_is_rewriting(const struct people *people);

/* Who is left out of restores, up to his time; `erased` is borrowed. A chunk with somebody who was left out
 * has everything written again. */
void people_set_erased(struct people *people, const struct erased *erased);

/* The number of the chunk that those said since the last one are in. */
int64_t people_take_chunk(struct people *people);
/* Chunks [first_chunk, end_chunk) in which nobody is any more; when a commit has said all. False: none. */
bool people_take_empty(struct people *people, struct generation *empty);

/* A restore, of about so many people: the chunks from the newest to the oldest. Nobody is dirty by it; who
 * was silent since before `forgotten_ms` is left out. False if the bytes are no chunk, or somebody taken from
 * it is not sound (person_is_sound). */
void people_begin_restore(struct people *people, uint64_t people_count);
bool people_restore_chunk(struct people *people, int64_t chunk, struct slice bytes, int64_t forgotten_ms,
			  const struct series_table *table, int64_t now_ms);
void people_end_restore(struct people *people);

#endif
