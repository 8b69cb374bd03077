/* Window: steps to panes, and what the panes say to the rows. Spec section 6, design decision 2.
 *
 * The numbers of one task. What is made known is always absolute: the total of a window, the sum of an hour
 * or a day, with zeros where something was and is no more. Saying it twice does no harm. One thread. */
#ifndef LADDER_WINDOW_WINDOW_H
#define LADDER_WINDOW_WINDOW_H

#include "core/state/series.h"

struct window {
	const struct options *options;
	struct series_table *series; /* borrowed */
	int64_t now_ms;              /* stream time T as far as this task knows; TIME_NONE at first */
	uint64_t frozen_count;       /* steps that came after `retention` */
	uint32_t next_settled;       /* where window_settle_some goes on */
	/* Told of a series that is due in a commit before it changes. Steps may wait in it meanwhile. */
	void (*before_change)(void *ctx, uint32_t series);
	void *before_change_ctx;
};

void window_create(struct window *window, const struct options *options, struct series_table *series);

/* Stream time moves on; never back. */
void window_advance(struct window *window, int64_t now_ms);

/* Adds steps to the panes. None may be later than now_ms. Steps at times more than `retention` before
 * `cause_ms`, the time of what caused them, change nothing and are counted as frozen. */
void window_apply(struct window *window, const struct step_list *steps, int64_t cause_ms);

/* What was applied stands where it belongs: to be called before the series are read by anybody else. */
void window_settle(struct window *window);
/* Of about so many steps. False once it has been through all series: few have steps again by then. */
bool window_settle_some(struct window *window, size_t step_count);

/* A series as of now, for whoever looks at it in between: moved on and settled, as window_collect does. */
const struct series *window_look(struct window *window, uint32_t series);

/* What is known of one span: a window's (the spans of all rows of it end at the same multiple of its
 * slide), or an hour's or day's, [from_ms, to_ms). `pane` is NULL above ads; people are at every level. */
struct window_sink {
	void (*window)(void *ctx, uint32_t series, size_t window, const struct pane *pane, int64_t people);
	void (*hour)(void *ctx, uint32_t series, int64_t from_ms, const struct pane *pane, int64_t people);
	void (*day)(void *ctx, uint32_t series, int64_t from_ms, int64_t to_ms, const struct pane *pane,
		    int64_t people);
	void *ctx;
};

/* Says everything that changed since it was last said: the windows of `window_mask`, and the history if
 * asked for. Panes are borrowed during the call. */
void window_collect(struct window *window, uint32_t window_mask, bool with_history,
		    const struct window_sink *sink);

/* Everything that is not empty counts as changed again: after a restore. */
void window_mark_changed(struct window *window);

/* The days of an ad are cut anew: its account, and with it the time zone, is another. */
void window_mark_days_changed(struct series *series);

#endif
