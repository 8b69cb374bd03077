/* Goal: a thin pane that is given what a pane has more becomes that pane, whatever either held before, and
 * nothing is given where they are the same. Method: random panes, one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/state/thin.h"

enum { ROUNDS = 20000, CHANGES = 6 };

static uint64_t random_state = 7;

static uint64_t draw(uint64_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % below;
}

static void change(struct pane *pane)
{
	for (uint64_t left = draw(CHANGES); left > 0; left--) {
		bool is_bin = draw(2);
		unsigned slot = (unsigned)(is_bin ? SLOT_COUNT + draw(40) : draw(SLOT_COUNT));
		bool is_great = !is_bin && draw(10) == 0; /* sums wrap */
		pane_add(pane, slot, is_great ? INT64_MAX - (int64_t)draw(2) : (int64_t)draw(3) - 1);
	}
	if (draw(50) == 0)
		pane_clear(pane);
}

static void assert_is(const struct pane *pane, const struct thin *thin)
{
	struct pane sum = {0};
	thin_add_to_pane(thin, &sum, 1);
	assert_true(pane_equal(&sum, pane));
	pane_clear(&sum);
}

/* Packed, where that is smaller. */
static struct thin *made_again(struct thin *thin, const struct pane *pane)
{
	struct slot_sum sums[SLOT_WROTE];
	free(thin);
	thin = thin_create(sums, thin_subtract(pane, NULL, sums));
	assert_is(pane, thin);
	assert_true((thin == NULL) == pane_is_zero(pane));
	assert_int_equal(thin_subtract(pane, thin, sums), 0);
	return thin;
}

static void test_becomes_the_pane(void **state)
{
	(void)state;
	struct pane pane = {0};
	struct thin *thin = NULL;
	struct slot_sum sums[SLOT_WROTE];
	for (int round = 0; round < ROUNDS; round++) {
		change(&pane);
		size_t count = thin_subtract(&pane, thin, sums);
		for (size_t i = 0; i < count; i++) {
			assert_true(sums[i].sum != 0);
			assert_true(i == 0 || sums[i].slot > sums[i - 1].slot);
		}
		thin = thin_add(thin, sums, count);
		assert_is(&pane, thin);
		assert_true((thin == NULL) == pane_is_zero(&pane));
		assert_int_equal(thin_subtract(&pane, thin, sums), 0);
		if (draw(2))
			thin = made_again(thin, &pane);
	}
	pane_clear(&pane);
	free(thin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_becomes_the_pane)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
