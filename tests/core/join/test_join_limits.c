/* Goal: whatever a robot or a careless feed sends, a person stays bounded, nothing counts twice, and what is
 * sent twice with one id ends the same in every order. */
#include "tests/core/join/join_case.h"

#define AT(minutes) (START_MS + (minutes) * MINUTE_MS)

static int64_t sum_of(const struct join_case *test, unsigned slot)
{
	int64_t sum = 0;
	for (size_t i = 0; i < test->steps.count; i++)
		sum += test->steps.steps[i].slot == slot ? test->steps.steps[i].delta : 0;
	return sum;
}

static struct event numbered_message(char text[16], int number, int64_t ts_ms)
{
	int len = snprintf(text, 16, "%08d", number);
	return (struct event){.type = EVENT_MESSAGE, .user = TEXT("robot"), .ad = TEXT("a"), .ts_ms = ts_ms,
			      .id = {text, (size_t)len}};
}

static enum join_class put_numbered(struct join_case *test, int number, int64_t ts_ms)
{
	char text[16];
	struct event event = numbered_message(text, number, ts_ms);
	return join_case_put(test, &event, TIME_NONE);
}

static void put_at_own_ad(struct join_case *test, int number, int64_t ts_ms)
{
	char text[16], ad[16];
	struct event event = numbered_message(text, number, ts_ms);
	event.ad = (struct slice){ad, (size_t)snprintf(ad, sizeof(ad), "ad%d", number % 10000)};
	assert_int_equal(join_case_put(test, &event, TIME_NONE), JOIN_APPLIED);
}

/* The oldest conversations of more than the most give way, and are opened again when they are written in. */
static void test_many_ads(void **state)
{
	(void)state;
	struct join_case test;
	join_case_create(&test);
	test.fixture.options.window_count = 1;
	test.fixture.options.max_tail = 8; /* what is tried is the ladder */
	const int count = CONVERSATION_COUNT_MAX + 10;
	for (int i = 0; i < count; i++)
		put_at_own_ad(&test, i, AT(i));
	assert_int_equal(sum_of(&test, SLOT_conversations), count);
	struct slice blob = people_find(test.people, join_user_key(&test.join, TEXT("robot")));
	assert_true(person_load(&test.join.person, blob));
	assert_int_equal(test.join.person.head.fixed.conversation_count, CONVERSATION_COUNT_MAX);
	put_at_own_ad(&test, 10000 + 10, AT(count)); /* the oldest that is left */
	assert_int_equal(sum_of(&test, SLOT_conversations), count);
	put_at_own_ad(&test, 10000 + 9, AT(count + 1)); /* the youngest that is gone */
	assert_int_equal(sum_of(&test, SLOT_conversations), count + 1);
	assert_int_equal(sum_of(&test, SLOT_messages_in), count + 2);
	join_case_destroy(&test);
}

/* All at one millisecond: which are folded in is told by their ids. */
static void test_redelivery_at_one_instant(void **state)
{
	(void)state;
	struct join_case test;
	join_case_create(&test);
	test.fixture.options.max_tail = 10;
	for (int i = 0; i < 15; i++)
		assert_int_equal(put_numbered(&test, i, AT(0)), JOIN_APPLIED);
	for (int i = 0; i < 15; i++)
		assert_int_equal(put_numbered(&test, i, AT(0)), i < 5 ? JOIN_LATE : JOIN_DUPLICATE);
	assert_int_equal(sum_of(&test, SLOT_messages_in), 15);
	assert_int_equal(put_numbered(&test, 15, AT(0)), JOIN_APPLIED);
	assert_int_equal(put_numbered(&test, 5, AT(0)), JOIN_LATE); /* the horizon itself */
	assert_int_equal(sum_of(&test, SLOT_messages_in), 16);
	join_case_destroy(&test);
}

/* A known id that is sent again for a time that is folded over changes nothing. */
static void test_duplicate_before_the_prefix(void **state)
{
	(void)state;
	struct join_case test;
	join_case_create(&test);
	test.fixture.options.max_tail = 10;
	for (int i = 0; i < 15; i++)
		put_numbered(&test, i, AT(i));
	size_t step_count = test.steps.count;
	assert_int_equal(put_numbered(&test, 12, AT(1)), JOIN_DUPLICATE);
	assert_int_equal(test.steps.count, step_count);
	assert_int_equal(put_numbered(&test, 12, AT(6)), JOIN_DUPLICATE); /* within the tail it moves */
	assert_true(test.steps.count > step_count);
	assert_int_equal(sum_of(&test, SLOT_messages_in), 15);
	join_case_destroy(&test);
}

/* What the steps say after both events in an order: for each ad's id, the sum of a slot. */
static int64_t sum_at_ad(const struct join_case *test, const char *ad, unsigned slot)
{
	int64_t sum = 0;
	for (size_t i = 0; i < test->steps.count; i++) {
		const struct step *step = &test->steps.steps[i];
		if (step->slot == slot && slice_equal(test->series.series[step->series].id, slice_from(ad)))
			sum += step->delta;
	}
	return sum;
}

/* One id that says two things of one instant: the ads' numbers depend on the order, the outcome does not. */
static void test_one_id_two_ads(void **state)
{
	(void)state;
	struct event events[2] = {
		{.type = EVENT_MESSAGE, .ts_ms = AT(0), .id = TEXT("m"), .user = TEXT("u"), .ad = TEXT("y")},
		{.type = EVENT_MESSAGE, .ts_ms = AT(0), .id = TEXT("m"), .user = TEXT("u"), .ad = TEXT("x")},
	};
	struct join_case test;
	join_case_create(&test);
	for (int first = 0; first < 2; first++) {
		assert_int_equal(join_case_put(&test, &events[first], TIME_NONE), JOIN_APPLIED);
		assert_int_equal(join_case_put(&test, &events[1 - first], TIME_NONE), JOIN_DUPLICATE);
		assert_int_equal(sum_at_ad(&test, "x", SLOT_messages_in), 1);
		assert_int_equal(sum_at_ad(&test, "y", SLOT_messages_in), 0);
		join_case_restart(&test);
	}
	join_case_destroy(&test);
}

/* Two users claim a click with one (ts, id): the same one has it, whoever came first. */
static void test_two_claims_with_one_id(void **state)
{
	(void)state;
	struct event click = {.type = EVENT_CLICK, .ts_ms = AT(0), .id = TEXT("c"), .click_id = TEXT("k"),
			      .ad = TEXT("a")};
	struct event claims[2] = {
		{.type = EVENT_MESSAGE, .ts_ms = AT(1), .id = TEXT("m"), .click_id = TEXT("k")},
		{.type = EVENT_MESSAGE, .ts_ms = AT(1), .id = TEXT("m"), .click_id = TEXT("k")},
	};
	static const char *const users[] = {"u", "v", "w", "x"};
	struct join_case test;
	join_case_create(&test);
	for (int pair = 0; pair < 3; pair++) {
		struct key128 owners[2];
		claims[0].user = slice_from(users[pair]);
		claims[1].user = slice_from(users[pair + 1]);
		for (int first = 0; first < 2; first++) {
			join_case_put(&test, &click, TIME_NONE);
			join_case_put(&test, &claims[first], TIME_NONE);
			join_case_put(&test, &claims[1 - first], TIME_NONE);
			struct key128 key = join_click_key(&test.join, TEXT("k"));
			assert_true(person_load(&test.join.person, people_find(test.people, key)));
			owners[first] = test.join.person.claim.person;
			assert_int_equal(sum_of(&test, SLOT_match_click_id), 1);
			join_case_restart(&test);
		}
		assert_true(key128_equal(owners[0], owners[1]));
	}
	join_case_destroy(&test);
}

static void test_late_touch(void **state)
{
	(void)state;
	struct ladder ladder = {0};
	ladder_reset(&ladder);
	ladder.fixed.last_ms = 200;
	ladder.fixed.touch_ms = 100;
	ladder.fixed.touch_ad = 1;
	ladder_set_touch(&ladder, 7, 100, 1);
	fold_late_touch(&ladder, &(struct fact){.time_ms = 50, .click = 7, .ad = 2});
	assert_int_equal(ladder_find_touch(&ladder, 7)->ad, 1);
	assert_int_equal(ladder.fixed.touch_ad, 1);
	fold_late_touch(&ladder, &(struct fact){.time_ms = 60, .click = 8, .ad = 3});
	assert_int_equal(ladder_find_touch(&ladder, 8)->ad, 3);
	assert_int_equal(ladder.fixed.touch_ad, 1);
	fold_late_touch(&ladder, &(struct fact){.time_ms = 150, .click = 7, .ad = 4});
	assert_int_equal(ladder_find_touch(&ladder, 7)->ad, 4);
	assert_int_equal(ladder.fixed.touch_ad, 4);
	assert_int_equal(ladder.fixed.last_ms, 200);
	ladder_destroy(&ladder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_ads),
		cmocka_unit_test(test_redelivery_at_one_instant),
		cmocka_unit_test(test_duplicate_before_the_prefix),
		cmocka_unit_test(test_one_id_two_ads),
		cmocka_unit_test(test_two_claims_with_one_id),
		cmocka_unit_test(test_late_touch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
