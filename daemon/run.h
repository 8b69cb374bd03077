/* Run: the daemon as a function. Spec section 9, `ladderd run`. */
#ifndef LADDER_DAEMON_RUN_H
#define LADDER_DAEMON_RUN_H

#include "config/config.h"

/* Whether the output topics are created where they are absent, or known to be there: a broker without topic
 * administration (kafka_mock.h) cannot be asked. */
enum run_outputs { RUN_CREATE_OUTPUTS, RUN_OUTPUTS_EXIST };

/* Checks inputs and outputs, starts publisher and workers, and returns an exit code after
 * run_request_stop, or when something failed that will not pass by itself. Blocks; one at a time in
 * a process. Logs to stderr. `path`: the configuration's file, for reload.h, or NULL. */
int run_daemon(const struct config *config, const char *path, enum run_outputs outputs);

/* Any thread, or a signal handler: run_daemon commits and returns within 10 s. */
void run_request_stop(void);

#endif
