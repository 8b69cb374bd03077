/* Dates and times agree with the C library's calendar, and what is written can be read back. Which texts
 * are times is in tests/core/decode/cases.def, in the section "times". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/civil.h"
#include "core/base/rfc3339.h"

static const int64_t DAY_S = 86400;

/* Every day from the year -400 to 10000. */
static void test_civil(void **state)
{
	(void)state;
	int64_t first = civil_to_days(-400, 1, 1);
	int64_t last = civil_to_days(10000, 12, 31);
	for (int64_t days = first; days <= last; days++) {
		int64_t year;
		unsigned month, day;
		civil_from_days(days, &year, &month, &day);
		assert_true(civil_to_days(year, month, day) == days);
		time_t seconds = (time_t)(days * DAY_S);
		struct tm tm;
		assert_non_null(gmtime_r(&seconds, &tm));
		assert_true(year == tm.tm_year + 1900);
		assert_int_equal(month, tm.tm_mon + 1);
		assert_int_equal(day, tm.tm_mday);
		assert_in_range(day, 1, civil_month_days(year, month));
	}
	assert_int_equal(civil_to_days(1970, 1, 1), 0);
}

static void test_format_is_the_calendar(void **state)
{
	(void)state;
	for (int64_t second = -100 * DAY_S; second < 253402300800 + DAY_S; second += 86413 * 7) {
		time_t seconds = (time_t)second;
		struct tm tm;
		char expected[64], out[TIME_TEXT_BYTES];
		assert_non_null(gmtime_r(&seconds, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
		size_t len = time_format_rfc3339(second * 1000, out);
		assert_string_equal(out, expected);
		assert_int_equal(len, strlen(expected));
	}
}

static void assert_format(int64_t time_ms, const char *expected)
{
	char out[TIME_TEXT_BYTES];
	assert_int_equal(time_format_rfc3339(time_ms, out), strlen(expected));
	assert_string_equal(out, expected);
}

static void test_format_edges(void **state)
{
	(void)state;
	assert_format(0, "1970-01-01T00:00:00Z");
	assert_format(1767225600000, "2026-01-01T00:00:00Z");
	assert_format(1767225600007, "2026-01-01T00:00:00.007Z");
	assert_format(1767225600120, "2026-01-01T00:00:00.120Z");
	assert_format(-1, "1969-12-31T23:59:59.999Z");
	assert_format(-86400000, "1969-12-31T00:00:00Z");
	assert_format(TIME_MAX_MS, "9999-12-31T23:59:59.999Z");
	assert_format(TIME_MAX_MS + 1, "10000-01-01T00:00:00Z");
	assert_format(INT64_MAX, "292278994-08-17T07:12:55.807Z");
	assert_format(INT64_MIN, "-292275055-05-16T16:47:04.192Z");
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int64_t time_ms = 0; time_ms <= TIME_MAX_MS; time_ms += 1234567891) {
		char out[TIME_TEXT_BYTES];
		int64_t back;
		size_t len = time_format_rfc3339(time_ms, out);
		assert_true(time_parse((struct slice){out, len}, &back));
		assert_true(back == time_ms);
	}
}

/* An offset is taken off, whatever it is. */
static void test_offsets(void **state)
{
	(void)state;
	const int64_t local_ms = 1767225600000;
	for (int minutes = -1439; minutes <= 1439; minutes++) {
		char text[64];
		int size = minutes < 0 ? -minutes : minutes;
		int len = snprintf(text, sizeof(text), "2026-01-01T00:00:00%c%02d:%02d",
				   minutes < 0 ? '-' : '+', size / 60, size % 60);
		int64_t time_ms;
		assert_true(time_parse((struct slice){text, (size_t)len}, &time_ms));
		assert_true(time_ms == local_ms - minutes * INT64_C(60000));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_civil),
		cmocka_unit_test(test_format_is_the_calendar),
		cmocka_unit_test(test_format_edges),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_offsets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
