/* Norms: what the rows of an account are held against, and which rows are judged again when it changes.
 * Spec section 8.
 *
 *   account -- windows[28d]                        the norm of a window's row
 *      |------ hours, days: sums up to each end    the norm of an hour: sums at its end - sums 28 days before
 *      `------ first judged cell <-> ... <-> last  rows that have a diagnosis because of the norm
 *
 * The norm of a row is what was counted on its basis at the account that it shows:
 *   of a window       in the window of 28 days, or the longest where there is none of 28 days;
 *   of an hour, a day in the account's hours, or days, that end in the 28 days up to its end. So what has
 *                     settled has a norm that has settled, and history tells what was usual then.
 * A row of an account has the norms of the settings. The median is that of the conversations of the
 * account's ads, organic aside, that have any in the span of the row; by nearest rank, as the times of rows.
 *
 * When an account changes its norms are stale. At most once in the emit time of the window of 28 days they
 * are made anew, and its judged cells are gone through, some thousands a turn: those whose row would say
 * something else now wait to be published again. So rows do not go out whenever their account changes, and
 * the last ones after everything is quiet are exact. Rows whose 28 days began more than `retention` ago are
 * left as they are: a part of their norm may be forgotten.
 *
 * Every judged cell of an account is in its list, once. norms_check says the same in code.
 * One thread, but for norms_judge. */
#ifndef LADDER_PUBLISH_NORMS_H
#define LADDER_PUBLISH_NORMS_H

#include "core/publish/cells.h"

struct norms *norms_create(enum spend_source spend_from);
void norms_destroy(struct norms *norms); /* NULL is fine */

/* The window that has the norms: SIZE_MAX where there are no windows. */
size_t norms_find_window(const struct options *options);

/* An account's numbers changed. */
void norms_note_change(struct merger *merger, uint32_t account);

/* What norms_judge needs for this cell is there from now on. */
void norms_prepare(struct merger *merger, const struct cell *cell);
/* The same of every cell, as all are now. */
void norms_prepare_all(struct merger *merger);

/* What is to be said of a row of the cell. Any threads at a time, while nothing changes the merger. */
struct judgement norms_judge(const struct merger *merger, const struct cell *cell, enum basis basis);

/* The rows of the cell went out, and said this: they are judged again when the norm changes, if it matters to
 * them. */
void norms_keep(struct merger *merger, struct cell *cell, const struct judgement said[BASIS_COUNT]);
/* Never again; the cell may go. */
void norms_drop(struct merger *merger, struct cell *cell);

/* Judges again what stale norms may have changed, if it is time for it. */
void norms_renew(struct merger *merger, int64_t wall_ms);
/* Whether norms_renew has something to do, and when. */
bool norms_are_waiting(const struct merger *merger, int64_t *due_ms);
void norms_renewal_destroy(struct merger *merger);

/* Aborts if a list of judged cells is not what it should be. */
void norms_check(const struct merger *merger, uint32_t account);

#endif
