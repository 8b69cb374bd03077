/* Recall: rows as they stand in the topics, put there by a merger before this one. What this one hears of
 * their spans replaces them; those of which nobody says anything any more are taken back, with zeros: they
 * came of events that were read in another order before their state was lost. Promise P1.
 *
 * Only what can have been said again is taken back: windows, and hours and days within `retention` that were
 * not settled at the stream time of the states that the tasks go on from, and do not begin before everything
 * that the tasks have said, or that this merger has put out. One thread. */
#ifndef LADDER_PUBLISH_RECALL_H
#define LADDER_PUBLISH_RECALL_H

#include "core/publish/merger.h"

/* What a row says of itself. */
struct recalled {
	struct slice key; /* borrowed */
	int64_t from_ms;
	int64_t to_ms;
	uint64_t revision;
};

/* Of a record in either form (row_connect.h). False: it is no row of ours. */
must_check bool recall_read(struct slice key, struct slice value, struct recalled *recalled);

/* No revision is given out that is not greater. */
void merger_note_revision(struct merger *merger, uint64_t revision);

/* The begin of the oldest hour that a task has said something of; INT64_MAX: there is none. */
int64_t merger_oldest_hour_ms(const struct merger *merger);

/* When all tasks have said everything, of which `oldest_ms` was the oldest hour. `state_ms`: the stream time
 * of the oldest state that a task goes on from, TIME_NONE where a task has none: it reads everything again;
 * where T is less, T counts. Rows of windows that are no longer configured are passed over. */
void merger_recall(struct merger *merger, const struct recalled *row, int64_t oldest_ms, int64_t state_ms);

#endif
