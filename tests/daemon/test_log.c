/* Goal: what is logged is one line that a program can read, in logfmt and in JSON, with a priority for the
 * journal and only for it; what is below the level is not said; and what repeats itself is said a few times,
 * and then how often it was not.
 * Method: a process of its own per case, because what stderr is is looked at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/log.h"

enum { SAID_MAX = 1 << 16 };

typedef void saying(void);

/* What the function wrote on stderr; with JOURNAL_STREAM as it is for a journal that is stderr, or another
 * file. */
enum journal { NO_JOURNAL, THE_JOURNAL, ANOTHER_JOURNAL };

static char *hear(saying *say, enum journal journal)
{
	char path[] = "/tmp/test_log.XXXXXX", stream[64];
	struct stat status;
	int fd = mkstemp(path);
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	unlink(path);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino + (journal == ANOTHER_JOURNAL));
	pid_t child = fork();
	if (child == 0) {
		if (journal == NO_JOURNAL)
			unsetenv("JOURNAL_STREAM");
		else
			setenv("JOURNAL_STREAM", stream, 1);
		dup2(fd, STDERR_FILENO);
		say();
		_exit(0);
	}
	int code;
	assert_true(waitpid(child, &code, 0) == child && code == 0);
	char *said = calloc(1, SAID_MAX);
	assert_non_null(said);
	assert_true(pread(fd, said, SAID_MAX - 1, 0) >= 0);
	close(fd);
	return said;
}

static void say_one(void)
{
	log_warn("redis is away", "address=%s why=%s", "127.0.0.1:6379", log_quoted("a \"b\"\\c\nd").text);
}

static void test_logfmt(void **state)
{
	(void)state;
	char *said = hear(say_one, NO_JOURNAL);
	assert_int_equal(strspn(said, "0123456789-:.TZ"), 24);
	assert_string_equal(said + 24, " level=warn msg=\"redis is away\" address=127.0.0.1:6379 "
				       "why=\"a \\\"b\\\"\\\\c d\"\n");
	free(said);
}

static void say_levels(void)
{
	log_info("one", "%s", "");
	log_warn("two", "%s", "");
	log_error("three", "n=%d", 3);
}

static void say_warnings(void)
{
	log_configure(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
	say_levels();
}

static void test_level(void **state)
{
	(void)state;
	char *said = hear(say_warnings, NO_JOURNAL);
	assert_null(strstr(said, "one"));
	assert_non_null(strstr(said, "level=warn msg=\"two\"\n"));
	assert_non_null(strstr(said, "level=error msg=\"three\" n=3\n"));
	free(said);
}

static void test_journal(void **state)
{
	(void)state;
	char *said = hear(say_levels, THE_JOURNAL);
	const char *warning = strchr(said, '\n') + 1, *error = strchr(warning, '\n') + 1;
	assert_memory_equal(said, "<6>2", 4);
	assert_memory_equal(warning, "<4>2", 4);
	assert_memory_equal(error, "<3>2", 4);
	free(said);
	said = hear(say_levels, ANOTHER_JOURNAL);
	assert_int_equal(said[0], '2');
	free(said);
}

/* Texts that break logfmt or UTF-8, are cut, or are longer than a line. */
static void say_json(void)
{
	static char endless[LOG_LINE_MAX + 100];
	memset(endless, '"', sizeof endless - 1);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_error("m", "n=%d zero=%s text=%s quoted=%s", -12, "007", "a", log_quoted("x=\"1\" y\\z").text);
	log_error("no pairs", "%s", "");
	log_error("bytes", "why=%s", log_quoted("caf\xc3\xa9 \xff").text);
	log_error("cut", "why=\"half");
	log_error("long", "a=1 why=%s end=2", log_quoted(endless).text);
	log_error("longer", "a=1 why=\"%s\"", endless);
	log_error("loose", "a=1 words without =x = y");
}

static json_t *line_json(char **said)
{
	char *end = strchr(*said, '\n');
	assert_non_null(end);
	*end = '\0';
	json_error_t error;
	json_t *line = json_loads(*said, JSON_REJECT_DUPLICATES, &error);
	if (!line)
		fail_msg("%s: %s", error.text, *said);
	*said = end + 1;
	return line;
}

static const char *text_of(const json_t *line, const char *key)
{
	return json_string_value(json_object_get(line, key));
}

static void test_json(void **state)
{
	(void)state;
	char *said = hear(say_json, NO_JOURNAL), *at = said;
	json_t *line = line_json(&at);
	assert_int_equal(strlen(text_of(line, "ts")), 24);
	assert_string_equal(text_of(line, "level"), "error");
	assert_string_equal(text_of(line, "msg"), "m");
	assert_int_equal(json_integer_value(json_object_get(line, "n")), -12);
	assert_string_equal(text_of(line, "zero"), "007");
	assert_string_equal(text_of(line, "text"), "a");
	assert_string_equal(text_of(line, "quoted"), "x=\"1\" y\\z");
	json_decref(line);
	size_t count = 1;
	for (; *at; count++) {
		line = line_json(&at);
		if (strcmp(text_of(line, "msg"), "bytes") == 0)
			assert_string_equal(text_of(line, "why"), "caf?? ?");
		json_decref(line);
	}
	assert_int_equal(count, 7);
	free(said);
}

static void say_often(void)
{
	for (int i = 0; i < 3 * LOG_SITE_LINES; i++)
		log_error("again and again", "%s", "");
	log_error("something else", "%s", "");
}

static void say_often_and_later(void)
{
	static struct log_site site;
	for (int i = 0; i < 3 * LOG_SITE_LINES; i++)
		log_at(&site, LOG_LEVEL_ERROR, "again", "%s", "");
	atomic_fetch_sub(&site.since_ms, LOG_SITE_MS);
	log_at(&site, LOG_LEVEL_ERROR, "again", "n=%d", 1);
	log_at(&site, LOG_LEVEL_ERROR, "again", "n=%d", 2);
}

static size_t count_of(const char *said, const char *text)
{
	size_t count = 0;
	for (; (said = strstr(said, text)); said++)
		count++;
	return count;
}

static void test_repeated(void **state)
{
	(void)state;
	char *said = hear(say_often, NO_JOURNAL);
	assert_int_equal(count_of(said, "again and again"), LOG_SITE_LINES);
	assert_int_equal(count_of(said, "something else"), 1);
	free(said);
	said = hear(say_often_and_later, NO_JOURNAL);
	char want[64];
	snprintf(want, sizeof want, " n=1 suppressed=%d\n", 2 * LOG_SITE_LINES);
	assert_int_equal(count_of(said, want), 1);
	assert_int_equal(count_of(said, " n=2\n"), 1);
	assert_int_equal(count_of(said, "again"), LOG_SITE_LINES + 2);
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logfmt),  cmocka_unit_test(test_level), cmocka_unit_test(test_journal),
		cmocka_unit_test(test_json),    cmocka_unit_test(test_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
