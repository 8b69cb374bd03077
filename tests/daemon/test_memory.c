/* Goal: the limit that the machine or its control group sets is found, what does not fit it is refused with
 * what to do, and a full memory is full until there is room to speak of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/memory.h"

static const uint64_t MIB = 1 << 20;
static struct config config;
static struct memory_plan plan;
static char error[512];

static bool plans(uint64_t limit_mib, size_t worker_count, uint64_t machine_mib)
{
	config.limits.memory_bytes = (int64_t)(limit_mib * MIB);
	config.limits.record_bytes = (int64_t)MIB;
	error[0] = '\0';
	return memory_plan(&config, worker_count, 12, machine_mib * MIB, &plan, error, sizeof(error));
}

static void test_plan(void **state)
{
	(void)state;
	for (uint64_t limit_mib = 256; limit_mib <= 65536; limit_mib *= 2) {
		assert_true(plans(limit_mib, 2, 65536));
		assert_int_equal(plan.limit_bytes, limit_mib * MIB);
		assert_int_equal(plan.buffers_bytes + plan.state_bytes, plan.limit_bytes);
		assert_true(plan.state_bytes >= plan.limit_bytes / 2);
		uint64_t queues = 2 * (plan.prefetch_bytes + plan.waiting_bytes) + plan.queue_bytes;
		assert_true(plan.buffers_bytes > queues + 12 * MIB);
	}
	assert_true(plans(0, 2, 1000));
	assert_int_equal(plan.limit_bytes, 900 * MIB);
}

static void test_refused(void **state)
{
	(void)state;
	assert_false(plans(2000, 2, 1000));
	assert_non_null(strstr(error, "limits.memory is 2000 MiB, but there are 1000 MiB"));
	assert_false(plans(100, 2, 1000));
	assert_non_null(strstr(error, "limits.memory is 100 MiB; 2 workers and 12 partitions take"));
	assert_false(plans(256, 64, 1000));
	assert_non_null(strstr(error, "fewer workers"));
}

static bool is_full(uint64_t resident_permille, uint64_t uncopied_permille, uint64_t ahead_permille,
		    bool was_full)
{
	const uint64_t permille = plan.state_bytes / 1000;
	const struct memory_use use = {.resident_bytes = resident_permille * permille,
				       .uncopied_bytes = uncopied_permille * permille,
				       .ahead_bytes = ahead_permille * permille};
	return memory_is_full(&plan, &use, was_full);
}

static void test_full_until_there_is_room(void **state)
{
	(void)state;
	assert_true(plans(1000, 2, 1000));
	assert_false(is_full(999, 0, 0, false));
	assert_true(is_full(1001, 0, 0, false));
	assert_true(is_full(999, 0, 0, true));
	assert_false(is_full(940, 0, 0, true));
	assert_false(is_full(500, 490, 0, false));
	assert_true(is_full(500, 510, 0, false));
	assert_true(is_full(500, 490, 0, true));
	assert_false(is_full(1090, 0, 100, false));
	assert_true(is_full(1110, 0, 100, false));
	assert_false(is_full(1000, 40, 100, true));
}

/* ---- Control groups ---- */

static char root[] = "/tmp/ladder-memory-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make(const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static uint64_t least(const char *groups)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/groups", root);
	put("groups", groups);
	return memory_group_bytes(path, root);
}

static void test_groups(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	make("up");
	make("up/down");
	make("memory");
	make("memory/one");
	put("up/memory.max", "5000\n");
	put("up/down/memory.max", "max\n");
	put("memory/one/memory.limit_in_bytes", "4000\n");
	put("memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(least("0::/up/down\n"), 5000);
	assert_int_equal(least("0::/up\n"), 5000);
	assert_int_equal(least("5:cpu,cpuacct:/one\n0::/\n"), UINT64_MAX);
	assert_int_equal(least("5:cpu:/one\n4:memory:/one\n0::/up/down\n"), 4000);
	assert_int_equal(least("4:memory:/gone/away\n"), INT64_MAX / 4096 * 4096);
	assert_int_equal(least("no group\n"), UINT64_MAX);
	put("memory.max", "3000\n");
	assert_int_equal(least("0::/up/down\n"), 3000);
	assert_int_equal(least("0::/\n"), 3000);
	char command[sizeof(root) + 16];
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void test_of_this_process(void **state)
{
	(void)state;
	const size_t more = 64 * MIB;
	uint64_t before = memory_resident_bytes();
	char *block = malloc(more);
	assert_non_null(block);
	memset(block, 1, more);
	uint64_t after = memory_resident_bytes();
	free(block);
	assert_true(before > 0 && after >= before + more / 2);
	assert_true(memory_machine_bytes() > after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full_until_there_is_room),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_of_this_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
