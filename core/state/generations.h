/* Generations: where in the log of chunks the people of a table are stored. Design decision 3.
 *
 * People are committed into chunks that are numbered upwards and never written again; the newest version of a
 * person is the one that counts. Neighbouring chunks are a generation:
 *
 *   chunks       0 1 2 | 3 4 | 5 6 7 8 | 9 ...
 *   generation     7      2       4      11, the open one
 *
 * A generation knows how many people were written into it and how many of them are stored nowhere newer
 * (live). One without any is deleted; when more than half of all that is stored is not live, those with the
 * fewest live are emptied: their people are written again. So what is stored stays within twice the people,
 * and little is written twice. Plain numbers, one thread. */
#ifndef LADDER_STATE_GENERATIONS_H
#define LADDER_STATE_GENERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 is no generation: who has it was never stored. */
enum { GENERATION_BITS = 6, GENERATION_COUNT = 1 << GENERATION_BITS, GENERATION_NONE = 0 };

struct generation {
	int64_t first_chunk;
	int64_t end_chunk; /* the chunk after the last; first_chunk: it has none */
	uint64_t written;
	uint64_t live;
	bool is_leaving;   /* its people are to be written again */
};

struct generations {
	struct generation all[GENERATION_COUNT];
	unsigned open; /* takes what is written */
	int64_t rewrite_before; /* chunks below are to be emptied, one generation with each commit */
	int64_t next_chunk;
	uint64_t share; /* of people that one takes, at a restore */
};

void generations_create(struct generations *generations);

/* A commit begins, with so many people in the table: opens another generation where the open one is large
 * enough, and says which ones leave. True if one does. */
bool generations_begin(struct generations *generations, uint64_t people_count);

/* Everything that is stored now is to be written again: a generation with each commit that follows. */
void generations_rewrite(struct generations *generations);
bool generations_is_rewriting(const struct generations *generations);

/* A person of a generation was written into the open one; or is in the table no more. */
void generations_move(struct generations *generations, unsigned from);
void generations_drop(struct generations *generations, unsigned from);

/* The number of the next chunk of the open generation. */
int64_t generations_take_chunk(struct generations *generations);

/* A generation that nobody is in any more, with chunks to delete; it is forgotten by that. False: none. */
bool generations_take_empty(struct generations *generations, struct generation *empty);

/* After a restart, of about so many people: to be told of the chunks from the newest to the oldest, and how
 * many people were in each and how many of them were not known yet. The first says the generation of the
 * chunk. */
void generations_begin_restore(struct generations *generations, uint64_t people_count);
unsigned generations_restore_chunk(struct generations *generations, int64_t chunk);
void generations_count_restored(struct generations *generations, uint64_t written, uint64_t live);
void generations_end_restore(struct generations *generations);

#endif
