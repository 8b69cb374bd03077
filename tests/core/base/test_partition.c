/* Goal: records are put where the Java client, librdkafka and sarama put them: the hashes that their own
 * tests know, and the partition where the hash is negative, and where it is the most negative. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/partition.h"

struct vector {
	enum partitioner partitioner;
	const char *key;
	uint32_t hash;
	uint32_t count;
	uint32_t partition;
};

/* murmur2: UtilsTest.java of Kafka. crc32: the check value of CRC-32/ISO-HDLC, and zlib. fnv1a: the vectors
 * of its authors (Fowler, Noll, Vo). */
static const struct vector vectors[] = {
	{PARTITIONER_MURMUR2, "21", (uint32_t)-973932308, 7, (uint32_t)(-973932308 & INT32_MAX) % 7},
	{PARTITIONER_MURMUR2, "foobar", (uint32_t)-790332482, 7, (uint32_t)(-790332482 & INT32_MAX) % 7},
	{PARTITIONER_MURMUR2, "a-little-bit-long-string", (uint32_t)-985981536, 10, 2},
	{PARTITIONER_MURMUR2, "a-little-bit-longer-string", (uint32_t)-1486304829, 10, 9},
	{PARTITIONER_MURMUR2,
	 "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
	 (uint32_t)-58897971, 10, 7},
	{PARTITIONER_MURMUR2, "abc", 479470107, 10, 7},
	{PARTITIONER_CRC32, "", 0, 3, 0},
	{PARTITIONER_CRC32, "123456789", 0xcbf43926, 10, 2},
	{PARTITIONER_CRC32, "The quick brown fox jumps over the lazy dog", 0x414fa339, 16, 9},
	{PARTITIONER_FNV1A, "", 0x811c9dc5, 10, 5},
	{PARTITIONER_FNV1A, "a", 0xe40c292c, 10, 6},
	{PARTITIONER_FNV1A, "foobar", 0xbf9cf968, 10, 6},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *vector = &vectors[i];
		struct slice key = slice_from(vector->key);
		assert_int_equal(partition_hash(vector->partitioner, key), vector->hash);
		assert_int_equal(partition_of_key(vector->partitioner, key, vector->count),
				 vector->partition);
	}
}

static void test_bytes_above_127(void **state)
{
	(void)state;
	static const char bytes[] = "\xff\x80\xfe\x81\xfd";
	struct slice key = {bytes, 5};
	assert_int_equal(partition_hash(PARTITIONER_CRC32, key), 0xbfd1ffdb);
	assert_int_equal(partition_hash(PARTITIONER_FNV1A, key), 0x31210aee);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors),
					   cmocka_unit_test(test_bytes_above_127)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
