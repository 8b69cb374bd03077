/* Alerts: what is wrong now, and since when. Spec section 8.
 *
 *                 condition holds         for `for`                  not held for `keep`
 *      inactive ------------------> pending ---------> firing (each minute) ---------> resolved, inactive
 *          ^--------- not held -------/
 *
 * One such state for each alert at each subject, and for SourceSilent at each input; conditions.h says
 * what holds, and what lasts once it fires. A subject below one whose same alert fires (account > campaign >
 * adset > ad) is silenced: what fires there is resolved, and may start anew an hour after the parent's is
 * resolved, so that a repair is not followed by the parts that are seen to be repaired a little later.
 *
 * While an input is silent (pending counts), and as long as the last silence is more than a twentieth of the
 * time from the beginning of an alert's span up to T, that alert is not judged: what fires goes on firing,
 * nothing begins.
 *
 * An alert that is said is an Alertmanager v2 alert, with fields of our own beside: see alert_json.h.
 * startsAt is when it became pending; endsAt of a firing one is five minutes ahead, so that Alertmanager
 * resolves it if nobody says it again. Its key is its fingerprint; revisions grow with all that is said.
 *
 * Time is an argument: the same rounds say the same, whenever they are made. A round a minute of T is meant;
 * more often does no harm. What was said before a restart is taken up by alerts_recall: what fired goes on
 * firing since then, and is resolved if it does not hold for `keep`, or nobody knows its subject so long.
 * One thread. Aborts where memory is missing. */
#ifndef LADDER_DIAGNOSE_ALERTS_H
#define LADDER_DIAGNOSE_ALERTS_H

#include "core/model/activity.h"
#include "core/model/alert.h"
#include "core/model/options.h"

struct alerts;

struct alerts *alerts_create(const struct options *options);
void alerts_destroy(struct alerts *alerts); /* NULL is fine */

enum alert_saying { ALERT_FIRES, ALERT_FIRES_STILL, ALERT_RESOLVED };

/* What goes out. Valid during the call. */
struct alert_message {
	enum alert alert;
	enum alert_saying saying;
	struct slice key;
	struct slice value; /* JSON */
};

typedef void alert_sink(void *ctx, const struct alert_message *message);

/* What a round is made of. */
struct alert_round {
	int64_t now_ms;          /* T, never back */
	uint64_t revision_floor; /* revisions are greater */
	const struct input_activity *inputs; /* the same ones in every round, more at the end */
	size_t input_count;
	each_subject *each;
	void *each_ctx;
};

/* A text that was said by whoever judged before, as it stands in the topic; what is none is passed over.
 * Before the first round. */
void alerts_recall(struct alerts *alerts, struct slice value);

/* Judges everybody, and says what begins, goes on and ends. */
void alerts_evaluate(struct alerts *alerts, const struct alert_round *round, alert_sink *sink, void *ctx);

/* Every alert that fires, as it was said last. */
void alerts_each(const struct alerts *alerts, alert_sink *sink, void *ctx);

#endif
