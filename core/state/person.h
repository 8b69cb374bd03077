/* Person: a folded prefix and a tail. Design decision 1, spec section 3.
 *
 * One who clicks or writes, as the task keeps him. Known under a keyed hash of `user`, or of a
 * `click_id` that no user has claimed (a click of its own; it also remembers who claimed it).
 *
 *   time ->   [ ....... prefix ....... ][ fact fact fact fact ]
 *              folded for good, a ladder   the tail: may still be reordered, added to, or moved away
 *             [ ............... head .......................... ]   the ladder after the whole tail
 *
 * `head` = fold(prefix, tail) always; with an empty tail they are the same. The tail is sorted by
 * fact_compare. The horizon is the last fact that max_tail folded in: (time, rank, id).
 *
 * In the table a person is one flat, relocatable blob: person_blob.h. */
#ifndef LADDER_STATE_PERSON_H
#define LADDER_STATE_PERSON_H

#include "core/base/buffer.h"
#include "core/base/hash.h"
#include "core/model/event.h"
#include "core/state/series.h"

/* What one inbound message was worth; a conversation has the highest of its messages. */
enum kind { KIND_AUTO, KIND_PREFILLED, KIND_SHORT, KIND_STARTED, KIND_ENGAGED };

enum band { BAND_UNDER_5M, BAND_UNDER_1H, BAND_OVER_1H, BAND_NONE };

/* The last of these that was said of a conversation; it counts only below `qualified`. */
enum said { SAID_NOTHING, SAID_UNQUALIFIED, SAID_PARTIALLY_QUALIFIED, SAID_LOST };

enum {
	REACHED_REPLY = 1 << 0,
	REACHED_QUALIFIED = 1 << 1,
	REACHED_HANDOFF = 1 << 2,
	REACHED_APPOINTMENT = 1 << 3,
	REACHED_CUSTOMER = 1 << 4,
	OVERFOLLOWED = 1 << 5,
	LAST_WAS_OUT = 1 << 6,
	WAS_CUSTOMER = 1 << 7, /* of this ad, in this conversation or one before: outlives the conversation */
};

/* The latest conversation of the person at one ad. */
struct conversation {
	int64_t opened_ms;
	int64_t last_in_ms;
	int64_t last_message_ms; /* in or out */
	int64_t first_out_ms;    /* of any kind, or TIME_NONE */
	uint32_t ad;             /* series */
	uint32_t followup_count; /* since the last inbound message */
	uint8_t kind;
	uint8_t said;
	uint8_t band; /* of the first response, BAND_NONE before it */
	uint8_t flags;
	uint32_t unused;
};

/* The latest touch that carried this click id. */
struct touch {
	int64_t time_ms;
	uint64_t click;
	uint32_t ad;
	uint32_t unused;
};

/* What a ladder keeps at most, whatever a robot does: the oldest give way. */
enum { CONVERSATION_COUNT_MAX = 1024, TOUCH_COUNT_MAX = 4096, CONVERSATION_NONE = UINT16_MAX };

struct ladder_fixed {
	int64_t last_ms;  /* the newest folded event, TIME_NONE if there is none */
	int64_t touch_ms; /* the latest touch, TIME_NONE if there is none */
	uint32_t touch_ad;
	uint16_t conversation_count;
	uint16_t touch_count;
	uint16_t ongoing;     /* the conversation with the latest inbound message */
	uint16_t opened_last; /* the conversation that opened last */
	uint32_t unused;
};

/* What the fold carries from event to event. Empty: ladder_reset. */
struct ladder {
	struct ladder_fixed fixed;
	struct conversation *conversations; /* at most one an ad */
	struct touch *touches;              /* at most one a click id */
	size_t conversation_capacity;
	size_t touch_capacity;
};

void ladder_reset(struct ladder *ladder);
void ladder_destroy(struct ladder *ladder);
void ladder_copy(struct ladder *to, const struct ladder *from);
bool ladder_is_empty(const struct ladder *ladder);
/* Room for as many conversations and touches as `fixed` says. */
void ladder_grow(struct ladder *ladder);
static inline void ladder_make_room(struct ladder *ladder)
{
	if (ladder->fixed.conversation_count > ladder->conversation_capacity ||
	    ladder->fixed.touch_count > ladder->touch_capacity)
		ladder_grow(ladder);
}

/* Room for one more conversation. In a full ladder it is that of the one with the oldest inbound message, but
 * never the ongoing one nor the one that opened last. Valid until the next is added. */
struct conversation *ladder_add_conversation(struct ladder *ladder);

/* The touch of a click, NULL where there is none. */
struct touch *ladder_find_touch(const struct ladder *ladder, uint64_t click);
/* In a full ladder the touch with the oldest time gives way, be it this one. */
void ladder_set_touch(struct ladder *ladder, uint64_t click, int64_t time_ms, uint32_t ad);

/* An event as a person's tail keeps it. */
struct fact {
	int64_t time_ms;
	int64_t money_micros;
	uint64_t click;    /* hash of the click id, 0 without one */
	uint64_t id_hash;
	uint32_t ad;       /* series of the event's own ad, or SERIES_NONE */
	uint32_t organic;  /* series of the pseudo-ad of the event's account */
	uint32_t id_at;    /* the id's bytes: offset in the owner's ids */
	uint16_t id_len;
	uint8_t rank;      /* event_rank: says the type and the direction too */
	uint8_t stage : 4;
	uint8_t kind : 2;        /* of an inbound message: KIND_AUTO to KIND_STARTED */
	uint8_t is_auto : 1;     /* of an outbound one */
	uint8_t is_by_click : 1; /* the event had no user: it follows its click's claim */
};
_Static_assert(sizeof(struct fact) == 48, "facts are copied as they are");

enum fact_rank { RANK_CLICK, RANK_OPEN, RANK_IN, RANK_OUT, RANK_OUTCOME };

/* The order of spec section 3: (time, rank, id). 0 only for the same three. */
int fact_compare(const struct fact *a, const char *a_ids, const struct fact *b, const char *b_ids);

/* The order of two that are the same to fact_compare, by what they say: 0 where that is the same. Series are
 * compared by their ids, clicks, last of all, by their keyed hashes. */
int fact_compare_content(const struct fact *a, const struct series_table *a_table, const struct fact *b,
			 const struct series_table *b_table);

struct claim {
	struct key128 person;
	int64_t time_ms; /* TIME_NONE while nobody claims */
	uint16_t id_len;
	uint16_t abroad; /* 0: a person of this task; else one of the task of this number and 1 */
	uint32_t tie;    /* claim_tie of the user */
};

/* What decides between two users with one (ts, id): not keyed, so that every run decides alike, and
 * too short to say who it is (promise P6). */
uint32_t claim_tie(struct slice user);

/* The order of spec section 2, (ts, id); for one id that two users sent any that depends on them alone. */
int claim_compare(const struct claim *a, struct slice a_id, const struct claim *b, struct slice b_id);

/* A person unpacked: one working copy a task, used again and again. */
struct person {
	struct key128 key;
	struct ladder prefix;
	struct ladder head;
	struct fact *facts;
	size_t fact_count;
	size_t fact_capacity;
	struct buffer ids;
	struct claim claim; /* of a click: who claimed it */
	struct buffer claim_id;
	struct fact horizon; /* the last that was folded early: time, rank, id_len. TIME_NONE: none */
	struct buffer horizon_id;
};

void person_reset(struct person *person, struct key128 key);
void person_destroy(struct person *person);

static inline struct slice person_fact_id(const struct person *person, const struct fact *fact)
{
	return (struct slice){person->ids.data + fact->id_at, fact->id_len};
}

/* Puts a fact at a place in the tail, copying its id. */
void person_insert_fact(struct person *person, size_t at, const struct fact *fact, struct slice id);
/* Puts one whose id stands in `ids` already behind the others. */
void person_add_fact(struct person *person, const struct fact *fact);
void person_remove_fact(struct person *person, size_t at);

/* The fact at this place of the tail becomes the horizon. */
void person_set_horizon(struct person *person, size_t at);

/* Whether the person has folded over the place of a fact: it can have none in the tail. */
bool person_has_passed(const struct person *person, const struct fact *fact, struct slice id);

/* Where a fact belongs in the tail: behind all that compare lower. */
size_t person_find_place(const struct person *person, const struct fact *fact, struct slice id);

/* The place of the fact with this id, or fact_count. */
size_t person_find_id(const struct person *person, uint64_t id_hash, struct slice id);

/* Appends the blob to `out`. */
void person_store(const struct person *person, struct buffer *out);

/* False if the bytes are no blob: only where a stored page was tampered with. */
bool person_load(struct person *person, struct slice blob);

/* Whether what was loaded can be a person: he refers to no ad that is not in the table, and to no time after
 * now_ms. To be asked of what comes from a stored page. */
bool person_is_sound(const struct person *person, const struct series_table *table, int64_t now_ms);

/* The time of the newest event of a person, or of the claim on a click. */
int64_t person_last_ms(const struct person *person);
/* The same of a blob of the table, and the key at the start of any. */
int64_t person_blob_last_ms(const char *blob);
struct key128 person_blob_key(const char *blob);

#endif
