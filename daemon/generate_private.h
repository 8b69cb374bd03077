/* What the files of the generator share: its state, and who does what. Spec section 9.
 *
 *   generate_events.c  the feed: the next token, what is held back, what is repeated
 *   generate_visit.c   the click, the open chat, the first message
 *   generate_chat.c    answers, replies, follow-ups
 *   generate_sale.c    outcomes
 *   generate_spend.c   the platform's reports
 *   generate_write.c   events as JSON
 *
 * An action takes a token whose time has come, and puts in those that follow from it. It returns true if it
 * has written an event: g->json up to g->pen, g->type and g->key then say which. */
#ifndef LADDER_DAEMON_GENERATE_PRIVATE_H
#define LADDER_DAEMON_GENERATE_PRIVATE_H

#include "daemon/generate_events.h"
#include "daemon/generate_json.h"
#include "daemon/generate_random.h"
#include "daemon/generate_tokens.h"
#include "daemon/generate_world.h"

enum { EVENT_BYTES = 1024, KEY_BYTES = 32 };

enum action {
	ACTION_ARRIVE, ACTION_OPEN, ACTION_WRITE, ACTION_NUDGE,
	ACTION_GREET, ACTION_RESPOND, ACTION_REPLY, ACTION_ANSWER, ACTION_FOLLOW_UP,
	ACTION_OUTCOME,
	ACTION_SPEND_SO_FAR, ACTION_SPEND_CLOSE, ACTION_SPEND_REPORT, ACTION_SPEND_RESTATE,
	ACTION_COUNT
};

enum {
#define CHANCE(name, permille, sentence) CHANCE_##name = permille,
#include "daemon/generate_habits.def"
};

enum delay {
#define DELAY(name, q0, q1, q2, q3, q4, q5, q6, q7, q8, sentence) DELAY_##name,
#include "daemon/generate_habits.def"
	DELAY_COUNT
};

struct held_event {
	enum event_type type;
	int64_t ts_ms;
	size_t json_len;
	size_t key_len;
	char key[KEY_BYTES];
	char json[EVENT_BYTES];
};

/* Late events and copies, by the time they arrive: token.person is the slot. */
struct hold {
	struct tokens queue;
	struct held_event *slots; /* owned */
	uint32_t *free_slots;     /* owned */
	uint32_t slot_count;
	uint32_t free_count;
};

struct generator {
	struct generator_options options;
	struct world world;
	struct tokens tokens;
	struct random_stream random;   /* what happens */
	struct random_stream delivery; /* what becomes late or is repeated: the same world with and without */
	struct hold hold;
	int64_t now_ms;
	int64_t arrival_us;            /* of the next visit */
	uint64_t emitted_count;
	uint64_t visit_count;
	bool is_calm;                  /* nothing is broken at now_ms */
	uint64_t calm_event_count;     /* events and visits of calm times: how many events a visit brings */
	uint64_t calm_visit_count;
	uint64_t id_count;
	uint32_t held_slot;            /* whose bytes the caller is reading, or SLOT_NONE_HELD */
	struct pen pen;
	enum event_type type;
	size_t key_len;
	char key[KEY_BYTES];
	char json[EVENT_BYTES];
};

enum { SLOT_NONE_HELD = UINT32_MAX };

/* ---- Chances and times (generate_events.c) ---- */

bool generator_chance(struct generator *g, unsigned permille, enum knob knob, uint32_t ad);
unsigned generator_knob(const struct generator *g, enum knob knob, uint32_t ad);
int64_t generator_delay_ms(struct generator *g, enum delay delay);
/* The token again, with another action, after a delay. */
void generator_follow(struct generator *g, struct token token, enum action action, int64_t delay_ms);
/* The ad, or NULL of an organic visit. */
struct ad *generator_ad(struct generator *g, uint32_t ad);

/* ---- Actions ---- */

bool act_arrive(struct generator *g, struct token token);
bool act_open(struct generator *g, struct token token);
bool act_write(struct generator *g, struct token token);
bool act_nudge(struct generator *g, struct token token);
bool act_greet(struct generator *g, struct token token);
bool act_respond(struct generator *g, struct token token);
bool act_reply(struct generator *g, struct token token);
bool act_answer(struct generator *g, struct token token);
bool act_follow_up(struct generator *g, struct token token);
bool act_outcome(struct generator *g, struct token token);
bool act_spend_so_far(struct generator *g, struct token token);
bool act_spend_close(struct generator *g, struct token token);
bool act_spend_report(struct generator *g, struct token token);
bool act_spend_restate(struct generator *g, struct token token);

/* The first one: schedules every ad's reports. */
void spend_begin(struct generator *g);
/* What happens to a conversation after its first reply: nothing, or an outcome to come. */
void sale_begin(struct generator *g, struct token token);
/* In a well-run business somebody looks at every conversation. */
void sale_triage(struct generator *g, struct token token);
/* Somebody or nobody will answer the first message of a visit. */
void chat_begin(struct generator *g, struct token token);

/* ---- Events (generate_write.c): each leaves one in g ---- */

enum referral { REFERRAL_NONE, REFERRAL_CLICK, REFERRAL_AD, REFERRAL_WHOLE };
enum content { CONTENT_WORDS, CONTENT_ONE_WORD, CONTENT_PREFILLED, CONTENT_AUTO, CONTENT_MEDIA };

void write_click(struct generator *g, const struct token *token, int64_t cost_micros);
void write_open(struct generator *g, const struct token *token);
void write_message_in(struct generator *g, const struct token *token, enum referral referral,
		      enum content content);
void write_message_out(struct generator *g, const struct token *token, bool is_auto);
void write_outcome(struct generator *g, const struct token *token, const char *stage, int64_t value_micros);
void write_spend(struct generator *g, const struct ad *ad, const struct period *period, const char *id_mark);

#endif
