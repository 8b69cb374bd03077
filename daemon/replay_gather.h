/* Gather: the first half of a replay. Reads events and keeps what each says, unordered. Spec section 9.
 *
 *   file ranges --decode--> facts, by partition of people | names and reports of ads | claims | counts
 *                           one gather a thread
 *
 * Nothing depends on the order of the input, so several threads gather parts of it, and the second half
 * (replay_fold.h) puts them together. A gather belongs to one thread, then may be read by all. */
#ifndef LADDER_DAEMON_REPLAY_GATHER_H
#define LADDER_DAEMON_REPLAY_GATHER_H

#include "config/config.h"
#include "core/decode/decode.h"
#include "core/pipeline.h"

/* People are divided by their keys, into parts so small that one is sorted and folded in the caches. */
enum { PEOPLE_PARTITIONS = 256 };

/* A fact and whose it is: a person, or a click that somebody may claim. Its id follows it in the pile,
 * then padding to 8 bytes. */
struct gathered {
	struct key128 key;
	struct fact fact;
};

/* Facts in the order in which they came. It grows by blocks, none of which ever moves. {0} is an empty
 * one. */
struct fact_block {
	struct fact_block *next;
	size_t len;
	size_t capacity;
	char bytes[];
};

struct fact_pile {
	struct fact_block *first; /* owned */
	struct fact_block *last;
};

/* Where somebody reads in a pile: begin with {pile->first, 0}. */
struct fact_place {
	const struct fact_block *block;
	size_t at;
};

/* Somebody names himself together with a click. */
struct gathered_claim {
	struct key128 click;
	struct claim claim;
	size_t id_at; /* in claim_ids */
};

struct gather {
	const struct config *config;
	struct decoder *decoder;
	struct task *task; /* for its series, names and reports; nobody lives in it */
	unsigned type_mask;
	struct fact_pile facts[PEOPLE_PARTITIONS]; /* of people */
	struct fact_pile by_click;                 /* of clicks */
	struct buffer claims; /* struct gathered_claim */
	struct buffer claim_ids;
	struct counts counts; /* persons' events count as applied until their duplicates are known */
	int64_t max_ms;
	uint64_t bytes_read;
	char error[512]; /* "" while all is well */
};

struct gather *gather_create(const struct config *config, const unsigned char identity_key[16]);
void gather_destroy(struct gather *gather);

/* Reads the lines that start in [begin, end) of a file; the whole where end is 0. False: gather->error. */
must_check bool gather_file(struct gather *gather, const char *path, uint64_t begin, uint64_t end);

/* The events of one record, of an input that takes these types. */
void gather_record(struct gather *gather, struct slice value, unsigned type_mask);

/* Puts a fact into the partition of its key. */
void gather_put(struct gather *gather, const struct gathered *gathered, struct slice id);

/* The next fact, and the place behind it; NULL after the last. */
const struct gathered *gather_next(struct fact_place *place, struct slice *id);

void fact_pile_destroy(struct fact_pile *pile); /* it is empty then */

#endif
