/* Goal: who gives a name and its password fits, nobody else; and being asked again changes no answer, however
 * many others were asked about between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/passwords.h"

/* Made by crypt(3): bcrypt of "correct horse" and of "ladder". */
static struct config_property items[] = {
	{"ann", "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"},
	{"bob", "$2b$04$ABCDEFGHIJKLMNOPQRSTUu2Ti/nV9exXO9Xez/51330QCllh4RSoC"},
};
static const struct config_properties users = {items, 2};

static void check_all(struct passwords *passwords)
{
	assert_true(passwords_fit(passwords, "ann", "correct horse"));
	assert_true(passwords_fit(passwords, "bob", "ladder"));
	assert_false(passwords_fit(passwords, "ann", "ladder"));
	assert_false(passwords_fit(passwords, "bob", "correct horse"));
	assert_false(passwords_fit(passwords, "ann", "correct horse "));
	assert_false(passwords_fit(passwords, "ann", ""));
	assert_false(passwords_fit(passwords, "", "correct horse"));
	assert_false(passwords_fit(passwords, "anncorrect", " horse"));
	assert_false(passwords_fit(passwords, "Ann", "correct horse"));
	assert_false(passwords_fit(passwords, "ann", items[0].value));
}

static void test_who_fits(void **state)
{
	(void)state;
	struct passwords *passwords = passwords_create(&users);
	check_all(passwords);
	check_all(passwords);
	for (int i = 0; i < 100; i++) {
		char password[16];
		snprintf(password, sizeof(password), "no %d", i);
		assert_false(passwords_fit(passwords, "bob", password));
	}
	check_all(passwords);
	passwords_destroy(passwords);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
