/* Goal: the shelf holds the newest row of each key, finds rows by the parts of their keys, their fields and
 * their time, sorted, and never takes more than it may: the row published longest ago leaves first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/row_shelf.h"

enum { ROOMY = 1 << 20, ROW_MAX = 100 };

static void put(struct row_shelf *shelf, const char *key, const char *json)
{
	row_shelf_put(shelf, slice_from(key), slice_from(json));
	row_shelf_check(shelf);
}

static void assert_found(struct row_shelf *shelf, struct row_query query, const char *want)
{
	struct buffer out = {0};
	assert_int_equal(row_shelf_find(shelf, &query, ROW_MAX, &out), ROW_FOUND);
	buffer_put(&out, "", 1);
	assert_string_equal(out.data, want);
	buffer_destroy(&out);
}

static struct row_shelf *create_filled(void)
{
	struct row_shelf *shelf = row_shelf_create(ROOMY);
	row_shelf_open(shelf);
	put(shelf, "rolling/event/1h/ad/b", "{\"b\":1}");
	put(shelf, "rolling/event/1h/ad/a", "{\"a\":1}");
	put(shelf, "rolling/cohort/1h/ad/a", "{\"a\":2}");
	put(shelf, "bucket/event/1d/ad/a/2026-03-01T00:00:00Z", "{\"a\":3}");
	put(shelf, "bucket/event/1d/ad/a/2026-03-02T00:00:00Z", "{\"a\":4}");
	put(shelf, "rolling/event/1h/ad/a%2Fb%25", "{\"a/b%\":1}");
	put(shelf, "rolling/event/1h/campaign/a", "{\"c\":1}");
	return shelf;
}

static void finds_by_parts_of_the_key(void **state)
{
	(void)state;
	struct row_shelf *shelf = create_filled();
	assert_found(shelf, (struct row_query){.level = "campaign"}, "[{\"c\":1}]\n");
	assert_found(shelf, (struct row_query){.id = "b"}, "[{\"b\":1}]\n");
	assert_found(shelf, (struct row_query){.id = "a/b%"}, "[{\"a/b%\":1}]\n");
	assert_found(shelf, (struct row_query){.id = ""}, "[]\n");
	assert_found(shelf, (struct row_query){.kind = "bucket", .id = "a"}, "[{\"a\":3},\n{\"a\":4}]\n");
	assert_found(shelf, (struct row_query){.kind = "rolling", .basis = "event", .window = "1h",
						.level = "ad", .id = "a"}, "[{\"a\":1}]\n");
	assert_found(shelf, (struct row_query){.level = "ad", .window = "1h", .basis = "event"},
		     "[{\"a\":1},\n{\"a/b%\":1},\n{\"b\":1}]\n");
	row_shelf_destroy(shelf);
}

static void a_newer_row_takes_the_place_of_the_old(void **state)
{
	(void)state;
	struct row_shelf *shelf = create_filled();
	put(shelf, "rolling/event/1h/ad/b", "{\"b\":22}");
	assert_found(shelf, (struct row_query){.id = "b"}, "[{\"b\":22}]\n");
	assert_int_equal(row_shelf_counts(shelf).rows, 7);
	row_shelf_destroy(shelf);
}

static void what_is_closed_is_empty(void **state)
{
	(void)state;
	struct row_shelf *shelf = create_filled();
	struct buffer out = {0};
	row_shelf_close(shelf);
	row_shelf_check(shelf);
	assert_int_equal(row_shelf_find(shelf, &(struct row_query){0}, ROW_MAX, &out), ROW_FOUND_CLOSED);
	assert_int_equal(out.len, 0);
	row_shelf_open(shelf);
	assert_found(shelf, (struct row_query){0}, "[]\n");
	row_shelf_destroy(shelf);
}

static void too_many_are_none(void **state)
{
	(void)state;
	struct row_shelf *shelf = create_filled();
	struct buffer out = {0};
	assert_int_equal(row_shelf_find(shelf, &(struct row_query){0}, 6, &out), ROW_FOUND_TOO_MANY);
	assert_int_equal(out.len, 0);
	assert_int_equal(row_shelf_find(shelf, &(struct row_query){0}, 7, &out), ROW_FOUND);
	buffer_destroy(&out);
	row_shelf_destroy(shelf);
}

/* Row 0 is published again and again, so it is never the oldest. */
static void the_oldest_leaves_a_full_shelf(void **state)
{
	(void)state;
	enum { BYTES = 5000, ROWS = 1000 };
	struct row_shelf *shelf = row_shelf_create(BYTES);
	row_shelf_open(shelf);
	for (int i = 0; i < ROWS; i++) {
		char key[64];
		snprintf(key, sizeof(key), "rolling/event/1h/ad/%d", i);
		put(shelf, "rolling/event/1h/ad/0", "{}");
		put(shelf, key, "{}");
		assert_true(row_shelf_counts(shelf).bytes <= BYTES);
	}
	struct row_shelf_counts counts = row_shelf_counts(shelf);
	assert_false(counts.is_complete);
	assert_int_equal(counts.dropped, ROWS - counts.rows);
	assert_found(shelf, (struct row_query){.id = "0"}, "[{}]\n");
	assert_found(shelf, (struct row_query){.id = "999"}, "[{}]\n");
	assert_found(shelf, (struct row_query){.id = "1"}, "[]\n");
	row_shelf_destroy(shelf);
}

static void finds_by_fields_and_time(void **state)
{
	(void)state;
	static const char hour[] = "{\"id\":\"a\",\"account\":\"x\",\"campaign\":\"c\",\"adset\":null,"
				   "\"from_ms\":3600000,\"to_ms\":7200000,\"revision\":1}";
	static const char next[] = "{\"id\":\"\\\"account\\\":\\\"x\\\"\",\"account\":\"y\\\"\","
				   "\"campaign\":\"c\",\"adset\":\"s\","
				   "\"from_ms\":7200000,\"to_ms\":10800000,\"revision\":1}";
	char first[500], second[500], both[1000];
	struct row_shelf *shelf = row_shelf_create(ROOMY);
	row_shelf_open(shelf);
	put(shelf, "bucket/event/1h/ad/a", hour);
	put(shelf, "bucket/event/1h/ad/b", next);
	snprintf(first, sizeof(first), "[%s]\n", hour);
	snprintf(second, sizeof(second), "[%s]\n", next);
	snprintf(both, sizeof(both), "[%s,\n%s]\n", hour, next);
	assert_found(shelf, (struct row_query){.account = "x"}, first);
	assert_found(shelf, (struct row_query){.account = "y\""}, second);
	assert_found(shelf, (struct row_query){.account = "y"}, "[]\n");
	assert_found(shelf, (struct row_query){.campaign = "c"}, both);
	assert_found(shelf, (struct row_query){.campaign = "c", .adset = "s"}, second);
	assert_found(shelf, (struct row_query){.from_ms = 3600001}, second);
	assert_found(shelf, (struct row_query){.from_ms = 3600000, .to_ms = 7200000}, first);
	assert_found(shelf, (struct row_query){.to_ms = 7199999}, "[]\n");
	row_shelf_destroy(shelf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_parts_of_the_key),
		cmocka_unit_test(finds_by_fields_and_time),
		cmocka_unit_test(a_newer_row_takes_the_place_of_the_old),
		cmocka_unit_test(what_is_closed_is_empty),
		cmocka_unit_test(too_many_are_none),
		cmocka_unit_test(the_oldest_leaves_a_full_shelf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
