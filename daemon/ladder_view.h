/* Ladder view: the ladders of the campaigns as lines of text, for `ladderd demo`.
 *
 *                      Kitchen Remodel - Messages      Solar Roof - Free Quote
 *   click                1,061 ▎         4.4%   0.49      ...
 *   conversation           803 ██████▌    82%   0.65
 *   reply                   61 ▌         7.6%   8.52 ◀
 *
 * Takes rows in any number and order; an older revision of a key than the one it has changes nothing. A
 * rung is marked as broken where its rate is far below what the rows of this run said before: under 70 % of
 * it, and short by more than thrice the square root of what was to be expected, from 30 tries on. That is a
 * hint for the eye, not the diagnosis of spec section 8.
 *
 * Thread: one. Aborts where memory is missing. */
#ifndef LADDER_DAEMON_LADDER_VIEW_H
#define LADDER_DAEMON_LADDER_VIEW_H

#include "core/base/buffer.h"
#include "daemon/ladder_text.h"
#include "daemon/ladder_view_row.h"

struct ladder_view_options {
	const char *level;  /* whose ladders: "campaign" */
	const char *window; /* over which span: "1h" */
	const char *basis;  /* "event" or "cohort" */
};

struct ladder_view;

/* The texts of the options outlive the view. */
struct ladder_view *ladder_view_create(const struct ladder_view_options *options);
void ladder_view_destroy(struct ladder_view *view); /* NULL is fine */

/* Rows of another kind, level, window or basis are passed over. */
void ladder_view_take(struct ladder_view *view, const struct ladder_row *row);

/* The topmost rung that is broken there now, LADDER_RUNG_COUNT if none or if the id is not known. */
enum ladder_rung ladder_view_broken(const struct ladder_view *view, struct slice id);

/* How many ladders there are. */
size_t ladder_view_count(const struct ladder_view *view);

/* Appends lines, each with its newline, none longer than the width: the title, the ladders side by side in
 * the order of their names, and what is broken. */
void ladder_view_draw(const struct ladder_view *view, const struct ladder_paper *paper, const char *title,
		      struct buffer *out);

#endif
