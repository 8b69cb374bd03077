/* Goal: whatever comes and changes, there is a number for the next generation, what is stored stays within
 * what the header says, little is written twice, and a restart knows the same chunks. People are numbers
 * here: where each is stored is kept in a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/state/generations.h"
#include "tests/core/fixture.h"

enum { PEOPLE_MAX = 1500000, CHUNK_PEOPLE = 256, CHUNKS_MAX = 100000 };

struct table {
	struct generations generations;
	unsigned char *stored_in; /* [PEOPLE_MAX] a generation */
	bool *is_dirty;
	uint64_t count;
	uint64_t written;
	uint64_t in_chunk;        /* people in the chunk that is being filled */
	bool is_there[CHUNKS_MAX];
	int64_t newest;
};

static struct table *create(void)
{
	struct table *table = calloc(1, sizeof(*table));
	assert_non_null(table);
	table->stored_in = calloc(PEOPLE_MAX, 1);
	table->is_dirty = calloc(PEOPLE_MAX, sizeof(*table->is_dirty));
	assert_true(table->stored_in && table->is_dirty);
	generations_create(&table->generations);
	return table;
}

static void destroy(struct table *table)
{
	free(table->stored_in);
	free(table->is_dirty);
	free(table);
}

static void close_chunk(struct table *table)
{
	if (table->in_chunk == 0)
		return;
	table->newest = generations_take_chunk(&table->generations);
	assert_in_range(table->newest, 0, CHUNKS_MAX - 1);
	table->is_there[table->newest] = true;
	table->in_chunk = 0;
}

static void commit(struct table *table)
{
	struct generation empty;
	generations_begin(&table->generations, table->count);
	for (uint64_t i = 0; i < table->count; i++) {
		if (!table->is_dirty[i] && !table->generations.all[table->stored_in[i]].is_leaving)
			continue;
		generations_move(&table->generations, table->stored_in[i]);
		table->stored_in[i] = (unsigned char)table->generations.open;
		table->is_dirty[i] = false;
		table->written++;
		if (++table->in_chunk == CHUNK_PEOPLE)
			close_chunk(table);
	}
	close_chunk(table);
	while (generations_take_empty(&table->generations, &empty)) {
		assert_int_equal(empty.live, 0);
		for (int64_t chunk = empty.first_chunk; chunk < empty.end_chunk; chunk++) {
			assert_true(table->is_there[chunk]);
			table->is_there[chunk] = false;
		}
	}
}

static void check(const struct table *table)
{
	uint64_t live[GENERATION_COUNT] = {0}, stored = 0, chunk_count = 0, known_chunks = 0;
	for (uint64_t i = 0; i < table->count; i++)
		live[table->stored_in[i]]++;
	assert_int_equal(live[GENERATION_NONE], 0);
	for (unsigned i = 1; i < GENERATION_COUNT; i++) {
		const struct generation *generation = &table->generations.all[i];
		assert_int_equal(generation->live, live[i]);
		assert_false(generation->is_leaving);
		stored += generation->written;
		known_chunks += (uint64_t)(generation->end_chunk - generation->first_chunk);
	}
	for (int64_t chunk = 0; chunk <= table->newest; chunk++)
		chunk_count += table->is_there[chunk];
	assert_int_equal(known_chunks, chunk_count);
	assert_in_range(stored, table->count, 3 * table->count + 2 * 4096);
}

/* From few people to many, each written once: generations that were large are small ones later. */
static void test_growth(void **state)
{
	(void)state;
	struct table *table = create();
	for (uint64_t more = 500; table->count + more <= PEOPLE_MAX; more += more / 16) {
		memset(table->is_dirty + table->count, 1, more);
		table->count += more;
		commit(table);
		check(table);
	}
	assert_true(table->count > PEOPLE_MAX / 2);
	assert_true(table->written < 3 * table->count);
	destroy(table);
}

/* Anybody changes, again and again: in the end at most as much is written again as had to be written. */
static void test_changes(void **state)
{
	(void)state;
	struct random random = {2};
	struct table *table = create();
	uint64_t changed = table->count = 100000;
	memset(table->is_dirty, 1, table->count);
	commit(table);
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 5000; i++) {
			bool *is_dirty = &table->is_dirty[random_below(&random, (int64_t)table->count)];
			changed += !*is_dirty;
			*is_dirty = true;
		}
		commit(table);
		check(table);
	}
	assert_in_range(table->written, changed, 2 * changed);
	destroy(table);
}

/* Told of its chunks from the newest to the oldest, even if nobody remembers how many people there are. */
static void test_restore(void **state)
{
	(void)state;
	struct table *table = create();
	table->count = 800000;
	for (uint64_t told = 0; told <= table->count; told += table->count) {
		generations_begin_restore(&table->generations, told);
		for (int64_t chunk = (int64_t)table->count / CHUNK_PEOPLE - 1; chunk >= 0; chunk--) {
			unsigned generation = generations_restore_chunk(&table->generations, chunk);
			assert_in_range(generation, 1, GENERATION_COUNT - 1);
			memset(table->stored_in + chunk * CHUNK_PEOPLE, (int)generation, CHUNK_PEOPLE);
			table->is_there[chunk] = true;
			generations_count_restored(&table->generations, CHUNK_PEOPLE, CHUNK_PEOPLE);
		}
		table->newest = (int64_t)table->count / CHUNK_PEOPLE - 1;
		generations_end_restore(&table->generations);
		check(table);
		int64_t before = table->newest;
		table->is_dirty[0] = true;
		commit(table);
		check(table);
		assert_int_equal(table->newest, before + 1 + (int64_t)(table->written - 1) / CHUNK_PEOPLE);
		memset(table->is_there, 0, sizeof(table->is_there));
		table->written = 0;
	}
	destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_restore),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
