/* Goal: how many events can have been applied is exact where the order of arrival decides nothing, and where
 * it does the range holds every order. Method: directed cases, then events by chance in orders by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/audit_applied.h"
#include "tests/core/random.h"

enum { INPUTS = 3, TASKS = 2 };

struct counted {
	struct audit_range inputs[TASKS * INPUTS];
	struct audit_range tasks[TASKS];
};

static struct audit_event event(uint64_t who, uint64_t id, uint32_t task, uint16_t input, bool is_of_click)
{
	return (struct audit_event){{is_of_click, who}, id, task, input, is_of_click, false};
}

static struct counted count(const struct audit_event *events, size_t event_count,
			    const struct audit_claim *claims, size_t claim_count)
{
	struct audit_applied applied = {.events = {0}};
	struct counted counted = {.tasks = {{0, 0}}};
	for (size_t i = 0; i < event_count; i++)
		audit_applied_put(&applied, &events[i]);
	for (size_t i = 0; i < claim_count; i++)
		audit_applied_put_claim(&applied, &claims[i]);
	audit_applied_count(&applied, INPUTS, counted.inputs, counted.tasks);
	audit_applied_destroy(&applied);
	return counted;
}

static void assert_range(struct audit_range range, uint64_t low, uint64_t high)
{
	assert_int_equal(range.low, low);
	assert_int_equal(range.high, high);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_range(count(NULL, 0, NULL, 0).tasks[0], 0, 0);
}

static void test_duplicates(void **state)
{
	(void)state;
	const struct audit_event events[] = {
		event(1, 10, 0, 0, false), event(1, 10, 0, 0, false), /* in one input */
		event(2, 10, 0, 0, false),                            /* of another person */
		event(1, 11, 0, 0, false), event(1, 11, 0, 1, false), /* in two */
		event(1, 11, 0, 1, false),
		event(1, 10, 1, 0, false), /* in another task: nobody knows of the first */
	};
	struct counted counted = count(events, sizeof(events) / sizeof(*events), NULL, 0);
	assert_range(counted.inputs[0], 2, 3);
	assert_range(counted.inputs[1], 0, 1);
	assert_range(counted.inputs[2], 0, 0);
	assert_range(counted.inputs[INPUTS], 1, 1);
	assert_range(counted.tasks[0], 3, 3);
	assert_range(counted.tasks[1], 1, 1);
}

/* An event of a click and one of a person with its id. */
static void test_claims(void **state)
{
	(void)state;
	const struct audit_event events[] = {event(5, 10, 0, 0, true), event(1, 10, 0, 1, false),
					     event(6, 10, 0, 0, true)};
	const struct audit_claim other = {{1, 5}, {0, 2}}, own = {{1, 5}, {0, 1}};
	const struct audit_claim both[] = {{{1, 6}, {0, 3}}, {{1, 5}, {0, 3}}};
	assert_range(count(events, 2, NULL, 0).tasks[0], 2, 2);
	assert_range(count(events, 2, &other, 1).tasks[0], 2, 2);
	assert_range(count(events, 2, &own, 1).tasks[0], 0, 2);
	assert_range(count(events, 2, &own, 1).inputs[1], 0, 1);
	assert_range(count(events, 3, &own, 1).tasks[0], 1, 3);
	assert_range(count(events, 3, both, 2).tasks[0], 1, 3);
	assert_range(count(events, 3, both, 1).tasks[0], 3, 3);
}

static void apply(const struct audit_event *events, const size_t *order, size_t event_count,
		  struct counted *applied)
{
	for (size_t i = 0; i < event_count; i++) {
		const struct audit_event *came = &events[order[i]];
		bool is_known = false;
		for (size_t j = 0; j < i; j++) {
			const struct audit_event *before = &events[order[j]];
			is_known |= before->task == came->task && before->id_hash == came->id_hash &&
				    key128_equal(before->key, came->key);
		}
		applied->tasks[came->task].low += !is_known;
		applied->inputs[came->task * INPUTS + came->input].low += !is_known;
	}
}

static void test_every_order(void **state)
{
	(void)state;
	enum { EVENTS = 40, ROUNDS = 200 };
	struct random random = {7};
	for (int round = 0; round < ROUNDS; round++) {
		struct audit_event events[EVENTS];
		size_t order[EVENTS];
		struct counted applied = {.tasks = {{0, 0}}};
		for (size_t i = 0; i < EVENTS; i++) {
			uint64_t who = random_next(&random) % 3, id = random_next(&random) % 8;
			uint32_t task = (uint32_t)random_below(&random, TASKS);
			events[i] = event(who, id, task, (uint16_t)random_below(&random, INPUTS), false);
			order[i] = i;
		}
		for (size_t i = EVENTS - 1; i > 0; i--) {
			size_t other = random_next(&random) % (i + 1), moved = order[i];
			order[i] = order[other];
			order[other] = moved;
		}
		struct counted counted = count(events, EVENTS, NULL, 0);
		apply(events, order, EVENTS, &applied);
		for (size_t i = 0; i < TASKS; i++)
			assert_range(counted.tasks[i], applied.tasks[i].low, applied.tasks[i].low);
		for (size_t i = 0; i < (size_t)TASKS * INPUTS; i++)
			assert_true(applied.inputs[i].low >= counted.inputs[i].low &&
				    applied.inputs[i].low <= counted.inputs[i].high);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_every_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
