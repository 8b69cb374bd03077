/* An alert as text: an Alertmanager v2 alert (labels, annotations, startsAt, endsAt, generatorURL), and
 * beside these status, fingerprint, revision, currency, observed, baseline, spend_at_risk. Spec section 8.
 *
 * labels: alertname, severity, level, id, and account, campaign, adset, ad down to its level. generatorURL is
 * the setting alerts.url, "#" and the key of the row that shows it (spec section 6.4).
 * observed and baseline: numerator, denominator, rate, low, high; money in currency units; what is
 * undefined or infinite is null, and so is a baseline where the rule has none. spend_at_risk: what the
 * subject spent in the last 24 hours; null of an input. Fingerprint: FNV-1a, 64 bits, over alertname, level
 * and id, each with 0xff behind it: what an ad's parents are may change while an alert of it fires, and it
 * is the same one. */
#ifndef LADDER_DIAGNOSE_ALERT_JSON_H
#define LADDER_DIAGNOSE_ALERT_JSON_H

#include "core/base/buffer.h"
#include "core/diagnose/conditions.h"

enum { FINGERPRINT_BYTES = 16 };

struct alert_text {
	enum alert alert;
	const struct subject *subject; /* NULL: it is of an input */
	struct slice input;
	struct slice url;
	const struct finding *finding;
	int64_t starts_ms;
	int64_t ends_ms;
	bool is_resolved;
	uint64_t revision;
};

uint64_t alert_fingerprint(const struct alert_text *text);
void alert_put_key(uint64_t fingerprint, struct buffer *out);
void alert_put_json(const struct alert_text *text, struct slice key, struct buffer *out);

#endif
