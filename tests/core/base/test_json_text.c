/* Goal: what is written is JSON that jansson reads back as what was given: strings with any byte that may
 * stand there, at any place and length, and whole numbers at their limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/json_text.h"

enum { LEN_MAX = 40 };

static void assert_string(const char *text, size_t len)
{
	struct buffer out = {0};
	json_put_string(&out, (struct slice){text, len});
	json_t *read = json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(read);
	assert_int_equal(json_string_length(read), len);
	assert_memory_equal(json_string_value(read), text, len);
	json_decref(read);
	buffer_destroy(&out);
}

static void test_strings(void **state)
{
	(void)state;
	char text[LEN_MAX];
	for (size_t len = 0; len <= LEN_MAX; len++)
		for (size_t at = 0; at < (len ? len : 1); at++)
			for (int c = 0; c < 128; c++) {
				memset(text, 'a', sizeof(text));
				if (len)
					text[at] = (char)c;
				assert_string(text, len);
			}
}

static void test_strings_of_escapes(void **state)
{
	(void)state;
	static const char text[] = "\"\\\n\t\x01\x1f\"\"\\\\ ~\x7f\xc3\xa9\xf0\x9f\x98\x80\"";
	for (size_t from = 0; from < sizeof(text) - 1; from++)
		if ((text[from] & 0xc0) != 0x80)
			assert_string(text + from, sizeof(text) - 1 - from);
}

static void assert_number(int64_t number, const char *expected)
{
	struct buffer out = {0};
	json_put_integer(&out, number);
	json_put_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buffer_destroy(&out);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_number(0, "0");
	assert_number(9, "9");
	assert_number(10, "10");
	assert_number(-1, "-1");
	assert_number(INT64_MAX, "9223372036854775807");
	assert_number(INT64_MIN, "-9223372036854775808");
	char expected[32];
	for (int64_t number = 1; number < INT64_MAX / 10; number *= 10)
		for (int64_t i = number - 1; i <= number + 1; i++) {
			snprintf(expected, sizeof(expected), "%lld", (long long)i);
			assert_number(i, expected);
			snprintf(expected, sizeof(expected), "%lld", (long long)-i);
			assert_number(-i, expected);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strings_of_escapes),
		cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
