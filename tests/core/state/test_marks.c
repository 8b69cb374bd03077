/* Goal: what a partition's records bring is applied once, however often it comes: again from a commit, from
 * an owner of before in between, from the beginning where what came first was gone, of several items; and
 * anew where the log is another one. Marks that were stored go on as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/state/marks.h"

enum { INPUT_COUNT = 3, PARTITION_COUNT = 5 };

static bool take(struct marks *marks, int64_t offset)
{
	return marks_take(marks, 1, 2, 0, (struct mark_place){offset, 0});
}

static bool have(const struct marks *marks, int64_t offset, uint32_t item)
{
	return marks_have(marks, 1, 2, 0, (struct mark_place){offset, item});
}

/* How many of [from, to) are new. */
static int take_run(struct marks *marks, int64_t from, int64_t to)
{
	int count = 0;
	for (int64_t offset = from; offset < to; offset++)
		count += take(marks, offset);
	return count;
}

static void test_runs(void **state)
{
	(void)state;
	struct marks marks;
	marks_create(&marks, INPUT_COUNT, PARTITION_COUNT);
	assert_int_equal(take_run(&marks, 0, 100), 100);
	assert_int_equal(take_run(&marks, 60, 110), 10); /* again from a commit */
	assert_true(take(&marks, 120)); /* an owner of before goes on, and the new one comes after it */
	assert_int_equal(take_run(&marks, 110, 121), 0);
	assert_int_equal(take_run(&marks, 121, 130), 9);
	/* another partition, another input */
	assert_true(marks_take(&marks, 1, 3, 0, (struct mark_place){5, 0}));
	assert_true(marks_take(&marks, 0, 2, 0, (struct mark_place){5, 0}));
	marks_destroy(&marks);
}

static void test_from_the_beginning(void **state)
{
	(void)state;
	struct marks marks;
	marks_create(&marks, INPUT_COUNT, PARTITION_COUNT);
	assert_int_equal(take_run(&marks, 40, 100), 60); /* what was below is gone */
	assert_int_equal(take_run(&marks, 0, 20), 20);
	assert_true(have(&marks, 19, 0) && !have(&marks, 19, 1) && !have(&marks, 39, 0));
	assert_true(have(&marks, 40, 0) && have(&marks, 99, 0) && !have(&marks, 100, 0));
	assert_int_equal(take_run(&marks, 10, 30), 10);  /* a crash on the way */
	assert_int_equal(take_run(&marks, 30, 120), 10 + 20);
	assert_int_equal(take_run(&marks, 0, 120), 0);
	assert_true(have(&marks, 0, 0) && have(&marks, 119, 0) && !have(&marks, 120, 0));
	assert_false(marks_have(&marks, 1, 2, 1, (struct mark_place){50, 0})); /* of another log */
	assert_false(marks_have(&marks, 0, 2, 0, (struct mark_place){50, 0}));
	assert_true(take(&marks, 120));
	marks_destroy(&marks);
}

static void test_items_and_logs(void **state)
{
	(void)state;
	struct marks marks;
	marks_create(&marks, INPUT_COUNT, PARTITION_COUNT);
	for (uint32_t item = 0; item < 3; item++)
		assert_true(marks_take(&marks, 0, 0, 0, (struct mark_place){7, item}));
	for (uint32_t item = 0; item < 3; item++)
		assert_false(marks_take(&marks, 0, 0, 0, (struct mark_place){7, item}));
	assert_true(marks_take(&marks, 0, 0, 0, (struct mark_place){7, 3}));
	assert_true(marks_take(&marks, 0, 0, 1, (struct mark_place){2, 0})); /* of a new log */
	assert_false(marks_take(&marks, 0, 0, 0, (struct mark_place){8, 0}));
	assert_false(marks_take(&marks, 0, 0, 1, (struct mark_place){2, 0}));
	assert_true(marks_take(&marks, 0, 0, 1, (struct mark_place){3, 0}));
	marks_destroy(&marks);
}

static void test_stored(void **state)
{
	(void)state;
	struct marks marks, back;
	struct buffer bytes = {0};
	marks_create(&marks, INPUT_COUNT, PARTITION_COUNT);
	marks_create(&back, INPUT_COUNT, PARTITION_COUNT);
	take_run(&marks, 40, 100);
	take_run(&marks, 0, 20);
	for (size_t i = 0; i < INPUT_COUNT; i++)
		marks_encode(&marks, i, &bytes);
	struct reader reader = reader_of(buffer_slice(&bytes));
	for (size_t i = 0; i < INPUT_COUNT; i++)
		marks_decode(&back, i, &reader);
	assert_true(reader_at_end(&reader) && !reader.failed);
	assert_int_equal(take_run(&back, 10, 120), 20 + 20);
	reader = reader_of(buffer_slice(&bytes));
	marks_decode(&back, SIZE_MAX, &reader); /* of an input that is no more */
	reader = reader_of((struct slice){bytes.data, bytes.len - 1});
	for (size_t i = 0; i < INPUT_COUNT; i++)
		marks_decode(&back, i, &reader);
	assert_true(reader.failed);
	marks_clear(&back);
	assert_int_equal(take_run(&back, 0, 10), 10);
	buffer_destroy(&bytes);
	marks_destroy(&marks);
	marks_destroy(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_from_the_beginning),
		cmocka_unit_test(test_items_and_logs),
		cmocka_unit_test(test_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
