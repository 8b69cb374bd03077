/* Goal: stored state goes on only under the partitions, homes, keys and names that it was written under, and
 * whoever changes one of them is told what to do; what is on its way between tasks is still theirs when the
 * inputs get more partitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/shuffle.h"
#include "daemon/task_meta.h"

static struct config *config_of(unsigned homes, const char *keys, const char *group)
{
	struct config_problems problems = {.file = "test"};
	char text[256];
	snprintf(text, sizeof(text),
		 "kafka: {brokers: b:1, group: %s, home_partitions: %u, inputs: [{topic: a, %s}, "
		 "{topic: b}]}\n", group, homes, keys);
	struct config *config = config_load_text(slice_from(text), CONFIG_NEED_KAFKA, &problems);
	assert_non_null(config);
	return config;
}

static struct task_meta meta_of(const struct config *config, size_t partition_count)
{
	return (struct task_meta){.partition_count = partition_count, .shuffle_mode = shuffle_mode(config),
				  .shuffle_stamp = shuffle_stamp(config, partition_count)};
}

struct side {
	unsigned homes;
	size_t partition_count;
	const char *keys;
	const char *group;
};

static const char by_user[] = "key: user", by_click[] = "key: click_id";

static void test_fits(void **state)
{
	static const struct {
		struct side stored;
		struct side now;
		const char *told; /* NULL: it fits */
	} cases[] = {
		{{0, 4, by_user, "g"}, {0, 4, by_user, "g"}, NULL},
		{{0, 4, by_user, "g"}, {0, 4, by_user, "h"}, NULL},
		{{4, 8, by_user, "g"}, {4, 8, by_user, "g"}, NULL},
		{{0, 4, by_click, "g"}, {0, 4, by_click, "g"}, NULL},
		{{0, 4, by_user, "g"}, {0, 8, by_user, "g"}, "set kafka.home_partitions to 4 and run"},
		{{0, 4, by_user, "g"}, {3, 8, by_user, "g"}, "set kafka.home_partitions to 4 and run"},
		{{0, 4, by_user, "g"}, {4, 8, by_user, "g"}, "stop all instances and run `ladderd reshard`"},
		{{0, 4, by_user, "g"}, {4, 4, by_user, "g"}, "stop all instances and run `ladderd reshard`"},
		{{4, 8, by_user, "g"}, {4, 9, by_user, "g"}, "stop all instances and run `ladderd reshard`"},
		{{0, 4, by_user, "g"}, {3, 4, by_user, "g"}, "set kafka.home_partitions to 0, as it was"},
		{{4, 8, by_user, "g"}, {0, 8, by_user, "g"}, "set kafka.home_partitions to 4, as it was"},
		{{0, 4, by_user, "g"}, {0, 3, by_user, "g"}, "give kafka.inputs topics of as many"},
		{{4, 8, by_user, "g"}, {4, 3, by_user, "g"}, "give kafka.inputs topics of as many"},
		{{0, 4, by_user, "g"}, {0, 4, by_click, "g"}, "another `key` or `partitioner`"},
		{{4, 8, by_user, "g"}, {4, 8, by_click, "g"}, "another `key` or `partitioner`"},
		{{4, 8, by_user, "g"}, {4, 8, "partitioner: crc32", "g"}, "another `key` or `partitioner`"},
		{{0, 4, by_click, "g"}, {0, 4, by_click, "h"}, "another kafka.group"},
		{{4, 8, by_user, "g"}, {4, 8, by_user, "h"}, "another kafka.group"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct side *before = &cases[i].stored, *after = &cases[i].now;
		struct config *stored = config_of(before->homes, before->keys, before->group);
		struct config *now = config_of(after->homes, after->keys, after->group);
		struct task_meta meta = meta_of(stored, before->partition_count);
		char text[TASK_FIT_MAX];
		bool is_fit = task_meta_fits(&meta, now, after->partition_count, text);
		if (is_fit != !cases[i].told || (!is_fit && !strstr(text, cases[i].told)))
			fail_msg("case %zu: %s", i, is_fit ? "it fits" : text);
		config_destroy(stored);
		config_destroy(now);
	}
}

static void test_what_is_on_its_way_stays_theirs(void **state)
{
	(void)state;
	struct config *before = config_of(0, by_click, "g"), *after = config_of(4, by_click, "g");
	assert_int_equal(shuffle_stamp(before, 4), shuffle_stamp(after, 8));
	assert_int_equal(shuffle_stamp(after, 8), shuffle_stamp(after, 9));
	assert_int_not_equal(shuffle_stamp(before, 4), shuffle_stamp(before, 8));
	assert_int_equal(shuffle_mode_home_count(shuffle_mode(before)), 0);
	assert_int_equal(shuffle_mode_home_count(shuffle_mode(after)), 4);
	config_destroy(before);
	config_destroy(after);
}

static void test_homes(void **state)
{
	(void)state;
	struct config *config = config_of(4, by_user, "g");
	char text[TASK_FIT_MAX];
	assert_true(task_homes_fit(config, 4, text));
	assert_false(task_homes_fit(config, 3, text));
	assert_non_null(strstr(text, "kept in 4 partitions, and the inputs have 3"));
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_what_is_on_its_way_stays_theirs),
		cmocka_unit_test(test_homes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
