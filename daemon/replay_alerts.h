/* Alerts of a replay: judged at every full minute of T, written as they fire and are resolved. Spec section
 * 9.
 *
 * In place of inputs, which files do not have, the types of events are watched: click, open, message,
 * outcome, spend. One thread, the merger's. */
#ifndef LADDER_DAEMON_REPLAY_ALERTS_H
#define LADDER_DAEMON_REPLAY_ALERTS_H

#include <stdio.h>

#include "core/model/event.h"
#include "core/publish/merger.h"

struct replay_alerts;

/* Of a merger that outlives it; errors of the file are left in it (ferror). */
struct replay_alerts *replay_alerts_create(const struct options *options, const struct merger *merger,
					   FILE *file);
void replay_alerts_destroy(struct replay_alerts *alerts); /* NULL is fine */

/* An event is about to come, and T may move to its time. True: first everything has to be merged and advanced
 * to *minute_ms, and replay_alerts_evaluate called; then ask again. Where nothing came for longer than
 * anything lasts that alerts look at, the minutes behind that are left out. */
bool replay_alerts_is_due(struct replay_alerts *alerts, int64_t time_ms, int64_t *minute_ms);
void replay_alerts_evaluate(struct replay_alerts *alerts, int64_t minute_ms);

/* The event is there. */
void replay_alerts_note(struct replay_alerts *alerts, const struct event *event);

#endif
