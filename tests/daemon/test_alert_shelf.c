/* Goal: what was put is found once it is shown, all of it in the place of what was before, by its labels; and
 * what finds no room is left out, and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/alert_shelf.h"

#define ALERT(name, level, id) \
	"{\"labels\":{\"alertname\":\"" name "\",\"id\":\"" id "\",\"level\":\"" level "\"}}"

static const char one[] = ALERT("JunkShare", "ad", "a");
static const char other[] = ALERT("JunkShare", "campaign", "a");
static const char third[] = ALERT("CountingGap", "ad", "say \\\"level\\\":\\\"campaign\\\"");

enum { ROOMY = 1000 };

static void assert_found(struct alert_shelf *shelf, struct alert_query query, enum alert_found found,
			 const char *want)
{
	struct buffer out = {0};
	buffer_reserve(&out, 1);
	assert_int_equal(alert_shelf_find(shelf, &query, &out), found);
	assert_int_equal(out.len, strlen(want));
	assert_memory_equal(out.data, want, out.len);
	buffer_destroy(&out);
}

static struct alert_shelf *create_filled(size_t byte_max)
{
	struct alert_shelf *shelf = alert_shelf_create(byte_max);
	alert_shelf_put(shelf, slice_from(one));
	alert_shelf_put(shelf, slice_from(other));
	return shelf;
}

static void shows_all_at_once(void **state)
{
	(void)state;
	struct alert_shelf *shelf = create_filled(ROOMY);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND_CLOSED, "");
	alert_shelf_show(shelf);
	char want[ROOMY];
	snprintf(want, sizeof(want), "[%s,\n%s]\n", one, other);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND, want);
	alert_shelf_put(shelf, slice_from(third));
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND, want);
	alert_shelf_show(shelf);
	snprintf(want, sizeof(want), "[%s]\n", third);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND, want);
	alert_shelf_show(shelf);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND, "[]\n");
	alert_shelf_put(shelf, slice_from(one));
	alert_shelf_close(shelf);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND_CLOSED, "");
	alert_shelf_show(shelf);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND, "[]\n");
	alert_shelf_destroy(shelf);
}

static void finds_by_labels(void **state)
{
	(void)state;
	char first[ROOMY], both[ROOMY], last[ROOMY];
	struct alert_shelf *shelf = create_filled(ROOMY);
	alert_shelf_put(shelf, slice_from(third));
	alert_shelf_show(shelf);
	snprintf(first, sizeof(first), "[%s]\n", other);
	snprintf(both, sizeof(both), "[%s,\n%s]\n", one, other);
	snprintf(last, sizeof(last), "[%s]\n", third);
	assert_found(shelf, (struct alert_query){.level = "campaign"}, ALERT_FOUND, first);
	assert_found(shelf, (struct alert_query){.id = "a"}, ALERT_FOUND, both);
	assert_found(shelf, (struct alert_query){.name = "CountingGap"}, ALERT_FOUND, last);
	assert_found(shelf, (struct alert_query){.id = "say \"level\":\"campaign\""}, ALERT_FOUND, last);
	assert_found(shelf, (struct alert_query){"JunkShare", "campaign", "a"}, ALERT_FOUND, first);
	assert_found(shelf, (struct alert_query){.name = "Junk"}, ALERT_FOUND, "[]\n");
	assert_found(shelf, (struct alert_query){.id = ""}, ALERT_FOUND, "[]\n");
	alert_shelf_destroy(shelf);
}

static void leaves_out_what_has_no_room(void **state)
{
	(void)state;
	char want[ROOMY];
	struct alert_shelf *shelf = create_filled(sizeof(one) + 10);
	alert_shelf_show(shelf);
	snprintf(want, sizeof(want), "[%s]\n", one);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND_SOME, want);
	alert_shelf_put(shelf, slice_from(one));
	alert_shelf_show(shelf);
	assert_found(shelf, (struct alert_query){0}, ALERT_FOUND, want);
	alert_shelf_destroy(shelf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_all_at_once),
		cmocka_unit_test(finds_by_labels),
		cmocka_unit_test(leaves_out_what_has_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
