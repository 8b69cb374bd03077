/* Replay in arrival order: the path that `ladderd run` takes, one task, no Kafka and no Redis.
 * Events are taken as the files have them, so what is `late` is judged, tails are folded again,
 * claims move facts and parents move people, as they would live. */
#ifndef LADDER_DAEMON_REPLAY_ARRIVAL_H
#define LADDER_DAEMON_REPLAY_ARRIVAL_H

#include "config/config.h"
#include "core/pipeline.h"

/* Reads the files into a merger that is empty, batch_size events at a time, at most TASK_BATCH_MAX: no number
 * depends on how many. False with `error` told. */
must_check bool replay_arrival(const struct config *config, const unsigned char identity_key[16],
			       char *const *paths, size_t path_count, size_t batch_size,
			       struct merger *merger,
			       struct counts *counts, uint64_t *frozen_count, uint64_t *folded_early_count,
			       char *error, size_t error_size);

#endif
