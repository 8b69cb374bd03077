/* Row shelf: the newest row of each key as it was published, for whoever asks by HTTP.
 *
 *   publisher --put--> [ key -> JSON ]  <--find-- HTTP thread
 *
 * It is open while this instance publishes, and empty whenever it was closed. It takes at most byte_max
 * bytes: beyond, the row that was published longest ago leaves it, and is counted as dropped.
 *
 * Invariants: every row stands in the chain of its bucket and in the list by age, the newest first; `bytes`
 * is the sum of what they take.
 *
 * Thread: two, which take turns by a mutex. A put holds it for one row, a find for some buckets at a time.
 * A find that is under way while rows are put has of each key the row of before or after. */
#ifndef LADDER_DAEMON_ROW_SHELF_H
#define LADDER_DAEMON_ROW_SHELF_H

#include "core/base/buffer.h"

struct row_shelf;

struct row_shelf_counts {
	size_t rows;
	size_t bytes;
	uint64_t dropped; /* rows that found no room any more, since the shelf was created */
	bool is_complete; /* none since it was opened */
};

struct row_shelf *row_shelf_create(size_t byte_max);
void row_shelf_destroy(struct row_shelf *shelf); /* NULL is fine */

/* Closing empties it. */
void row_shelf_open(struct row_shelf *shelf);
void row_shelf_close(struct row_shelf *shelf);

/* Copies both. */
void row_shelf_put(struct row_shelf *shelf, struct slice key, struct slice json);

struct row_shelf_counts row_shelf_counts(struct row_shelf *shelf);

/* What rows are looked for, as in the rows; NULL: any. */
struct row_query {
	const char *kind; /* parts of the key */
	const char *basis;
	const char *window;
	const char *level;
	const char *id;
	const char *account; /* fields */
	const char *campaign;
	const char *adset;
	int64_t from_ms; /* they begin then or later */
	int64_t to_ms;   /* and end then or earlier; 0: whenever */
};

enum row_found {
	ROW_FOUND,          /* none, too */
	ROW_FOUND_CLOSED,   /* rows do not go out here, or not yet */
	ROW_FOUND_TOO_MANY, /* more than row_max */
};

/* The JSON of the row with this key, appended to `out`; nothing where there is none. */
enum row_found row_shelf_get(struct row_shelf *shelf, struct slice key, struct buffer *out);

/* A JSON list of the rows, sorted by key; `out` is as it was but for ROW_FOUND. */
enum row_found row_shelf_find(struct row_shelf *shelf, const struct row_query *query, size_t row_max,
			      struct buffer *out);

/* Aborts where an invariant does not hold. */
void row_shelf_check(struct row_shelf *shelf);

#endif
