/* One row of the topic `current`, read back for people to look at. Spec section 6.4.
 * Plain data; texts are cut where they are longer than their room, at a character. */
#ifndef LADDER_DAEMON_LADDER_VIEW_ROW_H
#define LADDER_DAEMON_LADDER_VIEW_ROW_H

#include "core/base/check.h"
#include "core/base/slice.h"

/* The rungs of the ladder, top down: RUNG(word, field, of, cause). The word is that of spec section 1, the
 * field that of the row; `of` is the rung that its rate is a share of; the cause is what to look at first
 * when it breaks. */
#define LADDER_RUNGS \
	RUNG(impression, impressions, impression, "") \
	RUNG(click, clicks, impression, "the ad itself: reach or creative") \
	RUNG(open, opens, click, "accidental taps, or a link that does not open the chat") \
	RUNG(conversation, conversations, open, "a wrong number, a broken link: test your own funnel") \
	RUNG(reply, replies, conversation, "the first response: does anybody answer?") \
	RUNG(qualified, qualified, conversation, "traffic quality, offer clarity, the questions asked") \
	RUNG(handoff, handoffs, qualified, "the chat flow: slow or unclear") \
	RUNG(appointment, appointments, handoff, "what sales offers next") \
	RUNG(customer, customers, handoff, "sales process, price, expectation, offer fit")

enum ladder_rung {
#define RUNG(word, field, of, cause) LADDER_##word,
	LADDER_RUNGS
#undef RUNG
	LADDER_RUNG_COUNT
};

struct ladder_row {
	char kind[16];   /* "rolling" */
	char basis[16];  /* "event" */
	char level[16];  /* "campaign" */
	char window[16]; /* "1h" */
	char currency[8];
	char id[257];
	char name[128];  /* the id where the row has none */
	int64_t revision;
	int64_t from_ms;
	int64_t to_ms;
	int64_t spend_micros;
	int64_t counts[LADDER_RUNG_COUNT];
};

/* An alert that fires, as it is written to `alerts`. Spec section 8. */
struct ladder_alert {
	char name[48];     /* "CountingGap" */
	char level[16];    /* "ad"; "" of an input */
	char id[257];
	char summary[512];
};

/* False where the bytes are no alert. Any thread, as this: */
must_check bool ladder_alert_parse(struct slice json, struct ladder_alert *alert);
/* The `error` of an answer that is a refusal; the answer itself where it has none. */
void ladder_refusal_parse(struct slice answer, char *out, size_t size);

/* False where the bytes are no row. */
must_check bool ladder_row_parse(struct slice json, struct ladder_row *row);

#endif
