/* Goal: what is put into a buffer is read back, number by number; and a reader stays inside its bytes
 * whatever they are: at every cut, and over random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "tests/core/random.h"

static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX,
				   (uint64_t)INT64_MAX + 1, UINT64_MAX};
enum { NUMBER_COUNT = sizeof(numbers) / sizeof(*numbers) };

static void write_all(struct buffer *buffer)
{
	for (size_t i = 0; i < NUMBER_COUNT; i++) {
		buffer_put_unsigned(buffer, numbers[i]);
		buffer_put_signed(buffer, (int64_t)numbers[i]);
		buffer_put_signed(buffer, -(int64_t)(numbers[i] >> 1));
		buffer_put_text(buffer, (struct slice){"some text", i});
	}
}

/* The number of values read until the reader failed. */
static size_t read_all(struct reader *reader)
{
	size_t count = 0;
	for (size_t i = 0; i < NUMBER_COUNT; i++) {
		uint64_t number = reader_unsigned(reader);
		assert_true(number == (reader->failed ? 0 : numbers[i]));
		count += !reader->failed;
		int64_t signed_number = reader_signed(reader);
		assert_true(signed_number == (reader->failed ? 0 : (int64_t)numbers[i]));
		count += !reader->failed;
		signed_number = reader_signed(reader);
		assert_true(signed_number == (reader->failed ? 0 : -(int64_t)(numbers[i] >> 1)));
		count += !reader->failed;
		struct slice text = reader_text(reader);
		assert_true(slice_equal(text, (struct slice){"some text", reader->failed ? 0 : i}));
		count += !reader->failed;
	}
	return count;
}

static void test_round_trip(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	write_all(&buffer);
	struct reader reader = reader_of(buffer_slice(&buffer));
	assert_int_equal(read_all(&reader), 4 * NUMBER_COUNT);
	assert_true(reader_at_end(&reader) && !reader.failed);
	assert_int_equal(reader_unsigned(&reader), 0);
	assert_true(reader.failed);
	buffer_destroy(&buffer);
}

/* The bytes end where the allocation does, so that reading on shows. */
static void test_every_cut(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	write_all(&buffer);
	for (size_t len = 0; len < buffer.len; len++) {
		char *copy = malloc(len ? len : 1);
		memcpy(copy, buffer.data, len);
		struct reader reader = reader_of((struct slice){copy, len});
		assert_true(read_all(&reader) < 4 * NUMBER_COUNT);
		assert_true(reader.failed && reader_at_end(&reader));
		assert_true(reader.at <= reader.end);
		free(copy);
	}
	buffer_destroy(&buffer);
}

static void test_random_bytes(void **state)
{
	(void)state;
	struct random random = {1};
	size_t text_count = 0;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)random_below(&random, 40);
		char *bytes = malloc(len ? len : 1);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(random_percent(&random, 50)
					  ? random_below(&random, 8) : random_below(&random, 256));
		struct reader reader = reader_of((struct slice){bytes, len});
		while (!reader_at_end(&reader)) {
			struct slice text = reader_text(&reader);
			assert_true(text.len == 0 || (text.data >= bytes &&
						      text.data + text.len <= bytes + len));
			text_count += text.len != 0;
		}
		free(bytes);
	}
	assert_true(text_count > 1000);
}

/* A length near 2^64 does not wrap round the end. */
static void test_lengths_too_long(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {3, UINT32_MAX, INT64_MAX, UINT64_MAX - 5, UINT64_MAX};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct buffer buffer = {0};
		buffer_put_unsigned(&buffer, lengths[i]);
		buffer_put(&buffer, "ab", 2);
		struct reader reader = reader_of(buffer_slice(&buffer));
		struct slice text = reader_text(&reader);
		assert_true(reader.failed && text.len == 0 && text.data == NULL);
		assert_int_equal(reader_signed(&reader), 0);
		assert_int_equal(reader_bytes(&reader, 0).len, 0);
		buffer_destroy(&buffer);
	}
}

/* A number of more than ten bytes is none. */
static void test_numbers_too_long(void **state)
{
	(void)state;
	char bytes[12];
	memset(bytes, 0x80, sizeof(bytes));
	bytes[11] = 1;
	struct reader reader = reader_of((struct slice){bytes, sizeof(bytes)});
	assert_int_equal(reader_unsigned(&reader), 0);
	assert_true(reader.failed);
}

static void test_growth(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	for (int i = 0; i < 100000; i++)
		buffer_put(&buffer, &(char){(char)(i % 101)}, 1);
	char *room = buffer_reserve(&buffer, 1000000);
	memset(room, 7, 1000000);
	assert_int_equal(buffer.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buffer.data[i], i % 101);
	buffer_put(&buffer, NULL, 0);
	buffer_put_text(&buffer, (struct slice){NULL, 0});
	assert_int_equal(buffer.len, 100001);
	buffer_destroy(&buffer);
	assert_true(buffer.data == NULL && buffer.len == 0 && buffer.capacity == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	 cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_random_bytes),	 cmocka_unit_test(test_lengths_too_long),
		cmocka_unit_test(test_numbers_too_long), cmocka_unit_test(test_growth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
