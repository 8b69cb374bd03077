/* Said before: alerts as they stand in the topic, put there by whoever judged before: what fires goes on
 * firing, under the time since when. Of the records of one fingerprint the one with the greatest revision
 * counts. One thread. Aborts where memory is missing. */
#ifndef LADDER_DIAGNOSE_SAID_BEFORE_H
#define LADDER_DIAGNOSE_SAID_BEFORE_H

#include "core/base/buffer.h"
#include "core/model/alert.h"

/* What a text of alert_json.h says. */
struct alert_record {
	enum alert alert;
	uint64_t fingerprint;
	uint64_t revision;
	int64_t starts_ms;
	int64_t ends_ms;
	bool is_resolved;
};

/* False: it is no alert of ours. */
must_check bool alert_read_json(struct slice value, struct alert_record *record);

/* The same text, resolved. Of one that alert_read_json takes. */
void alert_put_resolved(struct slice value, int64_t ends_ms, uint64_t revision, struct buffer *out);

struct said_before {
	struct said_record *records; /* owned */
	size_t count;
	size_t capacity;
	bool is_sorted; /* and one of each fingerprint */
};

struct said_record {
	struct alert_record record;
	struct slice value; /* owned */
	bool is_taken;      /* for the caller: somebody goes on from it */
};

/* A text; what is none of ours is passed over. Returns what it says, NULL for none, until the next call. */
const struct alert_record *said_before_put(struct said_before *before, struct slice value);

/* NULL: nothing was said under it. Valid until the next put. */
struct said_record *said_before_find(struct said_before *before, uint64_t fingerprint);

/* Makes it empty. */
void said_before_clear(struct said_before *before);

#endif
