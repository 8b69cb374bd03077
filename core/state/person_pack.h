/* Person pack: the parts of a person's blob, and how they are told from bytes. Private to the person_*.c
 * files. Native byte order; see person_blob.h. */
#ifndef LADDER_STATE_PERSON_PACK_H
#define LADDER_STATE_PERSON_PACK_H

#include "core/state/person_blob.h"

/* A time and a number beside it in one word: times are below 2^48 or TIME_NONE. */
uint64_t pack_time(int64_t time_ms, uint16_t number);
int64_t unpack_time(uint64_t word);

static inline uint16_t unpack_number(uint64_t word)
{
	return (uint16_t)(word >> 48);
}

/* The conversations and touches of a ladder, in as many bytes as ladder_bytes says. To unpack, `fixed` is
 * set. */
size_t ladder_bytes(size_t conversation_count, size_t touch_count);
void pack_ladder(const struct ladder *ladder, char *out);
void unpack_ladder(struct ladder *ladder, const char *bytes);

/* What the header keeps of the head. */
void set_head(struct blob_header *header, const struct ladder_fixed *fixed);
void get_head(const struct blob_header *header, struct ladder_fixed *fixed);

/* What a record is told against: the one before it, and the last ones that were whole. */
struct anchors {
	int64_t time_ms; /* of the record before */
	struct slice id; /* of the last one whose id was whole */
	uint64_t click;  /* of the last one whose click was whole, and its ad */
	uint32_t ad;
};

static const struct anchors no_anchors = {.ad = SERIES_NONE};

struct record {
	struct fact fact;    /* id_at and id_hash are not set */
	struct slice middle; /* of the id */
	size_t prefix_len;   /* of the anchor's id, before the middle */
	size_t suffix_len;
};

static inline bool record_is_whole(const struct record *record)
{
	return record->prefix_len + record->suffix_len == 0;
}

/* A record: how long the rest is; how much of the id's start and end is the anchor's; two bytes of bits;
 * time since the record before; the pseudo-ad; where they are and are not the anchor's the click (8 bytes)
 * and the ad; money if there is some; the middle of the id.
 *
 * Reads any bytes. The anchors are moved on but for the id's: pass_record does that, when the record's id has
 * been told against it. */
void read_record(struct reader *reader, struct anchors *anchors, struct record *record);
void pass_record(struct anchors *anchors, const struct record *record);

/* Of records that are known to be sound: the id of one that has it whole; the click of one that has it
 * whole, and its ad, into the anchors; the time of the first; whether one of those in [at, end) has the id.
 * */
struct slice record_whole_id(const char *record);
void record_whole_click(const char *record, struct anchors *anchors);
int64_t record_first_ms(const char *record);
bool records_have_id(const char *at, const char *end, struct slice id);

static inline bool becomes_click_anchor(const struct anchors *anchors, const struct fact *fact)
{
	return fact->click != 0 && fact->click != anchors->click;
}

/* Appends a record. Returns whether it becomes the id anchor. */
bool write_record(const struct anchors *anchors, const struct fact *fact, struct slice id,
		  struct buffer *out);

/* ---- What few have ---- */

/* Its bytes follow the head where header.has_rare is set: its length, what it has, then that. */
enum { RARE_HAS_CLAIM = 1, RARE_HAS_PREFIX = 2, RARE_HAS_HORIZON = 4 };

struct slice get_claim(struct reader *reader, struct claim *claim);
void get_bytes(struct reader *reader, void *to, size_t len);

#endif
