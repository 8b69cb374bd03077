/* Goal: offsets and local days are those that another implementation of the time zone database computes,
 * around every change of a zone from 1970 to 2040 and after the last one listed, for files with all
 * changes in them ("fat") and for files that leave them to the footer ("slim"). The other one is Python's
 * zoneinfo, which reads the same database. Damaged files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/civil.h"
#include "core/base/zone.h"

#define DATABASE "/usr/share/zoneinfo"

static const char *const ZONES[] = {
	"UTC", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Asia/Kolkata", "Asia/Kathmandu",
	"Australia/Lord_Howe", "Europe/Dublin", "America/St_Johns", "America/Nuuk", "Africa/Casablanca",
	"Asia/Gaza", "Africa/Cairo", "Pacific/Kwajalein", "America/New_York", "Antarctica/Troll",
};
enum { ZONE_COUNT = sizeof ZONES / sizeof *ZONES };

/* Prints `utc_s offset_s day day_start_s` for instants on both sides of each change, of the midnights
 * near it, and of a few days in far years. A day's start is searched, not computed. */
static const char SCRIPT[] =
	"import sys, functools\n"
	"from zoneinfo import ZoneInfo\n"
	"from datetime import datetime, timezone\n"
	"name = sys.argv[1]\n"
	"zone = ZoneInfo(name)\n"
	"UTC = timezone.utc\n"
	"epoch = datetime(1970, 1, 1, tzinfo=UTC)\n"
	"def seconds(*date): return int((datetime(*date, tzinfo=UTC) - epoch).total_seconds())\n"
	"@functools.lru_cache(maxsize=None)\n"
	"def offset(t):\n"
	"    delta = datetime.fromtimestamp(t, zone).utcoffset()\n"
	"    return delta.days * 86400 + delta.seconds\n"
	"@functools.lru_cache(maxsize=None)\n"
	"def start(day):\n"
	"    midnight = day * 86400\n"
	"    for t in range(midnight - 27 * 3600, midnight + 27 * 3600, 900):\n"
	"        if t + offset(t) >= midnight:\n"
	"            while t + offset(t) >= midnight: t -= 1\n"
	"            return t + 1\n"
	"def day_of(t):\n"
	"    day = (t + offset(t)) // 86400\n"
	"    while start(day + 1) <= t: day += 1\n"
	"    return day\n"
	"def changes(low, high):\n"
	"    for t in range(low, high, 86400):\n"
	"        a, b = t, t + 86400\n"
	"        if offset(a) == offset(b): continue\n"
	"        while b - a > 1:\n"
	"            middle = (a + b) // 2\n"
	"            if offset(middle) == offset(t): a = middle\n"
	"            else: b = middle\n"
	"        yield b\n"
	"instants = set()\n"
	"for year in (1970, 2035, 2100, 2437, 2438, 2899, 9990):\n"
	"    span = (seconds(year, 1, 1), seconds(2040 if year == 1970 else year + 2, 1, 1))\n"
	"    for at in changes(*span):\n"
	"        near = {at} | {start(at // 86400 + k) for k in (-1, 0, 1, 2)}\n"
	"        instants |= {t + k for t in near for k in (-3601, -1, 0, 1, 3600, 40000)}\n"
	"    instants |= set(range(*span, 86400 * 60 + 12345))\n"
	"for t in sorted(instants):\n"
	"    day = day_of(t)\n"
	"    print(t, offset(t), day, start(day))\n";

static void read_file(const char *path, char **bytes, size_t *len)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		fail_msg("%s: cannot be opened", path);
	*bytes = malloc(1 << 16);
	assert_non_null(*bytes);
	*len = fread(*bytes, 1, 1 << 16, file);
	fclose(file);
}

static struct zone *load(const char *folder, const char *name)
{
	char path[256], *bytes;
	size_t len;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	read_file(path, &bytes, &len);
	struct zone *zone = zone_create((struct slice){bytes, len});
	free(bytes);
	return zone;
}

struct instant {
	long long utc_s, offset_s, day, start_s;
};

static void check_instant(const struct zone *zone, const char *label, const struct instant *want)
{
	long long offset_s = zone_offset_ms(zone, want->utc_s * 1000) / 1000;
	long long day = zone_day_of(zone, want->utc_s * 1000);
	long long start_s = zone_day_start_ms(zone, want->day) / 1000;
	if (offset_s != want->offset_s || day != want->day || start_s != want->start_s)
		fail_msg("%s at %lld: offset %lld, day %lld, its start %lld; expected %lld, %lld, %lld",
			 label, want->utc_s, offset_s, day, start_s, want->offset_s, want->day,
			 want->start_s);
	assert_int_equal(zone_day_of(zone, want->utc_s * 1000 + 999), want->day);
}

static FILE *other_implementation(const char *script_path, const char *name)
{
	char command[512];
	snprintf(command, sizeof command, "python3 %s %s", script_path, name);
	FILE *instants = popen(command, "r");
	assert_non_null(instants);
	return instants;
}

struct folders {
	char root[64]; /* holds script.py and the database as slim files */
};

static int make_folders(void **state)
{
	static struct folders folders = {"/tmp/test_zone.XXXXXX"};
	char path[128], command[256];
	assert_non_null(mkdtemp(folders.root));
	snprintf(path, sizeof path, "%s/script.py", folders.root);
	FILE *script = fopen(path, "w");
	assert_non_null(script);
	fputs(SCRIPT, script);
	fclose(script);
	snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin zic -b slim -d %s " DATABASE "/tzdata.zi",
		 folders.root);
	assert_int_equal(system(command), 0);
	*state = &folders;
	return 0;
}

static int remove_folders(void **state)
{
	struct folders *folders = *state;
	char command[128];
	snprintf(command, sizeof command, "rm -r %s", folders->root);
	return system(command);
}

static void test_agrees_with_another_implementation(void **state)
{
	const struct folders *folders = *state;
	char script[128];
	snprintf(script, sizeof script, "%s/script.py", folders->root);
	for (size_t i = 0; i < ZONE_COUNT; i++) {
		struct zone *fat = load(DATABASE, ZONES[i]);
		struct zone *slim = load(folders->root, ZONES[i]);
		assert_non_null(fat);
		assert_non_null(slim);
		struct instant want;
		size_t count = 0;
		FILE *instants = other_implementation(script, ZONES[i]);
		for (; fscanf(instants, "%lld %lld %lld %lld", &want.utc_s, &want.offset_s, &want.day,
			      &want.start_s) == 4; count++) {
			check_instant(fat, ZONES[i], &want);
			check_instant(slim, ZONES[i], &want);
		}
		assert_int_equal(pclose(instants), 0);
		assert_true(count > 400);
		zone_destroy(fat);
		zone_destroy(slim);
	}
}

static int64_t hours_of_day(const struct zone *zone, int64_t year, unsigned month, unsigned day)
{
	int64_t days = civil_to_days(year, month, day);
	return (zone_day_start_ms(zone, days + 1) - zone_day_start_ms(zone, days)) / 3600000;
}

static void test_days_of_odd_length(void **state)
{
	(void)state;
	struct zone *zone = load(DATABASE, "Europe/Berlin");
	assert_int_equal(hours_of_day(zone, 2026, 3, 28), 24);
	assert_int_equal(hours_of_day(zone, 2026, 3, 29), 23);
	assert_int_equal(hours_of_day(zone, 2026, 10, 25), 25);
	assert_int_equal(hours_of_day(zone, 2600, 10, 26), 25);
	zone_destroy(zone);
	zone = load(DATABASE, "America/Sao_Paulo");
	assert_int_equal(hours_of_day(zone, 2018, 11, 4), 23); /* begins at 01:00 */
	assert_int_equal(hours_of_day(zone, 2018, 2, 17), 25);
	assert_int_equal(zone_day_start_ms(zone, civil_to_days(2018, 11, 4)), 1541300400000);
	zone_destroy(zone);
	zone = load(DATABASE, "Pacific/Apia");
	assert_int_equal(hours_of_day(zone, 2011, 12, 30), 0);
	assert_int_equal(zone_day_of(zone, 1325239199999), civil_to_days(2011, 12, 29));
	assert_int_equal(zone_day_of(zone, 1325239200000), civil_to_days(2011, 12, 31));
	zone_destroy(zone);
}

/* St John's went back from 00:01 to 23:01: the day that had begun stays the day. */
static void test_day_does_not_go_back(void **state)
{
	(void)state;
	struct zone *zone = load(DATABASE, "America/St_Johns");
	int64_t day = civil_to_days(2010, 11, 7);
	int64_t start_ms = zone_day_start_ms(zone, day);
	assert_int_equal(hours_of_day(zone, 2010, 11, 7), 25);
	for (int minute = 0; minute < 120; minute++)
		assert_int_equal(zone_day_of(zone, start_ms + minute * 60000), day);
	assert_int_equal(zone_day_of(zone, start_ms - 1), day - 1);
	zone_destroy(zone);
}

static void test_utc(void **state)
{
	(void)state;
	assert_int_equal(zone_offset_ms(zone_utc(), 1541300400000), 0);
	assert_int_equal(zone_day_of(zone_utc(), -1), -1);
	assert_int_equal(zone_day_of(zone_utc(), 86400000), 1);
	assert_int_equal(zone_day_start_ms(zone_utc(), 20000), 20000 * INT64_C(86400000));
}

/* A file of no transitions: everything is in the footer. */
static size_t write_footer_file(char bytes[256], int offset_s, const char *footer)
{
	static const char header[44] = {'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4};
	char type[10] = {(char)(offset_s >> 24), (char)(offset_s >> 16), (char)(offset_s >> 8),
			 (char)offset_s, 0, 0, 'X', 'Y', 'Z', 0};
	size_t len = 0;
	for (int half = 0; half < 2; half++) {
		memcpy(bytes + len, header, sizeof header);
		memcpy(bytes + len + sizeof header, type, sizeof type);
		len += sizeof header + sizeof type;
	}
	return len + (size_t)snprintf(bytes + len, 256 - len, "\n%s\n", footer);
}

static void test_footer_forms(void **state)
{
	(void)state;
	static const struct {
		const char *footer;
		int offset_s;     /* standard time */
		int64_t utc_s;
		int64_t want_s;
	} cases[] = {
		{"", 3600, 1700000000, 3600},
		{"XYZ-1", 3600, 1700000000, 3600},
		{"<+0545>-5:45", 20700, 1700000000, 20700},
		{"XYZ8ABC,J60/0,J300/0", -28800, 1709279999, -28800}, /* 1 March, in a leap year too */
		{"XYZ8ABC,J60/0,J300/0", -28800, 1709280000, -25200},
		{"XYZ8ABC,59/0,299/0", -28800, 1709193599, -28800},   /* the 60th day: 29 February */
		{"XYZ8ABC,59/0,299/0", -28800, 1709193600, -25200},
		{"XYZ3ABC4,0/0,J365/23", -10800, 1700000000, -14400}, /* the other offset all year */
		{"XYZ3ABC4,0/0,J365/23", -10800, 1704078000, -14400},
		{"XYZ0ABC-0:30,M4.1.0,M10.1.0", 0, 1719792000, 1800},
	};
	char bytes[256];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = write_footer_file(bytes, cases[i].offset_s, cases[i].footer);
		struct zone *zone = zone_create((struct slice){bytes, len});
		assert_non_null(zone);
		if (zone_offset_ms(zone, cases[i].utc_s * 1000) != cases[i].want_s * 1000)
			fail_msg("case %zu: %s at %lld", i, cases[i].footer, (long long)cases[i].utc_s);
		zone_destroy(zone);
	}
}

/* Two changes at one instant: a day's start has to get past both. */
static void test_day_start_after_two_changes(void **state)
{
	(void)state;
	char bytes[256];
	size_t len = write_footer_file(bytes, -10800, "XYZ3ABC4,0/0,J365/23");
	struct zone *zone = zone_create((struct slice){bytes, len});
	for (int64_t year = 1970; year < 2400; year++) {
		int64_t day = civil_to_days(year, 1, 1);
		assert_int_equal(zone_day_start_ms(zone, day), (day * 24 + 4) * 3600000);
	}
	zone_destroy(zone);
}

/* Summer lies around new year: the 400 years begin and end within one. */
static void test_rule_repeats_for_ever(void **state)
{
	(void)state;
	char bytes[256];
	size_t len = write_footer_file(bytes, 36000, "XYZ-10ABC,M10.1.0,M4.1.0/3");
	struct zone *zone = zone_create((struct slice){bytes, len});
	for (int64_t year = 1970; year < 9999; year++) {
		int64_t day = civil_to_days(year, 1, 1);
		assert_int_equal(zone_day_start_ms(zone, day), (day * 24 - 11) * 3600000);
		assert_int_equal(zone_offset_ms(zone, (day + 180) * 86400000), 36000000);
	}
	zone_destroy(zone);
}

static void test_refuses_bad_footers(void **state)
{
	(void)state;
	static const char *const footers[] = {"X-1", "<+01-1", "XYZ", "XYZ-25", "XYZ-1ABC", "XYZ-1ABC,M3.5.0",
					      "XYZ-1ABC,M13.1.0,M10.1.0", "XYZ-1ABC,M3.6.0,M10.1.0",
					      "XYZ-1ABC,M3.1.7,M10.1.0", "XYZ-1ABC,J0,J365", "XYZ-1ABC,0,366",
					      "XYZ-1ABC,M3.1.0/168,M10.1.0", "XYZ-1ABC,M3.1.0,M10.1.0 ",
					      "XYZ-1:60", "XYZ-1ABC,M3.1,M10.1.0"};
	char bytes[256];
	for (size_t i = 0; i < sizeof footers / sizeof *footers; i++) {
		size_t len = write_footer_file(bytes, 3600, footers[i]);
		if (zone_create((struct slice){bytes, len}) != NULL)
			fail_msg("footer %s was taken", footers[i]);
	}
}

/* Every prefix of a real file is refused, and no flipped byte makes it read outside (sanitizers tell). */
static void test_refuses_damaged_files(void **state)
{
	(void)state;
	char *bytes;
	size_t len;
	read_file(DATABASE "/America/Sao_Paulo", &bytes, &len);
	for (size_t cut = 0; cut < len; cut++) {
		char *copy = malloc(cut + 1);
		memcpy(copy, bytes, cut);
		assert_null(zone_create((struct slice){copy, cut}));
		free(copy);
	}
	for (size_t at = 0; at < len; at++) {
		bytes[at] ^= (char)0xff;
		struct zone *zone = zone_create((struct slice){bytes, len});
		bytes[at] ^= (char)0xff;
		if (zone)
			assert_true(zone_day_start_ms(zone, 20000) < zone_day_start_ms(zone, 20003));
		zone_destroy(zone);
	}
	bytes[4] = '\0';
	assert_null(zone_create((struct slice){bytes, len}));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_another_implementation),
		cmocka_unit_test(test_days_of_odd_length),
		cmocka_unit_test(test_day_does_not_go_back),
		cmocka_unit_test(test_utc),
		cmocka_unit_test(test_footer_forms),
		cmocka_unit_test(test_day_start_after_two_changes),
		cmocka_unit_test(test_rule_repeats_for_ever),
		cmocka_unit_test(test_refuses_bad_footers),
		cmocka_unit_test(test_refuses_damaged_files),
	};
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
