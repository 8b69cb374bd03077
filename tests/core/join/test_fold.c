/* Goal: the rules of spec section 3, on both sides of each of their boundaries (fold_cases.def), and
 * where their steps stand on each basis (section 5). The numbers are worked out by hand from the
 * specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/core/join/join_case.h"

struct fold_case {
	const char *settings;
	const char *events;
	const char *expected;
};

static const struct fold_case cases[] = {
#define FOLD_CASE(settings, events, expected) {settings, events, expected},
#include "tests/core/join/fold_cases.def"
#undef FOLD_CASE
};

static const char *const stages[STAGE_COUNT] = {
	[STAGE_UNQUALIFIED] = "unqualified", [STAGE_PARTIALLY_QUALIFIED] = "partially_qualified",
	[STAGE_QUALIFIED] = "qualified",     [STAGE_HANDOFF] = "handoff",
	[STAGE_APPOINTMENT] = "appointment", [STAGE_CUSTOMER] = "customer",
	[STAGE_LOST] = "lost",		     [STAGE_REFUND] = "refund",
};

/* "7d-1ms" */
static int64_t parse_duration(const char *text)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", AN_HOUR_MS}, {"d", DAY_MS}};
	int64_t sum_ms = 0;
	while (*text) {
		char *end;
		int64_t number = strtoll(text, &end, 10);
		size_t len = strcspn(end, "+-"), i = 0;
		while (i < 5 && !slice_equal(slice_from(units[i].name), (struct slice){end, len}))
			i++;
		assert_true(i < 5);
		sum_ms += number * units[i].ms;
		text = end + len;
	}
	return sum_ms;
}

/* The value of a word "name=value", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);
	return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static bool set_duration(const char *word, const char *name, int64_t *place)
{
	const char *value = value_of(word, name);
	if (value)
		*place = parse_duration(value);
	return value != NULL;
}

static bool set_number(const char *word, const char *name, uint32_t *place)
{
	const char *value = value_of(word, name);
	if (value)
		*place = (uint32_t)strtoul(value, NULL, 10);
	return value != NULL;
}

static void set_option(struct options *options, const char *word)
{
	const char *imply = value_of(word, "imply");
	if (imply)
		options->imply = *imply == '1';
	assert_true(imply || set_duration(word, "gap", &options->gap_ms) ||
		    set_duration(word, "attribution", &options->attribution_ms) ||
		    set_duration(word, "outcome_window", &options->outcome_window_ms) ||
		    set_duration(word, "free_window", &options->free_window_ms) ||
		    set_duration(word, "service_window", &options->service_window_ms) ||
		    set_duration(word, "followup_after", &options->followup_after_ms) ||
		    set_duration(word, "retention", &options->retention_ms) ||
		    set_number(word, "followup_max", &options->followup_max) ||
		    set_number(word, "min_words", &options->min_words));
}

static void set_type(struct event *event, const char *word)
{
	event->type = strcmp(word, "click") == 0  ? EVENT_CLICK
		      : strcmp(word, "open") == 0 ? EVENT_OPEN
						  : EVENT_MESSAGE;
	event->direction = strcmp(word, "out") == 0 ? DIRECTION_OUT : DIRECTION_IN;
	for (enum event_stage stage = 0; stage < STAGE_COUNT; stage++)
		if (strcmp(word, stages[stage]) == 0) {
			event->type = EVENT_OUTCOME;
			event->stage = stage;
		}
	assert_true(event->type != EVENT_MESSAGE || event->direction == DIRECTION_OUT ||
		    strcmp(word, "in") == 0);
}

static bool set_text(const char *word, const char *name, struct slice *place)
{
	const char *value = value_of(word, name);
	if (value)
		*place = slice_from(value);
	return value != NULL;
}

static void set_field(struct event *event, const char *word)
{
	const char *money = value_of(word, "money");
	if (money)
		event->money_micros = strtoll(money, NULL, 10);
	else if (*word == '@')
		event->ts_ms = START_MS + parse_duration(word + 1);
	else if (strcmp(word, "auto") == 0)
		event->is_auto = true;
	else if (strcmp(word, "prefilled") == 0)
		event->is_prefilled = true;
	else if (strcmp(word, "media") == 0)
		event->is_media = true;
	else
		assert_true(set_text(word, "ad", &event->ad) || set_text(word, "click", &event->click_id) ||
			    set_text(word, "account", &event->account) ||
			    set_number(word, "words", &event->word_count));
}

static void put_events(struct join_case *test, char *text)
{
	int number = 0;
	char *rest_of_events, *rest;
	for (char *one = strtok_r(text, ";", &rest_of_events); one; one = strtok_r(NULL, ";",
										   &rest_of_events)) {
		char id[8];
		int len = snprintf(id, sizeof(id), "%03d", number++);
		struct event event = {.ts_ms = START_MS, .user = TEXT("u"), .id = {id, (size_t)len}};
		char *word = strtok_r(one, " ", &rest);
		assert_non_null(word);
		set_type(&event, word);
		while ((word = strtok_r(NULL, " ", &rest)))
			set_field(&event, word);
		assert_int_equal(join_case_put(test, &event, TIME_NONE), JOIN_APPLIED);
	}
}

static unsigned counter_slot(struct slice name)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		if (slice_equal(slice_from(counter_rows[i].name), name))
			return slot_of[i][BASIS_EVENT];
	fail_msg("no counter %.*s", (int)name.len, name.data);
	return 0;
}

/* SERIES_NONE: all of them. */
static int64_t sum_steps(const struct join_case *test, unsigned slot, uint32_t series)
{
	int64_t sum = 0;
	for (size_t i = 0; i < test->steps.count; i++) {
		const struct step *step = &test->steps.steps[i];
		if (step->slot == slot && (series == SERIES_NONE || step->series == series))
			sum += step->delta;
	}
	return sum;
}

static uint32_t named_series(struct join_case *test, const char *name)
{
	if (strncmp(name, "organic", 7) == 0)
		return join_intern_organic(&test->join, slice_from(name + (name[7] == ':' ? 8 : 7)));
	return join_intern_ad(&test->join, slice_from(name));
}

static void compare_sums(struct join_case *test, char *text, const struct fold_case *fold_case)
{
	char *rest;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(word, '=');
		assert_non_null(equals);
		*equals = '\0';
		int64_t wanted = strtoll(equals + 1, NULL, 10);
		size_t name_len = strcspn(word, "@");
		uint32_t series = word[name_len] ? named_series(test, word + name_len + 1) : SERIES_NONE;
		int64_t got = sum_steps(test, counter_slot((struct slice){word, name_len}), series);
		if (got != wanted)
			fail_msg("[%s] %s: %s is %lld, not %lld", fold_case->settings, fold_case->events,
				 word,
				 (long long)got, (long long)wanted);
	}
}

/* The ad x is of another account than the rest. */
static void add_other_account(struct join_case *test)
{
	uint32_t account = series_intern(&test->series, LEVEL_ACCOUNT, TEXT("other"), false);
	uint32_t ad = join_intern_ad(&test->join, TEXT("x"));
	test->series.series[ad].parents[LEVEL_ACCOUNT] = account;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct join_case test;
		char settings[128], events[256], expected[256], *rest;
		snprintf(settings, sizeof(settings), "%s", cases[i].settings);
		snprintf(events, sizeof(events), "%s", cases[i].events);
		snprintf(expected, sizeof(expected), "%s", cases[i].expected);
		join_case_create(&test);
		add_other_account(&test);
		for (char *word = strtok_r(settings, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
			set_option(&test.fixture.options, word);
		put_events(&test, events);
		compare_sums(&test, expected, &cases[i]);
		join_case_destroy(&test);
	}
}

/* The time of the only step of a slot; fails if there is not exactly one. */
static int64_t time_of(const struct join_case *test, unsigned slot)
{
	const struct step *found = NULL;
	for (size_t i = 0; i < test->steps.count; i++) {
		if (test->steps.steps[i].slot != slot)
			continue;
		assert_null(found);
		found = &test->steps.steps[i];
	}
	assert_non_null(found);
	assert_int_equal(found->delta, 1);
	return found->time_ms - START_MS;
}

static void assert_moves(const struct join_case *test, enum counter counter, int64_t own_ms,
			 int64_t opened_ms)
{
	assert_int_equal(counter_rows[counter].time, TIME_MOVED);
	assert_int_equal(time_of(test, slot_of[counter][BASIS_EVENT]), own_ms);
	assert_int_equal(time_of(test, slot_of[counter][BASIS_COHORT]), opened_ms);
}

static void assert_shared(const struct join_case *test, enum counter counter, int64_t time_ms)
{
	assert_int_equal(counter_rows[counter].time, TIME_SHARED);
	assert_int_equal(time_of(test, slot_of[counter][BASIS_EVENT]), time_ms);
	assert_int_equal(slot_of[counter][BASIS_COHORT], slot_of[counter][BASIS_EVENT]);
}

static void assert_delay(const struct join_case *test, enum histogram_kind kind, int64_t delay_ms,
			 int64_t own_ms,
			 int64_t opened_ms)
{
	unsigned bin = histogram_bin(delay_ms);
	assert_int_equal(time_of(test, slot_of_bin(kind, BASIS_EVENT, bin)), own_ms);
	assert_int_equal(time_of(test, slot_of_bin(kind, BASIS_COHORT, bin)), opened_ms);
}

/* What a conversation reached stands at its opening on basis cohort; kinds and categories on both. */
static void test_two_bases(void **state)
{
	(void)state;
	struct join_case test;
	char events[] = "click ad=a @1m; in ad=a words=9 @2m; out @4m; in ad=a words=9 @5m; out @6m; "
			"out @7h; out @8h; out @9h; customer @10h; refund @11h";
	const int64_t opened_ms = 2 * MINUTE_MS, sold_ms = 10 * AN_HOUR_MS;
	join_case_create(&test);
	put_events(&test, events);
	join_case_sum(&test.steps);
	assert_shared(&test, COUNTER_clicks, MINUTE_MS);
	assert_shared(&test, COUNTER_conversations, opened_ms);
	assert_shared(&test, COUNTER_kind_engaged, opened_ms);
	assert_shared(&test, COUNTER_audit_converted, opened_ms);
	assert_moves(&test, COUNTER_replies, 5 * MINUTE_MS, opened_ms);
	assert_moves(&test, COUNTER_response_under_5m, 4 * MINUTE_MS, opened_ms);
	assert_moves(&test, COUNTER_overfollowed, 9 * AN_HOUR_MS, opened_ms);
	static const enum counter sold[] = {COUNTER_qualified, COUNTER_implied_qualified, COUNTER_handoffs,
					    COUNTER_implied_handoff, COUNTER_customers, COUNTER_new_customers,
					    COUNTER_orders, COUNTER_customers_under_5m};
	for (size_t i = 0; i < sizeof(sold) / sizeof(*sold); i++)
		assert_moves(&test, sold[i], sold_ms, opened_ms);
	assert_moves(&test, COUNTER_refunds, 11 * AN_HOUR_MS, opened_ms);
	assert_delay(&test, HISTOGRAM_RESPONSE, 2 * MINUTE_MS, 4 * MINUTE_MS, opened_ms);
	assert_delay(&test, HISTOGRAM_CLOSE_TIME, sold_ms - opened_ms, sold_ms, opened_ms);
	assert_int_equal(sum_steps(&test, SLOT_kind_started, SERIES_NONE), 0);
	join_case_destroy(&test);
}

/* Unattributed money has no conversation to move to. */
static void test_unattributed_money_stays(void **state)
{
	(void)state;
	struct join_case test;
	char events[] = "customer @3h money=1";
	join_case_create(&test);
	put_events(&test, events);
	assert_moves(&test, COUNTER_orders, 3 * AN_HOUR_MS, 3 * AN_HOUR_MS);
	assert_moves(&test, COUNTER_revenue, 3 * AN_HOUR_MS, 3 * AN_HOUR_MS);
	join_case_destroy(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_two_bases),
		cmocka_unit_test(test_unattributed_money_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
