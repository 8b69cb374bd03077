/* Replay in arrival order: the path that `ladderd run` takes, one task, no Kafka and no Redis.
 * Events are taken as the files have them, so what is `late` is judged, tails are folded again,
 * claims move facts and parents move people, as they would live.
 *
 * Alerts are judged at every full minute that T passes, before the event is taken that moves it there: so
 * they follow from the order of the events alone. */
#ifndef LADDER_DAEMON_REPLAY_ARRIVAL_H
#define LADDER_DAEMON_REPLAY_ARRIVAL_H

#include <stdio.h>

#include "config/config.h"
#include "core/pipeline.h"

struct replay_arrival_options {
	const unsigned char *identity_key; /* 16 bytes */
	char *const *paths;
	size_t path_count;
	size_t batch_size; /* events taken at a time, at most TASK_BATCH_MAX: no number depends on how many */
	FILE *alerts;      /* what fires and is resolved goes there, in the order of T; NULL: nowhere */
};

struct replay_arrival_counts {
	struct counts counts;
	uint64_t frozen;
	uint64_t folded_early;
};

/* Reads the files into a merger that is empty. False with `error` told. */
must_check bool replay_arrival(const struct config *config, const struct replay_arrival_options *options,
			       struct merger *merger, struct replay_arrival_counts *counts, char *error,
			       size_t error_size);

/* Alone for its alerts: takes the events in the order of replay_sort.h, whatever the files have. */
must_check bool replay_arrival_sorted(const struct config *config,
				      const struct replay_arrival_options *options, char *error,
				      size_t error_size);

#endif
