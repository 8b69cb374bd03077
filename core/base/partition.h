/* Partition: where producers put a record, by its key. Each is what a client does that has no other setting:
 *
 *   murmur2   the Java clients, and librdkafka's murmur2_random
 *   crc32     librdkafka's consistent_random, its default, and what is built on it
 *   fnv1a     sarama's hash partitioner, librdkafka's fnv1a_random
 *
 * Pure functions. */
#ifndef LADDER_BASE_PARTITION_H
#define LADDER_BASE_PARTITION_H

#include "core/base/slice.h"

enum partitioner { PARTITIONER_MURMUR2, PARTITIONER_CRC32, PARTITIONER_FNV1A };

/* Below `count`, which is not 0. */
uint32_t partition_of_key(enum partitioner partitioner, struct slice key, uint32_t count);

/* The hash itself, before the sign and the count are seen to. */
uint32_t partition_hash(enum partitioner partitioner, struct slice key);

#endif
