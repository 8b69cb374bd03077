#include "daemon/generate_private.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

/* How one account's reports come: periods begin at shift_ms after midnight UTC and last length_ms. */
struct habit {
	int64_t length_ms;
	int64_t shift_ms;
	int64_t so_far_ms; /* today so far is told this often; 0: never */
};

static struct habit account_habit(const struct generator *g, const struct ad *ad)
{
	static const int64_t shifts_ms[] = {0, 3 * HOUR_MS, -(5 * HOUR_MS + 30 * MINUTE_MS), 8 * HOUR_MS};
	if (g->options.report_ms)
		return (struct habit){g->options.report_ms, 0, 0};
	if (ad->account_number % 2)
		return (struct habit){HOUR_MS, 0, 0};
	return (struct habit){DAY_MS, shifts_ms[ad->account_number / 2 % 4], 3 * HOUR_MS};
}

static void period_begin(struct period *period, int64_t from_ms, int64_t length_ms)
{
	*period = (struct period){.from_ms = from_ms, .to_ms = from_ms + length_ms};
}

static void schedule(struct generator *g, uint32_t ad, enum action action, int64_t ts_ms)
{
	tokens_push(&g->tokens, (struct token){.ts_ms = ts_ms, .ad = ad, .action = action});
}

void spend_begin(struct generator *g)
{
	for (uint32_t i = 0; i < g->world.ad_count; i++) {
		struct ad *ad = &g->world.ads[i];
		struct habit habit = account_habit(g, ad);
		int64_t passed_ms = (g->now_ms - habit.shift_ms) % habit.length_ms;
		period_begin(&ad->current, g->now_ms - passed_ms, habit.length_ms);
		schedule(g, i, ACTION_SPEND_CLOSE, ad->current.to_ms);
		if (habit.so_far_ms)
			schedule(g, i, ACTION_SPEND_SO_FAR, g->now_ms + i % 60 * MINUTE_MS);
	}
}

bool act_spend_so_far(struct generator *g, struct token token)
{
	struct ad *ad = generator_ad(g, token.ad);
	generator_follow(g, token, ACTION_SPEND_SO_FAR, account_habit(g, ad).so_far_ms);
	if (!ad->current.impressions)
		return false;
	write_spend(g, ad, &ad->current, "day-");
	return true;
}

bool act_spend_close(struct generator *g, struct token token)
{
	struct ad *ad = generator_ad(g, token.ad);
	struct habit habit = account_habit(g, ad);
	ad->previous = ad->current;
	period_begin(&ad->current, ad->previous.to_ms, habit.length_ms);
	generator_follow(g, token, ACTION_SPEND_CLOSE, habit.length_ms);
	if (ad->previous.impressions)
		generator_follow(g, token, ACTION_SPEND_REPORT,
				 habit.length_ms * random_between(&g->random, 30, 120) / 1000);
	return false;
}

bool act_spend_report(struct generator *g, struct token token)
{
	struct ad *ad = generator_ad(g, token.ad);
	int64_t length_ms = account_habit(g, ad).length_ms;
	if (random_chance(&g->random, CHANCE_restate))
		generator_follow(g, token, ACTION_SPEND_RESTATE,
				 length_ms * random_between(&g->random, 200, 800) / 1000);
	write_spend(g, ad, &ad->previous, "spd-");
	return true;
}

bool act_spend_restate(struct generator *g, struct token token)
{
	struct ad *ad = generator_ad(g, token.ad);
	struct period corrected = ad->previous;
	corrected.spend_micros = corrected.spend_micros * random_between(&g->random, 980, 1010) / 1000;
	corrected.conversations += random_below(&g->random, 2);
	write_spend(g, ad, &corrected, "fix-");
	return true;
}
