/* Goal: the weakest rung and the diagnosis of spec section 8, case by case (cases.def); that bounds are
 * Wilson's; and that no numbers, however large or odd, lead out of the tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/diagnose/diagnose.h"
#include "tests/core/random.h"

#define MICROS(units) ((int64_t)((units) * 1e6 + 0.5))

struct diagnose_case {
	const char *title;
	int64_t row[JUDGED_COUNT];
	struct norm norm;
	int64_t norm_micros[JUDGED_RUNG_COUNT];
	int64_t norm_cost_micros;
	enum judged_rung weakest;
	enum diagnosis diagnosis;
};

#define ROW(conversations, replies, qualified, handoffs, customers, spend) \
	{conversations, replies, qualified, handoffs, customers, MICROS(spend)}
#define COUNTS(conversations, replies, qualified, handoffs, customers, spend, median) \
	.norm = {NORM_COUNTS, {conversations, replies, qualified, handoffs, customers, MICROS(spend)}, median}
#define SETTINGS(reply, qualified, handoff, customer, cost) \
	.norm = {.kind = NORM_SETTINGS, .median_conversations = -1}, \
	.norm_micros = {MICROS(reply), MICROS(qualified), MICROS(handoff), MICROS(customer)}, \
	.norm_cost_micros = MICROS(cost)

static const struct diagnose_case cases[] = {
#define CASE(title, row, against, rung, said) \
	{title, row, against, .weakest = RUNG_##rung, .diagnosis = DIAGNOSIS_##said},
#include "tests/core/diagnose/cases.def"
#undef CASE
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct diagnose_case *test = &cases[i];
		struct diagnosis_options options = {.min_volume = 30, .drop_micros = MICROS(0.3),
						    .norm_cost_micros = test->norm_cost_micros};
		for (int rung = 0; rung < JUDGED_RUNG_COUNT; rung++)
			options.norm_micros[rung] = test->norm_micros[rung];
		struct judgement got = diagnose(&options, test->row, &test->norm);
		if (got.weakest != test->weakest || got.diagnosis != test->diagnosis)
			fail_msg("%s: weakest %s, %s", test->title,
				 got.weakest == RUNG_NONE ? "none" : judged_rung_name(got.weakest),
				 diagnosis_name(got.diagnosis));
	}
}

/* Every diagnosis and every rung is in some case. */
static void test_cases_are_complete(void **state)
{
	(void)state;
	for (int diagnosis = 0; diagnosis < DIAGNOSIS_COUNT; diagnosis++) {
		size_t i = 0, count = sizeof(cases) / sizeof(*cases);
		while (i < count && (int)cases[i].diagnosis != diagnosis)
			i++;
		assert_true(i < count);
	}
	for (int rung = RUNG_NONE; rung < JUDGED_RUNG_COUNT; rung++) {
		size_t i = 0, count = sizeof(cases) / sizeof(*cases);
		while (i < count && (int)cases[i].weakest != rung)
			i++;
		assert_true(i < count);
	}
}

/* Wilson's bounds are where the rate p has z standard errors between itself and k/n. */
static void test_bounds(void **state)
{
	(void)state;
	struct random random = {5};
	for (int i = 0; i < 10000; i++) {
		int64_t n = 1 + (int64_t)random_below(&random, i % 2 ? 50 : 1000000);
		int64_t k = (int64_t)random_below(&random, (uint64_t)n + 1);
		struct rate_bounds bounds = rate_bounds(k, n);
		double rate = (double)k / (double)n;
		assert_true(bounds.low > -1e-12 && bounds.low <= rate + 1e-12);
		assert_true(bounds.high < 1 + 1e-12 && bounds.high >= rate - 1e-12);
		const double ends[] = {bounds.low, bounds.high};
		for (int end = 0; end < 2; end++) {
			double error = 3.29 * sqrt(fmax(0, ends[end] * (1 - ends[end])) / (double)n);
			assert_true(fabs(fabs(rate - ends[end]) - error) < 1e-6);
		}
	}
}

static int64_t odd_count(struct random *random)
{
	static const int64_t odd[] = {0, 1, 29, 30, 31, 1000, 1000000, INT64_MAX, INT64_MIN, -1};
	return odd[random_below(random, sizeof(odd) / sizeof(*odd))];
}

static void test_any_numbers(void **state)
{
	(void)state;
	struct random random = {9};
	struct diagnosis_options options = {.min_volume = 30, .drop_micros = MICROS(0.3)};
	for (int i = 0; i < 200000; i++) {
		int64_t row[JUDGED_COUNT];
		struct norm norm = {.kind = NORM_COUNTS, .median_conversations = odd_count(&random)};
		for (int j = 0; j < JUDGED_COUNT; j++) {
			row[j] = odd_count(&random);
			norm.counts[j] = odd_count(&random);
		}
		struct judgement got = diagnose(&options, row, &norm);
		assert_true(got.weakest >= RUNG_NONE && got.weakest < JUDGED_RUNG_COUNT);
		assert_true(got.diagnosis > DIAGNOSIS_NONE && got.diagnosis < DIAGNOSIS_COUNT);
		if (!judged_has_volume(row, options.min_volume))
			assert_true(got.weakest == RUNG_NONE && got.diagnosis == DIAGNOSIS_TOO_LITTLE_DATA);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_cases_are_complete),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_any_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
