#include "daemon/generate_private.h"

enum { SALES_MAX = 5 };

static const char *stage_word(uint32_t visit, enum event_stage stage)
{
	static const char *const appointments[] = {"appointment", "quote", "checkout", "demo"};
	static const char *const words[STAGE_COUNT] = {
		[STAGE_UNQUALIFIED] = "unqualified", [STAGE_PARTIALLY_QUALIFIED] = "partially_qualified",
		[STAGE_QUALIFIED] = "qualified", [STAGE_HANDOFF] = "handoff", [STAGE_CUSTOMER] = "customer",
		[STAGE_LOST] = "lost", [STAGE_REFUND] = "refund",
	};
	if (stage == STAGE_APPOINTMENT)
		return appointments[visit % 4];
	return stage == STAGE_CUSTOMER && visit % 3 == 0 ? "sale" : words[stage];
}

static void outcome_follow(struct generator *g, struct token token, enum event_stage stage, enum delay delay)
{
	token.stage = (uint8_t)stage;
	generator_follow(g, token, ACTION_OUTCOME, generator_delay_ms(g, delay));
}

void sale_triage(struct generator *g, struct token token)
{
	if (generator_chance(g, CHANCE_triage, KNOB_triage, token.ad))
		outcome_follow(g, token, STAGE_PARTIALLY_QUALIFIED, DELAY_qualify);
}

void sale_begin(struct generator *g, struct token token)
{
	struct ad *ad = generator_ad(g, token.ad);
	unsigned quality = ad ? ad->quality_permille : 1000;
	token.step = 0;
	if (generator_chance(g, CHANCE_qualify * quality / 1000, KNOB_qualify, token.ad))
		outcome_follow(g, token, STAGE_QUALIFIED, DELAY_qualify);
	else if (random_chance(&g->random, CHANCE_unqualified))
		outcome_follow(g, token, STAGE_UNQUALIFIED, DELAY_qualify);
	else if (random_chance(&g->random, CHANCE_partially))
		outcome_follow(g, token, STAGE_PARTIALLY_QUALIFIED, DELAY_qualify);
	else if (random_chance(&g->random, CHANCE_lost))
		outcome_follow(g, token, STAGE_LOST, DELAY_lost);
}

/* Who was answered fast buys three times as often as who was not. */
static void try_to_close(struct generator *g, struct token token, unsigned permille)
{
	static const unsigned speed_percent[] = {130, 90, 40};
	if (generator_chance(g, permille * speed_percent[token.band] / 100, KNOB_close, token.ad))
		outcome_follow(g, token, STAGE_CUSTOMER, DELAY_close);
	else if (random_chance(&g->random, CHANCE_lost_late))
		outcome_follow(g, token, STAGE_LOST, DELAY_lost);
}

static void sale_go_on(struct generator *g, struct token token)
{
	switch ((enum event_stage)token.stage) {
	case STAGE_QUALIFIED:
		if (generator_chance(g, CHANCE_handoff, KNOB_handoff, token.ad))
			outcome_follow(g, token, STAGE_HANDOFF, DELAY_handoff);
		break;
	case STAGE_HANDOFF:
		if (random_chance(&g->random, CHANCE_appointment))
			outcome_follow(g, token, STAGE_APPOINTMENT, DELAY_appointment);
		else
			try_to_close(g, token, CHANCE_close);
		break;
	case STAGE_APPOINTMENT:
		try_to_close(g, token, CHANCE_close_appointed);
		break;
	case STAGE_CUSTOMER:
		if (random_chance(&g->random, CHANCE_refund))
			outcome_follow(g, token, STAGE_REFUND, DELAY_refund);
		if (++token.step < SALES_MAX && random_chance(&g->random, CHANCE_repeat))
			outcome_follow(g, token, STAGE_CUSTOMER, DELAY_repeat);
		break;
	default:
		break;
	}
}

bool act_outcome(struct generator *g, struct token token)
{
	sale_go_on(g, token);
	bool is_money = token.stage == STAGE_CUSTOMER || token.stage == STAGE_REFUND;
	if (!is_money && !generator_chance(g, CHANCE_tagged, KNOB_tagged, token.ad))
		return false;
	int64_t value_micros = 0;
	if (is_money)
		value_micros = (20 + (int64_t)(random_mix(token.visit) % 400)) * 1000000 - 100000;
	write_outcome(g, &token, stage_word(token.visit, token.stage), value_micros);
	return true;
}
