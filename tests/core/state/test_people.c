/* Goal: the table of people against a plain list: what was put is found, what was removed is not,
 * growth loses nobody; the pages together hold everybody once, each in the page of his key; and dirty
 * are exactly the pages that were touched. Keys crowd on purpose: at both ends of the table and with
 * equal high words. */
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

static int64_t page_of(const struct people *people, const struct known *known)
{
	return (int64_t)(known->key.high >> (64 - people_page_bits(people)));
}

static void must_not_change(void *ctx, int64_t page)
{
	(void)ctx, (void)page;
	fail();
}

static void begin_commit(struct people *people)
{
	people_begin_commit(people, must_not_change, NULL);
}

/* Encodes all pages and puts them into another table: the same people; each page has the people of its
 * keys. */
static void check_pages(const struct reference *reference)
{
	const struct series_table no_series = {0};
	struct people *copy = people_create();
	struct buffer page = {0};
	size_t count = 0;
	people_set_page_bits(copy, people_page_bits(reference->people));
	for (int64_t i = 0; i < (int64_t)1 << people_page_bits(reference->people); i++) {
		page.len = 0;
		people_encode_page(reference->people, i, &page);
		for (int k = 0; k < KEY_COUNT; k++)
			count += reference->known[k].value != TIME_NONE &&
				 page_of(reference->people, &reference->known[k]) == i;
		assert_true(people_decode_page(copy, buffer_slice(&page), &no_series, START_MS));
		assert_int_equal(people_count(copy), count);
	}
	check_all(reference, copy);
	begin_commit(copy);
	assert_int_equal(people_next_due(copy, 0), -1);
	buffer_destroy(&page);
	people_destroy(copy);
}

static void test_pages(void **state)
{
	(void)state;
	struct reference reference;
	create(&reference, 2);
	unsigned bits = people_page_bits(reference.people);
	check_pages(&reference);
	change_some(&reference, 150, 80);
	check_pages(&reference);
	assert_int_equal(people_page_bits(reference.people), bits);
	change_some(&reference, 4000, 80);
	assert_true(people_page_bits(reference.people) >= bits + 3);
	check_pages(&reference);
	destroy(&reference);
}

static int64_t take_next(struct people *people, int64_t page)
{
	page = people_next_due(people, page);
	if (page >= 0)
		people_take_due(people, page);
	return page;
}

static void take_all(struct people *people)
{
	begin_commit(people);
	for (int64_t page = 0; (page = take_next(people, page)) >= 0; page++)
		;
}

/* After a few changes exactly their pages are dirty, once; after the number of pages grew all of them are. */
static void test_dirty_marks(void **state)
{
	(void)state;
	struct reference reference;
	create(&reference, 3);
	change_some(&reference, 4000, 80);
	for (int round = 0; round < 200; round++) {
		bool is_dirty[4096] = {false};
		unsigned bits = people_page_bits(reference.people);
		assert_true(bits <= 12);
		take_all(reference.people);
		for (int i = 0; i < 5; i++) {
			struct known *known = any(&reference);
			bool was_there = known->value != TIME_NONE;
			bool is_put = random_percent(&reference.random, 50);
			if (is_put)
				put(&reference, known);
			else
				drop(&reference, known);
			is_dirty[page_of(reference.people, known)] |= is_put || was_there;
		}
		bool has_grown = people_page_bits(reference.people) != bits;
		begin_commit(reference.people);
		int64_t said = take_next(reference.people, 0);
		for (int64_t page = 0; page < (int64_t)1 << people_page_bits(reference.people); page++) {
			assert_int_equal(said == page, has_grown || is_dirty[page]);
			if (said == page)
				said = take_next(reference.people, page + 1);
		}
		assert_int_equal(said, -1);
		assert_int_equal(take_next(reference.people, 0), -1);
	}
	destroy(&reference);
}

/* When the number of pages grows, everybody is in another one. */
static void test_growth_is_dirty(void **state)
{
	(void)state;
	struct reference reference;
	create(&reference, 6);
	for (int i = 0; i < KEY_COUNT; i++) {
		unsigned bits = people_page_bits(reference.people);
		take_all(reference.people);
		put(&reference, &reference.known[i]);
		if (people_page_bits(reference.people) == bits)
			continue;
		int64_t page_count = (int64_t)1 << people_page_bits(reference.people);
		begin_commit(reference.people);
		for (int64_t page = 0; page < page_count; page++)
			assert_int_equal(take_next(reference.people, page), page);
	}
	assert_true(people_page_bits(reference.people) >= 7);
	destroy(&reference);
}

/* One page is dirty again and again: asked from any page on, it is said once. */
static void test_dirty_from(void **state)
{
	(void)state;
	struct reference reference;
	create(&reference, 4);
	change_some(&reference, 4000, 80);
	int64_t page_count = (int64_t)1 << people_page_bits(reference.people);
	assert_true(page_count >= 128);
	for (int i = 0; i < KEY_COUNT; i += 7) {
		take_all(reference.people);
		put(&reference, &reference.known[i]);
		int64_t page = page_of(reference.people, &reference.known[i]);
		begin_commit(reference.people);
		assert_int_equal(take_next(reference.people, page + 1), -1);
		int64_t from = random_below(&reference.random, page + 1);
		assert_int_equal(take_next(reference.people, from), page);
		assert_int_equal(take_next(reference.people, 0), -1);
	}
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
		cmocka_unit_test(test_against_a_list), cmocka_unit_test(test_pages),
		cmocka_unit_test(test_dirty_marks),    cmocka_unit_test(test_dirty_from),
		cmocka_unit_test(test_used_bytes),     cmocka_unit_test(test_growth_is_dirty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
