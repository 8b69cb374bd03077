#include "daemon/generate_events.h"

#include <stdlib.h>

#include "daemon/generate_private.h"

static const uint32_t delay_quantiles_s[DELAY_COUNT][QUANTILE_COUNT] = {
#define DELAY(name, q0, q1, q2, q3, q4, q5, q6, q7, q8, sentence) {q0, q1, q2, q3, q4, q5, q6, q7, q8},
#include "daemon/generate_habits.def"
};

static bool (*const actions[ACTION_COUNT])(struct generator *g, struct token token) = {
	[ACTION_ARRIVE] = act_arrive,
	[ACTION_OPEN] = act_open,
	[ACTION_WRITE] = act_write,
	[ACTION_NUDGE] = act_nudge,
	[ACTION_GREET] = act_greet,
	[ACTION_RESPOND] = act_respond,
	[ACTION_REPLY] = act_reply,
	[ACTION_ANSWER] = act_answer,
	[ACTION_FOLLOW_UP] = act_follow_up,
	[ACTION_OUTCOME] = act_outcome,
	[ACTION_SPEND_SO_FAR] = act_spend_so_far,
	[ACTION_SPEND_CLOSE] = act_spend_close,
	[ACTION_SPEND_REPORT] = act_spend_report,
	[ACTION_SPEND_RESTATE] = act_spend_restate,
};

/* ---- Chances and times ---- */

struct ad *generator_ad(struct generator *g, uint32_t ad)
{
	return ad == AD_NONE ? NULL : &g->world.ads[ad];
}

static unsigned place_percent(const struct generator *g)
{
	int64_t passed_ms = (g->now_ms - g->options.start_ms) % g->options.span_ms;
	return (unsigned)(passed_ms * 100 / g->options.span_ms);
}

unsigned generator_knob(const struct generator *g, enum knob knob, uint32_t ad)
{
	unsigned usual = g->options.is_well_run ? scenario_well_run_knob(knob) : 100;
	if (g->is_calm)
		return usual;
	bool is_first_campaign = ad != AD_NONE && g->world.ads[ad].is_in_first_campaign;
	return usual * scenario_knob(g->options.scenario, knob, place_percent(g), is_first_campaign) / 100;
}

bool generator_chance(struct generator *g, unsigned permille, enum knob knob, uint32_t ad)
{
	return random_chance(&g->random, permille * generator_knob(g, knob, ad) / 100);
}

int64_t generator_delay_ms(struct generator *g, enum delay delay)
{
	enum { UNHURRIED_MS = 300000 };
	int64_t delay_ms = random_quantile(&g->random, delay_quantiles_s[delay], 1000);
	if (delay_ms <= UNHURRIED_MS)
		return delay_ms;
	return UNHURRIED_MS + (delay_ms - UNHURRIED_MS) / g->options.haste;
}

void generator_follow(struct generator *g, struct token token, enum action action, int64_t delay_ms)
{
	token.action = action;
	token.ts_ms = g->now_ms + delay_ms;
	tokens_push(&g->tokens, token);
}

/* ---- What is held back ---- */

static uint32_t hold_slot(struct hold *hold)
{
	if (!hold->free_count) {
		uint32_t count = hold->slot_count ? 2 * hold->slot_count : 64;
		hold->slots = realloc(hold->slots, count * sizeof *hold->slots);
		hold->free_slots = realloc(hold->free_slots, count * sizeof *hold->free_slots);
		CHECK(hold->slots && hold->free_slots);
		for (uint32_t slot = count; slot-- > hold->slot_count;)
			hold->free_slots[hold->free_count++] = slot;
		hold->slot_count = count;
	}
	return hold->free_slots[--hold->free_count];
}

static void hold_event(struct generator *g, enum delay delay)
{
	uint32_t number = hold_slot(&g->hold);
	struct held_event *slot = &g->hold.slots[number];
	slot->type = g->type;
	slot->ts_ms = g->now_ms;
	slot->json_len = (size_t)(g->pen.at - g->json);
	slot->key_len = g->key_len;
	memcpy(slot->json, g->json, slot->json_len);
	memcpy(slot->key, g->key, slot->key_len);
	int64_t delay_ms = random_quantile(&g->delivery, delay_quantiles_s[delay], 1000);
	tokens_push(&g->hold.queue, (struct token){.ts_ms = g->now_ms + delay_ms, .person = number});
}

static void hold_take(struct generator *g, struct generated *generated)
{
	struct token token = tokens_pop(&g->hold.queue);
	const struct held_event *slot = &g->hold.slots[token.person];
	*generated = (struct generated){{slot->json, slot->json_len}, {slot->key, slot->key_len}, slot->type,
					slot->ts_ms, token.ts_ms};
	g->held_slot = token.person;
}

static void hold_give_back(struct generator *g)
{
	if (g->held_slot != SLOT_NONE_HELD)
		g->hold.free_slots[g->hold.free_count++] = g->held_slot;
	g->held_slot = SLOT_NONE_HELD;
}

/* What arrives next is a held one: its time has come, or nothing else may come any more. */
static bool hold_is_next(const struct generator *g)
{
	const struct tokens *queue = &g->hold.queue;
	return queue->count && (queue->heap[0].ts_ms <= g->tokens.heap[0].ts_ms ||
				queue->count >= g->options.event_count - g->emitted_count);
}

/* ---- The feed ---- */

static bool event_happens(struct generator *g)
{
	struct token token = tokens_pop(&g->tokens);
	g->now_ms = token.ts_ms;
	g->is_calm = scenario_is_calm(g->options.scenario, place_percent(g));
	g->pen.at = g->json;
	if (!actions[token.action](g, token))
		return false;
	CHECK(g->pen.at <= g->json + EVENT_BYTES);
	return g->type != EVENT_MESSAGE || generator_chance(g, 1000, KNOB_messages, token.ad);
}

static bool event_arrives(struct generator *g)
{
	if (random_chance(&g->delivery, g->options.late_permille)) {
		hold_event(g, DELAY_late);
		return false;
	}
	uint64_t still_to_come = g->hold.queue.count + 1;
	if (random_chance(&g->delivery, g->options.duplicate_permille) &&
	    still_to_come < g->options.event_count - g->emitted_count)
		hold_event(g, DELAY_again);
	return true;
}

bool generator_next(struct generator *g, struct generated *generated)
{
	hold_give_back(g);
	if (g->emitted_count == g->options.event_count)
		return false;
	for (;;) {
		if (hold_is_next(g)) {
			hold_take(g, generated);
			break;
		}
		if (event_happens(g) && event_arrives(g)) {
			*generated = (struct generated){{g->json, (size_t)(g->pen.at - g->json)},
							{g->key, g->key_len}, g->type, g->now_ms, g->now_ms};
			break;
		}
	}
	g->emitted_count++;
	g->calm_event_count += g->is_calm;
	return true;
}

struct generator *generator_create(const struct generator_options *options)
{
	CHECK(options->people_count && options->ad_count && options->account_count);
	CHECK(options->span_ms >= 1000 && options->events_per_span && options->haste);
	CHECK((uint64_t)options->span_ms / options->events_per_span <= GENERATE_GAP_MAX_MS);
	struct generator *g = calloc(1, sizeof *g);
	CHECK(g);
	g->options = *options;
	g->held_slot = SLOT_NONE_HELD;
	g->now_ms = options->start_ms;
	g->arrival_us = options->start_ms * 1000;
	g->random.state = random_mix(options->seed + 1);
	g->delivery.state = random_mix(g->random.state);
	world_create(&g->world, options->ad_count, options->account_count, options->is_well_run);
	spend_begin(g);
	tokens_push(&g->tokens, (struct token){.ts_ms = options->start_ms, .action = ACTION_ARRIVE});
	return g;
}

void generator_destroy(struct generator *g)
{
	if (!g)
		return;
	world_destroy(&g->world);
	tokens_destroy(&g->tokens);
	tokens_destroy(&g->hold.queue);
	free(g->hold.slots);
	free(g->hold.free_slots);
	free(g);
}
