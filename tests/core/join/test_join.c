/* Goal: the sum of all steps is a function of the set of events, whatever order they come in: held
 * against one naive fold over each person's sorted events, for every permutation of small sets and
 * random orders of larger ones, with duplicates and claims. And what may be forgotten (max_tail,
 * lateness) is, as the header says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/core/join/join_case.h"

#define AT(minutes) (START_MS + (minutes) * MINUTE_MS)
#define WITH_ID(text) .id = {text, sizeof(text) - 1}
#define EVENT(event_type, event_id, minutes, ...) \
	{.type = EVENT_##event_type, WITH_ID(event_id), .ts_ms = AT(minutes), __VA_ARGS__}
#define BY(text) .user = {text, sizeof(text) - 1}
#define CLICKED(text) .click_id = {text, sizeof(text) - 1}
#define AD(text) .ad = {text, sizeof(text) - 1}
#define OUT .direction = DIRECTION_OUT
#define WORDS .word_count = 9
enum { SET_EVENTS_MAX = 6 };

struct set {
	const char *label;
	struct event events[SET_EVENTS_MAX];
};

static const struct set sets[] = {
	{"a ladder of one person",
	 {EVENT(CLICK, "1", 0, BY("u"), AD("a")), EVENT(MESSAGE, "2", 1, BY("u"), WORDS),
	  EVENT(MESSAGE, "3", 2, BY("u"), OUT), EVENT(MESSAGE, "4", 3, BY("u"), WORDS),
	  EVENT(OUTCOME, "5", 4, BY("u"), .stage = STAGE_CUSTOMER, .money_micros = 7),
	  EVENT(OUTCOME, "6", 5, BY("u"), .stage = STAGE_REFUND, .money_micros = 2)}},
	{"all at one instant",
	 {EVENT(OUTCOME, "a", 0, BY("u"), .stage = STAGE_HANDOFF), EVENT(MESSAGE, "b", 0, BY("u"), OUT),
	  EVENT(MESSAGE, "c", 0, BY("u"), WORDS), EVENT(OPEN, "d", 0, BY("u"), AD("b")),
	  EVENT(CLICK, "e", 0, BY("u"), AD("a")), EVENT(CLICK, "f", 0, BY("u"), AD("c"))}},
	{"one id, other content",
	 {EVENT(MESSAGE, "1", 0, BY("u"), AD("a")), EVENT(MESSAGE, "1", 0, BY("u"), AD("b")),
	  EVENT(MESSAGE, "1", 0, BY("u"), AD("a"), WORDS), EVENT(MESSAGE, "1", 2, BY("u"), AD("a"), OUT),
	  EVENT(CLICK, "1", 0, BY("u"), AD("c")), EVENT(MESSAGE, "2", 1, BY("u"), OUT)}},
	{"one id at other times",
	 {EVENT(MESSAGE, "1", 5, BY("u"), AD("a")), EVENT(MESSAGE, "1", 3, BY("u"), AD("a")),
	  EVENT(MESSAGE, "1", 1, BY("u"), AD("a")), EVENT(MESSAGE, "2", 2, BY("u"), OUT),
	  EVENT(MESSAGE, "3", 4, BY("u"), WORDS), EVENT(MESSAGE, "2", 6, BY("u"), OUT)}},
	{"a claim, before and after its click",
	 {EVENT(CLICK, "1", 0, CLICKED("k"), AD("a")), EVENT(OPEN, "2", 1, CLICKED("k")),
	  EVENT(MESSAGE, "3", 2, BY("u"), CLICKED("k"), WORDS), EVENT(MESSAGE, "4", 3, BY("u"), OUT),
	  EVENT(OUTCOME, "5", 4, CLICKED("k"), .stage = STAGE_QUALIFIED),
		  EVENT(CLICK, "6", 1, CLICKED("l"), AD("b"))}},
	{"three claims of one click",
	 {EVENT(CLICK, "1", 0, CLICKED("k"), AD("a")), EVENT(MESSAGE, "2", 9, BY("u"), CLICKED("k"), WORDS),
	  EVENT(MESSAGE, "3", 8, BY("v"), CLICKED("k"), WORDS),
		  EVENT(MESSAGE, "4", 7, BY("w"), CLICKED("k"), WORDS),
	  EVENT(MESSAGE, "5", 10, BY("v"), WORDS), EVENT(OPEN, "6", 3, CLICKED("k"))}},
	{"claims at one instant: the smaller id holds",
	 {EVENT(CLICK, "1", 0, CLICKED("k"), AD("a")), EVENT(MESSAGE, "b", 5, BY("u"), CLICKED("k")),
	  EVENT(MESSAGE, "a", 5, BY("v"), CLICKED("k")), EVENT(OPEN, "ab", 5, BY("w"), CLICKED("k")),
	  EVENT(MESSAGE, "9", 6, CLICKED("k"), WORDS), EVENT(MESSAGE, "8", 7, BY("v"), OUT)}},
	{"a claim that an outbound message makes",
	 {EVENT(MESSAGE, "1", 0, CLICKED("k"), AD("a"), WORDS),
	  EVENT(MESSAGE, "2", 1, BY("u"), CLICKED("k"), OUT),
	  EVENT(OUTCOME, "3", 1, BY("v"), CLICKED("k"), .stage = STAGE_LOST),
		  EVENT(MESSAGE, "4", 0, BY("u"), WORDS),
	  EVENT(MESSAGE, "5", 90, CLICKED("k"), OUT), EVENT(MESSAGE, "6", 200, CLICKED("k"), OUT)}},
	{"two clicks of one person and touches that change the ad",
	 {EVENT(CLICK, "1", 0, CLICKED("k"), AD("a")), EVENT(CLICK, "2", 2, CLICKED("l"), AD("b")),
	  EVENT(MESSAGE, "3", 1, BY("u"), CLICKED("l")), EVENT(MESSAGE, "4", 3, BY("u"), CLICKED("k")),
	  EVENT(MESSAGE, "5", 4, BY("u"), WORDS), EVENT(CLICK, "6", 4, BY("u"), AD("c"))}},
	{"gaps and windows in between",
	 {EVENT(MESSAGE, "1", 0, BY("u"), AD("a"), WORDS), EVENT(MESSAGE, "2", 10080, BY("u"), WORDS),
	  EVENT(MESSAGE, "3", 10079, BY("u"), WORDS), EVENT(MESSAGE, "4", 61, BY("u"), OUT),
	  EVENT(MESSAGE, "5", 121, BY("u"), OUT), EVENT(OUTCOME, "6", 20000, BY("u"),
							.stage = STAGE_CUSTOMER)}},
};

/* Puts the events in this order and holds the sum against the wanted one. */
static void try_order(struct join_case *test, const struct event *events, const size_t *order, size_t count,
		      const struct step_list *wanted, const char *label)
{
	join_case_restart(test);
	for (size_t i = 0; i < count; i++)
		assert_int_not_equal(join_case_put(test, &events[order[i]], TIME_NONE), JOIN_LATE);
	join_case_sum(&test->steps);
	if (!join_case_equal(&test->steps, wanted))
		fail_msg("%s: another sum of steps for the order %zu %zu %zu %zu %zu %zu", label, order[0],
			 order[1],
			 order[2], order[3], order[4], order[5]);
}

static void permute(struct join_case *test, const struct event *events, size_t *order, size_t fixed,
		    size_t count,
		    const struct step_list *wanted, const char *label)
{
	if (fixed == count)
		try_order(test, events, order, count, wanted, label);
	for (size_t i = fixed; i < count; i++) {
		size_t swapped = order[fixed];
		order[fixed] = order[i];
		order[i] = swapped;
		permute(test, events, order, fixed + 1, count, wanted, label);
		order[i] = order[fixed];
		order[fixed] = swapped;
	}
}

static void test_every_permutation(void **state)
{
	(void)state;
	struct join_case test;
	join_case_create(&test);
	test.fixture.options.window_count = 1; /* the numbers of steps do not depend on it; panes cost time */
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		size_t order[SET_EVENTS_MAX] = {0, 1, 2, 3, 4, 5};
		struct step_list wanted = join_case_naive(&test, sets[i].events, SET_EVENTS_MAX);
		assert_true(wanted.count > 1);
		permute(&test, sets[i].events, order, 0, SET_EVENTS_MAX, &wanted, sets[i].label);
		step_list_destroy(&wanted);
	}
	join_case_destroy(&test);
}

enum { RANDOM_EVENTS = 40, RANDOM_ROUNDS = 150 };

static struct slice random_text(struct random *random, const char *letters, int count)
{
	return (struct slice){letters + random_below(random, count), 1};
}

/* Few ids, people, clicks, ads and times, so that everything meets everything. */
static struct event random_event(struct random *random, struct slice id)
{
	struct event event = {.type = (enum event_type)random_below(random, EVENT_SPEND), .id = id};
	event.ts_ms = AT(random_below(random, 30) * (random_percent(random, 10) ? 700 : 13));
	unsigned ids = (unsigned)random_below(random, 3);
	if (ids != 0)
		event.user = random_text(random, "uvw", 3);
	if (ids != 1)
		event.click_id = random_text(random, "klmn", 4);
	if (event.type == EVENT_CLICK || random_percent(random, 25))
		event.ad = random_text(random, "abcd", 4);
	event.direction = random_percent(random, 40) ? DIRECTION_OUT : DIRECTION_IN;
	if (event.type != EVENT_MESSAGE)
		event.direction = DIRECTION_IN;
	event.is_auto = random_percent(random, 20);
	event.word_count = (uint32_t)random_below(random, 4);
	event.stage = (enum event_stage)random_below(random, STAGE_COUNT);
	event.money_micros = random_below(random, 3);
	return event;
}

static void test_random_orders(void **state)
{
	(void)state;
	struct join_case test;
	struct random random = {7};
	join_case_create(&test);
	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		static const char ids[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl";
		struct event events[RANDOM_EVENTS];
		size_t order[RANDOM_EVENTS];
		for (size_t i = 0; i < RANDOM_EVENTS; i++) {
			events[i] = random_event(&random, (struct slice){&ids[i], 1});
			size_t other = (size_t)random_below(&random, (int64_t)i + 1);
			order[i] = i;
			if (random_percent(&random, 20))
				events[i] = events[other];
			if (random_percent(&random, 20)) { /* says something else, of the same person */
				events[i].id = events[other].id;
				events[i].user = events[other].user;
				events[i].click_id = events[other].click_id;
			}
			order[i] = order[other];
			order[other] = i;
		}
		struct step_list wanted = join_case_naive(&test, events, RANDOM_EVENTS);
		try_order(&test, events, order, RANDOM_EVENTS, &wanted, "random");
		step_list_destroy(&wanted);
	}
	join_case_destroy(&test);
}

static int64_t sum_of(struct join_case *test, unsigned slot)
{
	int64_t sum = 0;
	for (size_t i = 0; i < test->steps.count; i++)
		sum += test->steps.steps[i].slot == slot ? test->steps.steps[i].delta : 0;
	return sum;
}

static struct event numbered_message(char text[16], int number, int64_t ts_ms)
{
	struct event event = {.type = EVENT_MESSAGE, .user = TEXT("robot"), .ad = TEXT("a"), .ts_ms = ts_ms};
	int len = snprintf(text, 16, "%08d", number);
	event.id = (struct slice){text, (size_t)len};
	return event;
}

/* The oldest of more than max_tail are folded in, counted, and what is older than them is late. */
static void test_max_tail(void **state)
{
	(void)state;
	struct join_case test;
	char text[16];
	join_case_create(&test);
	test.fixture.options.max_tail = 10;
	for (int i = 0; i < 15; i++) {
		struct event event = numbered_message(text, i, AT(i));
		assert_int_equal(join_case_put(&test, &event, TIME_NONE), JOIN_APPLIED);
	}
	assert_int_equal(test.join.folded_early_count, 5);
	struct event older = numbered_message(text, 100, AT(4) - 1);
	assert_int_equal(join_case_put(&test, &older, TIME_NONE), JOIN_LATE);
	assert_int_equal(sum_of(&test, SLOT_messages_in), 15);
	struct event kept = numbered_message(text, 5, AT(5));
	assert_int_equal(join_case_put(&test, &kept, TIME_NONE), JOIN_DUPLICATE);
	struct event newer = numbered_message(text, 101, AT(4) + 1);
	assert_int_equal(join_case_put(&test, &newer, TIME_NONE), JOIN_APPLIED);
	assert_int_equal(sum_of(&test, SLOT_messages_in), 16);
	assert_int_equal(sum_of(&test, SLOT_conversations), 1);
	join_case_destroy(&test);
}

/* A redelivered event that max_tail folded in must not count again, nor the newest of those. */
static void test_max_tail_duplicates(void **state)
{
	(void)state;
	struct join_case test;
	char text[16];
	join_case_create(&test);
	test.fixture.options.max_tail = 10;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 15; i++) {
			struct event event = numbered_message(text, i, AT(i));
			enum join_class class = join_case_put(&test, &event, TIME_NONE);
			if (round == 1)
				assert_int_not_equal(class, JOIN_APPLIED);
		}
	assert_int_equal(sum_of(&test, SLOT_messages_in), 15);
	assert_int_equal(test.join.folded_early_count, 5);
	join_case_destroy(&test);
}

enum { STREAM_EVENTS = 3 * JOIN_KEPT_FACTS };

/* Random events in time order, each up to a safe time behind: with what is older folded in, the sum is
 * the same as without. */
static void test_lateness(void **state)
{
	(void)state;
	struct join_case test;
	struct random random = {9};
	join_case_create(&test);
	for (int round = 0; round < 8; round++) {
		struct event events[STREAM_EVENTS];
		char ids[STREAM_EVENTS][4];
		join_case_restart(&test);
		for (int i = 0; i < STREAM_EVENTS; i++) {
			int len = snprintf(ids[i], sizeof(ids[i]), "%03d", i);
			events[i] = random_event(&random, (struct slice){ids[i], (size_t)len});
			events[i].user = TEXT("u");
			int64_t safe_ms = AT(100 * i);
			events[i].ts_ms = safe_ms + random_below(&random, 20) * 25 * MINUTE_MS;
			join_case_put(&test, &events[i], safe_ms);
		}
		struct slice blob = people_find(test.people, join_user_key(&test.join, TEXT("u")));
		assert_true(blob.len < (JOIN_KEPT_FACTS + 20) * sizeof(struct fact) + 2000);
		struct step_list wanted = join_case_naive(&test, events, STREAM_EVENTS);
		join_case_sum(&test.steps);
		assert_true(join_case_equal(&test.steps, &wanted));
		step_list_destroy(&wanted);
	}
	join_case_destroy(&test);
}

/* Puts a message a minute, each with what is `kept` minutes older folded in. */
static void put_messages(struct join_case *test, int count, int kept)
{
	char text[16];
	for (int i = 0; i < count; i++) {
		struct event event = numbered_message(text, i, AT(i));
		assert_int_equal(join_case_put(test, &event, AT(i - kept)), JOIN_APPLIED);
	}
}

/* Of `count` messages the tail has the last ones without a gap, at least `kept` and not many more. */
static void assert_tail(struct join_case *test, size_t count, size_t kept)
{
	struct person person = {0};
	struct slice blob = people_find(test->people, join_user_key(&test->join, TEXT("robot")));
	assert_true(person_load(&person, blob));
	assert_in_range(person.fact_count, kept, JOIN_KEPT_FACTS + JOIN_TAIL_SLACK);
	int64_t first_ms = AT((int64_t)(count - person.fact_count));
	assert_int_equal(person.facts[0].time_ms, first_ms);
	assert_int_equal(person.prefix.fixed.last_ms, first_ms - MINUTE_MS);
	person_destroy(&person);
}

/* Safe facts are folded, but for the few that everybody keeps and some more. */
static void test_lateness_bounds_the_tail(void **state)
{
	(void)state;
	struct join_case test;
	join_case_create(&test);
	put_messages(&test, 300, 100);
	assert_tail(&test, 300, 101);
	join_case_restart(&test);
	put_messages(&test, 300, 10);
	assert_tail(&test, 300, JOIN_KEPT_FACTS + 1);
	join_case_destroy(&test);
}

/* A claim that comes after the claimant's own events were folded over the click: the click still
 * counts where it was, and is known to what follows. */
static void test_claim_of_an_old_click(void **state)
{
	(void)state;
	struct join_case test;
	const struct event click = EVENT(CLICK, "click", -1, CLICKED("k"), AD("b"));
	const struct event claim = EVENT(MESSAGE, "claim", 301, BY("robot"), CLICKED("k"), WORDS);
	join_case_create(&test);
	assert_int_equal(join_case_put(&test, &click, AT(-100)), JOIN_APPLIED);
	put_messages(&test, 300, 10);
	assert_int_equal(join_case_put(&test, &claim, AT(290)), JOIN_APPLIED);
	assert_int_equal(sum_of(&test, SLOT_clicks), 1);
	assert_int_equal(sum_of(&test, SLOT_match_referral), 300);
	assert_int_equal(sum_of(&test, SLOT_match_click_id), 1);
	assert_int_equal(sum_of(&test, SLOT_conversations), 2);
	join_case_destroy(&test);
}

/* A click without a claim keeps all it has, however old: whoever claims it gets it all. */
static void test_unclaimed_click_keeps_all(void **state)
{
	(void)state;
	enum { EVENT_COUNT = 2 * JOIN_KEPT_FACTS };
	struct join_case test;
	struct event events[EVENT_COUNT + 1];
	char ids[EVENT_COUNT][4];
	join_case_create(&test);
	for (int i = 0; i < EVENT_COUNT; i++) {
		int len = snprintf(ids[i], sizeof(ids[i]), "%03d", i);
		events[i] = (struct event){.type = EVENT_MESSAGE, .id = {ids[i], (size_t)len}, .ts_ms = AT(i),
					   .click_id = TEXT("k"), .word_count = 9, .ad = TEXT("a")};
		join_case_put(&test, &events[i], AT(i - 1));
	}
	events[EVENT_COUNT] = (struct event)EVENT(OPEN, "claim", EVENT_COUNT, BY("u"), CLICKED("k"));
	join_case_put(&test, &events[EVENT_COUNT], AT(EVENT_COUNT - 1));
	struct slice blob = people_find(test.people, join_click_key(&test.join, TEXT("k")));
	assert_true(blob.len < EVENT_COUNT * sizeof(struct fact));
	struct step_list wanted = join_case_naive(&test, events, EVENT_COUNT + 1);
	join_case_sum(&test.steps);
	assert_true(join_case_equal(&test.steps, &wanted));
	step_list_destroy(&wanted);
	join_case_destroy(&test);
}

/* The steps of a person who is asked for them are those that his events made. */
static void test_steps_of_a_person(void **state)
{
	(void)state;
	struct join_case test;
	join_case_create(&test);
	for (size_t i = 0; i < SET_EVENTS_MAX; i++)
		join_case_put(&test, &sets[0].events[i], TIME_NONE);
	struct slice blob = people_find(test.people, join_user_key(&test.join, TEXT("u")));
	struct step_list again = {0};
	join_steps_of_person(&test.join, blob, &again);
	join_case_sum(&again);
	join_case_sum(&test.steps);
	assert_true(join_case_equal(&again, &test.steps));
	bool is_marked[8] = {false};
	assert_true(test.series.count <= 8);
	assert_false(join_person_is_at(&test.join, blob, is_marked));
	is_marked[join_intern_ad(&test.join, TEXT("b"))] = true;
	assert_false(join_person_is_at(&test.join, blob, is_marked));
	is_marked[join_intern_ad(&test.join, TEXT("a"))] = true;
	assert_true(join_person_is_at(&test.join, blob, is_marked));
	step_list_destroy(&again);
	join_case_destroy(&test);
}

/* A robot's messages cost no more each when there are ten times as many: the work is bounded by max_tail. The
 * steps of events out of order tell the work without a clock. */
static void test_robot(void **state)
{
	(void)state;
	struct join_case test;
	char text[16];
	join_case_create(&test);
	test.fixture.options.max_tail = 100;
	size_t step_count = 0;
	for (int i = 0; i < 20000; i++) {
		struct event event = numbered_message(text, i, AT(i) - (i % 7 == 0 ? 3 * MINUTE_MS + 1 : 0));
		test.steps.count = 0;
		assert_int_equal(join_case_put(&test, &event, TIME_NONE), JOIN_APPLIED);
		step_count += test.steps.count;
	}
	assert_true(step_count < 20000 * 30);
	assert_int_equal(test.join.folded_early_count, 20000 - 100);
	struct slice blob = people_find(test.people, join_user_key(&test.join, TEXT("robot")));
	assert_true(blob.len < 100 * 64 + 1000);
	join_case_destroy(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_permutation),
		cmocka_unit_test(test_random_orders),
		cmocka_unit_test(test_max_tail),
		cmocka_unit_test(test_max_tail_duplicates),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_lateness_bounds_the_tail),
		cmocka_unit_test(test_claim_of_an_old_click),
		cmocka_unit_test(test_unclaimed_click_keeps_all),
		cmocka_unit_test(test_steps_of_a_person),
		cmocka_unit_test(test_robot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
