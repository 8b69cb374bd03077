/* Status as JSON: what /readyz and /status say. See status.h. */
#ifndef LADDER_DAEMON_STATUS_JSON_H
#define LADDER_DAEMON_STATUS_JSON_H

#include "daemon/status.h"

/* Whether every wanted task is read and has caught up, and Kafka and Redis answer. */
bool status_is_ready(const struct status_view *view);

/* {"ready":false,"reasons":["...", ...]}, each a sentence; at most 100 of them. */
void status_put_ready(const struct status_view *view, struct buffer *out);

/* Everything that is known; fields are only ever added. */
void status_put_json(const struct status_view *view, struct buffer *out);

#endif
