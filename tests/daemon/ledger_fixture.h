/* What test_ledger.c and test_ledger_cluster.c stand on: `struct side` (one ledger and what it told), and a
 * model of numbered commits that says what the image after each must be. Included by a test only. */
#ifndef LADDER_TESTS_DAEMON_LEDGER_FIXTURE_H
#define LADDER_TESTS_DAEMON_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/ledger.h"
#include "daemon/redis_url.h"

enum { PAGES = 400, COMMITS = 200, PATIENCE_MS = 20000, TEXT_BYTES = 128 };

static struct loop *loop;
static struct redis_url url;
static struct identity identity;

/* What a test saw of one ledger. */
struct side {
	struct ledger *ledger;
	struct ledger_task *task;
	bool is_told;
	enum ledger_result result;
	char error[512];
	unsigned begins;
	char vector[64];
	char meta[64];
	size_t page_total;      /* as it was said first */
	size_t page_count;
	char last_page[16];
	bool is_damaged;        /* a page twice, out of order, or of an unknown name */
	char pages[PAGES][128]; /* restored, or "" */
};

static void run_until(const bool *is_over)
{
	int64_t until_ms = loop_now_ms() + PATIENCE_MS;
	while (!*is_over && loop_now_ms() < until_ms)
		loop_run_once(loop, 50);
	assert_true(*is_over);
}

static void run_for_ms(int64_t span_ms)
{
	int64_t until_ms = loop_now_ms() + span_ms;
	while (loop_now_ms() < until_ms)
		loop_run_once(loop, until_ms - loop_now_ms());
}

static void on_begin(void *ctx, struct slice vector, struct slice meta, size_t page_count)
{
	struct side *side = ctx;
	side->page_total = page_count;
	side->last_page[0] = '\0';
	snprintf(side->vector, sizeof side->vector, "%.*s", (int)vector.len, vector.data ? vector.data : "");
	snprintf(side->meta, sizeof side->meta, "%.*s", (int)meta.len, meta.data ? meta.data : "");
	side->begins++;
	side->page_count = 0;
	side->is_damaged = false;
	memset(side->pages, 0, sizeof side->pages);
}

static void on_page(void *ctx, const char *name, struct slice bytes)
{
	struct side *side = ctx;
	unsigned page;
	side->page_count++;
	side->is_damaged |= strcmp(side->last_page, name) >= 0;
	snprintf(side->last_page, sizeof side->last_page, "%s", name);
	if (sscanf(name, "p/%u", &page) != 1 || page >= PAGES || side->pages[page][0])
		side->is_damaged = true;
	else
		snprintf(side->pages[page], sizeof side->pages[page], "%.*s", (int)bytes.len, bytes.data);
}

static void on_result(struct side *side, enum ledger_result result, const char *error)
{
	side->is_told = true;
	side->result = result;
	assert_true((result == LEDGER_FAILED) == (error != NULL));
	snprintf(side->error, sizeof side->error, "%s", error ? error : "");
}

static void on_done(void *ctx, enum ledger_result result, const char *error)
{
	struct side *side = ctx;
	if (result == LEDGER_DONE)
		assert_int_equal(side->page_count, side->page_total);
	on_result(side, result, error);
}

static void on_committed(void *ctx, enum ledger_result result, const char *error)
{
	on_result(ctx, result, error);
}

static struct side *side_open(unsigned task)
{
	struct side *side = calloc(1, sizeof *side);
	side->ledger = ledger_create(loop, &url, "ladder", &identity);
	side->task = ledger_open_task(side->ledger, task);
	return side;
}

static void side_close(struct side *side)
{
	ledger_destroy(side->ledger);
	free(side);
}

static void start_restore(struct side *side)
{
	struct ledger_reader reader = {strcmp, on_begin, on_page, on_done, side};
	side->is_told = false;
	ledger_restore(side->task, &reader);
}

static enum ledger_result restore(struct side *side)
{
	start_restore(side);
	run_until(&side->is_told);
	return side->result;
}

/* Commit n writes "<n>" as vector, and "<page> <n> xxx..." into the pages that n touches; every 7th deletes
 * some. */
static bool touches(unsigned n, unsigned page)
{
	return n == 1 || (page * 7919 + n * 104729) % 11 == 0;
}

static bool deletes(unsigned n, unsigned page)
{
	return n % 7 == 0 && !touches(n, page) && (page + n) % 13 == 0;
}

static size_t page_text(unsigned n, unsigned page, char *text)
{
	int len = snprintf(text, TEXT_BYTES, "%u %u ", page, n);
	size_t more = (page * 31 + n) % 60;
	memset(text + len, 'x', more);
	text[(size_t)len + more] = '\0';
	return (size_t)len + more;
}

static struct commit *commit_number(unsigned n, size_t padding)
{
	struct commit *commit = commit_create();
	char name[16];
	char text[TEXT_BYTES];
	for (unsigned page = 0; page < PAGES; page++) {
		snprintf(name, sizeof name, "p/%u", page);
		if (touches(n, page)) {
			size_t len = page_text(n, page, text);
			char *to = commit_put_page(commit, slice_from(name), len + padding);
			memcpy(to, text, len);
			memset(to + len, 'x', padding);
		} else if (deletes(n, page)) {
			commit_put_deletion(commit, slice_from(name));
		}
	}
	snprintf(text, sizeof text, "%u", n);
	commit_set_vector(commit, slice_from(text));
	snprintf(text, sizeof text, "meta %u", n);
	commit_set_meta(commit, slice_from(text));
	return commit;
}

static void start_commit(struct side *side, unsigned n)
{
	side->is_told = false;
	ledger_commit(side->task, commit_number(n, 0), on_committed, side);
}

static enum ledger_result commit(struct side *side, unsigned n)
{
	start_commit(side, n);
	run_until(&side->is_told);
	return side->result;
}

/* The image that `side` restored is that of commits 1 to n, no more and no less. */
static void expect_image(const struct side *side, unsigned n)
{
	char text[TEXT_BYTES];
	snprintf(text, sizeof text, "%u", n);
	assert_int_equal(side->result, LEDGER_DONE);
	assert_string_equal(side->vector, n ? text : "");
	snprintf(text, sizeof text, "meta %u", n);
	assert_string_equal(side->meta, n ? text : "");
	assert_false(side->is_damaged);
	size_t count = 0;
	for (unsigned page = 0; page < PAGES; page++) {
		unsigned last = n;
		while (last > 0 && !touches(last, page) && !deletes(last, page))
			last--;
		text[0] = '\0';
		if (last > 0 && touches(last, page))
			page_text(last, page, text);
		assert_string_equal(side->pages[page], text);
		count += text[0] != '\0';
	}
	assert_int_equal(side->page_count, count);
}

static void expect_stored(unsigned n)
{
	struct side *fresh = side_open(3);
	restore(fresh);
	expect_image(fresh, n);
	side_close(fresh);
}

#endif
