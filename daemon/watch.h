/* Watch: what can be asked of a running ladderd by HTTP, on http.listen.
 *
 *   /metrics      numbers for Prometheus: metrics.def
 *   /healthz      200 as long as there is somebody to answer
 *   /readyz       200, or 503 with the reasons: status_json.h
 *   /status       everything that is known, as JSON
 *   /api/v1/rows  the newest rows, from the instance that merges: row_shelf.h
 *   /api/v1/alerts  what fires, from the same one: alert_shelf.h
 *   /             the page, whose files are in the program: page_files.h
 *
 * Answers come from what the threads hand over (status.h) and from the shelves; nothing is changed by
 * asking. */
#ifndef LADDER_DAEMON_WATCH_H
#define LADDER_DAEMON_WATCH_H

#include "daemon/alert_shelf.h"
#include "daemon/http.h"
#include "daemon/status.h"

struct watch;

/* Begins to answer. True, with NULL where http.listen and control.socket are `off`. False: the address cannot
 * be had, or the certificate cannot be used; the log says so, and `exit_code` is what to end with. Borrows
 * the configuration. */
must_check bool watch_start(const struct config *config, struct watch **watch, int *exit_code);

/* After everybody who puts something there has ended. NULL is fine, and gives NULL below: nobody asks. */
void watch_stop(struct watch *watch);

/* Answers what is asked of the shelves, /api/v1/rows and /api/v1/alerts, from any thread. False: it is
 * something else. */
bool watch_answer(struct watch *watch, const struct http_request *request, struct http_answer *answer);

struct status_board *watch_board(struct watch *watch);
struct row_shelf *watch_shelf(struct watch *watch);
struct alert_shelf *watch_alert_shelf(struct watch *watch);

#endif
