#include "daemon/generate_private.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };
enum { OPENING_HOUR = 8, CLOSING_HOUR = 22, TURNS_MAX = 5 };
enum { PATIENT_FOLLOW_UPS = 2, PUSHY_FOLLOW_UPS = 7 };

/* Every third account has no automat, every fifth does not let go. */
static bool account_greets(struct generator *g, uint32_t ad)
{
	return ad == AD_NONE || g->options.is_well_run || g->world.ads[ad].account_number % 3;
}

static unsigned account_follow_ups(struct generator *g, uint32_t ad)
{
	bool is_pushy = ad != AD_NONE && g->world.ads[ad].account_number % 5 == 0;
	if (g->options.is_well_run)
		is_pushy = generator_knob(g, KNOB_follow_up, ad) > 100;
	return is_pushy ? PUSHY_FOLLOW_UPS : PATIENT_FOLLOW_UPS;
}

static int64_t respond_delay_ms(struct generator *g, uint32_t ad)
{
	enum delay delay = g->options.is_well_run ? DELAY_respond_well : DELAY_respond;
	int64_t delay_ms = generator_delay_ms(g, delay);
	delay_ms = delay_ms * generator_knob(g, KNOB_respond_delay, ad) / 100;
	int64_t hour = (g->now_ms + delay_ms) % DAY_MS / HOUR_MS;
	bool is_day = hour >= OPENING_HOUR && hour < CLOSING_HOUR;
	bool is_open = is_day || g->options.is_steady || g->options.is_well_run;
	if (is_open || !random_chance(&g->random, CHANCE_by_morning))
		return delay_ms;
	int64_t opening_ms = (g->now_ms + delay_ms) / DAY_MS * DAY_MS + OPENING_HOUR * HOUR_MS;
	if (hour >= CLOSING_HOUR)
		opening_ms += DAY_MS;
	return opening_ms - g->now_ms + generator_delay_ms(g, DELAY_morning);
}

void chat_begin(struct generator *g, struct token token)
{
	if (g->options.is_well_run)
		sale_triage(g, token);
	if (account_greets(g, token.ad) && generator_chance(g, 1000, KNOB_respond, token.ad))
		generator_follow(g, token, ACTION_GREET, generator_delay_ms(g, DELAY_greet));
	if (generator_chance(g, CHANCE_respond, KNOB_respond, token.ad)) {
		int64_t delay_ms = respond_delay_ms(g, token.ad);
		token.band = (delay_ms >= 5 * MINUTE_MS) + (delay_ms >= HOUR_MS);
		generator_follow(g, token, ACTION_RESPOND, delay_ms);
	} else if (random_chance(&g->random, CHANCE_nudge)) {
		generator_follow(g, token, ACTION_NUDGE, generator_delay_ms(g, DELAY_nudge));
	}
}

/* What a person reads and leaves unanswered may be followed up. */
static void wait_for_reply(struct generator *g, struct token token, unsigned reply_permille)
{
	if (random_chance(&g->random, reply_permille))
		generator_follow(g, token, ACTION_REPLY, generator_delay_ms(g, DELAY_reply));
	else if (generator_chance(g, CHANCE_follow_up, KNOB_follow_up, token.ad))
		generator_follow(g, token, ACTION_FOLLOW_UP, generator_delay_ms(g, DELAY_follow_up));
}

bool act_nudge(struct generator *g, struct token token)
{
	write_message_in(g, &token, REFERRAL_NONE, CONTENT_WORDS);
	return true;
}

/* Nothing goes out, of what was begun before either. */
static bool is_inbox_down(const struct generator *g, uint32_t ad)
{
	return generator_knob(g, KNOB_respond, ad) == 0;
}

bool act_greet(struct generator *g, struct token token)
{
	if (is_inbox_down(g, token.ad))
		return false;
	write_message_out(g, &token, true);
	return true;
}

bool act_respond(struct generator *g, struct token token)
{
	static const unsigned reply_permille[] = {CHANCE_reply_fast, CHANCE_reply_middling,
						  CHANCE_reply_slow};
	if (is_inbox_down(g, token.ad))
		return false;
	unsigned permille = reply_permille[token.band];
	token.turns = (uint8_t)random_between(&g->random, 1, TURNS_MAX);
	permille = permille * generator_knob(g, KNOB_reply, token.ad) / 100;
	wait_for_reply(g, token, token.is_junk ? permille * CHANCE_reply_junk / 1000 : permille);
	write_message_out(g, &token, false);
	return true;
}

bool act_reply(struct generator *g, struct token token)
{
	if (token.step == 0)
		sale_begin(g, token);
	token.step = 1;
	token.turns--;
	if (generator_chance(g, CHANCE_answer, KNOB_respond, token.ad))
		generator_follow(g, token, ACTION_ANSWER, generator_delay_ms(g, DELAY_answer));
	bool is_media = random_chance(&g->random, CHANCE_media);
	write_message_in(g, &token, REFERRAL_NONE, is_media ? CONTENT_MEDIA : CONTENT_WORDS);
	return true;
}

bool act_answer(struct generator *g, struct token token)
{
	if (is_inbox_down(g, token.ad))
		return false;
	if (token.turns)
		wait_for_reply(g, token, 1000);
	write_message_out(g, &token, false);
	return true;
}

/* token.stage counts the follow-ups here: no outcome travels with this token. */
bool act_follow_up(struct generator *g, struct token token)
{
	if (is_inbox_down(g, token.ad))
		return false;
	token.stage++;
	if (random_chance(&g->random, CHANCE_revive))
		generator_follow(g, token, ACTION_REPLY, generator_delay_ms(g, DELAY_reply));
	else if (token.stage < account_follow_ups(g, token.ad) &&
		 generator_chance(g, CHANCE_follow_again, KNOB_follow_up, token.ad))
		generator_follow(g, token, ACTION_FOLLOW_UP, generator_delay_ms(g, DELAY_follow_up));
	write_message_out(g, &token, false);
	return true;
}
