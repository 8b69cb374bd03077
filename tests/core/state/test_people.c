/* Goal: the table of people against a plain list: what was put is found, what was removed is not,
 * growth loses nobody; a commit says who changed, and those of old chunks, each once and as he was when it
 * began; the chunks that are left hold everybody at any time, and are not many more than that. Keys crowd on
 * purpose: at both ends of the table and with equal high words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/state/people.h"
#include "tests/core/fixture.h"

enum { KEY_COUNT = 3000, ROUND_COUNT = 20000 };

struct known {
	struct key128 key;
	int64_t value; /* kept as the person's horizon; TIME_NONE: not there */
	size_t filler; /* bytes that make the blob longer */
};

struct reference {
	struct people *people;
	struct known *known; /* [KEY_COUNT] */
	size_t count;
	struct random random;
};

static struct key128 make_key(struct random *random, int number)
{
	struct key128 key = {random_next(random), random_next(random)};
	if (number % 4 == 1)
		key.high |= UINT64_C(0xfff) << 52; /* the last slots; what is pushed on goes to the first */
	if (number % 4 == 2)
		key.high >>= 20;
	if (number % 8 == 3)
		key.high = UINT64_C(0x8000000000000000) + (uint64_t)number / 80;
	return key;
}

static void create(struct reference *reference, uint64_t seed)
{
	*reference = (struct reference){.people = people_create(), .random = {seed}};
	reference->known = calloc(KEY_COUNT, sizeof(*reference->known));
	assert_non_null(reference->known);
	for (int i = 0; i < KEY_COUNT; i++)
		reference->known[i] = (struct known){make_key(&reference->random, i), TIME_NONE, 0};
}

static void destroy(struct reference *reference)
{
	people_destroy(reference->people);
	free(reference->known);
}

static void put(struct reference *reference, struct known *known)
{
	static const char filler[6000];
	struct person person = {0};
	struct buffer blob = {0};
	reference->count += known->value == TIME_NONE;
	known->value = (int64_t)(random_next(&reference->random) >> 1);
	known->filler = (size_t)random_below(&reference->random, random_percent(&reference->random, 2)
					     ? 6000 : 300);
	person_reset(&person, known->key);
	person.horizon.time_ms = known->value;
	buffer_put(&person.claim_id, filler, known->filler);
	person_store(&person, &blob);
	people_put(reference->people, buffer_slice(&blob));
	buffer_destroy(&blob);
	person_destroy(&person);
}

static void drop(struct reference *reference, struct known *known)
{
	reference->count -= known->value != TIME_NONE;
	known->value = TIME_NONE;
	people_remove(reference->people, known->key);
}

static void check_one(struct people *people, const struct known *known)
{
	struct person person = {0};
	struct slice blob = people_find(people, known->key);
	if (known->value == TIME_NONE) {
		assert_int_equal(blob.len, 0);
		return;
	}
	assert_true(person_load(&person, blob));
	assert_true(key128_equal(person.key, known->key));
	assert_true(person.horizon.time_ms == known->value);
	assert_int_equal(person.claim_id.len, known->filler);
	person_destroy(&person);
}

static void check_all(const struct reference *reference, struct people *people)
{
	assert_int_equal(people_count(people), reference->count);
	for (int i = 0; i < KEY_COUNT; i++)
		check_one(people, &reference->known[i]);
	size_t at = 0, seen = 0;
	while (people_next(people, &at).len)
		seen++;
	assert_int_equal(seen, reference->count);
}

static struct known *any(struct reference *reference)
{
	return &reference->known[random_below(&reference->random, KEY_COUNT)];
}

static void change_some(struct reference *reference, int count, unsigned put_percent)
{
	for (int i = 0; i < count; i++) {
		struct known *known = any(reference);
		if (random_percent(&reference->random, put_percent))
			put(reference, known);
		else
			drop(reference, known);
		check_one(reference->people, any(reference));
	}
}

/* Grows, shrinks, grows again. */
static void test_against_a_list(void **state)
{
	(void)state;
	struct reference reference;
	create(&reference, 1);
	static const unsigned put_percents[] = {90, 20, 50, 95};
	for (size_t i = 0; i < sizeof(put_percents) / sizeof(*put_percents); i++) {
		change_some(&reference, ROUND_COUNT / 4, put_percents[i]);
		check_all(&reference, reference.people);
	}
	assert_true(reference.count > 2000);
	for (int i = 0; i < KEY_COUNT; i++)
		drop(&reference, &reference.known[i]);
	check_all(&reference, reference.people);
	destroy(&reference);
}

/* ---- Commits ---- */

enum { CHUNK_COUNT = 20000, PEOPLE_A_CHUNK = 7 };

/* The chunks that are stored, and those of a commit under way. */
struct log {
	struct reference *reference;
	struct buffer chunks[CHUNK_COUNT];
	struct buffer open;
	size_t open_count;
	size_t said_count;
	size_t said_bytes;
	int64_t newest;
};

static void close_chunk(struct log *log)
{
	if (log->open.len == 0)
		return;
	log->newest = people_take_chunk(log->reference->people);
	assert_in_range(log->newest, 0, CHUNK_COUNT - 1);
	assert_int_equal(log->chunks[log->newest].len, 0);
	log->chunks[log->newest] = log->open;
	log->open = (struct buffer){0};
	log->open_count = 0;
}

static void say(void *ctx, struct slice blob)
{
	struct log *log = ctx;
	buffer_put_text(&log->open, blob);
	log->said_count++;
	log->said_bytes += blob.len;
	if (++log->open_count == PEOPLE_A_CHUNK)
		close_chunk(log);
}

static void end_commit(struct log *log)
{
	struct generation empty;
	close_chunk(log);
	while (people_take_empty(log->reference->people, &empty))
		for (int64_t i = empty.first_chunk; i < empty.end_chunk; i++)
			buffer_destroy(&log->chunks[i]);
}

static size_t commit(struct log *log)
{
	log->said_count = 0;
	people_begin_commit(log->reference->people, say, log);
	while (people_step_commit(log->reference->people, 100))
		continue;
	end_commit(log);
	return log->said_count;
}

static struct people *restore(struct log *log, uint64_t people_count, int64_t forgotten_ms)
{
	const struct series_table no_series = {0};
	struct people *copy = people_create();
	people_begin_restore(copy, people_count);
	for (int64_t i = log->newest; i >= 0; i--)
		if (log->chunks[i].len)
			assert_true(people_restore_chunk(copy, i, buffer_slice(&log->chunks[i]), forgotten_ms,
							 &no_series, START_MS));
	people_end_restore(copy);
	return copy;
}

static void check_restored(struct log *log, const struct reference *reference)
{
	struct people *copy = restore(log, reference->count, TIME_NONE);
	check_all(reference, copy);
	people_destroy(copy);
}

static struct log *create_log(struct reference *reference, uint64_t seed)
{
	struct log *log = calloc(1, sizeof(*log));
	assert_non_null(log);
	create(reference, seed);
	log->reference = reference;
	return log;
}

static void destroy_log(struct log *log)
{
	for (size_t i = 0; i < CHUNK_COUNT; i++)
		buffer_destroy(&log->chunks[i]);
	buffer_destroy(&log->open);
	free(log);
}

static void put_some(struct reference *reference, int count)
{
	for (int i = 0; i < count; i++)
		put(reference, any(reference));
}

/* Exactly those who changed are said while nothing has to be written again, and nobody after that. */
static void test_dirty_are_said(void **state)
{
	(void)state;
	struct reference reference;
	struct log *log = create_log(&reference, 3);
	for (int round = 0; round < 30; round++) {
		bool is_dirty[KEY_COUNT] = {false};
		size_t wanted = 0;
		for (int i = 0; i < 40; i++) {
			struct known *known = any(&reference);
			bool *mark = &is_dirty[known - reference.known];
			wanted += !*mark;
			*mark = true;
			put(&reference, known);
		}
		assert_int_equal(commit(log), wanted);
		assert_int_equal(commit(log), 0);
	}
	check_restored(log, &reference);
	destroy_log(log);
	destroy(&reference);
}

/* Of all that was ever put only the newest is stored more or less once, and the same comes back; also from a
 * table that was restored in between. */
static void test_log_stays_small(void **state)
{
	(void)state;
	struct reference reference;
	struct log *log = create_log(&reference, 4);
	for (int round = 0; round < 200; round++) {
		put_some(&reference, 300);
		commit(log);
		if (round % 50 == 49) {
			struct people *copy = restore(log, reference.count, TIME_NONE);
			people_destroy(reference.people);
			reference.people = copy;
			check_all(&reference, copy);
			commit(log); /* may write again what is in old chunks */
			assert_int_equal(commit(log), 0);
		}
	}
	size_t chunk_count = 0;
	for (int64_t i = 0; i <= log->newest; i++)
		chunk_count += log->chunks[i].len > 0;
	assert_in_range(chunk_count * PEOPLE_A_CHUNK, reference.count, 2 * reference.count + 3 * 4096);
	assert_in_range(log->newest * PEOPLE_A_CHUNK, 8 * reference.count, INT64_MAX);
	destroy_log(log);
	destroy(&reference);
}

/* What changes and comes while a commit is under way is not in it. */
static void test_commit_is_frozen(void **state)
{
	(void)state;
	struct reference reference;
	struct log *log = create_log(&reference, 5);
	struct known *frozen = calloc(KEY_COUNT, sizeof(*frozen));
	assert_non_null(frozen);
	for (int round = 0; round < 60; round++) {
		put_some(&reference, 300);
		memcpy(frozen, reference.known, KEY_COUNT * sizeof(*frozen));
		size_t count = reference.count;
		people_begin_commit(reference.people, say, log);
		for (bool is_open = true; is_open;) {
			struct known *known = any(&reference);
			put(&reference, known);
			is_open = people_step_commit(reference.people,
						     (size_t)random_below(&reference.random, 60));
		}
		end_commit(log);
		check_restored(log, &(struct reference){.known = frozen, .count = count});
	}
	free(frozen);
	destroy_log(log);
	destroy(&reference);
}

/* What commits have still to say is told before they do: in all, and of the one under way. */
static void test_unsaid(void **state)
{
	(void)state;
	struct reference reference;
	struct log *log = create_log(&reference, 6);
	for (int round = 0; round < 20; round++) {
		put_some(&reference, 1000);
		size_t unsaid = people_unsaid_bytes(reference.people), least = unsaid;
		log->said_bytes = 0;
		people_begin_commit(reference.people, say, log);
		assert_int_equal(people_unsaid_bytes(reference.people), unsaid);
		while (people_step_commit(reference.people, 100)) {
			assert_true(people_unsaid_bytes(reference.people) <= least);
			least = people_unsaid_bytes(reference.people);
		}
		end_commit(log);
		assert_int_equal(people_unsaid_bytes(reference.people), 0);
		assert_in_range(unsaid, log->said_bytes / 2, 4 * log->said_bytes);
	}
	destroy_log(log);
	destroy(&reference);
}

/* Slots that a commit has looked at in part move when more people come: nobody is passed over, not even who
 * stood in the last one and is pushed on to the first. */
static void test_slots_move_in_a_commit(void **state)
{
	(void)state;
	const int same_slots = 4; /* make_key: every fourth is among the last */
	for (int people_count = 3; people_count < 300; people_count += 7) {
		struct reference reference;
		struct log *log = create_log(&reference, 6);
		struct known *frozen = calloc(KEY_COUNT, sizeof(*frozen));
		assert_non_null(frozen);
		for (int i = 0; i < 3; i++)
			reference.known[i * same_slots + 1].key.high = UINT64_MAX - (uint64_t)i;
		for (int i = 0; i < people_count; i++)
			put(&reference, &reference.known[i * same_slots + 1]);
		memcpy(frozen, reference.known, KEY_COUNT * sizeof(*frozen));
		size_t count = reference.count;
		people_begin_commit(reference.people, say, log);
		people_step_commit(reference.people, (size_t)people_count / 2);
		for (int i = people_count; i < 2 * people_count + 8; i++)
			put(&reference, &reference.known[i * same_slots + 1]);
		while (people_step_commit(reference.people, 16))
			continue;
		end_commit(log);
		check_restored(log, &(struct reference){.known = frozen, .count = count});
		free(frozen);
		destroy_log(log);
		destroy(&reference);
	}
}

/* Old chunks may have people who were forgotten since: the time of that keeps them out. */
static void test_forgotten_stay_out(void **state)
{
	(void)state;
	struct reference reference;
	struct log *log = create_log(&reference, 6);
	put_some(&reference, 1000);
	commit(log);
	struct people *copy = restore(log, reference.count, TIME_NONE + 1); /* nobody here has an event */
	assert_int_equal(people_count(copy), 0);
	people_destroy(copy);
	for (int i = 0; i < KEY_COUNT; i++)
		drop(&reference, &reference.known[i]);
	commit(log);
	commit(log);
	assert_int_equal(log->said_count, 0);
	destroy_log(log);
	destroy(&reference);
}

/* Memory is given back: a table that was full and is empty holds no blobs. */
static void test_used_bytes(void **state)
{
	(void)state;
	struct reference reference;
	create(&reference, 5);
	change_some(&reference, 1000, 100);
	put(&reference, &reference.known[0]);
	size_t full = people_used_bytes(reference.people);
	for (int i = 0; i < KEY_COUNT; i++)
		drop(&reference, &reference.known[i]);
	size_t empty = people_used_bytes(reference.people);
	put(&reference, &reference.known[0]);
	assert_true(full > empty + 500 * 128);
	assert_true(people_used_bytes(reference.people) > empty);
	drop(&reference, &reference.known[0]);
	assert_int_equal(people_used_bytes(reference.people), empty);
	destroy(&reference);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_list),
		cmocka_unit_test(test_dirty_are_said),
		cmocka_unit_test(test_log_stays_small),
		cmocka_unit_test(test_commit_is_frozen),
		cmocka_unit_test(test_unsaid),
		cmocka_unit_test(test_slots_move_in_a_commit),
		cmocka_unit_test(test_forgotten_stay_out),
		cmocka_unit_test(test_used_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
