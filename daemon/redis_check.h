/* Redis check: whether the Redis of the configuration can be the ledger. For `ladderd check --connect`.
 *
 * Connects to each host (of a cluster: to each master), logs in and asks; changes nothing but the script
 * cache. Blocks, at most a few seconds a question. Thread: any, one at a time. Design decision 3; what the
 * ledger needs: daemon/ledger.h. */
#ifndef LADDER_DAEMON_REDIS_CHECK_H
#define LADDER_DAEMON_REDIS_CHECK_H

#include <stddef.h>

#include "config/config.h"
#include "daemon/check_report.h"
#include "daemon/identity.h"
#include "daemon/redis_url.h"

/* What is to be in it. */
struct redis_wanted {
	const struct config *config;
	size_t task_count;               /* the inputs' partitions; 0: not known */
	const struct identity *identity; /* NULL: not known; else state is opened with it */
};

void redis_check(const struct redis_url *url, const struct redis_wanted *wanted, struct check_report *report);

#endif
