/* Goal: whatever the 16 bytes are, and wherever the text ends, a block says of them what looking at one byte
 * after the other says. */
#ifndef LADDER_TESTS_CORE_BASE_BLOCK_CASES_H
#define LADDER_TESTS_CORE_BASE_BLOCK_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/block.h"
#include "tests/core/random.h"

enum { ROUND_COUNT = 200000 };

/* Of the kinds that matter, and now and then any. */
static char random_byte(struct random *random)
{
	static const char near[] = "aZ09\"\"\\\\/: !#[]\x1f\x7f\x80\xff\x01";
	int64_t dice = random_below(random, 100);
	if (dice < 50)
		return (char)('0' + random_below(random, 10));
	return dice < 80 ? near[random_below(random, sizeof(near))] : (char)random_next(random);
}

static bool is_stop(char byte)
{
	return byte == '"' || byte == '\\' || (unsigned char)byte < ' ' || (unsigned char)byte >= 0x80;
}

static void assert_block(block bytes, const char *expected)
{
	unsigned stop = 0, digits = 0;
	while (stop < BLOCK_BYTES && !is_stop(expected[stop]))
		stop++;
	while (digits < BLOCK_BYTES && expected[digits] >= '0' && expected[digits] <= '9')
		digits++;
	assert_int_equal(block_find_stop(bytes), stop);
	assert_int_equal(block_count_digits(bytes), digits);
	assert_true(block_first_word(bytes) == load_bytes(expected, 8));
	for (unsigned count = 1; count <= digits && count <= 8; count++) {
		char text[9] = {0};
		memcpy(text, expected, count);
		assert_int_equal(block_number(bytes, count), strtoull(text, NULL, 10));
	}
}

/* The text has a heap block of its own, so that a sanitizer sees what is read beside it. */
static void test_bytes(void **state)
{
	(void)state;
	struct random random = {1};
	for (unsigned round = 0; round < ROUND_COUNT; round++) {
		size_t left = (size_t)random_below(&random, BLOCK_BYTES);
		char *text = malloc(BLOCK_BYTES);
		char last[BLOCK_BYTES] = {0};
		for (size_t i = 0; i < BLOCK_BYTES; i++)
			text[i] = random_byte(&random);
		memcpy(last, text + BLOCK_BYTES - left, left);
		assert_block(block_load(text), text);
		assert_block(block_load_last(text + BLOCK_BYTES - left, text + BLOCK_BYTES), last);
		free(text);
	}
}

static void test_pattern(void **state)
{
	(void)state;
	struct random random = {2};
	for (unsigned round = 0; round < ROUND_COUNT; round++) {
		struct block_pattern pattern = {{0, 0}, {0, 0}};
		char text[BLOCK_BYTES], mask[BLOCK_BYTES] = {0};
		size_t len = (size_t)random_below(&random, BLOCK_BYTES + 1);
		for (size_t i = 0; i < BLOCK_BYTES; i++)
			text[i] = random_byte(&random);
		memset(mask, 0xFF, len);
		memcpy(pattern.bytes, text, sizeof(text));
		memcpy(pattern.mask, mask, sizeof(mask));
		size_t at = (size_t)random_below(&random, BLOCK_BYTES);
		assert_true(block_matches(block_load(text), &pattern));
		text[at] ^= (char)(1 << random_below(&random, 8));
		assert_int_equal(block_matches(block_load(text), &pattern), at >= len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_pattern),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
