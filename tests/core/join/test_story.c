/* Goal: a story says what was counted, no more and no less: the steps of all stories are those that the join
 * made, the head it ends with is the person's, and each message's rule is the one that its match counts. */
#include "core/join/story.h"
#include "tests/core/feed.h"
#include "tests/core/join/join_case.h"

enum { FEED_SEED_COUNT = 6 };

static const uint16_t slot_of_rule[] = {[FOLD_REFERRAL] = SLOT_match_referral,
					[FOLD_CLICK_ID] = SLOT_match_click_id,
					[FOLD_TOUCH] = SLOT_match_touch,
					[FOLD_ONGOING] = SLOT_match_ongoing,
					[FOLD_OPENED_LAST] = SLOT_NONE,
					[FOLD_ORGANIC] = SLOT_match_organic};

static void assert_rule_is_counted(const struct story *story, size_t at)
{
	const struct story_event *event = &story->events[at];
	int match_count = 0;
	for (size_t i = story_step_begin(story, at); i < event->step_end; i++) {
		const struct step *step = &story->steps.steps[i];
		if (step->slot < SLOT_match_referral || step->slot > SLOT_match_organic)
			continue;
		match_count++;
		assert_int_equal(step->slot, slot_of_rule[event->reason.rule]);
		assert_int_equal(step->series, event->reason.ad);
	}
	assert_int_equal(match_count, event->fact.rank == RANK_IN);
	if (event->reason.of_ms != TIME_NONE)
		assert_true(event->reason.of_ms <= event->fact.time_ms);
}

/* What is not kept in conversations is told by its own steps: a money step of an outcome stands where the
 * reason says. */
static void assert_money_is_there(const struct story *story, size_t at)
{
	for (size_t i = story_step_begin(story, at); i < story->events[at].step_end; i++)
		if (story->steps.steps[i].slot == SLOT_orders || story->steps.steps[i].slot == SLOT_refunds)
			assert_int_equal(story->steps.steps[i].series, story->events[at].reason.ad);
}

static void assert_head(const struct story *story, struct slice blob)
{
	struct person person = {0};
	assert_true(person_load(&person, blob));
	assert_int_equal(story->event_count, person.fact_count);
	assert_memory_equal(&story->head.fixed, &person.head.fixed, sizeof(person.head.fixed));
	for (size_t i = 0; i < person.head.fixed.conversation_count; i++)
		assert_memory_equal(&story->head.conversations[i], &person.head.conversations[i],
				    sizeof(struct conversation));
	person_destroy(&person);
}

static void tell_all(struct join_case *test, struct step_list *told)
{
	const struct fold_context ctx = {test->join.options, &test->series};
	size_t at = 0;
	for (struct slice blob; (blob = people_next(test->people, &at)).len;) {
		struct story *story = story_tell(&ctx, blob);
		assert_head(story, blob);
		for (size_t i = 0; i < story->event_count; i++) {
			assert_rule_is_counted(story, i);
			assert_money_is_there(story, i);
		}
		for (size_t i = 0; i < story->steps.count; i++)
			step_list_push(told, &story->steps.steps[i]);
		story_destroy(story);
	}
}

static void test_stories_say_what_was_counted(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= FEED_SEED_COUNT; seed++) {
		struct join_case test;
		struct feed feed;
		struct step_list told = {0};
		join_case_create(&test);
		feed_create(&feed, &(struct feed_shape){.seed = seed, .event_count = 3000,
							.span_ms = 20 * DAY_MS, .jitter_ms = 2 * DAY_MS,
							.group_people = 20});
		for (size_t i = 0; i < feed.count; i++)
			if (feed.events[i].type != EVENT_SPEND)
				(void)join_case_put(&test, &feed.events[i], TIME_NONE);
		tell_all(&test, &told);
		join_case_sum(&told);
		join_case_sum(&test.steps);
		assert_true(told.count > 1000);
		assert_true(join_case_equal(&told, &test.steps));
		step_list_destroy(&told);
		feed_destroy(&feed);
		join_case_destroy(&test);
	}
}

/* A rung's time is that of the event that is kept, and unknown where it is folded for good. */
static void test_rungs_have_times(void **state)
{
	(void)state;
	enum { WRITTEN = 300 };
	struct join_case test;
	char ids[WRITTEN][8];
	join_case_create(&test);
	for (int i = 0; i < WRITTEN; i++) {
		struct event event = {.type = EVENT_MESSAGE, .user = TEXT("u"), .ad = TEXT("a"),
				      .word_count = 3, .ts_ms = START_MS + i * MINUTE_MS,
				      .direction = i == 1 ? DIRECTION_OUT : DIRECTION_IN};
		event.id = (struct slice){ids[i], (size_t)snprintf(ids[i], sizeof(ids[i]), "%d", i)};
		(void)join_case_put(&test, &event, event.ts_ms - 10 * MINUTE_MS);
	}
	const struct event sale = {.type = EVENT_OUTCOME, .user = TEXT("u"), .id = TEXT("sale"),
				   .stage = STAGE_CUSTOMER, .ts_ms = START_MS + AN_HOUR_MS * 8};
	(void)join_case_put(&test, &sale, sale.ts_ms);
	const struct fold_context ctx = {test.join.options, &test.series};
	struct slice blob = people_find(test.people, join_user_key(&test.join, TEXT("u")));
	struct story *story = story_tell(&ctx, blob);
	assert_int_equal(story->head.fixed.conversation_count, 1);
	assert_true(story->head.conversations[0].flags & REACHED_REPLY);
	assert_true(story_reached_ms(story, 0, COUNTER_replies) == TIME_NONE);
	assert_int_equal(story_reached_ms(story, 0, COUNTER_customers), sale.ts_ms);
	assert_int_equal(story_reached_ms(story, 0, COUNTER_handoffs), sale.ts_ms);
	assert_true(story->prefix.fixed.last_ms > START_MS);
	story_destroy(story);
	join_case_destroy(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories_say_what_was_counted),
		cmocka_unit_test(test_rungs_have_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
