/* Goal: every form of redis.url is taken apart as it says, and none that is wrong is taken, or tells its
 * password (promise P6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/redis_url.h"

static void test_urls(void **state)
{
	(void)state;
	static const char *const good[][5] = {
		{"redis://127.0.0.1:6379/0", "127.0.0.1:6379", "", "", "0"},
		{"redis://redis", "redis:6379", "", "", "0"},
		{"redis://redis/", "redis:6379", "", "", "0"},
		{"redis://u:p%3Aw@h:1/15", "h:1", "u", "p:w", "15"},
		{"redis://:p@x@[::1]:7", "[::1]:7", "", "p@x", "0"},
		{"unix:///run/redis.sock", "/run/redis.sock", "", "", "0"},
		{"unix://me:you@/run/redis.sock", "/run/redis.sock", "me", "you", "0"},
		{"unix:///run/redis.sock?db=7", "/run/redis.sock", "", "", "7"},
		{"unix://me:@/run/redis.sock?db=7", "/run/redis.sock", "me", "", "7"},
		{"unix:///run/a,b.sock", "/run/a,b.sock", "", "", "0"},
		{"redis://a,b:1,[::1]:2", "a:6379 b:1 [::1]:2", "", "", "0"},
		{"redis://u:p,w@a:1,b:2/3", "a:1 b:2", "u", "p,w", "3"},
	};
	static const char *const bad[] = {
		"", "127.0.0.1:6379", "rediss://h", "redis://", "redis://h:", "redis://h:x",
		"redis://h:70000", "redis://h/x", "redis://[::1", "redis://secret@h", "redis://u:%zz@h",
		"redis://u:%4", "unix://", "unix://relative", "redis://:secret@:1", "redis://a,",
		"redis://,a", "redis://a,,b", "redis://a/0,b/0", "redis://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a",
		"unix:///a?db=", "unix:///a?db=x", "unix:///a?bd=1", "unix:///a?", "unix://?db=1",
	};
	char error[256];
	struct redis_url parsed;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char places[512] = "";
		assert_true(redis_url_parse(good[i][0], &parsed, error, sizeof error));
		for (size_t place = 0; place < parsed.place_count; place++)
			snprintf(places + strlen(places), sizeof places - strlen(places), "%s%s",
				 place ? " " : "", redis_place_address(&parsed.places[place]).text);
		assert_string_equal(places, good[i][1]);
		assert_string_equal(parsed.user, good[i][2]);
		assert_string_equal(parsed.password, good[i][3]);
		assert_string_equal(parsed.database, good[i][4]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(redis_url_parse(bad[i], &parsed, error, sizeof error));
		assert_null(strstr(error, "secret"));
		assert_non_null(strstr(error, "redis.url"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
