/* Alertmanager: alerts on their way to one. Spec section 8.
 *
 *   alertmanager_put --queue--> a thread of its own --POST [alert, alert ...]--> URL/api/v2/alerts
 *
 * One that is away, slow or refuses only makes them wait; it is tried again every few seconds, and the log
 * says so once a minute. The queue is bounded: the oldest leave it. Nothing is lost by that which matters:
 * what fires is put again each minute, and what is resolved ends by itself (`endsAt`). */
#ifndef LADDER_DAEMON_ALERTMANAGER_H
#define LADDER_DAEMON_ALERTMANAGER_H

#include "core/base/check.h"
#include "core/base/slice.h"

struct alertmanager;

/* `url` as http://host:9093, copied. Starts the thread; talks to nobody yet. */
struct alertmanager *alertmanager_create(struct slice url);
/* Tries once more to send what waits. */
void alertmanager_destroy(struct alertmanager *manager); /* NULL is fine */

/* Any one thread. An alert as JSON, copied. */
void alertmanager_put(struct alertmanager *manager, struct slice alert);

#endif
