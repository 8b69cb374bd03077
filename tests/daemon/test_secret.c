/* Goal: a secret is what its file holds, found where systemd puts credentials, and what is wrong with a file
 * is said without what it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/secret.h"

static char folder[] = "/tmp/ladder-secret-XXXXXX";
static char error[512];
static int code;

static void write_file(const char *name, const char *bytes, size_t len)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void check_read(const char *bytes, size_t len, const char *want)
{
	write_file("word", bytes, len);
	code = 0;
	error[0] = '\0';
	char *secret = secret_read("a.setting", "word", error, sizeof error, &code);
	if (want) {
		assert_string_equal(secret, want);
		assert_int_equal(code, 0);
	} else {
		assert_null(secret);
		assert_int_equal(code, 78);
		assert_memory_equal(error, "a.setting: ", 11);
		assert_non_null(strstr(error, folder));
		assert_null(strstr(error, "hush"));
	}
	secret_destroy(secret);
}

static void test_read(void **state)
{
	(void)state;
	static char longest[SECRET_BYTES_MAX + 3];
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	check_read("hush", 4, "hush");
	check_read("hush\n", 5, "hush");
	check_read("hush \n\n", 7, "hush \n");
	check_read("", 0, NULL);
	check_read("\n", 1, NULL);
	check_read("hush\0hush", 9, NULL);
	memset(longest, 'h', sizeof longest - 1);
	longest[SECRET_BYTES_MAX] = '\0';
	check_read(longest, SECRET_BYTES_MAX, longest);
	longest[SECRET_BYTES_MAX] = 'h';
	check_read(longest, SECRET_BYTES_MAX + 1, NULL);
	check_read(longest, SECRET_BYTES_MAX + 2, NULL);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_find(void **state)
{
	(void)state;
	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
	struct secret_path path = secret_find("word");
	assert_string_equal(path.text, "/run/credentials/x/word");
	assert_true(path.is_credential);
	path = secret_find("/etc/word");
	assert_string_equal(path.text, "/etc/word");
	assert_false(path.is_credential);
	unsetenv("CREDENTIALS_DIRECTORY");
	path = secret_find("word");
	assert_string_equal(path.text, "word");
	assert_false(path.is_credential);
}

static void test_absent(void **state)
{
	(void)state;
	assert_null(secret_read("a.setting", "/nowhere/word", error, sizeof error, &code));
	assert_int_equal(code, 78);
	assert_string_equal(error, "a.setting: /nowhere/word cannot be used: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_absent),
	};
	if (!mkdtemp(folder))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char path[128];
	snprintf(path, sizeof path, "%s/word", folder);
	unlink(path);
	rmdir(folder);
	return failed;
}
