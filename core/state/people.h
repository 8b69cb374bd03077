/* People: the table of a task's persons, and the pages in which they are committed. Design decisions 1 and 3.
 *
 *   segments [top 12 bits of the key] -> slots, an open-addressed table that grows on its own:
 *
 *   slot    0        1        2        3       ...     each 8 bytes: where the blob is, and 16 bits of the
 * key
 *         [ blob ] [ blob ] [ free ] [ blob ]
 *
 * so that no growth takes longer than that of one segment. The home of a person is the next bits of his
 * key, so a page, which is a range of keys, is a range of slots, and is found without looking at the
 * others. Pages are numbered by the top page_bits of the key; when there are too many people for their
 * pages the number doubles and all of them are dirty.
 * A table belongs to one thread. Aborts where memory is missing. */
#ifndef LADDER_STATE_PEOPLE_H
#define LADDER_STATE_PEOPLE_H

#include "core/state/person_blob.h"

struct people;

struct people *people_create(void);
void people_destroy(struct people *people);

size_t people_count(const struct people *people);
/* What the blobs and the slots take; and all the memory that the table holds, what is free for more people
 * in it. */
size_t people_used_bytes(const struct people *people);
size_t people_held_bytes(const struct people *people);

/* Asks for the cache lines that a people_find of this key will read: first the slot; then, once that has
 * come, the start of the blob; then its end, where it grows. Each can be left out. */
void people_prefetch(const struct people *people, struct key128 key);
void people_prefetch_blob(const struct people *people, struct key128 key);
void people_prefetch_end(const struct people *people, struct key128 key);

/* The blob of a person, or an empty slice; valid until the next people_put or people_resize. */
struct slice people_find(struct people *people, struct key128 key);

/* Puts a blob (whose key is its own) in place of the one before; its page is dirty then. */
void people_put(struct people *people, struct slice blob);
void people_remove(struct people *people, struct key128 key);

/* The blob of a person, who may be new, with room for `len` bytes; what was there, at most `len` bytes of
 * it, is kept. The caller makes it a blob of that length and this key before the next call. Its page is
 * dirty then. */
struct blob_header *people_resize(struct people *people, struct key128 key, size_t len);

/* The blob, which had room for `len` bytes, has become shorter than that. */
void people_shrink(struct people *people, struct key128 key, size_t len);

/* Every blob, in slot order: people_next(people, &at) until it is empty; `at` starts at 0. The table must not
 * get or lose people meanwhile; people_put of a key that is there is allowed. */
struct slice people_next(const struct people *people, size_t *at);

unsigned people_page_bits(const struct people *people);

/* Commits. The pages that are dirty when one begins are due in it, and nothing is dirty then; a page that
 * changes before it was taken is told to `before_change` first, who must take it. Pages do not double
 * meanwhile. */
typedef void people_before_change(void *ctx, int64_t page);
void people_begin_commit(struct people *people, people_before_change *before_change, void *ctx);
/* The next page that is due, at or after `page`, or -1. */
int64_t people_next_due(const struct people *people, int64_t page);
/* It is not due any more. */
void people_take_due(struct people *people, int64_t page);

/* Appends the blobs of a page, each with its length before it. */
void people_encode_page(const struct people *people, int64_t page, struct buffer *out);
/* Puts the people of a stored page into the table; nothing is dirty by it. False if the bytes are no page,
 * or somebody in it is not sound (person_is_sound). */
bool people_decode_page(struct people *people, struct slice page, const struct series_table *table,
			int64_t now_ms);
/* After a restore: the number of pages that is stored. */
void people_set_page_bits(struct people *people, unsigned page_bits);

#endif
