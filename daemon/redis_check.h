/* Redis check: whether the Redis of the configuration can be the ledger. For `ladderd check --connect`.
 *
 * Connects to each host (of a cluster: to each master), logs in and asks; changes nothing but the script
 * cache. Blocks, at most a few seconds a question. Thread: any, one at a time. Design decision 3; what the
 * ledger needs: daemon/ledger.h. */
#ifndef LADDER_DAEMON_REDIS_CHECK_H
#define LADDER_DAEMON_REDIS_CHECK_H

#include <stddef.h>

#include "daemon/check_report.h"
#include "daemon/redis_url.h"

/* `name_space` is redis.namespace; the keys of tasks 0 to task_count - 1 are looked at. */
void redis_check(const struct redis_url *url, const char *name_space, size_t task_count,
		 struct check_report *report);

#endif
