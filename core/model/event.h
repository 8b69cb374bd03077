/* Event: one decoded fact, the noun between decode and join. Spec section 2.
 *
 * Plain data. Every slice borrows from the record that was decoded, or from the decoder's scratch
 * where the text had escapes: valid until the sink that was handed the event returns. An absent
 * text field has len 0 (an empty string and null count as absent). */
#ifndef LADDER_MODEL_EVENT_H
#define LADDER_MODEL_EVENT_H

#include "core/base/slice.h"

/* The numbers are also the ranks of spec section 3 (see event_rank) and stand in stored pages. */
enum event_type { EVENT_CLICK, EVENT_OPEN, EVENT_MESSAGE, EVENT_OUTCOME, EVENT_SPEND, EVENT_TYPE_COUNT };

enum event_direction { DIRECTION_IN, DIRECTION_OUT };

/* Stages of an outcome, synonyms already mapped. */
enum event_stage {
	STAGE_UNQUALIFIED,
	STAGE_PARTIALLY_QUALIFIED,
	STAGE_QUALIFIED,
	STAGE_HANDOFF,
	STAGE_APPOINTMENT, /* also quote, checkout, demo */
	STAGE_CUSTOMER,    /* also sale */
	STAGE_LOST,
	STAGE_REFUND,
	STAGE_COUNT
};

/* The greatest amount of money of one event: 10^12 units of a currency, so that sums of them stay exact. */
#define EVENT_MONEY_MAX_MICROS INT64_C(1000000000000000000)
/* The longest period of a report: every hour of it becomes a row. */
#define EVENT_PERIOD_MAX_MS (INT64_C(400) * 24 * 60 * 60 * 1000)

enum reason {
#define REASON(name, sentence) REASON_##name,
#include "core/model/reasons.def"
#undef REASON
	REASON_COUNT
};

/* The name of a reason as it is published, for example "bad_time". */
const char *reason_name(enum reason reason);
const char *event_type_name(enum event_type type);

struct event {
	int64_t ts_ms;              /* since 1970-01-01T00:00:00Z, never negative */
	enum event_type type;
	enum event_direction direction; /* messages */
	enum event_stage stage;         /* outcomes */
	bool is_auto;                   /* messages */
	bool is_prefilled;
	bool is_media;
	uint32_t word_count;    /* messages: `words`, else counted in `text`, else 0 */
	struct slice id;        /* never empty */
	struct slice user;      /* one of user, click_id is never empty, but for spend */
	struct slice click_id;
	struct slice account;
	struct slice campaign;
	struct slice adset;
	struct slice ad;        /* never empty on click and spend; never "organic:...", the pseudo-ads' ids */
	struct slice campaign_name;
	struct slice adset_name;
	struct slice ad_name;
	struct slice currency;  /* click, outcome, spend; else absent */
	int64_t money_micros;   /* click: cost; outcome: value; spend: spend; 0 to EVENT_MONEY_MAX_MICROS */
	int64_t from_ms;        /* spend: the period [from, to), from < to */
	int64_t to_ms;
	int64_t reported_at_ms; /* spend: defaults to ts_ms */
	int64_t impressions;    /* spend: what the platform reports, never negative */
	int64_t clicks;
	int64_t conversations;
};

/* Rank within one instant, spec section 3: click 0, open 1, message in 2, message out 3, outcome 4. */
static inline unsigned event_rank(const struct event *event)
{
	static const unsigned char rank[EVENT_TYPE_COUNT] = {0, 1, 2, 4, 5};
	return rank[event->type] + (event->type == EVENT_MESSAGE && event->direction == DIRECTION_OUT);
}

#endif
