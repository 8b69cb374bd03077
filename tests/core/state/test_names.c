/* Goal: what is known of an ad's names is a function of the set of events: each field is what the
 * newest (ts, id) that carries it says, in any order of arrival, repeated, or taken from stored bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/state/names.h"
#include "tests/core/fixture.h"

enum { EVENT_COUNT = 12 };

static struct slice letter(struct random *random, const char *letters, int count)
{
	return (struct slice){letters + random_below(random, count), 1};
}

static struct slice maybe(struct random *random)
{
	return random_percent(random, 40) ? letter(random, "ABCD", 4) : (struct slice){NULL, 0};
}

static void make_events(struct event *events, struct random *random)
{
	for (int i = 0; i < EVENT_COUNT; i++)
		events[i] = (struct event){
			.ts_ms = random_below(random, 6),
			.id = letter(random, "xyz", 3),
			.account = maybe(random),
			.campaign = maybe(random),
			.adset = maybe(random),
			.campaign_name = maybe(random),
			.adset_name = maybe(random),
			.ad_name = maybe(random),
		};
}

static struct slice field_of(const struct event *event, enum name_field field)
{
	switch (field) {
	case NAME_ACCOUNT:
		return event->account;
	case NAME_CAMPAIGN:
		return event->campaign;
	case NAME_ADSET:
		return event->adset;
	case NAME_CAMPAIGN_NAME:
		return event->campaign_name;
	case NAME_ADSET_NAME:
		return event->adset_name;
	default:
		return event->ad_name;
	}
}

/* The newest; of one event that says two things, the greater. */
static struct slice naive(const struct event *events, enum name_field field)
{
	const struct event *newest = NULL;
	for (int i = 0; i < EVENT_COUNT; i++) {
		const struct event *event = &events[i];
		if (field_of(event, field).len == 0)
			continue;
		int order = !newest ? 1 : (event->ts_ms > newest->ts_ms) - (event->ts_ms < newest->ts_ms);
		if (order == 0)
			order = slice_compare(event->id, newest->id);
		if (order == 0)
			order = slice_compare(field_of(event, field), field_of(newest, field));
		if (order > 0)
			newest = event;
	}
	return newest ? field_of(newest, field) : (struct slice){NULL, 0};
}

static void check(const struct names *names, const struct event *events)
{
	for (int field = 0; field < NAME_FIELD_COUNT; field++) {
		struct slice wanted = naive(events, (enum name_field)field);
		assert_int_equal(names->fields[field].time_ms != TIME_NONE, wanted.len != 0);
		if (wanted.len)
			assert_true(slice_equal(names->fields[field].text, wanted));
	}
}

static void test_any_order(void **state)
{
	(void)state;
	struct random random = {1};
	for (int round = 0; round < 300; round++) {
		struct event events[EVENT_COUNT];
		struct names names, stored;
		struct buffer page = {0};
		make_events(events, &random);
		names_create(&names);
		names_create(&stored);
		for (int i = 0; i < 3 * EVENT_COUNT; i++)
			names_note_event(&names, &events[random_below(&random, EVENT_COUNT)]);
		for (int i = 0; i < EVENT_COUNT; i++) /* by now nobody is missing */
			names_note_event(&names, &events[i]);
		check(&names, events);
		names_note_event(&stored, &events[0]);
		names_encode(&names, &page);
		struct reader reader = reader_of(buffer_slice(&page));
		names_decode(&stored, &reader);
		assert_true(reader_at_end(&reader) && !reader.failed);
		check(&stored, events);
		names_destroy(&names);
		names_destroy(&stored);
		buffer_destroy(&page);
	}
}

/* Says whether the text changed, which is less than whether the note is newer. */
static void test_says_what_changed(void **state)
{
	(void)state;
	struct names names;
	names_create(&names);
	assert_true(names_note(&names, NAME_AD_NAME, &(struct name_note){5, TEXT("b"), TEXT("Ad")}));
	assert_true(names.is_changed);
	names.is_changed = false;
	assert_false(names_note(&names, NAME_AD_NAME, &(struct name_note){5, TEXT("b"), TEXT("Ad")}));
	assert_false(names_note(&names, NAME_AD_NAME, &(struct name_note){5, TEXT("a"), TEXT("Other")}));
	assert_false(names_note(&names, NAME_AD_NAME, &(struct name_note){4, TEXT("z"), TEXT("Other")}));
	assert_false(names.is_changed);
	assert_false(names_note(&names, NAME_AD_NAME, &(struct name_note){6, TEXT("a"), TEXT("Ad")}));
	assert_true(names.is_changed);
	assert_false(names_note(&names, NAME_AD_NAME, &(struct name_note){5, TEXT("c"), TEXT("Other")}));
	assert_true(names_note(&names, NAME_AD_NAME, &(struct name_note){6, TEXT("b"), TEXT("Other")}));
	names_destroy(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_says_what_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
