#include "core/base/partition.h"

#include "core/base/check.h"

static uint32_t load_word(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t murmur2(struct slice key)
{
	const uint32_t seed = 0x9747b28c, factor = 0x5bd1e995;
	const unsigned char *at = (const unsigned char *)key.data;
	uint32_t hash = seed ^ (uint32_t)key.len;
	size_t left = key.len;
	for (; left >= 4; left -= 4, at += 4) {
		uint32_t word = load_word(at) * factor;
		word ^= word >> 24;
		hash = hash * factor ^ word * factor;
	}
	for (size_t i = left; i-- > 0;)
		hash ^= (uint32_t)at[i] << 8 * i;
	if (left)
		hash *= factor;
	hash ^= hash >> 13;
	hash *= factor;
	return hash ^ hash >> 15;
}

/* Of the polynomial 0xedb88320, four bits at a time. */
static uint32_t crc32(struct slice key)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
		0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
		0xa00ae278, 0xbdbdf21c};
	uint32_t hash = UINT32_MAX;
	for (size_t i = 0; i < key.len; i++) {
		hash ^= (unsigned char)key.data[i];
		hash = hash >> 4 ^ table[hash & 15];
		hash = hash >> 4 ^ table[hash & 15];
	}
	return ~hash;
}

static uint32_t fnv1a(struct slice key)
{
	uint32_t hash = 0x811c9dc5;
	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.data[i]) * 0x01000193;
	return hash;
}

uint32_t partition_hash(enum partitioner partitioner, struct slice key)
{
	switch (partitioner) {
	case PARTITIONER_MURMUR2:
		return murmur2(key);
	case PARTITIONER_CRC32:
		return crc32(key);
	case PARTITIONER_FNV1A:
		return fnv1a(key);
	}
	BUG("no such partitioner");
}

/* Java drops the sign, sarama takes the absolute value, librdkafka's crc32 has none. */
uint32_t partition_of_key(enum partitioner partitioner, struct slice key, uint32_t count)
{
	uint32_t hash = partition_hash(partitioner, key);
	if (partitioner == PARTITIONER_MURMUR2)
		hash &= INT32_MAX;
	else if (partitioner == PARTITIONER_FNV1A && hash > INT32_MAX)
		hash = 0 - hash;
	return hash % count;
}
