/* Reload: a running ladderd takes its configuration file anew, all of it or nothing.
 *
 *   file --config_load--> any problem?     each is logged, nothing is taken
 *                         not live?        each is logged with both values, nothing is taken
 *                         else             each change is logged, and the new values hold
 *
 * What is live is marked in settings.def. A configuration that was taken stays until the end, because threads
 * still read its texts.
 *
 * Thread: the main thread. Others copy what they need (shared.h). */
#ifndef LADDER_DAEMON_RELOAD_H
#define LADDER_DAEMON_RELOAD_H

#include "config/config.h"

struct reload;

/* Borrows both. */
struct reload *reload_create(const char *path, const struct config *config);
/* After all who read what was taken. NULL is fine. */
void reload_destroy(struct reload *reload);

/* Returns the configuration that holds from now on; NULL: the one that did. */
const struct config *reload_take(struct reload *reload);

#endif
