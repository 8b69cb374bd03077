/* Goal: a record is expected where librdkafka puts it, for each of the three partitioners, whatever the
 * key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "core/base/partition.h"
#include "tests/core/random.h"

enum { KEY_COUNT = 20000, KEY_BYTES_MAX = 40, PARTITION_COUNT_MAX = 200 };

static void test_as_librdkafka(void **state)
{
	(void)state;
	struct random random = {7};
	for (int i = 0; i < KEY_COUNT; i++) {
		char bytes[KEY_BYTES_MAX];
		size_t len = (size_t)random_below(&random, KEY_BYTES_MAX + 1);
		for (size_t j = 0; j < len; j++)
			bytes[j] = (char)random_below(&random, 256);
		int32_t count = (int32_t)random_below(&random, PARTITION_COUNT_MAX) + 1;
		struct slice key = {bytes, len};
		assert_int_equal(partition_of_key(PARTITIONER_MURMUR2, key, (uint32_t)count),
				 rd_kafka_msg_partitioner_murmur2(NULL, bytes, len, count, NULL, NULL));
		assert_int_equal(partition_of_key(PARTITIONER_CRC32, key, (uint32_t)count),
				 rd_kafka_msg_partitioner_consistent(NULL, bytes, len, count, NULL, NULL));
		assert_int_equal(partition_of_key(PARTITIONER_FNV1A, key, (uint32_t)count),
				 rd_kafka_msg_partitioner_fnv1a(NULL, bytes, len, count, NULL, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_librdkafka)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
