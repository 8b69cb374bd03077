/* Events: a feed of realistic canonical events, one at a time. Spec sections 2 and 9.
 *
 * People come from ads or on their own, click, open the chat or not, write or not, are answered by automats
 * and people, qualify, buy, come back; platforms report and correct what was spent. A generator is a pure
 * function of its options: the same ones give the same bytes on every machine. Without late ones and
 * duplicates, events come in the order of their ts. No allocation per event. Memory: 32 bytes for everything
 * that is still to happen, 1 KiB for each event held back.
 *
 * Thread: a generator belongs to one thread. */
#ifndef LADDER_DAEMON_GENERATE_EVENTS_H
#define LADDER_DAEMON_GENERATE_EVENTS_H

#include "core/base/check.h"
#include "core/model/event.h"
#include "daemon/generate_scenario.h"

/* 400 days, one day */
#define GENERATE_SPAN_MAX_MS INT64_C(34560000000)
#define GENERATE_GAP_MAX_MS INT64_C(86400000)

struct generator_options {
	uint64_t seed;
	uint64_t event_count;       /* the feed ends after so many; UINT64_MAX: never */
	uint64_t events_per_span;   /* how dense the feed is: on average at least one event a day */
	int64_t span_ms;            /* 1 s to GENERATE_SPAN_MAX_MS; what scenarios are fractions of */
	int64_t start_ms;
	uint32_t people_count;      /* at least 1 */
	uint32_t ad_count;          /* at least 1 */
	uint32_t account_count;     /* at least 1, at most one for each campaign of four ads is used */
	unsigned late_permille;     /* arrive a minute to five hours late */
	unsigned duplicate_permille;
	int64_t report_ms;          /* spend is reported for such periods; 0: hours or days, by account */
	bool is_steady;             /* day and night are the same */
	bool is_well_run;           /* answered fast, day and night, tagged well, fewer on weekends */
	unsigned haste;             /* delays beyond five minutes are so many times shorter; 1: as in life */
	enum scenario scenario;
};

/* Valid until the next call. */
struct generated {
	struct slice json;    /* one object, no newline */
	struct slice key;     /* the person behind it, also of a click alone; spend: the ad */
	enum event_type type;
	int64_t ts_ms;
	int64_t arrives_ms;   /* in event time, never before ts_ms or the last one's */
};

struct generator;

/* Aborts where memory is missing. */
struct generator *generator_create(const struct generator_options *options);
void generator_destroy(struct generator *generator); /* NULL is fine */

/* False at the end of the feed. */
bool generator_next(struct generator *generator, struct generated *generated);

#endif
