/* Goal: a control socket is its owner's alone whatever the umask says, takes the place of one whose process
 * is gone, and of nothing else; removing it removes no other.
 * Method: sockets in a temporary folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control_socket.h"

struct place {
	char folder[64];
	char path[CONTROL_PATH_MAX + 1];
};

static int make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	snprintf(place->folder, sizeof(place->folder), "/tmp/ladder-control-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/control.sock", place->folder);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	unlink(place->path);
	assert_int_equal(rmdir(place->folder), 0); /* nothing else is left in it */
	free(place);
	return 0;
}

static void test_mode(void **state)
{
	const struct place *place = *state;
	struct control_socket made;
	struct stat status;
	char error[512];
	mode_t before = umask(0);
	assert_true(control_socket_open(&made, place->path, error, sizeof(error)));
	umask(before);
	assert_int_equal(lstat(place->path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0600);
	control_socket_remove(&made);
	assert_int_equal(lstat(place->path, &status), -1);
	close(made.fd);
}

static void test_replaces_only_what_is_gone(void **state)
{
	const struct place *place = *state;
	struct control_socket first, second;
	struct stat status;
	char error[512];
	assert_true(control_socket_open(&first, place->path, error, sizeof(error)));
	assert_false(control_socket_open(&second, place->path, error, sizeof(error)));
	assert_non_null(strstr(error, "another ladderd answers there"));
	assert_non_null(strstr(error, place->path));
	close(first.fd);
	assert_true(control_socket_open(&second, place->path, error, sizeof(error)));
	control_socket_remove(&first); /* its name is another's by now */
	assert_int_equal(lstat(place->path, &status), 0);
	control_socket_remove(&second);
	close(second.fd);
}

static void test_no_socket(void **state)
{
	const struct place *place = *state;
	struct control_socket made;
	char error[512];
	close(open(place->path, O_CREAT | O_WRONLY, 0600));
	assert_false(control_socket_open(&made, place->path, error, sizeof(error)));
	assert_non_null(strstr(error, "is no socket"));
	assert_int_equal(access(place->path, F_OK), 0);
}

static void test_no_folder(void **state)
{
	(void)state;
	struct control_socket made;
	char error[512];
	assert_false(control_socket_open(&made, "/tmp/ladder-nothing/here/control.sock", error,
					 sizeof(error)));
	assert_non_null(strstr(error, "make the folder"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mode, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_replaces_only_what_is_gone, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_no_socket, make_place, remove_place),
		cmocka_unit_test(test_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
