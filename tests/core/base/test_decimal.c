/* Amounts are read, written and divided exactly: held against 128-bit integers, over random numbers and
 * at the edges. What is a number and what is not is also in tests/core/decode/cases.def. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/decimal.h"

static uint64_t random_state = 0x9E3779B97F4A7C15;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool parses_to(const char *text, int64_t expected)
{
	int64_t micros;
	return decimal_parse_micros(slice_from(text), &micros) && micros == expected;
}

static bool is_refused(const char *text)
{
	int64_t micros;
	return !decimal_parse_micros(slice_from(text), &micros);
}

static void test_parse_edges(void **state)
{
	(void)state;
	assert_true(parses_to("0", 0));
	assert_true(parses_to("-0.000e-5", 0));
	assert_true(parses_to("999999999999", 999999999999000000));
	assert_true(parses_to("9223372036854", 9223372036854000000));
	assert_true(is_refused("9223372036855"));
	assert_true(is_refused("9999999999999"));
	assert_true(parses_to("9223372036854.775807", INT64_MAX));
	assert_true(parses_to("9223372036854775807e-6", INT64_MAX));
	assert_true(parses_to("9223372036854775807.4999999e-6", INT64_MAX));
	assert_true(is_refused("9223372036854775807.5e-6"));
	assert_true(is_refused("9223372036854.775808"));
	assert_true(parses_to("0.0000004999999999999999999999", 0));
	assert_true(parses_to("0.0000005", 1));
	assert_true(parses_to("5e-7", 1));
	assert_true(parses_to("0.05e-5", 1));
	assert_true(parses_to("9e-8", 0));
	assert_true(parses_to("1.2345675", 1234568));
	assert_true(parses_to("0.9999995", 1000000));
	static const char *const bad[] = {
		"", "-", "+1", "01", "1.", ".1", "1e", "1e+", "1 ", " 1", "1.1.1", "1.2.", "0..1", "00", "-1",
		"-0.0000000001", "1a", "0x1", "1.5e1.5", "12345678.a", "1.-1", "inf",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_true(is_refused(bad[i]));
}

/* digits * 10^-scale in micros, rounded half up; negative where it is beyond int64. */
static int64_t expected_micros(uint64_t digits, unsigned scale)
{
	unsigned __int128 value = (unsigned __int128)digits * 1000000;
	unsigned __int128 unit = 1;
	for (unsigned i = 0; i < scale; i++)
		unit *= 10;
	value = (value + unit / 2) / unit;
	return value > INT64_MAX ? -1 : (int64_t)value;
}

/* The same number as an integer with an exponent, and with a point among its digits. */
static void test_parse_random(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t digits = random_next() >> random_next() % 64;
		unsigned scale = (unsigned)(random_next() % 18);
		int64_t expected = expected_micros(digits, scale);
		char with_exponent[64], plain[64], with_point[64];
		snprintf(with_exponent, sizeof(with_exponent), "%" PRIu64 "e-%u", digits, scale);
		int len = snprintf(plain, sizeof(plain), "%0*" PRIu64, (int)scale + 1, digits);
		const char *fraction = plain + len - scale;
		snprintf(with_point, sizeof(with_point), "%.*s%s%s", len - (int)scale, plain,
			 scale ? "." : "", fraction);
		if (expected < 0) {
			assert_true(is_refused(with_exponent));
			assert_true(is_refused(with_point));
		} else {
			assert_true(parses_to(with_exponent, expected));
			assert_true(parses_to(with_point, expected));
		}
	}
}

static void assert_format(int64_t micros, const char *expected)
{
	char out[DECIMAL_TEXT_BYTES];
	size_t len = decimal_format_micros(micros, out);
	assert_true(slice_equal((struct slice){out, len}, slice_from(expected)));
}

static void test_format(void **state)
{
	(void)state;
	assert_format(0, "0");
	assert_format(1, "0.000001");
	assert_format(-1, "-0.000001");
	assert_format(25196850, "25.19685");
	assert_format(3200000000, "3200");
	assert_format(-1500000, "-1.5");
	assert_format(10000000, "10");
	assert_format(100001, "0.100001");
	assert_format(INT64_MAX, "9223372036854.775807");
	assert_format(INT64_MIN, "-9223372036854.775808");
	for (int i = 0; i < 100000; i++) {
		int64_t micros = (int64_t)(random_next() >> (1 + random_next() % 63));
		char out[DECIMAL_TEXT_BYTES];
		int64_t back;
		size_t len = decimal_format_micros(micros, out);
		assert_true(decimal_parse_micros((struct slice){out, len}, &back));
		assert_true(back == micros);
	}
}

static bool divides_to(int64_t numerator, int64_t denominator, int64_t scale, int64_t expected)
{
	int64_t out;
	return decimal_divide(numerator, denominator, scale, &out) && out == expected;
}

static void test_divide(void **state)
{
	(void)state;
	int64_t out;
	assert_true(divides_to(3200000000, 127, 1, 25196850));
	assert_true(divides_to(3200000000, 84, 1, 38095238));
	assert_true(divides_to(3200000000, 52, 1, 61538462));
	assert_true(divides_to(1, 2, 1, 1));
	assert_true(divides_to(-1, 2, 1, -1));
	assert_true(divides_to(1, -2, 1, -1));
	assert_true(divides_to(-1, -2, 1, 1));
	assert_true(divides_to(1, 3, 1000000, 333333));
	assert_true(divides_to(-2, 3, 1000000, -666667));
	assert_true(divides_to(0, 7, 1000000, 0));
	assert_true(divides_to(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX));
	assert_true(divides_to(INT64_MIN, INT64_MAX, 1, -1));
	assert_true(divides_to(INT64_MIN, 1, 1, INT64_MIN));
	assert_false(decimal_divide(INT64_MIN, -1, 1, &out));
	assert_false(decimal_divide(INT64_MAX, 1, 2, &out));
	assert_false(decimal_divide(1, 0, 1, &out));
}

/* The quotient times the divisor is never further from the product than half the divisor. */
static void test_divide_random(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		int64_t numerator = (int64_t)random_next() >> random_next() % 64;
		int64_t denominator = (int64_t)random_next() >> random_next() % 64;
		int64_t scale = i % 2 ? 1000000 : 1;
		int64_t out;
		if (denominator == 0 || !decimal_divide(numerator, denominator, scale, &out))
			continue;
		__int128 product = (__int128)numerator * scale;
		__int128 rest = product - (__int128)out * denominator;
		__int128 divisor = denominator < 0 ? -(__int128)denominator : denominator;
		assert_true((rest < 0 ? -rest : rest) * 2 <= divisor);
	}
}

static void test_count(void **state)
{
	(void)state;
	int64_t count;
	assert_true(decimal_parse_count(slice_from("0"), &count) && count == 0);
	assert_true(decimal_parse_count(slice_from("-0"), &count) && count == 0);
	assert_true(decimal_parse_count(slice_from("9007199254740992"), &count) && count == INT64_C(1) << 53);
	static const char *const bad[] = {
		"", "-1", "1.0", "1e1", "01", "9007199254740993", "9223372036854775808",
		"18446744073709551617", "99999999999999999999999999", " 1", "1 ", "x",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(decimal_parse_count(slice_from(bad[i]), &count));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_edges),
		cmocka_unit_test(test_parse_random),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_divide),
		cmocka_unit_test(test_divide_random),
		cmocka_unit_test(test_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
