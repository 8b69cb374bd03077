/* Load config: what every command does with -c FILE. */
#ifndef LADDER_DAEMON_LOAD_CONFIG_H
#define LADDER_DAEMON_LOAD_CONFIG_H

#include "config/config.h"

/* The configuration, or NULL after every problem went to stderr as file:line:col: message. Without a path
 * the defaults. */
must_check struct config *load_config(const char *path, enum config_need need);

/* The bits of the event types that some input takes; all of them where there are no inputs. */
unsigned config_type_mask(const struct config *config);

#endif
