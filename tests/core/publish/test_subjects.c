/* Goal: what alerts are judged by is what the merger's cells say: windows as they are, everything else the
 * plain sum of the hours that the header names, for each entity and its account's own delays; and who has
 * sent nothing since when. Method: random hours of two ads and an organic one, summed here a second time.
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/diagnose/diagnose.h"
#include "core/publish/subjects.h"
#include "tests/core/fixture.h"

enum { AD_COUNT = 3, ORGANIC = 2, HOUR_COUNT = 60 * 24 };
enum { REPLY_HOURS = 2, CLOSE_HOURS = 5 * 24 };

static const char *const ads[AD_COUNT] = {"ad0", "ad1", "organic:act_kol"};

struct hour {
	int64_t opened;
	int64_t opens;
	int64_t replies; /* of those who opened then */
	int64_t customers;
};

struct stage {
	struct fixture fixture;
	struct merger *merger;
	struct subjects *subjects;
	struct hour hours[AD_COUNT][HOUR_COUNT];
	int64_t now_ms;
	size_t seen;
	struct subject last[LEVEL_COUNT + AD_COUNT];
};

static struct entity_ref ref_of(int ad)
{
	return (struct entity_ref){LEVEL_AD, ad == ORGANIC, slice_from(ads[ad])};
}

static int64_t hour_ms(int hour)
{
	return START_MS + hour * AN_HOUR_MS;
}

/* Who opened in an hour replied REPLY_HOURS later, and bought CLOSE_HOURS later. */
static void say_hour(struct stage *stage, int ad, int hour)
{
	const struct hour *said = &stage->hours[ad][hour];
	struct pane pane = {0};
	pane_add(&pane, SLOT_conversations, said->opened);
	pane_add(&pane, SLOT_opens, said->opens);
	pane_add(&pane, SLOT_click_cost, 1000000 * said->opened);
	pane_add(&pane, SLOT_cohort_replies, said->replies);
	pane_add(&pane, SLOT_cohort_customers, said->customers);
	pane_add(&pane, SLOT_kind_short, said->opened / 2);
	if (hour >= REPLY_HOURS)
		pane_add(&pane, SLOT_replies, stage->hours[ad][hour - REPLY_HOURS].replies);
	if (hour >= CLOSE_HOURS) {
		int64_t sold = stage->hours[ad][hour - CLOSE_HOURS].customers;
		pane_add(&pane, SLOT_customers, sold);
		pane_add(&pane, slot_of_bin(HISTOGRAM_CLOSE_TIME, BASIS_EVENT,
					    histogram_bin(CLOSE_HOURS * AN_HOUR_MS)), sold);
	}
	merger_put_span(stage->merger, 0, ref_of(ad), false, hour_ms(hour), hour_ms(hour + 1), &pane, 0);
	pane_clear(&pane);
}

static void say_names(struct stage *stage, int ad)
{
	struct names names;
	names_create(&names);
	static const char *const parents[PARENT_COUNT] = {"act_nyc", "cam", "set"};
	for (int level = 0; level < PARENT_COUNT; level++)
		names_note(&names, (enum name_field)level,
			   &(struct name_note){.time_ms = START_MS, .id = TEXT("e"),
					       .text = slice_from(parents[level])});
	merger_put_names(stage->merger, slice_from(ads[ad]), &names);
	names_destroy(&names);
}

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct random random = {3};
	assert_non_null(stage);
	fixture_create(&stage->fixture);
	stage->fixture.options.default_account = TEXT("act_nyc");
	stage->merger = merger_create(&stage->fixture.options, diagnose);
	stage->subjects = subjects_create(stage->merger);
	stage->now_ms = hour_ms(HOUR_COUNT) - 20 * MINUTE_MS;
	merger_advance(stage->merger, stage->now_ms);
	for (int ad = 0; ad < AD_COUNT; ad++) {
		if (ad != ORGANIC)
			say_names(stage, ad);
		for (int hour = 0; hour < HOUR_COUNT; hour++) {
			int64_t opened = (int64_t)random_below(&random, 9);
			int64_t replies = (int64_t)random_below(&random, (uint64_t)opened + 1);
			int64_t replied = hour + REPLY_HOURS < HOUR_COUNT ? replies : 0;
			int64_t bought = hour + CLOSE_HOURS < HOUR_COUNT ? replies / 2 : 0;
			stage->hours[ad][hour] = (struct hour){opened, opened + 1, replied, bought};
			say_hour(stage, ad, hour);
		}
	}
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	subjects_destroy(stage->subjects);
	merger_destroy(stage->merger);
	fixture_destroy(&stage->fixture);
	free(stage);
	return 0;
}

static void keep(void *ctx, const struct subject *subject)
{
	struct stage *stage = ctx;
	assert_true(stage->seen < LEVEL_COUNT + AD_COUNT);
	for (int level = 0; level < PARENT_COUNT; level++)
		assert_true(subject->parents[level] == SUBJECT_NONE || stage->seen > 0);
	stage->last[stage->seen++] = *subject;
}

static const struct subject *see(struct stage *stage, enum level level, const char *id)
{
	stage->seen = 0;
	subjects_each(stage->subjects, stage->now_ms, keep, stage);
	for (size_t i = 0; i < stage->seen; i++)
		if (stage->last[i].level == level && slice_equal(stage->last[i].id, slice_from(id)))
			return &stage->last[i];
	fail_msg("%s is not there", id);
	return NULL;
}

/* Of an ad, or of all of the account act_nyc. */
static struct hour sum_hours(const struct stage *stage, int only_ad, int64_t from_ms, int64_t to_ms)
{
	struct hour sum = {0};
	for (int ad = 0; ad < ORGANIC; ad++) {
		for (int hour = 0; hour < HOUR_COUNT; hour++) {
			const struct hour *said = &stage->hours[ad][hour];
			bool is_in = hour_ms(hour) >= from_ms && hour_ms(hour) < to_ms;
			if (!is_in || (only_ad >= 0 && ad != only_ad))
				continue;
			sum.opened += said->opened;
			sum.opens += said->opens;
			sum.replies += said->replies;
			sum.customers += said->customers;
		}
	}
	return sum;
}

static void assert_sums(const int64_t numbers[NUMBER_COUNT], const struct hour *sum)
{
	assert_int_equal(numbers[NUMBER_conversations], sum->opened);
	assert_int_equal(numbers[NUMBER_opens], sum->opens);
	assert_int_equal(numbers[NUMBER_replies], sum->replies);
	assert_int_equal(numbers[NUMBER_customers], sum->customers);
	assert_int_equal(numbers[NUMBER_spend], 1000000 * sum->opened); /* act_nyc: from clicks */
}

static void assert_span(const struct stage *stage, const struct subject *subject, int ad,
			enum alert_span at, int64_t from_ms, int64_t to_ms)
{
	const struct span_numbers *span = &subject->spans[at];
	assert_true(span->is_judged);
	assert_int_equal(span->from_ms, from_ms);
	assert_int_equal(span->to_ms, to_ms);
	struct hour observed = sum_hours(stage, ad, from_ms, to_ms);
	struct hour baseline = sum_hours(stage, ad, from_ms - 7 * DAY_MS, from_ms);
	assert_sums(span->observed, &observed);
	assert_sums(span->baseline, &baseline);
}

/* REPLY_HOURS is the mean, 2.303 times that the p90: 4 h 36 min before 23:40 is 19:03, so the hour of 18 is
 * the last of the cohort. The p90 of the customers is the bin of five days. */
static void test_spans_of_hours(void **state)
{
	struct stage *stage = *state;
	const struct subject *subjects[] = {see(stage, LEVEL_ACCOUNT, "act_nyc"), see(stage, LEVEL_AD, "ad1"),
					    see(stage, LEVEL_CAMPAIGN, "cam")};
	static const int ad_of[] = {-1, 1, -1};
	int64_t last_ms = hour_ms(HOUR_COUNT - 1);
	int64_t shown_ms = histogram_value_ms(histogram_bin(CLOSE_HOURS * AN_HOUR_MS));
	int64_t closed_ms = (stage->now_ms - shown_ms) / AN_HOUR_MS * AN_HOUR_MS;
	for (int i = 0; i < 3; i++) {
		assert_span(stage, subjects[i], ad_of[i], ALERT_SPAN_REPLY, last_ms - 4 * AN_HOUR_MS - DAY_MS,
			    last_ms - 4 * AN_HOUR_MS);
		assert_span(stage, subjects[i], ad_of[i], ALERT_SPAN_CUSTOMER, closed_ms - 7 * DAY_MS,
			    closed_ms);
		assert_span(stage, subjects[i], ad_of[i], ALERT_SPAN_MONTH_AGED, last_ms - 28 * DAY_MS,
			    last_ms - 7 * DAY_MS);
		assert_false(subjects[i]->spans[ALERT_SPAN_HANDOFF].is_judged); /* nobody ever */
	}
}

static void test_windows(void **state)
{
	struct stage *stage = *state;
	struct pane pane = {0};
	pane_add(&pane, SLOT_conversations, 40);
	pane_add(&pane, SLOT_opens, 60);
	pane_add(&pane, SLOT_response_under_5m, 3);
	pane_add(&pane, SLOT_response_over_1h, 5);
	merger_put_window(stage->merger, 0, ref_of(0), 1, &pane, 0);
	pane_clear(&pane);
	const struct subject *subject = see(stage, LEVEL_AD, "ad0");
	const struct span_numbers *hour = &subject->spans[ALERT_SPAN_HOUR];
	assert_true(hour->is_judged);
	assert_int_equal(hour->to_ms, stage->now_ms + MINUTE_MS);
	assert_int_equal(hour->from_ms, stage->now_ms + MINUTE_MS - AN_HOUR_MS);
	assert_int_equal(hour->observed[NUMBER_conversations], 40);
	assert_int_equal(hour->observed[NUMBER_opens], 60);
	assert_int_equal(hour->observed[NUMBER_responses], 8);
	assert_int_equal(hour->observed[NUMBER_slow_responses], 5);
	int64_t end_ms = hour_ms(HOUR_COUNT - 2); /* 22:41 began in it */
	struct hour baseline = sum_hours(stage, 0, end_ms - 7 * DAY_MS, end_ms);
	assert_sums(hour->baseline, &baseline);
}

static void test_who_is_seen(void **state)
{
	struct stage *stage = *state;
	const struct subject *ad = see(stage, LEVEL_AD, "ad0");
	assert_int_equal(stage->seen, 6); /* two accounts, a campaign, an adset, two ads */
	for (size_t i = 1; i < stage->seen; i++)
		assert_true(stage->last[i - 1].level <= stage->last[i].level);
	for (int level = 0; level < PARENT_COUNT; level++) {
		bool is_found = false;
		for (size_t i = 0; i < stage->seen; i++)
			is_found |= stage->last[i].number == ad->parents[level] &&
				    stage->last[i].level == (enum level)level;
		assert_true(is_found);
	}
	assert_string_equal(ad->currency.data, "USD");
}

static void test_median_ad(void **state)
{
	struct stage *stage = *state;
	static const char *const seen[] = {"ad0", "ad1"};
	int64_t least = INT64_MAX; /* by nearest rank the median of two is the smaller */
	for (int i = 0; i < 2; i++) {
		const struct subject *ad = see(stage, LEVEL_AD, seen[i]);
		const int64_t *numbers = ad->spans[ALERT_SPAN_MONTH_CUSTOMER].observed;
		int64_t cost = numbers[NUMBER_spend] / numbers[NUMBER_customers];
		least = cost < least ? cost : least;
	}
	stage->now_ms += AN_HOUR_MS; /* medians are of the ads as they were an hour ago */
	merger_advance(stage->merger, stage->now_ms);
	const struct subject *ad = see(stage, LEVEL_AD, "ad0");
	assert_int_equal(ad->medians.customer, least);
	/* Nobody ever qualified: the span has no delay, and no median is made in it. */
	assert_false(ad->spans[ALERT_SPAN_MONTH_QUALIFIED].is_judged);
	assert_int_equal(ad->medians.qualified, -1);
}

static void send_and_open(struct stage *stage, int hour, int64_t opened, int64_t sent)
{
	struct pane pane = {0};
	pane_add(&pane, SLOT_conversations, opened);
	pane_add(&pane, SLOT_messages_out, sent);
	merger_put_span(stage->merger, 0, ref_of(0), false, hour_ms(hour), hour_ms(hour + 1), &pane, 0);
	pane_clear(&pane);
}

static const struct subject *see_at(struct stage *stage, int64_t now_ms)
{
	stage->now_ms = now_ms;
	merger_advance(stage->merger, now_ms);
	return see(stage, LEVEL_AD, "ad0");
}

static void test_unanswered(void **state)
{
	struct stage *stage = *state;
	int hour = HOUR_COUNT;
	int64_t begin_ms = hour_ms(hour);
	see_at(stage, begin_ms);
	send_and_open(stage, hour, 5, 1);
	assert_int_equal(see_at(stage, begin_ms + 10 * MINUTE_MS)->unanswered_count, 0);
	send_and_open(stage, hour, 9, 1);
	assert_int_equal(see_at(stage, begin_ms + 50 * MINUTE_MS)->unanswered_count, 4);
	send_and_open(stage, hour, 10, 1); /* in its last minute, seen in the next hour */
	send_and_open(stage, hour + 1, 2, 0);
	const struct subject *ad = see_at(stage, begin_ms + 62 * MINUTE_MS);
	assert_int_equal(ad->unanswered_count, 7);
	assert_int_equal(ad->unanswered_since_ms, begin_ms + 50 * MINUTE_MS);
	send_and_open(stage, hour + 1, 3, 1);
	assert_int_equal(see_at(stage, begin_ms + 63 * MINUTE_MS)->unanswered_count, 0);
}

/* Who begins to look later, as after a restart, counts by whole hours, and says that there may be more. */
static void test_unanswered_before(void **state)
{
	struct stage *stage = *state;
	int hour = HOUR_COUNT;
	int64_t begin_ms = hour_ms(hour);
	send_and_open(stage, hour, 5, 1);
	send_and_open(stage, hour + 1, 3, 0);
	send_and_open(stage, hour + 3, 4, 0);
	const struct subject *ad = see_at(stage, begin_ms + 190 * MINUTE_MS);
	assert_int_equal(ad->unanswered_count, 7);
	assert_int_equal(ad->unanswered_since_ms, begin_ms + 120 * MINUTE_MS);
	assert_true(ad->is_unanswered_least);
	send_and_open(stage, hour + 4, 1, 0);
	send_and_open(stage, hour + 6, 1, 0);
	ad = see_at(stage, begin_ms + 370 * MINUTE_MS);
	assert_int_equal(ad->unanswered_count, 9);
	assert_true(ad->is_unanswered_least);
	send_and_open(stage, hour + 6, 2, 1);
	ad = see_at(stage, begin_ms + 371 * MINUTE_MS);
	assert_int_equal(ad->unanswered_count, 0);
	assert_false(ad->is_unanswered_least);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spans_of_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_median_ad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unanswered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unanswered_before, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
