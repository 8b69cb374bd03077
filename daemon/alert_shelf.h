/* Alert shelf: the alerts that fire, as they were said last, for whoever asks by HTTP.
 *
 *   publisher --put, put ... show--> [ JSON, JSON ... ]  <--find-- HTTP thread
 *
 * What is put is seen when it is shown, all of it at once, in the place of what was shown before. It takes
 * at most byte_max bytes twice: what finds no room is left out, and a find says so.
 *
 * Thread: two, which take turns by a mutex: the publisher holds it for an exchange of pointers. */
#ifndef LADDER_DAEMON_ALERT_SHELF_H
#define LADDER_DAEMON_ALERT_SHELF_H

#include "core/base/buffer.h"

struct alert_shelf;

struct alert_shelf *alert_shelf_create(size_t byte_max);
void alert_shelf_destroy(struct alert_shelf *shelf); /* NULL is fine */

/* The publisher's. `json` is an alert as in core/diagnose/alert_json.h, copied. */
void alert_shelf_put(struct alert_shelf *shelf, struct slice json);
void alert_shelf_show(struct alert_shelf *shelf);
/* Nothing is known any more, until something is shown. */
void alert_shelf_close(struct alert_shelf *shelf);

/* What alerts are looked for: their labels; NULL: any. */
struct alert_query {
	const char *name;
	const char *level;
	const char *id;
};

enum alert_found {
	ALERT_FOUND,        /* none, too */
	ALERT_FOUND_SOME,   /* others found no room */
	ALERT_FOUND_CLOSED, /* nobody judges here, or not yet */
};

/* A JSON list, in the order in which they were put; `out` is as it was where it is closed. */
enum alert_found alert_shelf_find(struct alert_shelf *shelf, const struct alert_query *query,
				  struct buffer *out);

#endif
