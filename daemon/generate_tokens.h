/* Tokens: what is going to happen in generated events, the next one first.
 *
 * Everything that is known of a person's visit travels in its token, so people cost no memory of their own.
 * Tokens of one instant come out in the order in which they were put in. Aborts where memory is missing. */
#ifndef LADDER_DAEMON_GENERATE_TOKENS_H
#define LADDER_DAEMON_GENERATE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token {
	int64_t ts_ms;
	uint32_t order;   /* set by tokens_push */
	uint32_t person;  /* who visits; of a held event: its slot */
	uint32_t visit;   /* from 1; says what the click id is */
	uint32_t ad;      /* index, or AD_NONE */
	uint8_t action;   /* enum action */
	uint8_t band;     /* how fast the first response came, 0 to 2 */
	uint8_t turns;    /* replies that are still to come */
	uint8_t step;     /* replies, follow-ups or sales so far */
	uint8_t stage;    /* of an outcome, enum event_stage */
	bool is_junk;     /* the first message was */
};

_Static_assert(sizeof(struct token) == 32, "two tokens to a cache line");

struct tokens {
	struct token *heap; /* owned: four children each, the earliest on top */
	size_t count;
	size_t capacity;
	uint32_t order;
};

void tokens_destroy(struct tokens *tokens);
void tokens_push(struct tokens *tokens, struct token token);
/* There is at least one. */
struct token tokens_pop(struct tokens *tokens);

#endif
