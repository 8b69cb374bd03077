/* Valid is what consists of the encodings of characters and of nothing else; cuts fall between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/utf8.h"

static bool is_character(uint32_t character)
{
	return character <= 0x10FFFF && !(character >= 0xD800 && character <= 0xDFFF);
}

static void test_every_character(void **state)
{
	(void)state;
	for (uint32_t character = 0; character <= 0x10FFFF; character++) {
		char text[8] = "";
		if (!is_character(character))
			continue;
		size_t len = utf8_put(character, text);
		assert_int_equal(len, 1 + (character > 0x7F) + (character > 0x7FF) + (character > 0xFFFF));
		assert_true(utf8_is_valid((struct slice){text, len}));
		for (size_t cut = 1; cut < len; cut++)
			assert_false(utf8_is_valid((struct slice){text, cut}));
		assert_true(len == 1 || !utf8_is_valid((struct slice){text + 1, len - 1}));
	}
}

/* By decoding without any check, and comparing with what encoding makes of it. */
static bool is_valid_slowly(struct slice text)
{
	static const unsigned char lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	while (text.len > 0) {
		size_t len = 0;
		for (size_t try_len = 1; try_len <= 4 && try_len <= text.len && len == 0; try_len++) {
			uint32_t character = (unsigned char)text.data[0] & lead_mask[try_len];
			for (size_t i = 1; i < try_len; i++)
				character = character << 6 | ((unsigned char)text.data[i] & 0x3F);
			char back[4];
			if (is_character(character) && utf8_put(character, back) == try_len &&
			    memcmp(back, text.data, try_len) == 0)
				len = try_len;
		}
		if (len == 0)
			return false;
		text = (struct slice){text.data + len, text.len - len};
	}
	return true;
}

/* All first bytes, then all of those at which some rule changes. */
static void test_every_kind_of_four_bytes(void **state)
{
	(void)state;
	static const unsigned char edges[] = {
		0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
		0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF,
	};
	const size_t edge_count = sizeof(edges);
	size_t valid_count = 0;
	for (size_t i = 0; i < 256 * edge_count * edge_count * edge_count; i++) {
		unsigned char bytes[4] = {(unsigned char)(i % 256), edges[i / 256 % edge_count],
					  edges[i / 256 / edge_count % edge_count],
					  edges[i / 256 / edge_count / edge_count]};
		struct slice text = {(const char *)bytes, sizeof(bytes)};
		bool is_valid = utf8_is_valid(text);
		assert_true(is_valid == is_valid_slowly(text));
		valid_count += is_valid;
	}
	assert_in_range(valid_count, 1, 256 * edge_count * edge_count * edge_count - 1);
}

/* A bad byte is seen wherever it stands. */
static void test_places(void **state)
{
	(void)state;
	char text[64];
	for (size_t len = 1; len <= sizeof(text); len++)
		for (size_t at = 0; at < len; at++) {
			memset(text, 'x', sizeof(text));
			assert_true(utf8_is_valid((struct slice){text, len}));
			text[at] = (char)0x80;
			assert_false(utf8_is_valid((struct slice){text, len}));
		}
	assert_true(utf8_is_valid((struct slice){text, 0}));
}

static void test_cut(void **state)
{
	(void)state;
	static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
	static const unsigned char cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
	for (size_t len_max = 0; len_max < sizeof(cuts); len_max++) {
		struct slice cut = utf8_cut(slice_from(text), len_max);
		assert_int_equal(cut.len, cuts[len_max]);
		assert_ptr_equal(cut.data, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_every_kind_of_four_bytes),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
