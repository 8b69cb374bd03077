#include "core/base/hash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v1 = rotate_left(sip->v1, 13) ^ sip->v0;
	sip->v0 = rotate_left(sip->v0, 32);
	sip->v2 += sip->v3;
	sip->v3 = rotate_left(sip->v3, 16) ^ sip->v2;
	sip->v0 += sip->v3;
	sip->v3 = rotate_left(sip->v3, 21) ^ sip->v0;
	sip->v2 += sip->v1;
	sip->v1 = rotate_left(sip->v1, 17) ^ sip->v2;
	sip->v2 = rotate_left(sip->v2, 32);
}

static inline void sip_absorb(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_round(sip);
	sip_round(sip);
	sip->v0 ^= word;
}

static inline uint64_t sip_squeeze(struct sip *sip)
{
	for (int i = 0; i < 4; i++)
		sip_round(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

/* What is left of a text behind its last whole word: at most 7 bytes, and zeros. */
static inline uint64_t last_word(struct slice text)
{
	enum { WORD = 8, HALF = 4 };
	size_t len = text.len % WORD;
	if (len == 0)
		return 0;
	const char *at = text.data + text.len - len;
	if (text.len > WORD)
		return load_bytes(at + len - WORD, WORD) >> 8 * (WORD - len);
	if (len >= HALF)
		return load_bytes(at, HALF) | load_bytes(at + len - HALF, HALF) << 8 * (len - HALF);
	return load_bytes(at, 1) | load_bytes(at + len / 2, 1) << 8 * (len / 2) |
	       load_bytes(at + len - 1, 1) << 8 * (len - 1);
}

/* The domain is the first byte of the message, so that it is hashed like the text itself. */
struct key128 hash_keyed(const unsigned char key[16], uint8_t domain, struct slice text)
{
	uint64_t k0, k1;
	memcpy(&k0, key, 8);
	memcpy(&k1, key + 8, 8);
	struct sip sip = {0x736f6d6570736575 ^ k0, 0x646f72616e646f6d ^ k1 ^ 0xee, 0x6c7967656e657261 ^ k0,
			  0x7465646279746573 ^ k1};
	uint64_t pending = domain;
	size_t at = 0;
	for (; at + 8 <= text.len; at += 8) {
		uint64_t word = load_bytes(text.data + at, 8);
		sip_absorb(&sip, pending | word << 8);
		pending = word >> 56;
	}
	pending |= last_word(text) << 8;
	if (text.len - at == 7) {
		sip_absorb(&sip, pending);
		pending = 0;
	}
	sip_absorb(&sip, pending | (uint64_t)(text.len + 1) << 56);
	struct key128 hash;
	sip.v2 ^= 0xee;
	hash.low = sip_squeeze(&sip);
	sip.v1 ^= 0xdd;
	hash.high = sip_squeeze(&sip);
	return hash;
}

uint64_t hash_text(struct slice text)
{
	uint64_t hash = 0x9e3779b97f4a7c15 ^ text.len;
	size_t at = 0;
	for (; at + 8 <= text.len; at += 8) {
		hash = (hash ^ load_bytes(text.data + at, 8)) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	hash = (hash ^ last_word(text)) * 0xc4ceb9fe1a85ec53;
	hash ^= hash >> 29;
	return hash * 0xff51afd7ed558ccd;
}
