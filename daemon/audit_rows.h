/* Audit rows: the rows of two sides by key, and where they differ. Spec section 6.4.
 *
 * Rows are flat JSON objects as core/publish/row_json.c prints them: the same fields in the same order on
 * both sides, so they are compared as texts, field by field.
 * Thread: one. */
#ifndef LADDER_DAEMON_AUDIT_ROWS_H
#define LADDER_DAEMON_AUDIT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/slice.h"

struct audit_rows;

struct audit_rows *audit_rows_create(void);
void audit_rows_destroy(struct audit_rows *rows);

/* Copied. A published value counts where its revision is the greatest of its key; data NULL deletes it.
 * False: it is no row. */
bool audit_rows_put_published(struct audit_rows *rows, struct slice key, struct slice value);
void audit_rows_put_computed(struct audit_rows *rows, struct slice key, struct slice value);

struct audit_result {
	uint64_t row_count;        /* that were compared */
	uint64_t difference_count; /* fields, and rows that one side has alone */
	uint64_t moved_count;      /* rolling rows of another time: stream time went on with the wall clock */
};

/* Says each field that differs: `field` is empty where a side has no such row. `has_wall_clock`: `settled`
 * may differ, and rolling rows may be of another time. */
typedef void audit_difference(void *ctx, struct slice key, struct slice field, struct slice published,
			      struct slice computed);
struct audit_result audit_rows_compare(const struct audit_rows *rows, bool has_wall_clock,
				       audit_difference *difference, void *ctx);

#endif
