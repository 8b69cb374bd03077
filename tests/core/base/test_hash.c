/* Goal: the keyed hash is SipHash-2-4 with a 128-bit result over the domain and the text, as OpenSSL's
 * SIPHASH computes it (`openssl mac -macopt size:16`): for every length around a word, for bytes above
 * 127, at any alignment. The other hash depends on every byte and on the length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/hash.h"

enum { TEXT_BYTES = 300 };

struct vector {
	size_t len; /* of the message 00 01 02 ...,
		under the key 00 01 ... 0f; its first byte is the domain */
	uint64_t low; /* the first eight bytes of the result, little-endian */
	uint64_t high;
};

static const struct vector vectors[] = {
	{1, UINT64_C(0x44af996bd8c187da), UINT64_C(0x45fc229b11597634)},
	{2, UINT64_C(0xc75da4a48d227781), UINT64_C(0xe4ff0af6de8ba3fc)},
	{3, UINT64_C(0x4ea967520cb6709c), UINT64_C(0x51ed8529b0b6335f)},
	{7, UINT64_C(0x53c1dbd8beebf1a1), UINT64_C(0x3982f01fa64ab8c0)},
	{8, UINT64_C(0x61f55862baa9623b), UINT64_C(0xb49714f364e2830f)},
	{9, UINT64_C(0xabbad90a06994426), UINT64_C(0xed716dbb028b7fc4)},
	{10, UINT64_C(0x56691478c30d1100), UINT64_C(0xbafbd0f3d34754c9)},
	{15, UINT64_C(0x11a8b03399e99354), UINT64_C(0xd9c3cf970fec087e)},
	{16, UINT64_C(0xbb54b067caa4e26e), UINT64_C(0x77052385bf1533fd)},
	{17, UINT64_C(0x98b88d73e8063d47), UINT64_C(0x4077e47ac466c054)},
	{24, UINT64_C(0xd850bd78ae79b42d), UINT64_C(0xad32618a178a2a88)},
	{32, UINT64_C(0x3efcea5eca56397c), UINT64_C(0x68eb4665559d3e36)},
	{63, UINT64_C(0x4a83502f77d15051), UINT64_C(0x7cbd3f979a063e50)},
	{64, UINT64_C(0x3fcdd4c07d07af1e), UINT64_C(0x4ba75836384dad8c)},
	{65, UINT64_C(0xc8e191fe983e2302), UINT64_C(0xef6152280dca0d22)},
	{255, UINT64_C(0x8e5f162875b69b1c), UINT64_C(0xab0e9b79e3488246)},
	{256, UINT64_C(0x464c83d30403a067), UINT64_C(0xcb9a575f7beeea12)},
	{257, UINT64_C(0x23bb6fefe1fe251b), UINT64_C(0xfc95296c05269c17)},
	{300, UINT64_C(0x6db3146d405a00ce), UINT64_C(0x11b3e1a7f7b58653)},
};

static void fill(unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)i;
}

static void test_vectors(void **state)
{
	(void)state;
	unsigned char key[16], message[TEXT_BYTES];
	fill(key, sizeof(key));
	fill(message, sizeof(message));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct slice text = {(const char *)message + 1, vectors[i].len - 1};
		struct key128 hash = hash_keyed(key, message[0], text);
		assert_true(hash.low == vectors[i].low);
		assert_true(hash.high == vectors[i].high);
	}
}

static void test_another_key(void **state)
{
	(void)state;
	static const unsigned char key[16] = {0xff, 0x00, 0xee, 0x11, 0xdd, 0x22, 0xcc, 0x33,
					      0xbb, 0x44, 0xaa, 0x55, 0x99, 0x66, 0x88, 0x77};
	struct key128 hash = hash_keyed(key, 'u', slice_from("+5511999999999"));
	assert_true(hash.low == UINT64_C(0x22c015d33262425a));
	assert_true(hash.high == UINT64_C(0x1babc3c2160f0927));
}

/* The same text elsewhere in memory, with other bytes around it. */
static void test_only_the_text_counts(void **state)
{
	(void)state;
	unsigned char key[16] = {7};
	char first[64], second[64];
	for (size_t len = 0; len < 40; len++)
		for (size_t at = 0; at < 9; at++) {
			memset(first, 'x', sizeof(first));
			memset(second, 'y', sizeof(second));
			memset(first, 'a', len);
			memset(second + at, 'a', len);
			struct slice a = {first, len}, b = {second + at, len};
			assert_true(key128_equal(hash_keyed(key, 1, a), hash_keyed(key, 1, b)));
			assert_true(hash_text(a) == hash_text(b));
			assert_false(key128_equal(hash_keyed(key, 1, a), hash_keyed(key, 2, b)));
		}
}

/* Any byte changed, added or taken away gives another hash. */
static void test_text_hash(void **state)
{
	(void)state;
	char text[33] = {0};
	for (size_t len = 0; len < 32; len++) {
		uint64_t hash = hash_text((struct slice){text, len});
		assert_true(hash != hash_text((struct slice){text, len + 1}));
		for (size_t i = 0; i < len; i++)
			for (int bit = 0; bit < 8; bit++) {
				text[i] ^= (char)(1 << bit);
				assert_true(hash != hash_text((struct slice){text, len}));
				text[i] ^= (char)(1 << bit);
			}
	}
}

static void test_compare(void **state)
{
	(void)state;
	struct key128 a = {1, 2}, b = {1, 3}, c = {2, 0};
	assert_true(key128_compare(a, a) == 0 && key128_equal(a, a));
	assert_true(key128_compare(a, b) < 0 && key128_compare(b, a) > 0 && !key128_equal(a, b));
	assert_true(key128_compare(b, c) < 0 && key128_compare(c, b) > 0 && !key128_equal(b, c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),	  cmocka_unit_test(test_another_key),
		cmocka_unit_test(test_only_the_text_counts),
		cmocka_unit_test(test_text_hash), cmocka_unit_test(test_compare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
