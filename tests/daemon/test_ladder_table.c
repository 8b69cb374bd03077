/* Goal: the ladder table reads the lists that are served, sorts what is undefined last, marks what an alert
 * fires for, keeps the column that is sorted by at any width, and draws no more lines, and none longer, than
 * the paper has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/publish/row_json.h"
#include "daemon/ladder_table.h"

enum { ROW_COUNT = 40, MICRO = 1000000 };

static void put_row(struct buffer *list, const char *name, const char *id, int64_t clicks, int64_t customers)
{
	struct buffer key = {0};
	struct row row = {.kind = ROW_ROLLING, .basis = BASIS_EVENT, .level = LEVEL_CAMPAIGN,
			  .id = slice_from(id), .name = slice_from(name), .account = slice_from("act_1"),
			  .window = slice_from("1h"), .currency = slice_from("EUR"), .to_ms = 3600000};
	row.counts[COUNTER_clicks] = clicks;
	row.counts[COUNTER_conversations] = clicks / 2;
	row.counts[COUNTER_customers] = customers;
	row.counts[COUNTER_spend] = clicks * MICRO;
	row_put_key(&row, &key);
	buffer_put(list, list->len ? ",\n" : "[", list->len ? 2 : 1);
	row_put_json(&row, buffer_slice(&key), list);
	buffer_destroy(&key);
}

static void end_list(struct buffer *list)
{
	buffer_put(list, "]\n", 2);
}

static const char alerts[] =
	"[{\"labels\":{\"alertname\":\"JunkShare\",\"level\":\"campaign\",\"id\":\"c\"},"
	"\"annotations\":{\"summary\":\"junk at Cab\"},\"status\":\"firing\"},\n"
	"{\"labels\":{\"alertname\":\"CountingGap\",\"level\":\"campaign\",\"id\":\"c\"},"
	"\"annotations\":{\"summary\":\"a gap\"}},\n"
	"{\"labels\":{\"alertname\":\"SourceSilent\",\"input\":\"ladder.clicks\"},"
	"\"annotations\":{\"summary\":\"nothing comes\"}}]\n";

static struct ladder_table *make_table(void)
{
	struct buffer list = {0};
	struct ladder_table *table = ladder_table_create();
	put_row(&list, "Ad\033b", "a", 100, 5);
	put_row(&list, "Bär", "b", 30, 0);
	put_row(&list, "Cab", "c", 2000, 20);
	put_row(&list, "Empty", "d", 0, 0);
	end_list(&list);
	ladder_table_take_rows(table, buffer_slice(&list));
	ladder_table_take_alerts(table, slice_from(alerts));
	buffer_destroy(&list);
	return table;
}

static char *drawn(struct ladder_table *table, const struct ladder_paper *paper, const char *foot)
{
	struct buffer out = {0};
	ladder_table_draw(table, paper, "title", foot, &out);
	buffer_put(&out, "", 1);
	return out.data;
}

static const char plain[] =
	"title\n"
	"1 to 3 of 3, by clicks, the greatest first; money in EUR\n"
	"                     alerts    spend  clicksv convers.  custom.   reply%   /conv.      cac\n"
	"Cab                       2  2000.00    2,000    1,000       20     0.0%     2.00   100.00\n"
	"Ad?b                          100.00      100       50        5     0.0%     2.00    20.00\n"
	"B?r                            30.00       30       15        0     0.0%     2.00        -\n"
	"JunkShare campaign c: junk at Cab\n"
	"CountingGap campaign c: a gap\n"
	"SourceSilent: nothing comes\n";

static void test_plain(void **state)
{
	(void)state;
	const struct ladder_paper paper = {.width = 90, .is_plain = true};
	struct ladder_table *table = make_table();
	ladder_table_sort(table, LADDER_COLUMN_clicks, false);
	char *text = drawn(table, &paper, "");
	assert_string_equal(text, plain);
	free(text);
	ladder_table_destroy(table);
}

static void assert_order(struct ladder_table *table, enum ladder_column column, bool is_smallest_first,
			 const char *first, const char *second, const char *third)
{
	const struct ladder_paper paper = {.width = 120, .is_colourless = true};
	ladder_table_sort(table, column, is_smallest_first);
	char *text = drawn(table, &paper, "");
	const char *at = strstr(text, first), *then = at ? strstr(at, second) : NULL;
	if (!then || !strstr(then, third))
		fail_msg("not %s, %s, %s in\n%s", first, second, third, text);
	free(text);
}

static void test_order(void **state)
{
	(void)state;
	struct ladder_table *table = make_table();
	assert_order(table, LADDER_COLUMN_clicks, false, "\nCab", "\nAd", "\nBär");
	assert_order(table, LADDER_COLUMN_clicks, true, "\nBär", "\nAd", "\nCab");
	assert_order(table, LADDER_COLUMN_cac, false, "\nCab", "\nAd", "\nBär");
	assert_order(table, LADDER_COLUMN_cac, true, "\nAd", "\nCab", "\nBär");
	assert_order(table, LADDER_COLUMN_cost_per_conversation, true, "\nAd", "\nBär", "\nCab");
	ladder_table_destroy(table);
}

/* The longest line in columns, of a text with looks; and how many lines. */
static void measure(const char *text, size_t *width, size_t *height)
{
	size_t columns = 0;
	*width = *height = 0;
	for (; *text; text++) {
		if (*text == '\033')
			text = strchr(text, 'm');
		else if (*text == '\n')
			columns = 0, (*height)++;
		else
			columns += ((unsigned char)*text & 0xc0) != 0x80;
		*width = columns > *width ? columns : *width;
	}
}

static void test_any_paper(void **state)
{
	(void)state;
	struct buffer list = {0};
	struct ladder_table *table = ladder_table_create();
	for (int i = 0; i < ROW_COUNT; i++) {
		char name[96], id[16];
		snprintf(name, sizeof(name), "Ä%070d", i);
		snprintf(id, sizeof(id), "%s%d", i ? "x" : "c", i);
		put_row(&list, name, i ? id : "c", 1 + i, i);
	}
	end_list(&list);
	ladder_table_take_rows(table, buffer_slice(&list));
	ladder_table_take_alerts(table, slice_from(alerts));
	for (enum ladder_column column = 0; column < LADDER_COLUMN_COUNT; column++)
		for (unsigned width = 50; width < 260; width += 7)
			for (unsigned height = 0; height < 60; height += 3) {
				size_t columns, lines;
				struct ladder_paper paper = {.width = width, .height = height};
				ladder_table_sort(table, column, height % 2);
				ladder_table_scroll(table, height % 2 ? 1 : -1);
				char *text = drawn(table, &paper, height % 2 ? "foot" : "");
				measure(text, &columns, &lines);
				assert_true(columns <= width);
				assert_true(height == 0 || lines <= (height < 5 ? 5 : height));
				assert_non_null(strstr(text, height % 2 ? "▲" : "▼"));
				free(text);
			}
	ladder_table_destroy(table);
	buffer_destroy(&list);
}

static void test_ends_of_scrolling(void **state)
{
	(void)state;
	const struct ladder_paper paper = {.width = 90, .height = 20, .is_plain = true};
	struct ladder_table *table = make_table();
	ladder_table_scroll(table, 1000);
	char *text = drawn(table, &paper, "");
	assert_non_null(strstr(text, "3 to 3 of 3"));
	free(text);
	ladder_table_take_rows(table, slice_from("[]\n"));
	ladder_table_scroll(table, -1000);
	text = drawn(table, &paper, "");
	assert_non_null(strstr(text, "no rows yet"));
	free(text);
	ladder_table_destroy(table);
}

/* What is no row or no alert is passed over. */
static void test_other_lists(void **state)
{
	(void)state;
	static const char *const lists[] = {"", "[", "{", "{}", "[{}]\n", "[{\"kind\":1},\n{]\n", "null",
					    "}\n{\n}",
					    "[{\"labels\":[]},\n{\"labels\":{\"alertname\":1}}]\n"};
	const struct ladder_paper paper = {.width = 90, .is_plain = true};
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct ladder_table *table = make_table();
		ladder_table_take_rows(table, slice_from(lists[i]));
		ladder_table_take_alerts(table, slice_from(lists[i]));
		char *text = drawn(table, &paper, "");
		assert_non_null(strstr(text, "no rows yet"));
		assert_null(strstr(text, "JunkShare"));
		free(text);
		ladder_table_destroy(table);
	}
}

static void test_refusals(void **state)
{
	(void)state;
	char text[16];
	ladder_refusal_parse(slice_from("{\"error\":\"ask later\"}\n"), text, sizeof(text));
	assert_string_equal(text, "ask later");
	ladder_refusal_parse(slice_from("no JSON at all, and long"), text, sizeof(text));
	assert_string_equal(text, "no JSON at all,");
	ladder_refusal_parse((struct slice){NULL, 0}, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_any_paper),
		cmocka_unit_test(test_ends_of_scrolling),
		cmocka_unit_test(test_other_lists),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
