/* What the tests of the core share: options with the defaults of the specification and accounts in three
 * time zones, texts, and a buffer that keeps rows as they come out. */
#ifndef LADDER_TESTS_CORE_FIXTURE_H
#define LADDER_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/zones.h"
#include "core/base/buffer.h"
#include "core/model/options.h"
#include "core/model/step.h"
#include "tests/core/random.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define AN_HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * AN_HOUR_MS)

/* 2026-02-27T00:00:00Z: nine days later clocks change in New York. */
#define START_MS INT64_C(1772150400000)

#define TEXT(literal) ((struct slice){literal, sizeof(literal) - 1})

static const unsigned char fixture_key[16] = "0123456789abcde";

struct fixture {
	struct options options;
	struct account_options accounts[2];
	struct zones *zones;
};

static inline void fixture_add_window(struct options *options, const char *name, int64_t length_ms,
				      int64_t slide_ms, int64_t emit_ms)
{
	struct window_options *window = &options->windows[options->window_count++];
	*window = (struct window_options){.length_ms = length_ms, .slide_ms = slide_ms, .emit_ms = emit_ms};
	snprintf(window->name, sizeof(window->name), "%s", name);
}

static inline void fixture_default_windows(struct options *options)
{
	options->window_count = 0;
	fixture_add_window(options, "5m", 5 * MINUTE_MS, 10 * SECOND_MS, SECOND_MS);
	fixture_add_window(options, "1h", AN_HOUR_MS, MINUTE_MS, 5 * SECOND_MS);
	fixture_add_window(options, "24h", DAY_MS, 15 * MINUTE_MS, MINUTE_MS);
	fixture_add_window(options, "7d", 7 * DAY_MS, 6 * AN_HOUR_MS, MINUTE_MS);
	fixture_add_window(options, "28d", 28 * DAY_MS, 6 * AN_HOUR_MS, MINUTE_MS);
}

/* The fixture must not move: its options point into it. */
static inline void fixture_create(struct fixture *fixture)
{
	*fixture = (struct fixture){.zones = zones_create()};
	fixture->accounts[0] = (struct account_options){.id = TEXT("act_kol"), .currency = TEXT("INR"),
							.zone = zones_find(fixture->zones, "Asia/Kolkata")};
	fixture->accounts[1] = (struct account_options){.id = TEXT("act_nyc"), .currency = TEXT("USD"),
							.zone = zones_find(fixture->zones,
									   "America/New_York"),
							.spend_from = SPEND_FROM_CLICKS};
	assert_non_null(fixture->accounts[0].zone);
	assert_non_null(fixture->accounts[1].zone);
	fixture->options = (struct options){
		.gap_ms = 7 * DAY_MS,
		.attribution_ms = 7 * DAY_MS,
		.outcome_window_ms = 28 * DAY_MS,
		.lateness_ms = 7 * DAY_MS,
		.free_window_ms = 3 * DAY_MS,
		.service_window_ms = DAY_MS,
		.followup_after_ms = AN_HOUR_MS,
		.retention_ms = 90 * DAY_MS,
		.max_ahead_ms = 5 * MINUTE_MS,
		.history_emit_ms = MINUTE_MS,
		.min_words = 2,
		.followup_max = 2,
		.diagnosis = {.min_volume = 30, .drop_micros = 300000},
		.alerts = {.for_ms = 2 * MINUTE_MS, .keep_ms = 10 * MINUTE_MS, .url = TEXT("http://page/")},
		.max_tail = 1000,
		.imply = true,
		.default_account = TEXT("default"),
		.default_currency = TEXT("USD"),
		.default_zone = zone_utc(),
		.accounts = fixture->accounts,
		.account_count = 2,
	};
	fixture_default_windows(&fixture->options);
}

static inline void fixture_destroy(struct fixture *fixture)
{
	zones_destroy(fixture->zones);
}

/* A row sink: key, tab, value, newline, appended to a struct buffer. */
static inline bool fixture_keep_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	(void)is_history;
	buffer_put(ctx, key.data, key.len);
	buffer_put(ctx, "\t", 1);
	buffer_put(ctx, value.data, value.len);
	buffer_put(ctx, "\n", 1);
	return true;
}

/* Fails at the first line in which two texts of rows differ. */
static inline void fixture_assert_same_rows(struct slice got, struct slice wanted, const char *label)
{
	if (slice_equal(got, wanted))
		return;
	size_t at = 0, line = 0;
	for (; at < got.len && at < wanted.len && got.data[at] == wanted.data[at]; at++)
		if (got.data[at] == '\n')
			line = at + 1;
	size_t begin = at > line + 120 ? at - 120 : line;
	const char *key_end = memchr(wanted.data + line, '\t', wanted.len - line);
	fail_msg("%s: rows differ in %.*s\n got ...%.*s\nwant ...%.*s", label,
		 key_end ? (int)(key_end - wanted.data - (ptrdiff_t)line) : 0, wanted.data + line,
		 (int)(got.len - begin < 240 ? got.len - begin : 240), got.data + begin,
		 (int)(wanted.len - begin < 240 ? wanted.len - begin : 240), wanted.data + begin);
}

#endif
