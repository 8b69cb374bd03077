/* Outcome: what a decoder handed to its sink, as one line of text, to be compared and shown.
 *
 * Items are joined by " | ". An event is its type and its fields that are not empty or zero, for
 * example "message ts=1000 id=a user=u direction=in words=2"; a rejected item is "reject:json". Bytes of
 * texts other than printable ASCII, and %, | and space, stand as %XX. With places, each item begins with
 * @start+length in the record. The caller frees the text. */
#ifndef LADDER_TESTS_CORE_DECODE_OUTCOME_H
#define LADDER_TESTS_CORE_DECODE_OUTCOME_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/decode/decode.h"
#include "core/decode/reference.h"

/* Small, so that the edges of limits are short inputs. */
static const struct decode_limits outcome_limits = {.record_bytes = 1000, .id_bytes = 16, .depth = 4};

struct outcome {
	FILE *out;
	const char *record;
	bool has_places;
	unsigned item_count;
};

static inline void outcome_begin(struct outcome *outcome, struct slice item)
{
	if (outcome->item_count++ > 0)
		fputs(" | ", outcome->out);
	if (outcome->has_places)
		fprintf(outcome->out, "@%td+%zu ", item.data - outcome->record, item.len);
}

static inline void outcome_text(struct outcome *outcome, const char *name, struct slice text)
{
	if (text.len == 0)
		return;
	fprintf(outcome->out, " %s=", name);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c <= ' ' || c > '~' || c == '%' || c == '|')
			fprintf(outcome->out, "%%%02X", c);
		else
			fputc(c, outcome->out);
	}
}

static inline void outcome_number(struct outcome *outcome, const char *name, int64_t number)
{
	if (number != 0)
		fprintf(outcome->out, " %s=%" PRId64, name, number);
}

static inline void outcome_flag(struct outcome *outcome, const char *name, bool is_set)
{
	if (is_set)
		fprintf(outcome->out, " %s", name);
}

static inline void outcome_event(void *ctx, const struct event *event, struct slice item)
{
	static const char *const stages[STAGE_COUNT] = {
		"unqualified", "partially_qualified", "qualified", "handoff",
		"appointment", "customer", "lost", "refund",
	};
	struct outcome *outcome = ctx;
	outcome_begin(outcome, item);
	fprintf(outcome->out, "%s ts=%" PRId64, event_type_name(event->type), event->ts_ms);
	outcome_text(outcome, "id", event->id);
	outcome_text(outcome, "user", event->user);
	outcome_text(outcome, "click_id", event->click_id);
	outcome_text(outcome, "account", event->account);
	outcome_text(outcome, "campaign", event->campaign);
	outcome_text(outcome, "adset", event->adset);
	outcome_text(outcome, "ad", event->ad);
	outcome_text(outcome, "campaign_name", event->campaign_name);
	outcome_text(outcome, "adset_name", event->adset_name);
	outcome_text(outcome, "ad_name", event->ad_name);
	outcome_text(outcome, "currency", event->currency);
	if (event->type == EVENT_MESSAGE)
		fprintf(outcome->out, " direction=%s", event->direction == DIRECTION_OUT ? "out" : "in");
	else
		outcome_number(outcome, "direction", event->direction);
	outcome_flag(outcome, "auto", event->is_auto);
	outcome_flag(outcome, "prefilled", event->is_prefilled);
	outcome_flag(outcome, "media", event->is_media);
	outcome_number(outcome, "words", event->word_count);
	if (event->type == EVENT_OUTCOME)
		fprintf(outcome->out, " stage=%s", stages[event->stage]);
	else
		outcome_number(outcome, "stage", event->stage);
	outcome_number(outcome, "micros", event->money_micros);
	outcome_number(outcome, "from", event->from_ms);
	outcome_number(outcome, "to", event->to_ms);
	outcome_number(outcome, "reported_at", event->reported_at_ms);
	outcome_number(outcome, "impressions", event->impressions);
	outcome_number(outcome, "clicks", event->clicks);
	outcome_number(outcome, "conversations", event->conversations);
}

static inline void outcome_reject(void *ctx, enum reason reason, const char *detail, struct slice item)
{
	struct outcome *outcome = ctx;
	CHECK(detail);
	outcome_begin(outcome, item);
	fprintf(outcome->out, "reject:%s", reason_name(reason));
}

/* By the reference where decoder is NULL; its limits must be `limits`. */
static inline char *outcome_of(struct decoder *decoder, const struct decode_limits *limits,
			       struct slice value, bool has_places)
{
	char *text = NULL;
	size_t len;
	struct outcome outcome = {open_memstream(&text, &len), value.data, has_places, 0};
	struct decode_sink sink = {outcome_event, outcome_reject, &outcome};
	CHECK(outcome.out);
	if (decoder)
		decode_record(decoder, value, &sink);
	else
		reference_decode(limits, value, &sink);
	fclose(outcome.out);
	return text;
}

/* Prints both sides and returns false where decoder and reference differ. */
static inline bool outcome_is_same(struct decoder *decoder, const struct decode_limits *limits,
				   struct slice value)
{
	char *ours = outcome_of(decoder, limits, value, true);
	char *theirs = outcome_of(NULL, limits, value, true);
	bool is_same = strcmp(ours, theirs) == 0;
	if (!is_same)
		fprintf(stderr, "decoder:   %s\nreference: %s\n", ours, theirs);
	free(ours);
	free(theirs);
	return is_same;
}

#endif
