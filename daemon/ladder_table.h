/* Ladder table: the newest rows of one level as a table, for `ladderd top`: a line each, with the rungs, the
 * rates and the costs that there is room for, and the alerts that fire below.
 *
 *                     alerts  clicks convers.  custom.  reply%  /conv.v
 *   Kitchens               1   1,061      803       61     82%    0.65
 *
 * Columns that do not fit are left out, those that say least first; but never the one that is sorted by.
 *
 * Thread: one. Aborts where memory is missing. */
#ifndef LADDER_DAEMON_LADDER_TABLE_H
#define LADDER_DAEMON_LADDER_TABLE_H

#include "core/base/buffer.h"
#include "daemon/ladder_text.h"
#include "daemon/ladder_view_row.h"

/* COLUMN(field, heading, kind, rung, of, weight): a field of rows; what it is of the row's rungs, how it is
 * read as a number, and how much it says: columns of small weight go first. */
#define LADDER_COLUMNS \
	COLUMN(spend, "spend", SPEND, impression, impression, 12) \
	COLUMN(impressions, "impress.", COUNT, impression, impression, 2) \
	COLUMN(clicks, "clicks", COUNT, click, impression, 6) \
	COLUMN(opens, "opens", COUNT, open, click, 3) \
	COLUMN(conversations, "convers.", COUNT, conversation, open, 15) \
	COLUMN(replies, "replies", COUNT, reply, conversation, 5) \
	COLUMN(qualified, "qualif.", COUNT, qualified, conversation, 9) \
	COLUMN(handoffs, "handoffs", COUNT, handoff, qualified, 4) \
	COLUMN(appointments, "appoint.", COUNT, appointment, handoff, 1) \
	COLUMN(customers, "custom.", COUNT, customer, handoff, 14) \
	COLUMN(reply_rate, "reply%", RATE, reply, conversation, 11) \
	COLUMN(qualification_rate, "qualif%", RATE, qualified, conversation, 10) \
	COLUMN(handoff_rate, "handoff%", RATE, handoff, qualified, 7) \
	COLUMN(close_rate, "close%", RATE, customer, handoff, 8) \
	COLUMN(cost_per_conversation, "/conv.", COST, conversation, impression, 13) \
	COLUMN(cost_per_qualified, "/qualif.", COST, qualified, impression, 0) \
	COLUMN(cac, "cac", COST, customer, impression, 12)

enum ladder_column {
#define COLUMN(field, heading, kind, rung, of, weight) LADDER_COLUMN_##field,
	LADDER_COLUMNS
#undef COLUMN
	LADDER_COLUMN_COUNT
};

/* The field of a column, as in rows; or the column of a field, LADDER_COLUMN_COUNT if there is none. */
const char *ladder_column_field(enum ladder_column column);
enum ladder_column ladder_column_find(const char *field);

struct ladder_table;

struct ladder_table *ladder_table_create(void);
void ladder_table_destroy(struct ladder_table *table); /* NULL is fine */

/* Lists as /api/v1/rows and /api/v1/alerts give them, in place of what was there. Rows that have nothing are
 * passed over. */
void ladder_table_take_rows(struct ladder_table *table, struct slice json);
void ladder_table_take_alerts(struct ladder_table *table, struct slice json);

/* The greatest first, or the smallest; what is undefined is last. By name where both have the same. */
void ladder_table_sort(struct ladder_table *table, enum ladder_column column, bool is_smallest_first);
/* So many lines down, or up where it is below 0; never beyond the ends. */
void ladder_table_scroll(struct ladder_table *table, int lines);

/* Appends lines, each with its newline, none longer than the width: the title, what is sorted by, the table,
 * the alerts, and the foot, which may be empty. */
void ladder_table_draw(struct ladder_table *table, const struct ladder_paper *paper, const char *title,
		       const char *foot, struct buffer *out);

#endif
