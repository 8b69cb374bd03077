#include "daemon/generate_private.h"

/* ---- The click ---- */

/* How busy each hour of the day is, in percent of the mean. */
static const unsigned char hours[24] = {45, 32, 25, 22, 24, 34, 55, 80, 105, 125, 133, 130,
					128, 126, 122, 120, 125, 135, 150, 165, 172, 165, 160, 122};

/* Of a well-run business: how busy each day of the week is, from Thursday (1970-01-01) on. */
static const unsigned char days[7] = {106, 100, 78, 72, 116, 116, 112};

static unsigned busy_percent(const struct generator *g)
{
	if (g->options.is_steady)
		return 100;
	unsigned percent = hours[g->now_ms / 3600000 % 24];
	return g->options.is_well_run ? percent * days[g->now_ms / 86400000 % 7] / 100 : percent;
}

/* How many events a visit brings is learnt on the way, so that the feed is as dense as was asked for; not
 * from times when something is broken, which must not bring more people. */
static void schedule_next_visit(struct generator *g)
{
	static const uint32_t waits[QUANTILE_COUNT] = {0, 134, 288, 470, 693, 981, 1386, 2079, 4020};
	int64_t wait_permille = random_quantile(&g->random, waits, 1);
	int64_t event_ns = (int64_t)((uint64_t)g->options.span_ms * 1000000 / g->options.events_per_span);
	/* Of a well-run business more is known from the start. */
	uint64_t known_visits = g->options.is_well_run ? 1000 : 1;
	uint64_t known_events = g->options.is_well_run ? 8000 : 4;
	int64_t events_percent = (int64_t)((g->calm_event_count + known_events) * 100 /
					   (g->calm_visit_count + known_visits));
	int64_t visit_ns = event_ns * events_percent / busy_percent(g);
	g->arrival_us += visit_ns / 1000 * wait_permille / 1000;
	tokens_push(&g->tokens, (struct token){.ts_ms = g->arrival_us / 1000, .action = ACTION_ARRIVE});
}

static uint32_t pick_person(struct generator *g)
{
	uint32_t count = g->options.people_count;
	bool is_regular = random_chance(&g->random, CHANCE_regular);
	return random_below(&g->random, is_regular && count >= 10 ? count / 10 : count);
}

static struct token new_visit(struct generator *g)
{
	struct token token = {.ts_ms = g->now_ms, .person = pick_person(g), .ad = AD_NONE};
	token.visit = (uint32_t)++g->visit_count;
	g->calm_visit_count += g->is_calm;
	if (!random_chance(&g->random, CHANCE_organic))
		token.ad = random_below(&g->random, random_below(&g->random, g->world.ad_count) + 1);
	return token;
}

bool act_arrive(struct generator *g, struct token token)
{
	schedule_next_visit(g);
	token = new_visit(g);
	struct ad *ad = generator_ad(g, token.ad);
	if (!ad) {
		generator_follow(g, token, ACTION_WRITE, 0);
		return false;
	}
	int64_t cost_micros = ad->click_micros * random_between(&g->random, 600, 1400) / 1000;
	cost_micros = cost_micros * generator_knob(g, KNOB_cost, token.ad) / 100;
	ad->current.clicks++;
	ad->current.spend_micros += cost_micros;
	ad->current.impressions += random_below(&g->random, 2 * ad->views_per_click) + 1;
	if (generator_chance(g, CHANCE_open, KNOB_open, token.ad))
		generator_follow(g, token, ACTION_OPEN, generator_delay_ms(g, DELAY_open));
	write_click(g, &token, cost_micros);
	return true;
}

/* ---- The chat ---- */

bool act_open(struct generator *g, struct token token)
{
	unsigned counted_permille = CHANCE_counted * generator_knob(g, KNOB_counted, token.ad) / 100;
	generator_ad(g, token.ad)->current.conversations +=
		counted_permille / 1000 + random_chance(&g->random, counted_permille % 1000);
	if (generator_chance(g, CHANCE_write, KNOB_write, token.ad))
		generator_follow(g, token, ACTION_WRITE, generator_delay_ms(g, DELAY_write));
	write_open(g, &token);
	return true;
}

static enum referral pick_referral(struct generator *g, uint32_t ad)
{
	unsigned drawn = random_below(&g->random, 1000);
	if (ad == AD_NONE)
		return REFERRAL_NONE;
	if (drawn < CHANCE_referral_whole)
		return REFERRAL_WHOLE;
	if (drawn < CHANCE_referral_whole + CHANCE_referral_ad)
		return REFERRAL_AD;
	bool is_click = drawn < CHANCE_referral_whole + CHANCE_referral_ad + CHANCE_referral_click;
	return is_click ? REFERRAL_CLICK : REFERRAL_NONE;
}

static enum content pick_content(struct generator *g, uint32_t ad)
{
	unsigned junk = generator_knob(g, KNOB_junk, ad);
	if (random_chance(&g->random, CHANCE_write_auto * junk / 100))
		return CONTENT_AUTO;
	if (random_chance(&g->random, CHANCE_write_prefilled * junk / 100))
		return CONTENT_PREFILLED;
	if (random_chance(&g->random, CHANCE_write_one_word * junk / 100))
		return CONTENT_ONE_WORD;
	return random_chance(&g->random, CHANCE_media) ? CONTENT_MEDIA : CONTENT_WORDS;
}

bool act_write(struct generator *g, struct token token)
{
	enum content content = pick_content(g, token.ad);
	token.is_junk = content != CONTENT_WORDS && content != CONTENT_MEDIA;
	chat_begin(g, token);
	write_message_in(g, &token, pick_referral(g, token.ad), content);
	return true;
}
