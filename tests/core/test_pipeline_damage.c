/* Goal: a stored page that is cut short, changed in any byte, of another configuration or of another
 * task is either refused by its name or read as something else; never does it reach beyond its bytes
 * or the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pipeline.h"
#include "tests/core/page_store.h"
#include "tests/core/task_rows.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1 };

struct damage {
	struct fixture fixture;
	struct page_store store;
	size_t accepted_count;
	size_t refused_count;
};

static const struct event events[] = {
	{.type = EVENT_CLICK, .ts_ms = START_MS, .id = {"c1", 2}, .click_id = {"k", 1}, .ad = {"a1", 2},
	 .account = {"act_kol", 7}, .campaign = {"camp", 4}, .ad_name = {"Ad", 2}},
	{.type = EVENT_MESSAGE, .ts_ms = START_MS + MINUTE_MS, .id = {"m1", 2}, .user = {"u", 1},
	 .click_id = {"k", 1}, .word_count = 5},
	{.type = EVENT_MESSAGE, .direction = DIRECTION_OUT, .ts_ms = START_MS + 2 * MINUTE_MS,
	 .id = {"m2", 2},
	 .user = {"u", 1}},
	{.type = EVENT_OUTCOME, .stage = STAGE_CUSTOMER, .ts_ms = START_MS + 3 * MINUTE_MS, .id = {"o1", 2},
	 .user = {"u", 1}, .money_micros = 5000000},
	{.type = EVENT_SPEND, .ts_ms = START_MS + 4 * MINUTE_MS, .id = {"s1", 2}, .ad = {"a1", 2},
	 .from_ms = START_MS, .to_ms = START_MS + DAY_MS, .reported_at_ms = START_MS + DAY_MS,
		 .money_micros = 7},
	/* the first ones are folded into the prefix */
	{.type = EVENT_MESSAGE, .ts_ms = START_MS + 3 * DAY_MS, .id = {"m3", 2}, .user = {"u", 1},
	 .ad = {"a2", 2}},
	/* after the restore */
	{.type = EVENT_MESSAGE, .ts_ms = START_MS + 3 * DAY_MS + MINUTE_MS, .id = {"m4", 2},
	 .user = {"u", 1}},
	{.type = EVENT_OUTCOME, .stage = STAGE_REFUND, .ts_ms = START_MS + 3 * DAY_MS + 2 * MINUTE_MS,
	 .id = {"o2", 2}, .user = {"u", 1}},
	{.type = EVENT_OPEN, .ts_ms = START_MS + 3 * DAY_MS, .id = {"p1", 2}, .click_id = {"k", 1}},
};
enum { EVENT_COUNT = sizeof(events) / sizeof(*events), STORED_COUNT = 6 };

static void take_events(struct task_rows *rows, size_t from, size_t to)
{
	for (; from < to; from++) {
		task_event(rows->tasks[0], 0, &events[from], TYPE_MASK, TIME_NONE);
		task_rows_settle_names(rows);
	}
}

static struct task_rows begin(const struct options *options)
{
	struct task_rows rows = {.task_count = 1};
	rows.tasks[0] = task_create(options, fixture_key, 1);
	rows.merger = merger_create(options, diagnose);
	return rows;
}

static void end(struct task_rows *rows)
{
	task_destroy(rows->tasks[0]);
	merger_destroy(rows->merger);
	buffer_destroy(&rows->moved);
}

static int setup(void **state)
{
	struct damage *damage = calloc(1, sizeof(*damage));
	assert_non_null(damage);
	fixture_create(&damage->fixture);
	struct options *options = &damage->fixture.options;
	options->lateness_ms = DAY_MS;
	options->window_count = 0;
	fixture_add_window(options, "1h", AN_HOUR_MS, 10 * MINUTE_MS, SECOND_MS);
	fixture_add_window(options, "7d", 7 * DAY_MS, DAY_MS, SECOND_MS);
	struct task_rows rows = begin(options);
	take_events(&rows, 0, STORED_COUNT);
	task_commit(rows.tasks[0], page_store_replace, &damage->store);
	end(&rows);
	*state = damage;
	return 0;
}

static int teardown(void **state)
{
	struct damage *damage = *state;
	page_store_destroy(&damage->store);
	fixture_destroy(&damage->fixture);
	free(damage);
	return 0;
}

/* Not always the damaged one: a page may refer to it. */
static bool is_page(const struct damage *damage, const char *name)
{
	size_t at = 0;
	while (at < damage->store.count && damage->store.pages[at].name.data != name)
		at++;
	return at < damage->store.count;
}

/* Restores with one page replaced, and goes on where it was not refused. */
static void try_bytes(struct damage *damage, size_t page, struct slice bytes)
{
	struct stored_page pages[damage->store.count];
	memcpy(pages, damage->store.pages, sizeof(pages));
	pages[page].bytes = bytes;
	struct task_rows rows = begin(&damage->fixture.options);
	const char *refused = page_store_restore_pages(pages, damage->store.count, rows.tasks[0]);
	if (refused) {
		assert_true(is_page(damage, refused));
		damage->refused_count++;
	} else {
		take_events(&rows, STORED_COUNT, EVENT_COUNT);
		task_rows_collect(&rows);
		damage->accepted_count++;
	}
	end(&rows);
}

static void test_flipped_bytes(void **state)
{
	struct damage *damage = *state;
	static const unsigned char flips[] = {0x01, 0x80, 0xff};
	for (size_t page = 0; page < damage->store.count; page++) {
		struct slice bytes = damage->store.pages[page].bytes;
		char *copy = malloc(bytes.len ? bytes.len : 1); /* exactly as long,
			so that overreading shows */
		for (size_t i = 0; i < bytes.len * sizeof(flips); i++) {
			memcpy(copy, bytes.data, bytes.len);
			copy[i / sizeof(flips)] ^= (char)flips[i % sizeof(flips)];
			try_bytes(damage, page, (struct slice){copy, bytes.len});
		}
		free(copy);
	}
	assert_true(damage->refused_count > 100);
	assert_true(damage->accepted_count > 100);
}

static void test_cut_pages(void **state)
{
	struct damage *damage = *state;
	for (size_t page = 0; page < damage->store.count; page++) {
		struct slice bytes = damage->store.pages[page].bytes;
		for (size_t len = 0; len < bytes.len; len++) {
			char *copy = malloc(len ? len : 1);
			memcpy(copy, bytes.data, len);
			try_bytes(damage, page, (struct slice){copy, len});
			free(copy);
		}
	}
	assert_true(damage->refused_count > 100);
}

/* The bytes of one page under the name of another. */
static void test_swapped_pages(void **state)
{
	struct damage *damage = *state;
	size_t count = damage->store.count;
	for (size_t i = 0; i < count * count; i++)
		try_bytes(damage, i / count, damage->store.pages[i % count].bytes);
	assert_true(damage->accepted_count >= count);
	assert_true(damage->refused_count > count);
}

static void test_random_bytes(void **state)
{
	struct damage *damage = *state;
	struct random random = {1};
	for (int round = 0; round < 300; round++) {
		size_t page = (size_t)random_below(&random, (int64_t)damage->store.count);
		size_t len = (size_t)random_below(&random, 200);
		char *bytes = malloc(len ? len : 1);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)random_below(&random, random_percent(&random, 70) ? 6 : 256);
		try_bytes(damage, page, (struct slice){bytes, len});
		free(bytes);
	}
	assert_true(damage->refused_count > 100);
}

/* Pages that were written for other windows are refused, by the name of one that says so. */
static void try_windows(struct damage *damage, bool is_accepted)
{
	struct task *task = task_create(&damage->fixture.options, fixture_key, 1);
	const char *refused = page_store_restore(&damage->store, task);
	assert_int_equal(refused == NULL, is_accepted);
	assert_true(is_accepted || (is_page(damage, refused) && refused[0] == 's'));
	task_destroy(task);
}

static void test_other_windows(void **state)
{
	struct damage *damage = *state;
	struct options *options = &damage->fixture.options;
	const struct window_options shorter = options->windows[0], longer = options->windows[1];
	try_windows(damage, true);
	options->windows[0].slide_ms = 5 * MINUTE_MS;
	try_windows(damage, false);
	options->windows[0] = shorter;
	options->windows[0].length_ms = 2 * AN_HOUR_MS;
	try_windows(damage, false);
	options->windows[0] = shorter;
	options->windows[1].length_ms = 5 * DAY_MS;
	try_windows(damage, false);
	options->windows[1] = longer;
	options->window_count = 1;
	try_windows(damage, false);
	options->window_count = 2;
	fixture_add_window(options, "28d", 28 * DAY_MS, 7 * DAY_MS, SECOND_MS);
	try_windows(damage, false);
	options->window_count = 2;
	try_windows(damage, true);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_flipped_bytes), CASE(test_cut_pages),	   CASE(test_swapped_pages),
		CASE(test_random_bytes),  CASE(test_other_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
