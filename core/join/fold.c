#include "core/join/fold.h"

enum { MINUTE_MS = 60 * 1000, RESPONSE_FAST_MS = 5 * MINUTE_MS, RESPONSE_SLOW_MS = 60 * MINUTE_MS };

struct fold {
	const struct options *options;
	const struct series_table *table;
	struct ladder *ladder;
	const struct fact *fact;
	struct step_list *out;
	struct fold_reason *reason; /* NULL: nobody asks */
};

static void say(const struct fold *fold, enum fold_rule rule, uint32_t ad, int64_t of_ms)
{
	if (fold->reason)
		*fold->reason = (struct fold_reason){rule, ad, of_ms};
}

static void say_organic(const struct fold *fold)
{
	say(fold, FOLD_ORGANIC, fold->fact->organic, TIME_NONE);
}

static void say_referral(const struct fold *fold)
{
	say(fold, FOLD_REFERRAL, fold->fact->ad, TIME_NONE);
}

static void push(const struct fold *fold, uint32_t series, unsigned slot, int64_t time_ms, int64_t delta)
{
	struct step_list *out = fold->out;
	if (out)
		out->steps[out->count++] = (struct step){
			.time_ms = time_ms,
			.before_ms = TIME_NONE,
			.delta = delta,
			.series = series,
			.slot = (uint16_t)slot,
		};
}

/* Counts at the fact's own time, and on basis cohort at `opened_ms` if the counter is one that moves. */
static void count(const struct fold *fold, uint32_t series, enum counter counter, int64_t opened_ms,
		  int64_t delta)
{
	unsigned event_slot = slot_of[counter][BASIS_EVENT];
	unsigned cohort_slot = slot_of[counter][BASIS_COHORT];
	push(fold, series, event_slot, fold->fact->time_ms, delta);
	if (cohort_slot != event_slot)
		push(fold, series, cohort_slot, opened_ms, delta);
}

static void count_here(const struct fold *fold, uint32_t series, enum counter counter)
{
	count(fold, series, counter, fold->fact->time_ms, 1);
}

static void count_reached(const struct fold *fold, const struct conversation *conversation,
			  enum counter counter)
{
	count(fold, conversation->ad, counter, conversation->opened_ms, 1);
}

/* Kinds and audit categories stand at the opening on both bases. */
static void count_opened(const struct fold *fold, const struct conversation *conversation,
			 enum counter counter, int64_t delta)
{
	push(fold, conversation->ad, slot_of[counter][BASIS_EVENT], conversation->opened_ms, delta);
}

static void record_delay(const struct fold *fold, const struct conversation *conversation,
			 enum histogram_kind kind)
{
	unsigned bin = histogram_bin(fold->fact->time_ms - conversation->opened_ms);
	push(fold, conversation->ad, slot_of_bin(kind, BASIS_EVENT, bin), fold->fact->time_ms, 1);
	push(fold, conversation->ad, slot_of_bin(kind, BASIS_COHORT, bin), conversation->opened_ms, 1);
}

static struct conversation *conversation_at(const struct fold *fold, uint32_t ad)
{
	struct ladder *ladder = fold->ladder;
	for (size_t i = 0; i < ladder->fixed.conversation_count; i++)
		if (ladder->conversations[i].ad == ad)
			return &ladder->conversations[i];
	return NULL;
}

static struct conversation *conversation_number(const struct fold *fold, uint16_t number)
{
	return number == CONVERSATION_NONE ? NULL : &fold->ladder->conversations[number];
}

/* The conversation with the latest inbound message, if that is less than `gap` old. */
static struct conversation *ongoing(const struct fold *fold)
{
	struct conversation *last = conversation_number(fold, fold->ladder->fixed.ongoing);
	bool is_open = last && fold->fact->time_ms - last->last_in_ms < fold->options->gap_ms;
	return is_open ? last : NULL;
}

static bool is_attributable(const struct fold *fold, int64_t touch_ms)
{
	return fold->fact->time_ms - touch_ms <= fold->options->attribution_ms;
}

/* The two below say what they find. */
static uint32_t latest_touch(const struct fold *fold)
{
	const struct ladder_fixed *fixed = &fold->ladder->fixed;
	if (fixed->touch_ms == TIME_NONE || !is_attributable(fold, fixed->touch_ms))
		return SERIES_NONE;
	say(fold, FOLD_TOUCH, fixed->touch_ad, fixed->touch_ms);
	return fixed->touch_ad;
}

static const struct touch *touch_of_click(const struct fold *fold)
{
	return fold->fact->click ? ladder_find_touch(fold->ladder, fold->fact->click) : NULL;
}

static uint32_t attributed_click(const struct fold *fold)
{
	const struct touch *touch = touch_of_click(fold);
	if (!touch || !is_attributable(fold, touch->time_ms))
		return SERIES_NONE;
	say(fold, FOLD_CLICK_ID, touch->ad, touch->time_ms);
	return touch->ad;
}

static void touch(struct ladder *ladder, const struct fact *fact)
{
	ladder->fixed.touch_ms = fact->time_ms;
	ladder->fixed.touch_ad = fact->ad;
	if (fact->click)
		ladder_set_touch(ladder, fact->click, fact->time_ms, fact->ad);
}

static void fold_click(const struct fold *fold)
{
	say_referral(fold);
	count_here(fold, fold->fact->ad, COUNTER_clicks);
	if (fold->fact->money_micros)
		count(fold, fold->fact->ad, COUNTER_click_cost, 0, fold->fact->money_micros);
	touch(fold->ladder, fold->fact);
}

static void fold_open(const struct fold *fold)
{
	uint32_t ad = fold->fact->ad;
	if (ad == SERIES_NONE)
		say_organic(fold);
	else
		say_referral(fold);
	if (ad == SERIES_NONE)
		ad = attributed_click(fold);
	if (ad == SERIES_NONE)
		ad = latest_touch(fold);
	count_here(fold, ad == SERIES_NONE ? fold->fact->organic : ad, COUNTER_opens);
	if (fold->fact->ad != SERIES_NONE)
		touch(fold->ladder, fold->fact);
}

static uint32_t match_touch_or_ongoing(const struct fold *fold, enum counter *match)
{
	uint32_t touched = latest_touch(fold);
	const struct conversation *open = ongoing(fold);
	bool is_touch_newer = open && touched != SERIES_NONE &&
			      fold->ladder->fixed.touch_ms > open->last_in_ms;
	if (touched != SERIES_NONE && (!open || is_touch_newer)) {
		*match = COUNTER_match_touch;
		return touched;
	}
	*match = open ? COUNTER_match_ongoing : COUNTER_match_organic;
	if (open)
		say(fold, FOLD_ONGOING, open->ad, open->last_in_ms);
	else
		say_organic(fold);
	return open ? open->ad : fold->fact->organic;
}

/* The ad of an inbound message, and which rule said so. */
static uint32_t match_message(const struct fold *fold, enum counter *match)
{
	*match = COUNTER_match_referral;
	say_referral(fold);
	if (fold->fact->ad != SERIES_NONE)
		return fold->fact->ad;
	*match = COUNTER_match_click_id;
	uint32_t clicked = attributed_click(fold);
	return clicked != SERIES_NONE ? clicked : match_touch_or_ongoing(fold, match);
}

/* The series of an ad at a level, SERIES_NONE where it has none. */
static uint32_t series_at(const struct fold *fold, uint32_t ad, enum level level)
{
	return level == LEVEL_AD ? ad : fold->table->series[ad].parents[level];
}

/* Says at each level that the person wrote, and when he did before. */
static void count_people(const struct fold *fold, uint32_t ad)
{
	const struct ladder *ladder = fold->ladder;
	for (enum level level = 0; fold->out && level < LEVEL_COUNT; level++) {
		struct step step =
			{.time_ms = fold->fact->time_ms, .before_ms = TIME_NONE, .delta = 1,
			 .slot = SLOT_WROTE};
		step.series = series_at(fold, ad, level);
		if (step.series == SERIES_NONE)
			continue;
		for (size_t i = 0; i < ladder->fixed.conversation_count; i++) {
			const struct conversation *other = &ladder->conversations[i];
			if (series_at(fold, other->ad, level) == step.series &&
			    other->last_in_ms > step.before_ms)
				step.before_ms = other->last_in_ms;
		}
		fold->out->steps[fold->out->count++] = step;
	}
}

/* How long a conversation that is over can still matter: to outcomes, and to people in windows and days. */
static int64_t memory_ms(const struct options *options)
{
	int64_t longest_ms = 3 * (int64_t)UTC_DAY_MS;
	if (options->window_count > 0 && options->windows[options->window_count - 1].length_ms > longest_ms)
		longest_ms = options->windows[options->window_count - 1].length_ms;
	if (options->outcome_window_ms > longest_ms)
		longest_ms = options->outcome_window_ms;
	return options->gap_ms > longest_ms ? options->gap_ms : longest_ms;
}

static void drop_stale_conversations(const struct fold *fold)
{
	struct ladder_fixed *fixed = &fold->ladder->fixed;
	struct conversation *all = fold->ladder->conversations;
	int64_t before_ms = fold->fact->time_ms - memory_ms(fold->options);
	uint16_t kept = 0, ongoing_now = CONVERSATION_NONE, opened_last_now = CONVERSATION_NONE;
	for (uint16_t i = 0; i < fixed->conversation_count; i++) {
		if (all[i].last_in_ms < before_ms && !(all[i].flags & WAS_CUSTOMER))
			continue;
		if (i == fixed->ongoing)
			ongoing_now = kept;
		if (i == fixed->opened_last)
			opened_last_now = kept;
		all[kept++] = all[i];
	}
	fixed->conversation_count = kept;
	fixed->ongoing = ongoing_now;
	fixed->opened_last = opened_last_now;
}

static const enum counter kind_counters[] = {COUNTER_kind_auto, COUNTER_kind_prefilled, COUNTER_kind_short,
					     COUNTER_kind_started, COUNTER_kind_engaged};

static struct conversation *open_conversation(const struct fold *fold, uint32_t ad)
{
	struct conversation *conversation = conversation_at(fold, ad);
	uint8_t lasting_flags = conversation ? conversation->flags & WAS_CUSTOMER : 0;
	if (!conversation) {
		drop_stale_conversations(fold);
		conversation = ladder_add_conversation(fold->ladder);
	}
	*conversation = (struct conversation){
		.opened_ms = fold->fact->time_ms,
		.last_in_ms = fold->fact->time_ms,
		.first_out_ms = TIME_NONE,
		.ad = ad,
		.kind = fold->fact->kind,
		.band = BAND_NONE,
		.flags = lasting_flags,
	};
	fold->ladder->fixed.opened_last = (uint16_t)(conversation - fold->ladder->conversations);
	count_here(fold, ad, COUNTER_conversations);
	count_opened(fold, conversation, kind_counters[conversation->kind], 1);
	count_opened(fold, conversation, COUNTER_audit_untagged, 1);
	return conversation;
}

static void raise_kind(const struct fold *fold, struct conversation *conversation, uint8_t kind)
{
	if (kind <= conversation->kind)
		return;
	count_opened(fold, conversation, kind_counters[conversation->kind], -1);
	count_opened(fold, conversation, kind_counters[kind], 1);
	conversation->kind = kind;
}

static void fold_message_in(const struct fold *fold)
{
	const struct fact *fact = fold->fact;
	enum counter match;
	uint32_t ad = match_message(fold, &match);
	count_here(fold, ad, COUNTER_messages_in);
	count_here(fold, ad, match);
	count_people(fold, ad);
	if (fact->ad != SERIES_NONE)
		touch(fold->ladder, fact);
	struct conversation *conversation = conversation_at(fold, ad);
	if (!conversation || fact->time_ms - conversation->last_in_ms >= fold->options->gap_ms)
		conversation = open_conversation(fold, ad);
	raise_kind(fold, conversation, fact->kind);
	if (fact->kind == KIND_STARTED && conversation->first_out_ms != TIME_NONE &&
	    !(conversation->flags & REACHED_REPLY)) {
		conversation->flags |= REACHED_REPLY;
		count_reached(fold, conversation, COUNTER_replies);
		raise_kind(fold, conversation, KIND_ENGAGED);
	}
	conversation->last_in_ms = conversation->last_message_ms = fact->time_ms;
	conversation->flags &= (uint8_t)~LAST_WAS_OUT;
	conversation->followup_count = 0;
	fold->ladder->fixed.ongoing = (uint16_t)(conversation - fold->ladder->conversations);
}

static void respond(const struct fold *fold, struct conversation *conversation)
{
	static const enum counter counters[] = {COUNTER_response_under_5m, COUNTER_response_under_1h,
						COUNTER_response_over_1h};
	int64_t delay_ms = fold->fact->time_ms - conversation->opened_ms;
	conversation->band = delay_ms < RESPONSE_FAST_MS   ? BAND_UNDER_5M
			     : delay_ms < RESPONSE_SLOW_MS ? BAND_UNDER_1H
							   : BAND_OVER_1H;
	count_reached(fold, conversation, counters[conversation->band]);
	record_delay(fold, conversation, HISTOGRAM_RESPONSE);
}

static void follow_up(const struct fold *fold, struct conversation *conversation)
{
	count_here(fold, conversation->ad, COUNTER_followups);
	conversation->followup_count++;
	if (conversation->followup_count > fold->options->followup_max &&
	    !(conversation->flags & OVERFOLLOWED)) {
		conversation->flags |= OVERFOLLOWED;
		count_reached(fold, conversation, COUNTER_overfollowed);
	}
}

static enum counter price_class(const struct fold *fold, const struct conversation *conversation)
{
	const struct options *options = fold->options;
	int64_t now_ms = fold->fact->time_ms;
	if (!fold->table->series[conversation->ad].is_organic &&
	    conversation->first_out_ms - conversation->opened_ms <= options->service_window_ms &&
	    now_ms - conversation->first_out_ms < options->free_window_ms)
		return COUNTER_out_free;
	return now_ms - conversation->last_in_ms < options->service_window_ms
	       ? COUNTER_out_service
	       : COUNTER_out_paid;
}

static void fold_message_out(const struct fold *fold)
{
	const struct fact *fact = fold->fact;
	struct conversation *conversation = ongoing(fold);
	if (!conversation) {
		say_organic(fold);
		count_here(fold, fact->organic, COUNTER_messages_out);
		return;
	}
	say(fold, FOLD_ONGOING, conversation->ad, conversation->last_in_ms);
	count_here(fold, conversation->ad, COUNTER_messages_out);
	if (fact->is_auto)
		count_here(fold, conversation->ad, COUNTER_auto_out);
	if (!fact->is_auto && conversation->band == BAND_NONE)
		respond(fold, conversation);
	if (!fact->is_auto && conversation->flags & LAST_WAS_OUT &&
	    fact->time_ms - conversation->last_message_ms >= fold->options->followup_after_ms)
		follow_up(fold, conversation);
	if (conversation->first_out_ms == TIME_NONE)
		conversation->first_out_ms = fact->time_ms;
	count_here(fold, conversation->ad, price_class(fold, conversation));
	conversation->last_message_ms = fact->time_ms;
	conversation->flags |= LAST_WAS_OUT;
}

static bool is_in_outcome_window(const struct fold *fold, const struct conversation *conversation)
{
	return conversation &&
	       fold->fact->time_ms - conversation->last_in_ms <= fold->options->outcome_window_ms;
}

/* Says what it finds. */
static struct conversation *find_outcome_conversation(const struct fold *fold)
{
	say_referral(fold);
	struct conversation *named = fold->fact->ad == SERIES_NONE
				     ? NULL
				     : conversation_at(fold, fold->fact->ad);
	if (is_in_outcome_window(fold, named))
		return named;
	const struct touch *click = touch_of_click(fold);
	struct conversation *clicked = click ? conversation_at(fold, click->ad) : NULL;
	if (is_in_outcome_window(fold, clicked)) {
		say(fold, FOLD_CLICK_ID, clicked->ad, click->time_ms);
		return clicked;
	}
	struct conversation *last = conversation_number(fold, fold->ladder->fixed.opened_last);
	if (!is_in_outcome_window(fold, last)) {
		say_organic(fold);
		return NULL;
	}
	say(fold, FOLD_OPENED_LAST, last->ad, last->opened_ms);
	return last;
}

static enum counter audit_category(const struct conversation *conversation)
{
	static const enum counter said[] = {COUNTER_audit_untagged, COUNTER_audit_unqualified,
					    COUNTER_audit_partially_qualified, COUNTER_audit_lost};
	if (conversation->flags & REACHED_CUSTOMER)
		return COUNTER_audit_converted;
	if (conversation->flags & (REACHED_HANDOFF | REACHED_APPOINTMENT))
		return COUNTER_audit_sales_ready;
	return conversation->flags & REACHED_QUALIFIED ? COUNTER_audit_qualified : said[conversation->said];
}

static void imply(const struct fold *fold, struct conversation *conversation, uint8_t rung,
		  enum counter counter, enum counter implied_counter)
{
	if (!fold->options->imply || conversation->flags & rung)
		return;
	conversation->flags |= rung;
	count_reached(fold, conversation, counter);
	count_reached(fold, conversation, implied_counter);
}

/* Reaches a rung, and the ones below that it implies; false if it was reached before. */
static bool reach(const struct fold *fold, struct conversation *conversation, uint8_t rung,
		  enum counter counter)
{
	if (conversation->flags & rung)
		return false;
	if (rung > REACHED_QUALIFIED)
		imply(fold, conversation, REACHED_QUALIFIED, COUNTER_qualified, COUNTER_implied_qualified);
	if (rung > REACHED_HANDOFF)
		imply(fold, conversation, REACHED_HANDOFF, COUNTER_handoffs, COUNTER_implied_handoff);
	conversation->flags |= rung;
	count_reached(fold, conversation, counter);
	return true;
}

static bool was_customer_of_account(const struct fold *fold, const struct conversation *conversation)
{
	uint32_t account = series_at(fold, conversation->ad, LEVEL_ACCOUNT);
	for (size_t i = 0; i < fold->ladder->fixed.conversation_count; i++) {
		const struct conversation *other = &fold->ladder->conversations[i];
		if (other->flags & WAS_CUSTOMER && series_at(fold, other->ad, LEVEL_ACCOUNT) == account)
			return true;
	}
	return false;
}

static void become_customer(const struct fold *fold, struct conversation *conversation)
{
	static const enum counter counters[] = {COUNTER_customers_under_5m, COUNTER_customers_under_1h,
						COUNTER_customers_over_1h};
	if (!reach(fold, conversation, REACHED_CUSTOMER, COUNTER_customers))
		return;
	record_delay(fold, conversation, HISTOGRAM_CLOSE_TIME);
	if (conversation->band != BAND_NONE)
		count_reached(fold, conversation, counters[conversation->band]);
	if (!was_customer_of_account(fold, conversation))
		count_reached(fold, conversation, COUNTER_new_customers);
	conversation->flags |= WAS_CUSTOMER;
}

static void count_money(const struct fold *fold, uint32_t ad, int64_t opened_ms)
{
	const struct fact *fact = fold->fact;
	bool is_sale = fact->stage == STAGE_CUSTOMER;
	if (!is_sale && fact->stage != STAGE_REFUND)
		return;
	count(fold, ad, is_sale ? COUNTER_orders : COUNTER_refunds, opened_ms, 1);
	if (fact->money_micros)
		count(fold, ad, COUNTER_revenue, opened_ms,
		      is_sale ? fact->money_micros : -fact->money_micros);
}

static void apply_stage(const struct fold *fold, struct conversation *conversation)
{
	switch ((enum event_stage)fold->fact->stage) {
	case STAGE_UNQUALIFIED:
		conversation->said = SAID_UNQUALIFIED;
		break;
	case STAGE_PARTIALLY_QUALIFIED:
		conversation->said = SAID_PARTIALLY_QUALIFIED;
		break;
	case STAGE_LOST:
		conversation->said = SAID_LOST;
		break;
	case STAGE_QUALIFIED:
		reach(fold, conversation, REACHED_QUALIFIED, COUNTER_qualified);
		break;
	case STAGE_HANDOFF:
		reach(fold, conversation, REACHED_HANDOFF, COUNTER_handoffs);
		break;
	case STAGE_APPOINTMENT:
		reach(fold, conversation, REACHED_APPOINTMENT, COUNTER_appointments);
		break;
	case STAGE_CUSTOMER:
		become_customer(fold, conversation);
		break;
	case STAGE_REFUND:
	case STAGE_COUNT:
		break;
	}
}

static void fold_outcome(const struct fold *fold)
{
	struct conversation *conversation = find_outcome_conversation(fold);
	if (!conversation) {
		count_here(fold, fold->fact->organic, COUNTER_outcomes_unattributed);
		count_money(fold, fold->fact->organic, fold->fact->time_ms);
		return;
	}
	enum counter category = audit_category(conversation);
	count_money(fold, conversation->ad, conversation->opened_ms);
	apply_stage(fold, conversation);
	if (audit_category(conversation) != category) {
		count_opened(fold, conversation, category, -1);
		count_opened(fold, conversation, audit_category(conversation), 1);
	}
}

void fold_event_reason(const struct fold_context *ctx, struct ladder *ladder, const struct fact *fact,
		       struct step_list *out, struct fold_reason *reason)
{
	const struct fold fold = {ctx->options, ctx->series, ladder, fact, out, reason};
	if (out)
		step_list_reserve(out); /* no event makes more steps */
	if (!ladder_is_empty(ladder) && fact->time_ms - ladder->fixed.last_ms > ctx->options->retention_ms)
		ladder_reset(ladder);
	switch ((enum fact_rank)fact->rank) {
	case RANK_CLICK:
		fold_click(&fold);
		break;
	case RANK_OPEN:
		fold_open(&fold);
		break;
	case RANK_IN:
		fold_message_in(&fold);
		break;
	case RANK_OUT:
		fold_message_out(&fold);
		break;
	case RANK_OUTCOME:
		fold_outcome(&fold);
		break;
	}
	ladder->fixed.last_ms = fact->time_ms;
	CHECK(!out || out->count <= out->capacity);
}

void fold_event(const struct fold_context *ctx, struct ladder *ladder, const struct fact *fact,
		struct step_list *out)
{
	fold_event_reason(ctx, ladder, fact, out, NULL);
}

void fold_late_touch(struct ladder *ladder, const struct fact *fact)
{
	if (ladder->fixed.touch_ms < fact->time_ms) {
		ladder->fixed.touch_ms = fact->time_ms;
		ladder->fixed.touch_ad = fact->ad;
	}
	const struct touch *known = fact->click ? ladder_find_touch(ladder, fact->click) : NULL;
	if (fact->click && (!known || known->time_ms < fact->time_ms))
		ladder_set_touch(ladder, fact->click, fact->time_ms, fact->ad);
}
