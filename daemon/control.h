/* Control: what the commands `ladderd explain` and `ladderd top` ask of a running ladderd, by HTTP over the
 * UNIX socket control.socket (control_socket.h).
 *
 *   /explain/user?user=U   a person's events and ladder, and why each message got its ad: explain_person.h
 *   /explain/row?key=KEY   a row as it was last published, and what the tasks that are here have behind it:
 *                          explain_row.h
 *   /api/v1/rows, alerts   as by http.listen: watch.h
 *
 * With &format=json the answer is JSON, else text. 404: nobody knows him; 409: he is with another instance;
 * 503: ask again later. The id of a person comes in and is forgotten; it is in no answer and no log.
 *
 * Thread: that of the HTTP server; what is asked of people is answered by the workers that own their tasks
 * (desk.h). */
#ifndef LADDER_DAEMON_CONTROL_H
#define LADDER_DAEMON_CONTROL_H

#include "daemon/desk.h"
#include "daemon/identity.h"
#include "daemon/shared.h"
#include "daemon/watch.h"

struct control;

struct control_options {
	const struct config *config;
	const struct identity *identity;
	const struct shared *shared;
	struct watch *watch;
	struct desk *desk;
};

enum { CONTROL_WRONG = 400, CONTROL_NOT_FOUND = 404, CONTROL_ELSEWHERE = 409, CONTROL_LATER = 503 };

/* Answers from now on. NULL where control.socket is `off`, or cannot be had: a warning says why. What is
 * borrowed outlives it. */
struct control *control_start(const struct control_options *options);
/* Before the workers end. */
void control_stop(struct control *control); /* NULL is fine */

#endif
