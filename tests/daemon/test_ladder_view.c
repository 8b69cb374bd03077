/* Goal: the ladder view reads the rows that publish writes, keeps the newest of each, marks the rung that
 * breaks and no other, and draws lines that fit the paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/publish/row_json.h"
#include "daemon/ladder_view.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000 };

static const struct ladder_view_options options = {"campaign", "1h", "event"};
static const int64_t begin_ms = INT64_C(1772409600000);

static const int64_t healthy[LADDER_RUNG_COUNT] = {24000, 1000, 930, 750, 400, 160, 100, 50, 30};

static struct ladder_row make_row(const char *name, int64_t revision, int64_t to_ms, const int64_t *counts)
{
	struct ladder_row row = {.kind = "rolling", .basis = "event", .level = "campaign", .window = "1h",
				 .currency = "USD", .revision = revision, .from_ms = to_ms - HOUR_MS,
				 .to_ms = to_ms, .spend_micros = 1500000000};
	snprintf(row.id, sizeof row.id, "id of %s", name);
	snprintf(row.name, sizeof row.name, "%s", name);
	memcpy(row.counts, counts, sizeof row.counts);
	return row;
}

/* Rows of one campaign for some minutes; ends in `to_ms`, `revision`. */
struct campaign {
	const char *name;
	int64_t revision;
	int64_t to_ms;
};

static void pass_minutes(struct ladder_view *view, struct campaign *campaign, int minutes,
			 const int64_t *counts)
{
	while (minutes--) {
		campaign->to_ms += MINUTE_MS;
		campaign->revision++;
		struct ladder_row row = make_row(campaign->name, campaign->revision, campaign->to_ms, counts);
		ladder_view_take(view, &row);
	}
}

static enum ladder_rung broken_of(const struct ladder_view *view, const char *name)
{
	char id[64];
	snprintf(id, sizeof id, "id of %s", name);
	return ladder_view_broken(view, slice_from(id));
}

/* ---- Reading rows ---- */

static struct row published_row(void)
{
	struct row row = {.kind = ROW_ROLLING, .basis = BASIS_EVENT, .level = LEVEL_CAMPAIGN,
			  .id = slice_from("120226310000000001"), .name = slice_from("Orçamento \"Grátis\""),
			  .account = slice_from("act_1"), .window = slice_from("1h"),
			  .currency = slice_from("USD"), .from_ms = begin_ms, .to_ms = begin_ms + HOUR_MS,
			  .revision = 12};
	row.counts[COUNTER_impressions] = 24000;
	row.counts[COUNTER_clicks] = 1000;
	row.counts[COUNTER_replies] = 7;
	row.counts[COUNTER_customers] = 3;
	row.counts[COUNTER_spend] = INT64_C(1234567890);
	return row;
}

static void test_a_published_row_is_read(void **state)
{
	(void)state;
	struct row published = published_row();
	struct buffer key = {0}, json = {0};
	row_put_key(&published, &key);
	row_put_json(&published, buffer_slice(&key), &json);
	struct ladder_row row;
	assert_true(ladder_row_parse(buffer_slice(&json), &row));
	assert_string_equal(row.kind, "rolling");
	assert_string_equal(row.basis, "event");
	assert_string_equal(row.level, "campaign");
	assert_string_equal(row.window, "1h");
	assert_string_equal(row.currency, "USD");
	assert_string_equal(row.id, "120226310000000001");
	assert_string_equal(row.name, "Orçamento \"Grátis\"");
	assert_int_equal(row.revision, 12);
	assert_int_equal(row.from_ms, begin_ms);
	assert_int_equal(row.to_ms, begin_ms + HOUR_MS);
	assert_int_equal(row.spend_micros, 1234567890);
	assert_int_equal(row.counts[LADDER_impression], 24000);
	assert_int_equal(row.counts[LADDER_click], 1000);
	assert_int_equal(row.counts[LADDER_open], 0);
	assert_int_equal(row.counts[LADDER_reply], 7);
	assert_int_equal(row.counts[LADDER_customer], 3);
	buffer_destroy(&key);
	buffer_destroy(&json);
}

static void test_a_row_without_a_name_has_its_id(void **state)
{
	(void)state;
	struct row published = published_row();
	published.name = (struct slice){0};
	struct buffer json = {0};
	row_put_json(&published, slice_from("key"), &json);
	struct ladder_row row;
	assert_true(ladder_row_parse(buffer_slice(&json), &row));
	assert_string_equal(row.name, "120226310000000001");
	buffer_destroy(&json);
}

static void test_what_is_no_row(void **state)
{
	static const char *const texts[] = {"", "{", "null", "[]", "{}", "{\"kind\":\"rolling\"}"};
	(void)state;
	struct ladder_row row;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(ladder_row_parse(slice_from(texts[i]), &row));
	assert_false(ladder_row_parse((struct slice){0}, &row));
	struct row published = published_row();
	struct buffer json = {0};
	row_put_json(&published, slice_from("key"), &json);
	char *clicks = memmem(json.data, json.len, "\"clicks\":1000", 13);
	assert_non_null(clicks);
	assert_true(ladder_row_parse(buffer_slice(&json), &row));
	memcpy(clicks, "\"klicks\"", 8);
	assert_false(ladder_row_parse(buffer_slice(&json), &row));
	buffer_destroy(&json);
}

static void test_a_long_name_is_cut_at_a_character(void **state)
{
	(void)state;
	char name[200] = "a";
	while (strlen(name) < 180)
		strncat(name, "ç", 3);
	struct row published = published_row();
	published.name = slice_from(name);
	struct buffer json = {0};
	row_put_json(&published, slice_from("key"), &json);
	struct ladder_row row;
	assert_true(ladder_row_parse(buffer_slice(&json), &row));
	assert_int_equal(strlen(row.name), 127);
	assert_memory_equal(row.name, name, 127);
	buffer_destroy(&json);
	published.name = slice_from(name + 1);
	row_put_json(&published, slice_from("key"), &json);
	assert_true(ladder_row_parse(buffer_slice(&json), &row));
	assert_int_equal(strlen(row.name), 126);
	buffer_destroy(&json);
}

/* ---- Taking rows ---- */

static char *draw(const struct ladder_view *view, unsigned width, unsigned height, bool is_plain)
{
	struct buffer out = {0};
	struct ladder_paper paper = {.width = width, .height = height, .is_plain = is_plain};
	ladder_view_draw(view, &paper, "a title", &out);
	buffer_put(&out, "", 1);
	return out.data;
}

static void assert_drawn(const struct ladder_view *view, const char *text, bool is_there)
{
	char *drawn = draw(view, 120, 0, true);
	if ((strstr(drawn, text) != NULL) != is_there)
		fail_msg("%s is %sthere:\n%s", text, is_there ? "not " : "", drawn);
	free(drawn);
}

static void test_other_rows_are_passed_over(void **state)
{
	(void)state;
	struct ladder_view *view = ladder_view_create(&options);
	struct ladder_row row = make_row("A", 1, begin_ms, healthy);
	snprintf(row.window, sizeof row.window, "24h");
	ladder_view_take(view, &row);
	row = make_row("A", 1, begin_ms, healthy);
	snprintf(row.level, sizeof row.level, "ad");
	ladder_view_take(view, &row);
	row = make_row("A", 1, begin_ms, healthy);
	snprintf(row.basis, sizeof row.basis, "cohort");
	ladder_view_take(view, &row);
	row = make_row("A", 1, begin_ms, healthy);
	snprintf(row.kind, sizeof row.kind, "bucket");
	ladder_view_take(view, &row);
	assert_int_equal(ladder_view_count(view), 0);
	row = make_row("A", 1, begin_ms, healthy);
	ladder_view_take(view, &row);
	assert_int_equal(ladder_view_count(view), 1);
	ladder_view_destroy(view);
}

static void test_the_newest_revision_stands(void **state)
{
	(void)state;
	struct ladder_view *view = ladder_view_create(&options);
	int64_t counts[LADDER_RUNG_COUNT] = {111, 77};
	struct ladder_row newer = make_row("A", 5, begin_ms + MINUTE_MS, counts);
	struct ladder_row older = make_row("A", 4, begin_ms, healthy);
	ladder_view_take(view, &newer);
	ladder_view_take(view, &older);
	assert_drawn(view, "24,000", false);
	assert_drawn(view, " 111 ", true);
	ladder_view_destroy(view);
}

/* ---- What breaks ---- */

static void assert_breaks_at(enum ladder_rung rung, int64_t reached, bool is_broken)
{
	struct ladder_view *view = ladder_view_create(&options);
	struct campaign campaign = {"A", 0, begin_ms};
	struct campaign other = {"B", 0, begin_ms};
	pass_minutes(view, &campaign, 130, healthy);
	pass_minutes(view, &other, 130, healthy);
	assert_int_equal(broken_of(view, "A"), LADDER_RUNG_COUNT);
	int64_t counts[LADDER_RUNG_COUNT];
	memcpy(counts, healthy, sizeof counts);
	counts[rung] = reached;
	pass_minutes(view, &campaign, 1, counts);
	pass_minutes(view, &other, 1, healthy);
	assert_int_equal(broken_of(view, "A"), is_broken ? rung : LADDER_RUNG_COUNT);
	assert_int_equal(broken_of(view, "B"), LADDER_RUNG_COUNT);
	pass_minutes(view, &campaign, 200, counts);
	assert_int_equal(broken_of(view, "A"), is_broken ? rung : LADDER_RUNG_COUNT);
	pass_minutes(view, &campaign, 1, healthy);
	assert_int_equal(broken_of(view, "A"), LADDER_RUNG_COUNT);
	ladder_view_destroy(view);
}

static void test_a_rung_breaks_and_recovers(void **state)
{
	(void)state;
	assert_breaks_at(LADDER_reply, 0, true);
	assert_breaks_at(LADDER_reply, 270, true);
	assert_breaks_at(LADDER_reply, 290, false);
	assert_breaks_at(LADDER_customer, 0, true);
	assert_breaks_at(LADDER_customer, 18, false);
	assert_breaks_at(LADDER_appointment, 10, true);
}

static void test_the_topmost_is_told(void **state)
{
	(void)state;
	struct ladder_view *view = ladder_view_create(&options);
	struct campaign campaign = {"A", 0, begin_ms};
	pass_minutes(view, &campaign, 130, healthy);
	static const int64_t counts[LADDER_RUNG_COUNT] = {24000, 1000, 930, 750, 50, 10, 2, 1, 0};
	pass_minutes(view, &campaign, 1, counts);
	assert_int_equal(broken_of(view, "A"), LADDER_reply);
	assert_drawn(view, "A breaks at reply: 6.7% of conversations, before 53%. Look at the first response",
		     true);
	assert_drawn(view, "breaks at qualified", false);
	assert_drawn(view, "1 of 1 shown, 1 broken", true);
	char *short_paper = draw(view, 100, 13, true);
	assert_non_null(strstr(short_paper, "A breaks at reply"));
	free(short_paper);
	ladder_view_destroy(view);
}

static void test_little_is_no_evidence(void **state)
{
	(void)state;
	struct ladder_view *view = ladder_view_create(&options);
	struct campaign young = {"young", 0, begin_ms}, small = {"small", 0, begin_ms};
	static const int64_t nothing[LADDER_RUNG_COUNT] = {24000, 1000, 930, 750, 0, 0, 0, 0, 0};
	static const int64_t few[LADDER_RUNG_COUNT] = {600, 25, 25, 20, 12, 5, 3, 2, 1};
	static const int64_t few_and_none[LADDER_RUNG_COUNT] = {600, 25, 25, 20, 0, 0, 0, 0, 0};
	pass_minutes(view, &young, 30, healthy);
	pass_minutes(view, &young, 20, nothing);
	pass_minutes(view, &small, 200, few);
	pass_minutes(view, &small, 20, few_and_none);
	assert_int_equal(broken_of(view, "young"), LADDER_RUNG_COUNT);
	assert_int_equal(broken_of(view, "small"), LADDER_RUNG_COUNT);
	assert_int_equal(broken_of(view, "nobody"), LADDER_RUNG_COUNT);
	ladder_view_destroy(view);
}

/* ---- Drawing ---- */

static void test_a_ladder_is_drawn(void **state)
{
	(void)state;
	struct ladder_view *view = ladder_view_create(&options);
	struct ladder_row row = make_row("Solar Roof", 1, begin_ms, healthy);
	ladder_view_take(view, &row);
	char *drawn = draw(view, 50, 0, true);
	assert_string_equal(drawn,
			    "a title\n"
			    "1h to 2026-03-02T00:00Z, event: count, share of th\n"
			    "               Solar Roof                    \n"
			    "impression     24,000                 0.06   \n"
			    "click           1,000 ....... 4.2%    1.50   \n"
			    "open              930 #######  93%    1.61   \n"
			    "conversation      750 ######.  81%    2.00   \n"
			    "reply             400 ####...  53%    3.75   \n"
			    "qualified         160 #......  21%    9.38   \n"
			    "handoff           100 ####...  63%   15.00   \n"
			    "appointment        50 ####...  50%   30.00   \n"
			    "customer           30 ##.....  30%   50.00   \n"
			    "(*) qualified of conversations, customer of handof\n");
	free(drawn);
	ladder_view_destroy(view);
}

static void test_a_share_of_nothing_is_a_dash(void **state)
{
	(void)state;
	static const int64_t counts[LADDER_RUNG_COUNT] = {[LADDER_customer] = 7};
	struct ladder_view *view = ladder_view_create(&options);
	struct ladder_row row = make_row("A", 1, begin_ms, counts);
	ladder_view_take(view, &row);
	assert_drawn(view, "customer            7 .......    -  214.29", true);
	assert_drawn(view, "handoff             0 .......    -       -", true);
	ladder_view_destroy(view);
}

static unsigned columns(const char *line, size_t len)
{
	unsigned count = 0;
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\033')
			while (line[i] != 'm')
				i++;
		else
			count += ((unsigned char)line[i] & 0xc0) != 0x80;
	}
	return count;
}

static void assert_fits(const struct ladder_view *view, unsigned width, unsigned height, bool is_plain)
{
	char *drawn = draw(view, width, height, is_plain);
	unsigned line_count = 0;
	for (char *line = drawn, *end; (end = strchr(line, '\n')); line = end + 1, line_count++)
		assert_true(columns(line, (size_t)(end - line)) <= width);
	assert_true(!height || line_count <= height);
	assert_true(height || strstr(drawn, "  G  "));
	free(drawn);
}

static void test_lines_fit_the_paper(void **state)
{
	(void)state;
	static const int64_t huge[LADDER_RUNG_COUNT] = {INT64_C(99999999999), 12345678, 9999999,
							1234567, 999999, 1, 1, 0, 7};
	static const char *const names[] = {"Orçamento Grátis com um nome muito comprido", "B\033[2J\n",
					    "C", "D", "E", "F", "G"};
	struct ladder_view *view = ladder_view_create(&options);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct campaign campaign = {names[i], 0, begin_ms};
		pass_minutes(view, &campaign, 130, i % 2 ? huge : healthy);
		static const int64_t nothing[LADDER_RUNG_COUNT] = {24000, 1000, 930, 750};
		pass_minutes(view, &campaign, 1, nothing);
	}
	for (unsigned width = 50; width < 260; width += 7) {
		assert_fits(view, width, 0, width % 2);
		for (unsigned height = 14; height < 90; height += 5)
			assert_fits(view, width, height, height % 2);
	}
	assert_drawn(view, "B?[2J?", true);
	ladder_view_destroy(view);
}

static void test_nothing_yet(void **state)
{
	(void)state;
	struct ladder_view *view = ladder_view_create(&options);
	assert_drawn(view, "no rows yet", true);
	ladder_view_destroy(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_published_row_is_read),
		cmocka_unit_test(test_a_row_without_a_name_has_its_id),
		cmocka_unit_test(test_what_is_no_row),
		cmocka_unit_test(test_a_long_name_is_cut_at_a_character),
		cmocka_unit_test(test_other_rows_are_passed_over),
		cmocka_unit_test(test_the_newest_revision_stands),
		cmocka_unit_test(test_a_rung_breaks_and_recovers),
		cmocka_unit_test(test_the_topmost_is_told),
		cmocka_unit_test(test_little_is_no_evidence),
		cmocka_unit_test(test_a_ladder_is_drawn),
		cmocka_unit_test(test_a_share_of_nothing_is_a_dash),
		cmocka_unit_test(test_lines_fit_the_paper),
		cmocka_unit_test(test_nothing_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
