/* Goal: a member is found where it first stands, at any place of a JSON of any length, behind bytes that are
 * nearly it, and nowhere beyond the end. The memory ends where the JSON does, so a sanitizer sees more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/json_find.h"

enum { LEN_MAX = 100 };

/* The member at `at`, with a number behind it, in filler that begins and ends like it. */
static void assert_found(const char *member, size_t at, size_t len, char filler)
{
	size_t member_len = strlen(member);
	char *json = malloc(len);
	assert_non_null(json);
	memset(json, filler, len);
	memcpy(json + at, member, member_len);
	json[at + member_len] = '7';
	if (at + member_len + 1 < len)
		json[at + member_len + 1] = '}';
	struct slice digits;
	int64_t number;
	assert_true(json_find_number((struct slice){json, len}, member, &digits, &number));
	assert_int_equal(number, 7);
	assert_ptr_equal(digits.data, json + at + member_len);
	assert_int_equal(digits.len, 1);
	assert_false(json_find_number((struct slice){json, at + member_len - 1}, member, &digits, &number));
	free(json);
}

static void test_places(void **state)
{
	static const char *const members[] = {"\"revision\":", "\"a\":", ":\"", "\"from_ms\":"};
	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		for (size_t len = strlen(members[i]) + 1; len <= LEN_MAX; len++)
			for (size_t at = 0; at + strlen(members[i]) < len; at++) {
				assert_found(members[i], at, len, ' ');
				assert_found(members[i], at, len, members[i][1]);
			}
}

static void test_first_of_two(void **state)
{
	static const char json[] = "{\"revision_\":1,\"revision\":2,\"x\":{\"revision\":3},\"revision\":4}";
	struct slice digits;
	int64_t number;
	(void)state;
	assert_true(json_find_number(slice_from(json), "\"revision\":", &digits, &number));
	assert_int_equal(number, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_first_of_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
