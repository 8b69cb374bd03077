#include "daemon/generate_private.h"

static const char *const agents[] = {"ana", "bruno", "carla", "diego", "elena", "farid", "gita", "hugo"};
static const char *const phrases[] = {"How much is it?", "Do you have it in blue", "hello", "price",
				      "I want to book a visit for Friday",
				      "Is this still available? I live in the north",
				      "Can you send me more photos please",
				      "Yes, tomorrow at ten works for me"};

/* ---- Who, which, when ---- */

/* A phone number; of every twentieth person an id that the platform made up. */
static void write_person(struct generator *g, uint32_t person)
{
	static const char *const countries[] = {"5511", "5521", "4479", "9198",
						"5255", "6281", "4915", "1650"};
	struct pen pen = {g->key};
	uint64_t scattered = person * UINT64_C(2654435761) % UINT64_C(1000000000);
	if (person % 20 == 19) {
		PEN_LITERAL(&pen, "BR.13491208");
		pen_digits(&pen, person * UINT64_C(2654435761) % UINT64_C(1000000000000), 12);
	} else {
		pen_slice(&pen, slice_from(countries[scattered % 8]));
		pen_digits(&pen, scattered, 9);
	}
	g->key_len = (size_t)(pen.at - g->key);
}

static void write_id(struct generator *g, const char *mark)
{
	uint64_t number = random_mix(g->options.seed) ^ ++g->id_count;
	PEN_LITERAL(&g->pen, "\",\"id\":\"");
	pen_slice(&g->pen, slice_from(mark));
	pen_code(&g->pen, random_mix(number));
}

static void write_click_id(struct generator *g, uint32_t visit)
{
	uint64_t number = random_mix(g->options.seed ^ 0xc11c) ^ visit;
	PEN_LITERAL(&g->pen, "\"click_id\":\"ARA");
	pen_code(&g->pen, random_mix(number));
	pen_code(&g->pen, random_mix(~number));
	PEN_LITERAL(&g->pen, "\",");
}

static void write_user(struct generator *g)
{
	PEN_LITERAL(&g->pen, "\"user\":\"");
	pen_slice(&g->pen, (struct slice){g->key, g->key_len});
	PEN_LITERAL(&g->pen, "\",");
}

static void write_ad(struct generator *g, const struct ad *ad)
{
	PEN_LITERAL(&g->pen, "\"ad\":\"");
	pen_slice(&g->pen, slice_from(ad->id));
	PEN_LITERAL(&g->pen, "\",");
}

static void write_account(struct generator *g, const struct token *token)
{
	char account[16];
	const struct ad *ad = generator_ad(g, token->ad);
	uint32_t number = ad ? ad->account_number : token->person % g->world.account_count + 1;
	PEN_LITERAL(&g->pen, "\"account\":\"");
	pen_slice(&g->pen, world_account(number, account));
	PEN_LITERAL(&g->pen, "\",");
}

static void begin(struct generator *g, enum event_type type, const struct token *token)
{
	g->type = type;
	write_person(g, token->person);
	PEN_LITERAL(&g->pen, "{\"type\":\"");
	pen_slice(&g->pen, slice_from(event_type_name(type)));
}

/* The last comma gives way to the brace. */
static void end(struct generator *g)
{
	g->pen.at[-1] = '}';
}

/* ---- Clicks and opens ---- */

void write_click(struct generator *g, const struct token *token, int64_t cost_micros)
{
	const struct ad *ad = generator_ad(g, token->ad);
	begin(g, EVENT_CLICK, token);
	write_id(g, "clk-");
	PEN_LITERAL(&g->pen, "\",\"ts\":");
	pen_time(&g->pen, g->now_ms);
	PEN_LITERAL(&g->pen, ",");
	if (random_chance(&g->random, CHANCE_click_user))
		write_user(g);
	write_click_id(g, token->visit);
	pen_slice(&g->pen, (struct slice){ad->names, ad->names_len});
	if (ad->account_number % 2) {
		PEN_LITERAL(&g->pen, "\"cost\":\"");
		pen_cents(&g->pen, cost_micros);
		PEN_LITERAL(&g->pen, "\",\"currency\":\"USD\",");
	}
	end(g);
}

void write_open(struct generator *g, const struct token *token)
{
	const struct ad *ad = generator_ad(g, token->ad);
	begin(g, EVENT_OPEN, token);
	write_id(g, "opn-");
	PEN_LITERAL(&g->pen, "\",\"ts\":");
	pen_number(&g->pen, (uint64_t)g->now_ms);
	PEN_LITERAL(&g->pen, ",");
	write_click_id(g, token->visit);
	write_account(g, token);
	if (ad->account_number % 2)
		write_ad(g, ad);
	PEN_LITERAL(&g->pen, "\"channel\":\"whatsapp\",\"os\":\"android\",");
	end(g);
}

/* ---- Messages ---- */

static void begin_message(struct generator *g, const struct token *token)
{
	begin(g, EVENT_MESSAGE, token);
	write_id(g, "wamid.HBgN");
	PEN_LITERAL(&g->pen, "FQIAERgS\",\"ts\":");
	pen_number(&g->pen, (uint64_t)g->now_ms);
	PEN_LITERAL(&g->pen, ",");
	write_user(g);
	write_account(g, token);
	PEN_LITERAL(&g->pen, "\"channel\":\"whatsapp\",");
}

static void write_words(struct generator *g, unsigned words)
{
	PEN_LITERAL(&g->pen, "\"words\":");
	pen_number(&g->pen, words);
	PEN_LITERAL(&g->pen, ",");
}

static void write_content(struct generator *g, enum content content)
{
	if (content == CONTENT_AUTO) {
		PEN_LITERAL(&g->pen, "\"auto\":true,");
	} else if (content == CONTENT_PREFILLED) {
		PEN_LITERAL(&g->pen, "\"prefilled\":true,");
	}
	if (content == CONTENT_MEDIA) {
		PEN_LITERAL(&g->pen, "\"media\":true,");
	} else if (content == CONTENT_WORDS && random_chance(&g->random, CHANCE_as_text)) {
		PEN_LITERAL(&g->pen, "\"text\":\"");
		pen_slice(&g->pen, slice_from(phrases[random_below(&g->random, 8)]));
		PEN_LITERAL(&g->pen, "\",");
	} else {
		write_words(g, content == CONTENT_ONE_WORD ? 1 : 2 + random_below(&g->random, 24));
	}
}

void write_message_in(struct generator *g, const struct token *token, enum referral referral,
		      enum content content)
{
	begin_message(g, token);
	PEN_LITERAL(&g->pen, "\"direction\":\"in\",");
	if (referral == REFERRAL_WHOLE || referral == REFERRAL_AD)
		write_ad(g, generator_ad(g, token->ad));
	if (referral == REFERRAL_WHOLE || referral == REFERRAL_CLICK)
		write_click_id(g, token->visit);
	write_content(g, content);
	end(g);
}

void write_message_out(struct generator *g, const struct token *token, bool is_auto)
{
	begin_message(g, token);
	PEN_LITERAL(&g->pen, "\"direction\":\"out\",");
	if (is_auto) {
		PEN_LITERAL(&g->pen, "\"auto\":true,");
	} else {
		PEN_LITERAL(&g->pen, "\"agent\":\"");
		pen_slice(&g->pen, slice_from(agents[token->visit % 8]));
		PEN_LITERAL(&g->pen, "\",");
	}
	write_words(g, 2 + random_below(&g->random, 24));
	end(g);
}

/* ---- Outcomes and spend ---- */

void write_outcome(struct generator *g, const struct token *token, const char *stage, int64_t value_micros)
{
	begin(g, EVENT_OUTCOME, token);
	write_id(g, "crm-");
	PEN_LITERAL(&g->pen, "\",\"ts\":");
	pen_time(&g->pen, g->now_ms);
	PEN_LITERAL(&g->pen, ",");
	write_user(g);
	write_account(g, token);
	PEN_LITERAL(&g->pen, "\"stage\":\"");
	pen_slice(&g->pen, slice_from(stage));
	PEN_LITERAL(&g->pen, "\",\"agent\":\"");
	pen_slice(&g->pen, slice_from(agents[token->visit % 8]));
	PEN_LITERAL(&g->pen, "\",");
	if (token->ad != AD_NONE && random_chance(&g->random, CHANCE_outcome_ad))
		write_ad(g, generator_ad(g, token->ad));
	if (token->ad != AD_NONE && random_chance(&g->random, CHANCE_outcome_click))
		write_click_id(g, token->visit);
	if (value_micros) {
		PEN_LITERAL(&g->pen, "\"value\":");
		pen_cents(&g->pen, value_micros);
		PEN_LITERAL(&g->pen, ",\"currency\":\"USD\",");
	}
	end(g);
}

static void write_count(struct generator *g, struct slice field, int64_t count)
{
	*g->pen.at++ = '"';
	pen_slice(&g->pen, field);
	PEN_LITERAL(&g->pen, "\":");
	pen_number(&g->pen, (uint64_t)count);
	PEN_LITERAL(&g->pen, ",");
}

void write_spend(struct generator *g, const struct ad *ad, const struct period *period, const char *id_mark)
{
	g->type = EVENT_SPEND;
	g->key_len = strlen(ad->id);
	memcpy(g->key, ad->id, g->key_len);
	PEN_LITERAL(&g->pen, "{\"type\":\"spend");
	write_id(g, id_mark);
	PEN_LITERAL(&g->pen, "\",\"ts\":");
	pen_number(&g->pen, (uint64_t)g->now_ms);
	PEN_LITERAL(&g->pen, ",\"from\":");
	pen_time(&g->pen, period->from_ms);
	PEN_LITERAL(&g->pen, ",\"to\":");
	pen_time(&g->pen, period->to_ms);
	PEN_LITERAL(&g->pen, ",");
	pen_slice(&g->pen, (struct slice){ad->names, ad->names_len});
	PEN_LITERAL(&g->pen, "\"spend\":\"");
	pen_cents(&g->pen, period->spend_micros);
	PEN_LITERAL(&g->pen, "\",\"currency\":\"USD\",");
	write_count(g, slice_from("impressions"), period->impressions);
	write_count(g, slice_from("clicks"), period->clicks);
	write_count(g, slice_from("conversations"), period->conversations);
	end(g);
}
