#include "core/state/generations.h"

#include "core/base/check.h"

enum {
	SHARE = 16,          /* a generation is this part of the people */
	SHARE_MIN = 4096,    /* but not smaller */
	STORED_SLACK = 4096, /* people stored beyond twice their number */
	SPARE = 8,           /* so many are free or leave */
};

void generations_create(struct generations *generations)
{
	*generations = (struct generations){.open = GENERATION_NONE};
}

static bool is_free(const struct generation *generation)
{
	return generation->written == 0 && generation->first_chunk == generation->end_chunk;
}

static unsigned find_free(const struct generations *generations)
{
	for (unsigned i = 1; i < GENERATION_COUNT; i++)
		if (i != generations->open && is_free(&generations->all[i]))
			return i;
	return GENERATION_NONE;
}

static unsigned count_spare(const struct generations *generations)
{
	unsigned spare = 0;
	for (unsigned i = 1; i < GENERATION_COUNT; i++)
		spare += generations->all[i].is_leaving || is_free(&generations->all[i]);
	return spare;
}

/* So many people make a generation. */
static uint64_t share_of(uint64_t people_count)
{
	return people_count / SHARE > SHARE_MIN ? people_count / SHARE : SHARE_MIN;
}

static void open_next(struct generations *generations)
{
	unsigned next = find_free(generations);
	if (next == GENERATION_NONE)
		return;
	generations->open = next;
	generations->all[next] = (struct generation){.first_chunk = generations->next_chunk,
						     .end_chunk = generations->next_chunk};
}

static bool can_leave(const struct generations *generations, unsigned at)
{
	const struct generation *generation = &generations->all[at];
	return at != generations->open && !generation->is_leaving && generation->written > 0;
}

typedef bool is_better(const struct generation *a, const struct generation *b);

static bool is_emptier(const struct generation *a, const struct generation *b)
{
	return a->live * b->written < b->live * a->written;
}

static bool is_smaller(const struct generation *a, const struct generation *b)
{
	return a->live < b->live;
}

/* The best of those that can leave does. NULL: none can. */
static const struct generation *leave(struct generations *generations, is_better *is_better)
{
	struct generation *best = NULL;
	for (unsigned i = 1; i < GENERATION_COUNT; i++) {
		struct generation *generation = &generations->all[i];
		if (can_leave(generations, i) && (!best || is_better(generation, best)))
			best = generation;
	}
	if (best)
		best->is_leaving = true;
	return best;
}

/* While the table grows, what was a good size for a generation becomes a small one: there are only so many
 * numbers. */
static void free_numbers(struct generations *generations)
{
	for (unsigned spare = count_spare(generations); spare < SPARE; spare++)
		leave(generations, is_smaller);
}

static void free_room(struct generations *generations, uint64_t people_count)
{
	uint64_t stored = 0;
	for (unsigned i = 1; i < GENERATION_COUNT; i++)
		if (!generations->all[i].is_leaving)
			stored += generations->all[i].written;
	while (stored > 2 * people_count + STORED_SLACK) {
		const struct generation *emptiest = leave(generations, is_emptier);
		if (!emptiest)
			break;
		stored -= emptiest->written - emptiest->live;
	}
}

static bool is_to_rewrite(const struct generations *generations, unsigned at)
{
	const struct generation *generation = &generations->all[at];
	return !is_free(generation) && generation->first_chunk < generations->rewrite_before;
}

void generations_rewrite(struct generations *generations)
{
	generations->rewrite_before = generations->next_chunk;
}

bool generations_is_rewriting(const struct generations *generations)
{
	for (unsigned i = 1; i < GENERATION_COUNT; i++)
		if (is_to_rewrite(generations, i))
			return true;
	return false;
}

/* The oldest of those that are to be rewritten leaves. */
static void rewrite_next(struct generations *generations)
{
	struct generation *oldest = NULL;
	for (unsigned i = 1; i < GENERATION_COUNT; i++) {
		struct generation *generation = &generations->all[i];
		if (is_to_rewrite(generations, i) && can_leave(generations, i) &&
		    (!oldest || generation->first_chunk < oldest->first_chunk))
			oldest = generation;
	}
	if (oldest)
		oldest->is_leaving = true;
}

bool generations_begin(struct generations *generations, uint64_t people_count)
{
	if (generations->open == GENERATION_NONE || is_to_rewrite(generations, generations->open) ||
	    generations->all[generations->open].written >= share_of(people_count))
		open_next(generations);
	CHECK(generations->open != GENERATION_NONE);
	rewrite_next(generations);
	free_numbers(generations);
	free_room(generations, people_count);
	bool any = false;
	for (unsigned i = 1; i < GENERATION_COUNT; i++)
		any |= generations->all[i].is_leaving;
	return any;
}

void generations_drop(struct generations *generations, unsigned from)
{
	if (from != GENERATION_NONE)
		generations->all[from].live--;
}

void generations_move(struct generations *generations, unsigned from)
{
	generations_drop(generations, from);
	generations->all[generations->open].written++;
	generations->all[generations->open].live++;
}

int64_t generations_take_chunk(struct generations *generations)
{
	generations->all[generations->open].end_chunk = ++generations->next_chunk;
	return generations->next_chunk - 1;
}

bool generations_take_empty(struct generations *generations, struct generation *empty)
{
	for (unsigned i = 1; i < GENERATION_COUNT; i++) {
		struct generation *generation = &generations->all[i];
		if (i == generations->open || generation->live > 0 || is_free(generation))
			continue;
		*empty = *generation;
		*generation = (struct generation){0};
		return true;
	}
	return false;
}

void generations_begin_restore(struct generations *generations, uint64_t people_count)
{
	generations_create(generations);
	generations->share = share_of(people_count);
}

unsigned generations_restore_chunk(struct generations *generations, int64_t chunk)
{
	const struct generation *open = &generations->all[generations->open];
	if (chunk >= generations->next_chunk)
		generations->next_chunk = chunk + 1;
	if (generations->open == GENERATION_NONE ||
	    (open->written >= generations->share && count_spare(generations) > SPARE)) {
		generations->open = find_free(generations);
		generations->all[generations->open].end_chunk = chunk + 1;
	}
	generations->all[generations->open].first_chunk = chunk;
	return generations->open;
}

void generations_count_restored(struct generations *generations, uint64_t written, uint64_t live)
{
	generations->all[generations->open].written += written;
	generations->all[generations->open].live += live;
}

void generations_end_restore(struct generations *generations)
{
	generations->open = GENERATION_NONE;
}
