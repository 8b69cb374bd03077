/* Goal: rows of two sides are compared field by field, a published one by its greatest revision; and what was
 * written to the topic cut off anywhere, or by somebody else, is no row, or one that differs, and nothing
 * behind its bytes is read (the address sanitizer looks on). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "daemon/audit_rows.h"

static const char row[] =
	"{\"schema\":1,\"key\":\"k\",\"revision\":7,\"clicks\":12,\"spend\":0.000,\"name\":\"a\\\"b\"}";

static void count_one(void *ctx, struct slice key, struct slice field, struct slice published,
		      struct slice computed)
{
	(void)key, (void)field, (void)published, (void)computed;
	++*(unsigned *)ctx;
}

static struct audit_result compare(const struct audit_rows *rows)
{
	unsigned said = 0;
	struct audit_result result = audit_rows_compare(rows, false, count_one, &said);
	assert_int_equal(said, result.difference_count);
	return result;
}

/* Bytes with nothing behind them. */
static bool put(struct audit_rows *rows, struct slice value)
{
	char *exact = malloc(value.len ? value.len : 1);
	CHECK(exact);
	memcpy(exact, value.data, value.len);
	bool is_row = audit_rows_put_published(rows, slice_from("k"), (struct slice){exact, value.len});
	(void)compare(rows);
	free(exact);
	return is_row;
}

static void the_greatest_revision_counts(void **state)
{
	(void)state;
	struct audit_rows *rows = audit_rows_create();
	assert_true(put(rows, slice_from(row)));
	assert_true(put(rows, slice_from("{\"revision\":6,\"clicks\":13}")));
	audit_rows_put_computed(rows, slice_from("k"), slice_from(row));
	assert_int_equal(compare(rows).difference_count, 0);
	assert_int_equal(compare(rows).row_count, 1);
	assert_true(put(rows, slice_from("{\"revision\":8,\"clicks\":13}")));
	assert_true(compare(rows).difference_count > 0);
	audit_rows_destroy(rows);
}

static void zeros_are_no_row(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		unsigned differences;
	} cases[] = {
		{"{\"schema\":1,\"from_ms\":5,\"revision\":7,\"clicks\":0,\"spend\":-0.00,\"rate\":0e5}", 0},
		{"{\"schema\":1,\"from_ms\":5,\"revision\":7,\"clicks\":0,\"spend\":0.01}", 1},
		{"{\"schema\":1,\"from_ms\":5,\"revision\":7,\"clicks\":-1}", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct audit_rows *rows = audit_rows_create();
		assert_true(put(rows, slice_from(cases[i].row)));
		assert_int_equal(compare(rows).difference_count, cases[i].differences);
		audit_rows_destroy(rows);
	}
}

static void cut_off_anywhere(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof row - 1; len++) {
		struct audit_rows *rows = audit_rows_create();
		(void)put(rows, (struct slice){row, len});
		audit_rows_destroy(rows);
	}
}

static void a_revision_that_is_none(void **state)
{
	(void)state;
	static const char *const values[] = {
		"", "7", "[7]", "{}", "{\"clicks\":1}", "{\"revision\":}", "{\"revision\":\"7\"}",
		"{\"revision\":-7}", "{\"revision\":7.5}", "{\"revision\":07",
		"{\"revision\":99999999999999999999}",
	};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct audit_rows *rows = audit_rows_create();
		assert_false(put(rows, slice_from(values[i])));
		audit_rows_destroy(rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greatest_revision_counts),
		cmocka_unit_test(zeros_are_no_row),
		cmocka_unit_test(cut_off_anywhere),
		cmocka_unit_test(a_revision_that_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
