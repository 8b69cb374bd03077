/* Metrics: what /metrics says, in Prometheus' text format. The rows are in metrics.def, the numbers come from
 * the view: see status.h. */
#ifndef LADDER_DAEMON_METRICS_H
#define LADDER_DAEMON_METRICS_H

#include "daemon/status.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void metrics_put(const struct status_view *view, struct buffer *out);

#endif
