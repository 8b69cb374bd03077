/* Goal: the identity key is made once, kept from others, and what it seals opens only with it. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/identity.h"

static char directory[] = "/tmp/ladder-identity-XXXXXX";
static char path[sizeof directory + 8];
static char error[512];

static int setup(void **state)
{
	(void)state;
	unlink(path);
	error[0] = '\0';
	return 0;
}

static void write_key(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_created_private_and_stable(void **state)
{
	(void)state;
	struct identity first;
	struct identity second;
	struct stat status;
	assert_int_equal(identity_load_or_create(path, &first, error, sizeof error), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, 65);
	assert_int_equal(identity_load_or_create(path, &second, error, sizeof error), 0);
	assert_memory_equal(&first, &second, sizeof first);
	assert_memory_not_equal(first.person_key, first.seal_key, sizeof first.person_key);
	unlink(path);
	assert_int_equal(identity_load_or_create(path, &second, error, sizeof error), 0);
	assert_memory_not_equal(&first, &second, sizeof first);
}

/* The derivation is part of the stored format: it must never change. */
static void test_known_answer(void **state)
{
	(void)state;
	static const char text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
	static const unsigned char person[16] = {
		0xce, 0x00, 0xb5, 0x94, 0x74, 0xee, 0xf7, 0x8b,
		0x71, 0xf3, 0xa4, 0x8c, 0x46, 0x40, 0x0f, 0xdd,
	};
	struct identity identity;
	write_key(text, sizeof text - 1, 0600);
	assert_int_equal(identity_load_or_create(path, &identity, error, sizeof error), 0);
	assert_memory_equal(identity.person_key, person, sizeof person);
}

static void test_refuses_what_others_may_read(void **state)
{
	(void)state;
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0666};
	struct identity identity;
	assert_int_equal(identity_load_or_create(path, &identity, error, sizeof error), 0);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(identity_load_or_create(path, &identity, error, sizeof error), 77);
		assert_non_null(strstr(error, path));
		assert_non_null(strstr(error, "chmod 600"));
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(identity_load_or_create(path, &identity, error, sizeof error), 0);
}

static void test_refuses_malformed_content(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", "\n", "0001",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g\n",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\n",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
		" 00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
	};
	struct identity identity;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		write_key(texts[i], strlen(texts[i]), 0600);
		assert_int_equal(identity_load_or_create(path, &identity, error, sizeof error), 78);
		assert_non_null(strstr(error, path));
		assert_null(strstr(error, "0001"));
	}
}

/* Whoever only looks something up makes no key: nothing would be known under it. */
static void test_looking_up_makes_none(void **state)
{
	(void)state;
	struct identity made, found;
	unlink(path);
	assert_int_equal(identity_load(path, &found, error, sizeof error), 78);
	assert_non_null(strstr(error, path));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(identity_load_or_create(path, &made, error, sizeof error), 0);
	assert_int_equal(identity_load(path, &found, error, sizeof error), 0);
	assert_memory_equal(&made, &found, sizeof made);
}

static void test_names_a_missing_directory(void **state)
{
	(void)state;
	struct identity identity;
	assert_int_equal(identity_load_or_create("/nowhere/at/all/key", &identity, error, sizeof error), 1);
	assert_non_null(strstr(error, "/nowhere/at/all/key"));
	assert_int_equal(identity_load_or_create(directory, &identity, error, sizeof error), 78);
}

/* What the service manager hands over is for us alone, whatever its group's bits say, and is never made. */
static void test_credential(void **state)
{
	(void)state;
	static const char text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	struct identity known, identity;
	const char *name = strrchr(path, '/') + 1;
	write_key(text, strlen(text), 0600);
	assert_int_equal(identity_load_or_create(path, &known, error, sizeof error), 0);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	write_key(text, strlen(text), 0440);
	assert_int_equal(identity_load_or_create(path, &identity, error, sizeof error), 77);
	assert_int_equal(identity_load_or_create(name, &identity, error, sizeof error), 0);
	assert_memory_equal(&known, &identity, sizeof known);
	write_key(text, strlen(text), 0444);
	assert_int_equal(identity_load_or_create(name, &identity, error, sizeof error), 77);
	unlink(path);
	assert_int_equal(identity_load_or_create(name, &identity, error, sizeof error), 78);
	assert_non_null(strstr(error, "LoadCredential="));
	assert_int_equal(access(path, F_OK), -1);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static size_t directory_entries(void)
{
	DIR *entries = opendir(directory);
	size_t count = 0;
	for (struct dirent *entry; (entry = readdir(entries));)
		count += entry->d_name[0] != '.';
	closedir(entries);
	return count;
}

/* Processes that start at once must end with one key, and leave no draft behind. */
static void test_race_of_processes_has_one_key(void **state)
{
	(void)state;
	enum { PROCESSES = 8, ROUNDS = 20 };
	for (int round = 0; round < ROUNDS; round++) {
		int ends[2];
		unlink(path);
		assert_int_equal(pipe(ends), 0);
		for (int i = 0; i < PROCESSES; i++) {
			if (fork() == 0) {
				struct identity identity;
				if (identity_load_or_create(path, &identity, error, sizeof error) != 0 ||
				    write(ends[1], &identity, sizeof identity) < 0)
					_exit(1);
				_exit(0);
			}
		}
		struct identity first;
		struct identity other;
		assert_int_equal(read(ends[0], &first, sizeof first), sizeof first);
		for (int i = 1; i < PROCESSES; i++) {
			assert_int_equal(read(ends[0], &other, sizeof other), sizeof other);
			assert_memory_equal(&first, &other, sizeof first);
		}
		for (int i = 0; i < PROCESSES; i++) {
			int status;
			wait(&status);
			assert_int_equal(status, 0);
		}
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(directory_entries(), 1);
	}
}

static struct sealer *sealer_of(unsigned char seed)
{
	struct identity identity;
	memset(&identity, seed, sizeof identity);
	return sealer_create(&identity);
}

static void test_sealed_opens_in_another_process(void **state)
{
	(void)state;
	struct sealer *out = sealer_of(1);
	struct sealer *other_out = sealer_of(1);
	struct sealer *in = sealer_of(1);
	char plain[5000];
	char sealed[2][5000 + SEAL_OVERHEAD];
	char opened[5000];
	for (size_t len = 0; len <= sizeof plain; len = len * 3 + 1) {
		memset(plain, (int)len, sizeof plain);
		sealer_seal(out, slice_from("3:p/1"), (struct slice){plain, len}, sealed[0]);
		sealer_seal(other_out, slice_from("3:p/2"), (struct slice){plain, len}, sealed[1]);
		assert_memory_not_equal(sealed[0], sealed[1], len + SEAL_OVERHEAD);
		struct slice first = {sealed[0], len + SEAL_OVERHEAD};
		struct slice second = {sealed[1], len + SEAL_OVERHEAD};
		assert_true(sealer_open(in, slice_from("3:p/1"), first, opened));
		assert_memory_equal(plain, opened, len);
		assert_true(sealer_open(in, slice_from("3:p/2"), second, opened));
		assert_memory_equal(plain, opened, len);
	}
	sealer_seal(out, slice_from("n/1"), (struct slice){plain, 64}, sealed[0]);
	sealer_seal(out, slice_from("n/1"), (struct slice){plain, 64}, sealed[1]);
	assert_memory_not_equal(sealed[0] + 24, sealed[1] + 24, 64);
	sealer_destroy(out);
	sealer_destroy(other_out);
	sealer_destroy(in);
}

static void test_no_changed_bit_opens(void **state)
{
	(void)state;
	struct sealer *out = sealer_of(1);
	struct sealer *stranger = sealer_of(2);
	static const char plain[] = "wamid.HBgLNTU";
	char sealed[sizeof plain + SEAL_OVERHEAD];
	char opened[sizeof plain];
	struct slice whole = {sealed, sizeof sealed};
	struct slice name = slice_from("3:p/1");
	sealer_seal(out, name, (struct slice){plain, sizeof plain}, sealed);
	assert_null(memmem(sealed, sizeof sealed, "wamid", 5));
	for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
		sealed[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(sealer_open(out, name, whole, opened));
		sealed[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t len = 0; len < sizeof sealed; len++)
		assert_false(sealer_open(out, name, (struct slice){sealed, len}, opened));
	assert_false(sealer_open(out, slice_from("4:p/1"), whole, opened));
	assert_false(sealer_open(stranger, name, whole, opened));
	assert_true(sealer_open(out, name, whole, opened));
	sealer_destroy(out);
	sealer_destroy(stranger);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_created_private_and_stable, setup),
		cmocka_unit_test_setup(test_known_answer, setup),
		cmocka_unit_test_setup(test_refuses_what_others_may_read, setup),
		cmocka_unit_test_setup(test_refuses_malformed_content, setup),
		cmocka_unit_test_setup(test_looking_up_makes_none, setup),
		cmocka_unit_test_setup(test_names_a_missing_directory, setup),
		cmocka_unit_test_setup(test_credential, setup),
		cmocka_unit_test_setup(test_race_of_processes_has_one_key, setup),
		cmocka_unit_test(test_sealed_opens_in_another_process),
		cmocka_unit_test(test_no_changed_bit_opens),
	};
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof path, "%s/key", directory);
	int failed = cmocka_run_group_tests_name("identity", tests, NULL, NULL);
	unlink(path);
	rmdir(directory);
	return failed;
}
