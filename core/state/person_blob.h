/* Person blob: a person as the table keeps him, flat and relocatable. Design decisions 1 and 3.
 *
 *   blob_header | conversations, touches of the head | rare | record record record ...
 *
 * Made so that one more event at the end of a tail reads the header, the head and one record, and writes
 * behind the last one:
 *   - `seen` has a bit for each id of the tail, so an id whose bit is not set is no duplicate;
 *   - a record keeps its time as the distance from the record before it, its id as what differs from the last
 *     whole one (the id anchor), its click and ad as a mark where they are those of the click anchor.
 * `rare` is what few people have: who claimed the click, a prefix beside a tail, the horizon of max_tail.
 * Native byte order: pages do not move between kinds of machines.
 *
 * Functions that take a `const struct blob_header *` trust the bytes: they come from the table. What comes
 * from a stored page goes through person_load first, which checks. */
#ifndef LADDER_STATE_PERSON_BLOB_H
#define LADDER_STATE_PERSON_BLOB_H

#include "core/state/person.h"

struct blob_header {
	struct key128 key;
	uint64_t seen;
	uint64_t last_and_opened_last; /* the head's last_ms in the low 48 bits, then its opened_last */
	uint64_t touch_and_ongoing;    /* touch_ms, ongoing */
	uint32_t touch_ad;
	uint32_t len;                  /* of the whole blob */
	uint32_t record_count;
	uint32_t id_anchor_at;         /* of the anchors in the blob, 0: there is none */
	uint32_t click_anchor_at;
	uint16_t conversation_count : 13;
	uint16_t last_rank : 3;        /* of the last record */
	uint16_t touch_count : 15;
	uint16_t has_rare : 1;
};
_Static_assert(sizeof(struct blob_header) == 64, "one cache line");

/* The time of the newest event that was folded, TIME_NONE without one. */
int64_t blob_last_ms(const struct blob_header *blob);

/* Whether an event is behind all of the blob's records, as fact_compare orders them. False may be wrong for
 * one that is in the same millisecond. */
static inline bool blob_is_before(const struct blob_header *blob, int64_t last_ms, const struct fact *fact)
{
	return fact->time_ms > last_ms || (fact->time_ms == last_ms && fact->rank > blob->last_rank);
}

/* Whether an id may be one of the tail's: false is certain. */
static inline bool blob_may_have_id(const struct blob_header *blob, uint64_t id_hash)
{
	return blob->seen >> (id_hash >> 58) & 1;
}
/* Whether it is. */
bool blob_has_id(const struct blob_header *blob, struct slice id);

/* The time of the first record; there must be one. */
int64_t blob_first_ms(const struct blob_header *blob);

/* The claim on a click, and the claim's id. False: nobody claims it. */
bool blob_claim(const struct blob_header *blob, struct claim *claim, struct slice *id);

/* The blob of a click that is claimed and has nothing else: appended to `out`. */
void blob_put_claimed(struct key128 key, const struct claim *claim, struct slice id, struct buffer *out);

/* The head of a blob. */
void blob_get_head(const struct blob_header *blob, struct ladder *head);

/* How a blob grows when `head` becomes its head and `fact` its last record. */
struct blob_growth {
	struct blob_header header; /* as it will be */
	size_t head_len_before;
	size_t head_len;
	size_t len_before;         /* 0: there was no blob */
};

/* Works it out, and writes the head and the record to `scratch`, emptied first. `blob` is NULL where there is
 * none. */
void blob_plan_append(const struct blob_header *blob, struct key128 key, const struct ladder *head,
		      const struct fact *fact, struct slice id, struct blob_growth *growth,
		      struct buffer *scratch);

/* Does it, in place: `blob` has room for growth->header.len bytes and holds the first len_before of them.
 * What goes there is worked out before: a new blob's memory may be slow to come, and nothing waits for it. */
void blob_append(struct blob_header *blob, const struct blob_growth *growth, const struct buffer *scratch);

#endif
