/* Fold all: the second half of a replay. Everything is known, so claims, parents and the order of
 * each person's events are final, and nothing is ever taken back. Spec section 9.
 *
 *   claims -> who each fact belongs to -> sorted by person and time -> fold -> panes -> merger
 *
 * People are divided among threads by their keys; each folds its own into a task of its own. */
#ifndef LADDER_DAEMON_REPLAY_FOLD_H
#define LADDER_DAEMON_REPLAY_FOLD_H

#include "daemon/replay_gather.h"

/* Puts the gathers together in a merger that is empty, with `worker_count` threads, and adds up their
 * counts. Returns stream time T, TIME_NONE where there was no event. */
int64_t replay_fold(struct gather *const *gathers, size_t gather_count, size_t worker_count,
		    const struct config *config, const unsigned char identity_key[16], struct merger *merger,
		    struct counts *counts, uint64_t *frozen_count);

#endif
