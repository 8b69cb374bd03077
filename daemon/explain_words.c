#include "daemon/explain_words.h"

#include "daemon/plain_text.h"

const struct explain_rung explain_rungs[EXPLAIN_RUNG_COUNT] = {
	{"conversation", COUNTER_conversations, 0},
	{"reply", COUNTER_replies, REACHED_REPLY},
	{"qualified", COUNTER_qualified, REACHED_QUALIFIED},
	{"handoff", COUNTER_handoffs, REACHED_HANDOFF},
	{"appointment", COUNTER_appointments, REACHED_APPOINTMENT},
	{"customer", COUNTER_customers, REACHED_CUSTOMER},
};

const char *explain_type(const struct fact *fact)
{
	static const char *const types[] = {"click", "open", "message in", "message out", "outcome"};
	return types[fact->rank];
}

const char *explain_stage(const struct fact *fact)
{
	static const char *const stages[STAGE_COUNT] = {
		[STAGE_UNQUALIFIED] = "unqualified", [STAGE_PARTIALLY_QUALIFIED] = "partially_qualified",
		[STAGE_QUALIFIED] = "qualified",     [STAGE_HANDOFF] = "handoff",
		[STAGE_APPOINTMENT] = "appointment", [STAGE_CUSTOMER] = "customer",
		[STAGE_LOST] = "lost",		     [STAGE_REFUND] = "refund",
	};
	return stages[fact->stage];
}

const char *explain_rule(enum fold_rule rule)
{
	static const char *const rules[] = {"referral", "click_id", "touch", "ongoing", "opened_last",
					    "organic"};
	return rules[rule];
}

const char *explain_kind(unsigned kind)
{
	static const char *const kinds[] = {"auto", "prefilled", "short", "started", "engaged"};
	return kinds[kind];
}

const char *explain_band(unsigned band)
{
	static const char *const bands[] = {"under_5m", "under_1h", "over_1h", NULL};
	return bands[band];
}

enum counter explain_counter(const struct step *step)
{
	enum counter counter = 0;
	while (counter < COUNTER_COUNT && slot_of[counter][BASIS_EVENT] != step->slot)
		counter++;
	return counter;
}

static void put_organic(const struct story_event *event, const struct options *options, struct buffer *out)
{
	char attribution[DURATION_TEXT_BYTES], other[DURATION_TEXT_BYTES];
	plain_text_duration(options->attribution_ms, attribution);
	switch ((enum fact_rank)event->fact.rank) {
	case RANK_OUTCOME:
		plain_text_put(out, "no conversation had an inbound message in the %s before",
			       plain_text_duration(options->outcome_window_ms, other));
		break;
	case RANK_OUT:
		plain_text_put(out, "no conversation had an inbound message in the %s before",
			       plain_text_duration(options->gap_ms, other));
		break;
	case RANK_IN:
		plain_text_put(out, "no touch in the %s before, and no conversation with an inbound message "
			       "in the %s before", attribution, plain_text_duration(options->gap_ms, other));
		break;
	case RANK_CLICK:
	case RANK_OPEN:
		plain_text_put(out, "no touch in the %s before", attribution);
		break;
	}
}

void explain_put_why(const struct story_event *event, const struct options *options, struct buffer *out)
{
	char ago[DURATION_TEXT_BYTES];
	const struct fold_reason *reason = &event->reason;
	if (reason->of_ms != TIME_NONE)
		plain_text_duration(event->fact.time_ms - reason->of_ms, ago);
	switch (reason->rule) {
	case FOLD_REFERRAL:
		plain_text_put(out, "it names the ad itself");
		break;
	case FOLD_CLICK_ID:
		plain_text_put(out, "the latest touch with its click id was there, %s before", ago);
		break;
	case FOLD_TOUCH:
		plain_text_put(out, "the latest touch was there, %s before", ago);
		break;
	case FOLD_ONGOING:
		plain_text_put(out, "the ongoing conversation is there, its last inbound message %s before",
			       ago);
		break;
	case FOLD_OPENED_LAST:
		plain_text_put(out, "the conversation that opened last is there, opened %s before", ago);
		break;
	case FOLD_ORGANIC:
		put_organic(event, options, out);
		break;
	}
}
