/* Goal: the row comes out of Kafka Connect's envelope as it went in, whatever its texts hold; what is no
 * whole envelope comes back as it is; and who reads rows back reads both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/rfc3339.h"
#include "core/publish/recall.h"
#include "core/publish/row_connect.h"
#include "tests/core/fixture.h"

#define ROW "{\"key\":\"k\",\"name\":\"]},\\\"payload\\\":{\\\"schema\\\":{}}\"," \
	    "\"from_ms\":1,\"to_ms\":2,\"revision\":3}"

static struct slice in_envelope(struct buffer *record, const char *row)
{
	row_put_connect_head(record);
	buffer_put(record, row, strlen(row));
	buffer_put(record, "}", 1);
	return buffer_slice(record);
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct buffer record = {0};
	struct slice row = row_of_record(in_envelope(&record, ROW));
	assert_true(slice_equal(row, slice_from(ROW)));
	assert_true(row.data > record.data && row.data < record.data + record.len);
	buffer_destroy(&record);
}

static void assert_whole(struct slice value)
{
	struct slice row = row_of_record(value);
	assert_ptr_equal(row.data, value.data);
	assert_int_equal(row.len, value.len);
}

static void test_no_envelope(void **state)
{
	(void)state;
	struct buffer record = {0};
	assert_whole(slice_from(ROW));
	assert_whole((struct slice){NULL, 0});
	assert_whole(slice_from(""));
	assert_whole(slice_from("{\"schema\":1}"));
	struct slice value = in_envelope(&record, ROW);
	/* Cut anywhere up to where the row begins. */
	for (size_t len = 0; len <= value.len - strlen(ROW) - 1; len++)
		assert_whole((struct slice){value.data, len});
	buffer_destroy(&record);
}

static void test_recall(void **state)
{
	(void)state;
	struct buffer record = {0};
	struct recalled plain, enveloped;
	assert_true(recall_read(slice_from("k"), slice_from(ROW), &plain));
	assert_true(recall_read(slice_from("k"), in_envelope(&record, ROW), &enveloped));
	assert_int_equal(enveloped.from_ms, 1);
	assert_int_equal(enveloped.to_ms, plain.to_ms);
	assert_int_equal(enveloped.revision, 3);
	record.len = 0;
	assert_false(recall_read(slice_from("k"), in_envelope(&record, "{}"), &enveloped));
	buffer_destroy(&record);
	/* The last hour that an event can lie in ends behind the last time. */
	assert_true(recall_read(slice_from("k"), slice_from("{\"from_ms\":253402297200000,\"to_ms\":"
							    "253402300800000,\"revision\":1}"), &plain));
	assert_int_equal(plain.to_ms, TIME_MAX_MS + 1);
	assert_false(recall_read(slice_from("k"), slice_from("{\"from_ms\":253402300800000,\"to_ms\":"
							     "253402304400000,\"revision\":1}"), &plain));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_no_envelope),
		cmocka_unit_test(test_recall),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
