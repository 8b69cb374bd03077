/* Goal: after any mix of what tasks say - totals of spans, names that move ads between campaigns,
 * accounts and time zones, reports, tasks that are dropped - the rows are those of a naive sum over
 * what was said last; and what was published last of each key is what the rows are, however often
 * there was no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/civil.h"
#include "core/publish/row_json.h"
#include "tests/core/publish/row_topic.h"

enum {
	AD_COUNT = 5,
	TASK_COUNT = 3,
	PLACE_COUNT = 3, /* account i, campaign i, adset i */
	WINDOW_NUMBERS = 2,
	HOUR_NUMBERS = 3,
	ZONE_COUNT = 3,
	DAY_NUMBERS = 3,
	SPAN_COUNT = WINDOW_NUMBERS + HOUR_NUMBERS + ZONE_COUNT * DAY_NUMBERS,
	FIRST_DAY = WINDOW_NUMBERS + HOUR_NUMBERS,
	REPORT_COUNT = 4,
};

static const char *const ads[AD_COUNT] = {"ad/0", "ad%1", "ad2", "ad3", "organic:act_nyc"};
static const char *const accounts[PLACE_COUNT] = {"act_kol", "act_nyc", "act_utc"};
static const char *const campaigns[PLACE_COUNT] = {"c0", "c1", "c2"};
static const char *const adsets[PLACE_COUNT] = {"s0", "s1", "s2"};
enum { ORGANIC = AD_COUNT - 1 };

struct said {
	int64_t clicks;
	int64_t click_cost;
	int64_t replies;
	int64_t cohort_replies;
	int64_t people;
};

struct model {
	struct fixture fixture;
	struct merger *merger;
	struct row_topic topic;
	struct random random;
	const struct zone *zones[ZONE_COUNT];
	struct said said[TASK_COUNT][AD_COUNT][SPAN_COUNT];
	int64_t people[TASK_COUNT][LEVEL_AD][PLACE_COUNT + 1][SPAN_COUNT]; /* said above ads */
	struct names names[AD_COUNT];
	struct reports reports[TASK_COUNT][AD_COUNT];
	int64_t now_ms;
	int name_count;
	int report_count;
};

static void create(struct model *model, uint64_t seed, unsigned full_percent)
{
	fixture_create(&model->fixture);
	struct options *options = &model->fixture.options;
	options->window_count = 0;
	fixture_add_window(options, "1h", AN_HOUR_MS, MINUTE_MS, 5 * SECOND_MS);
	fixture_add_window(options, "7d", 7 * DAY_MS, 6 * AN_HOUR_MS, MINUTE_MS);
	options->diagnosis = (struct diagnosis_options){.min_volume = 1 + (uint32_t)seed % 3 * 4,
							.drop_micros = 10000};
	model->random.state = seed;
	model->merger = merger_create(options, diagnose);
	row_topic_create(&model->topic, seed, full_percent);
	model->zones[0] = zone_utc();
	model->zones[1] = model->fixture.accounts[0].zone;
	model->zones[2] = model->fixture.accounts[1].zone;
	for (int i = 0; i < AD_COUNT; i++)
		names_create(&model->names[i]);
	model->now_ms = START_MS + 10 * DAY_MS;
	merger_advance(model->merger, model->now_ms);
}

static void destroy(struct model *model)
{
	for (int i = 0; i < AD_COUNT; i++)
		names_destroy(&model->names[i]);
	for (int i = 0; i < TASK_COUNT * AD_COUNT; i++)
		reports_destroy(&model->reports[i / AD_COUNT][i % AD_COUNT]);
	merger_destroy(model->merger);
	row_topic_destroy(&model->topic);
	fixture_destroy(&model->fixture);
}

static int below(struct model *model, int limit)
{
	return (int)random_below(&model->random, limit);
}

static const char *newest(const struct model *model, int ad, enum name_field field)
{
	static char texts[8][32];
	static int next;
	const struct name_note *note = &model->names[ad].fields[field];
	if (note->time_ms == TIME_NONE)
		return "";
	char *text = texts[next++ % 8];
	snprintf(text, sizeof(texts[0]), "%.*s", (int)note->text.len, note->text.data);
	return text;
}

/* Where an ad belongs at a level, "" nowhere. */
static const char *parent_of(const struct model *model, int ad, enum level level)
{
	if (ad == ORGANIC)
		return level == LEVEL_ACCOUNT ? "act_nyc" : "";
	const char *text = newest(model, ad, (enum name_field)level);
	return level == LEVEL_ACCOUNT && !*text ? "default" : text;
}

static int zone_of(const struct model *model, int ad)
{
	const char *account = parent_of(model, ad, LEVEL_ACCOUNT);
	return strcmp(account, "act_kol") == 0 ? 1 : strcmp(account, "act_nyc") == 0 ? 2 : 0;
}

/* The bounds of a span by its number; windows, hours, then days of each zone around the change of clocks. */
static void span_bounds(const struct model *model, int span, int64_t *from_ms, int64_t *to_ms)
{
	if (span < WINDOW_NUMBERS) {
		const struct window_options *window = &model->fixture.options.windows[span];
		*to_ms = (civil_floor(model->now_ms, window->slide_ms) + 1) * window->slide_ms;
		*from_ms = *to_ms - window->length_ms;
	} else if (span < FIRST_DAY) {
		*from_ms = START_MS + 8 * DAY_MS + span * AN_HOUR_MS;
		*to_ms = *from_ms + AN_HOUR_MS;
	} else {
		const struct zone *zone = model->zones[(span - FIRST_DAY) / DAY_NUMBERS];
		int64_t day = START_MS / DAY_MS + 8 + (span - FIRST_DAY) % DAY_NUMBERS;
		*from_ms = zone_day_start_ms(zone, day);
		*to_ms = zone_day_start_ms(zone, day + 1);
	}
}

static bool span_is_of(int span, int zone)
{
	return span < FIRST_DAY || (span - FIRST_DAY) / DAY_NUMBERS == zone;
}

static void put(struct model *model, int task, struct entity_ref ref, int span, const struct pane *pane,
		int64_t people)
{
	int64_t from_ms, to_ms;
	span_bounds(model, span, &from_ms, &to_ms);
	if (span < WINDOW_NUMBERS)
		merger_put_window(model->merger, (uint32_t)task, ref, (size_t)span, pane, people);
	else
		merger_put_span(model->merger, (uint32_t)task, ref, span >= FIRST_DAY, from_ms, to_ms, pane,
				people);
}

static struct entity_ref ref_of_ad(int ad)
{
	return (struct entity_ref){LEVEL_AD, ad == ORGANIC, slice_from(ads[ad])};
}

/* Rates of all sizes, on which diagnoses hang: no row holds something only because of them. */
static void add_judged(struct pane *pane, const struct said *said)
{
	pane_add(pane, SLOT_conversations, 5 * said->clicks);
	pane_add(pane, SLOT_qualified, said->click_cost);
	pane_add(pane, SLOT_cohort_qualified, 4 * said->replies);
	pane_add(pane, SLOT_handoffs, said->click_cost / 2);
	pane_add(pane, SLOT_cohort_handoffs, said->click_cost);
	pane_add(pane, SLOT_customers, said->replies);
	pane_add(pane, SLOT_cohort_customers, said->cohort_replies);
}

static void say_ad(struct model *model)
{
	int task = below(model, TASK_COUNT), ad = below(model, AD_COUNT), span = below(model, SPAN_COUNT);
	bool is_zero = below(model, 4) == 0;
	struct said said = {below(model, 5), below(model, 9), below(model, 3), below(model, 3),
			    below(model, 4)};
	if (is_zero)
		said = (struct said){0};
	struct pane pane = {0};
	pane_add(&pane, SLOT_clicks, said.clicks);
	pane_add(&pane, SLOT_click_cost, said.click_cost);
	pane_add(&pane, SLOT_replies, said.replies);
	pane_add(&pane, SLOT_cohort_replies, said.cohort_replies);
	pane_add(&pane, slot_of_bin(HISTOGRAM_RESPONSE, BASIS_EVENT, 7), said.replies);
	add_judged(&pane, &said);
	put(model, task, ref_of_ad(ad), span, &pane, said.people);
	pane_clear(&pane);
	if (span_is_of(span, zone_of(model, ad)))
		model->said[task][ad][span] = said;
}

static const char *place_name(enum level level, int place)
{
	if (place == PLACE_COUNT)
		return "default";
	return level == LEVEL_ACCOUNT ? accounts[place] : level == LEVEL_CAMPAIGN
		? campaigns[place] : adsets[place];
}

static void say_people(struct model *model)
{
	int task = below(model, TASK_COUNT), span = below(model, SPAN_COUNT);
	enum level level = (enum level)below(model, LEVEL_AD);
	int place = below(model, level == LEVEL_ACCOUNT ? PLACE_COUNT + 1 : PLACE_COUNT);
	int64_t people = below(model, 4);
	put(model, task, (struct entity_ref){level, false, slice_from(place_name(level, place))}, span, NULL,
	    people);
	model->people[task][level][place][span] = people;
}

/* An ad in another time zone has other days: they are empty until they are said. */
static void forget_days(struct model *model, int ad)
{
	for (int task = 0; task < TASK_COUNT; task++)
		memset(&model->said[task][ad][FIRST_DAY], 0, sizeof(struct said) * (SPAN_COUNT - FIRST_DAY));
}

static void say_names(struct model *model)
{
	int ad = below(model, ORGANIC), place = below(model, PLACE_COUNT), zone = zone_of(model, ad);
	char id[16], before[PARENT_COUNT][32];
	int len = snprintf(id, sizeof(id), "n%03d", model->name_count++);
	struct event event = {.ts_ms = below(model, 20), .id = {id, (size_t)len}};
	const char *parents[PARENT_COUNT] = {accounts[place], campaigns[place],
					     adsets[below(model, PLACE_COUNT)]};
	event.account = below(model, 3) ? slice_from(parents[0]) : (struct slice){NULL, 0};
	event.campaign = below(model, 3) ? slice_from(parents[1]) : (struct slice){NULL, 0};
	event.adset = below(model, 3) ? slice_from(parents[2]) : (struct slice){NULL, 0};
	event.campaign_name = below(model, 2) ? slice_from(ads[below(model, 4)]) : (struct slice){NULL, 0};
	event.ad_name = below(model, 2) ? slice_from(ads[below(model, 4)]) : (struct slice){NULL, 0};
	for (int level = 0; level < PARENT_COUNT; level++)
		snprintf(before[level], sizeof(before[level]), "%s", parent_of(model, ad, (enum level)level));
	names_note_event(&model->names[ad], &event);
	struct names said;
	names_create(&said);
	names_note_event(&said, &event);
	bool has_moved = merger_put_names(model->merger, slice_from(ads[ad]), &said);
	names_destroy(&said);
	struct parents now = merger_parents(model->merger, slice_from(ads[ad]));
	bool is_other = false;
	for (int level = 0; level < PARENT_COUNT; level++) {
		const char *wanted = parent_of(model, ad, (enum level)level);
		is_other |= strcmp(before[level], wanted) != 0;
		assert_true(slice_equal(now.ids[level], slice_from(wanted)));
	}
	assert_int_equal(has_moved, is_other);
	if (zone_of(model, ad) != zone)
		forget_days(model, ad);
}

static void say_reports(struct model *model)
{
	int task = below(model, TASK_COUNT), ad = below(model, ORGANIC);
	struct reports *reports = &model->reports[task][ad];
	char id[16];
	int len = snprintf(id, sizeof(id), "r%03d", model->report_count++);
	struct report report = {.from_ms = START_MS + 7 * DAY_MS + below(model, 5) * 12 * AN_HOUR_MS,
				.reported_at_ms = below(model, 100),
				.amounts = {below(model, 9), below(model, 9), below(model, 9),
					    below(model, 1000)},
				.id = {id, (size_t)len}};
	report.to_ms = report.from_ms + 1 + below(model, 2 * DAY_MS);
	if (reports->count < REPORT_COUNT)
		reports_put(reports, &report);
	else
		reports_forget(reports, report.to_ms);
	merger_put_reports(model->merger, (uint32_t)task, slice_from(ads[ad]), reports);
}

/* A task that was dropped and read back says its reports again, and numbers when they change. */
static void drop_task(struct model *model)
{
	int task = below(model, TASK_COUNT);
	merger_drop_task(model->merger, (uint32_t)task);
	memset(model->said[task], 0, sizeof(model->said[task]));
	memset(model->people[task], 0, sizeof(model->people[task]));
	for (int ad = 0; ad < ORGANIC; ad++)
		merger_put_reports(model->merger, (uint32_t)task, slice_from(ads[ad]),
				   &model->reports[task][ad]);
}

static void move_on(struct model *model)
{
	model->now_ms += below(model, 4) ? below(model, (int)(3 * MINUTE_MS)) : random_below(&model->random,
											     DAY_MS / 2);
	merger_advance(model->merger, model->now_ms);
}

static void publish(struct model *model)
{
	size_t limit = (size_t)below(model, 30), before = model->topic.sent_count;
	model->topic.wall_ms += below(model, (int)(20 * SECOND_MS));
	size_t count = merger_publish(model->merger, model->topic.wall_ms, limit,
				      (uint64_t)below(model, 1000),
				      row_topic_put, &model->topic);
	assert_true(count <= limit + (limit > 0)); /* the two rows of a cell are not torn apart */
	assert_int_equal(count, model->topic.sent_count - before);
	assert_true(merger_revision(model->merger) >= (uint64_t)model->topic.revision);
}

static void act(struct model *model)
{
	int choice = below(model, 100);
	if (choice < 45)
		say_ad(model);
	else if (choice < 60)
		say_people(model);
	else if (choice < 72)
		say_names(model);
	else if (choice < 80)
		say_reports(model);
	else if (choice < 82)
		drop_task(model);
	else if (choice < 88)
		move_on(model);
	else
		publish(model);
}

struct wanted {
	struct said sums;
	int64_t amounts[AMOUNT_COUNT];
};

static void add_reports(const struct model *model, int ad, int64_t from_ms, int64_t to_ms,
			struct wanted *wanted)
{
	struct reports all = {0};
	for (int task = 0; task < TASK_COUNT; task++)
		for (size_t i = 0; i < model->reports[task][ad].count; i++)
			reports_put(&all, &model->reports[task][ad].reports[i]);
	reports_sum(&all, from_ms, to_ms, wanted->amounts);
	reports_destroy(&all);
}

/* An ad's own numbers in a span, which for days must be one of its zone. */
static void add_ad(const struct model *model, int ad, int span, struct wanted *wanted)
{
	int64_t from_ms, to_ms;
	if (!span_is_of(span, zone_of(model, ad)))
		return;
	span_bounds(model, span, &from_ms, &to_ms);
	add_reports(model, ad, from_ms, to_ms, wanted);
	for (int task = 0; task < TASK_COUNT; task++) {
		const struct said *said = &model->said[task][ad][span];
		wanted->sums.clicks += said->clicks;
		wanted->sums.click_cost += said->click_cost;
		wanted->sums.replies += said->replies;
		wanted->sums.cohort_replies += said->cohort_replies;
	}
}

/* Whose account a parent shows: what the newest note of its ads says. */
static const char *shown_account(const struct model *model, enum level level, const char *id)
{
	const struct name_note *best = NULL;
	for (int ad = 0; ad < ORGANIC; ad++) {
		const struct name_note *note = &model->names[ad].fields[NAME_ACCOUNT];
		if (strcmp(parent_of(model, ad, level), id) != 0 || note->time_ms == TIME_NONE)
			continue;
		if (!best || note->time_ms > best->time_ms ||
		    (note->time_ms == best->time_ms && slice_compare(note->id, best->id) > 0))
			best = note;
	}
	static char text[32];
	snprintf(text, sizeof(text), "%.*s", best ? (int)best->text.len : 7, best
		 ? best->text.data : "default");
	return level == LEVEL_ACCOUNT ? id : text;
}

struct printed {
	char **keys;
	char **values;
	size_t count;
	size_t used;
};

static bool keep_printed(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct printed *printed = ctx;
	(void)is_history;
	printed->keys = realloc(printed->keys, (printed->count + 1) * sizeof(char *));
	printed->values = realloc(printed->values, (printed->count + 1) * sizeof(char *));
	assert_true(printed->keys && printed->values);
	printed->keys[printed->count] = row_topic_copy(key);
	printed->values[printed->count++] = row_topic_copy(value);
	return true;
}

static const char *find_printed(const struct printed *printed, const struct row *row)
{
	struct buffer key = {0};
	const char *found = NULL;
	row_put_key(row, &key);
	for (size_t i = 0; i < printed->count && !found; i++)
		if (slice_equal(slice_from(printed->keys[i]), buffer_slice(&key)))
			found = printed->values[i];
	buffer_destroy(&key);
	return found;
}

static bool is_nothing(const struct wanted *wanted, enum basis basis)
{
	int64_t any = wanted->sums.clicks | wanted->sums.click_cost | wanted->sums.people;
	any |= basis == BASIS_EVENT ? wanted->sums.replies : wanted->sums.cohort_replies;
	for (int i = 0; i < AMOUNT_COUNT; i++)
		any |= wanted->amounts[i];
	return any == 0;
}

static void check_row(const struct model *model, struct printed *printed, const struct row *row, int span,
		      const struct wanted *wanted, const char *account)
{
	const char *value = find_printed(printed, row);
	bool is_from_clicks = strcmp(account, "act_nyc") == 0;
	struct wanted shown = *wanted;
	if (is_from_clicks) /* what reports say of spend is not shown */
		shown.amounts[AMOUNT_SPEND] = shown.sums.click_cost;
	assert_int_equal(value != NULL, !is_nothing(&shown, row->basis));
	if (!value)
		return;
	printed->used++;
	assert_int_equal(row_micros(value, "clicks"), shown.sums.clicks * 1000000);
	assert_int_equal(row_micros(value, "click_cost"), shown.sums.click_cost);
	assert_int_equal(row_micros(value, "people"), shown.sums.people * 1000000);
	assert_int_equal(row_micros(value, "spend"), shown.amounts[AMOUNT_SPEND]);
	assert_int_equal(row_micros(value, "impressions"), shown.amounts[AMOUNT_IMPRESSIONS] * 1000000);
	assert_int_equal(row_micros(value, "replies"),
			 (row->basis ? shown.sums.cohort_replies : shown.sums.replies) * 1000000);
	bool has_times = row->basis == BASIS_EVENT && shown.sums.replies;
	assert_non_null(strstr(value, has_times ? "\"response_p50\":0.007," : "\"response_p50\":null,"));
	int64_t from_ms, to_ms;
	span_bounds(model, span, &from_ms, &to_ms);
	assert_int_equal(row_micros(value, "from_ms"), from_ms * 1000000);
	assert_int_equal(row_micros(value, "to_ms"), to_ms * 1000000);
}

static void check_entity(const struct model *model, struct printed *printed, struct row *row, int span,
			 const struct wanted *wanted, const char *account)
{
	int64_t to_ms;
	span_bounds(model, span, &row->from_ms, &to_ms);
	row->kind = span < WINDOW_NUMBERS ? ROW_ROLLING : ROW_BUCKET;
	row->window = slice_from(span < WINDOW_NUMBERS ? model->fixture.options.windows[span].name
				 : span < FIRST_DAY    ? "1h"
						       : "1d");
	for (enum basis basis = 0; basis < BASIS_COUNT; basis++) {
		row->basis = basis;
		check_row(model, printed, row, span, wanted, account);
	}
}

static void check_ads(const struct model *model, struct printed *printed, int span)
{
	for (int ad = 0; ad < AD_COUNT; ad++) {
		struct wanted wanted = {0};
		struct row row = {.level = LEVEL_AD, .id = slice_from(ads[ad])};
		add_ad(model, ad, span, &wanted);
		for (int task = 0; task < TASK_COUNT; task++)
			wanted.sums.people += model->said[task][ad][span].people;
		check_entity(model, printed, &row, span, &wanted, parent_of(model, ad, LEVEL_ACCOUNT));
	}
}

static void check_parents(const struct model *model, struct printed *printed, enum level level, int span)
{
	for (int place = 0; place <= (level == LEVEL_ACCOUNT ? PLACE_COUNT : PLACE_COUNT - 1); place++) {
		struct wanted wanted = {0};
		const char *id = place_name(level, place);
		struct row row = {.level = level, .id = slice_from(id)};
		for (int ad = 0; ad < AD_COUNT; ad++)
			if (strcmp(parent_of(model, ad, level), id) == 0)
				add_ad(model, ad, span, &wanted);
		for (int task = 0; task < TASK_COUNT; task++)
			wanted.sums.people += model->people[task][level][place][span];
		check_entity(model, printed, &row, span, &wanted, shown_account(model, level, id));
	}
}

/* Rows of days by reports outside the numbered ones are only counted. */
static bool is_numbered(const struct model *model, const char *value)
{
	bool is_window = strstr(value, "\"kind\":\"rolling\"") != NULL;
	for (int span = is_window ? 0 : WINDOW_NUMBERS; span < (is_window
								? WINDOW_NUMBERS : SPAN_COUNT); span++) {
		int64_t from_ms, to_ms;
		span_bounds(model, span, &from_ms, &to_ms);
		if (row_micros(value, "from_ms") == from_ms * 1000000 &&
		    row_micros(value, "to_ms") == to_ms * 1000000)
			return true;
	}
	return false;
}

static void check(const struct model *model)
{
	struct printed printed = {0};
	merger_check(model->merger);
	merger_print(model->merger, keep_printed, &printed);
	for (int span = 0; span < SPAN_COUNT; span++) {
		check_ads(model, &printed, span);
		for (enum level level = 0; level < LEVEL_AD; level++)
			check_parents(model, &printed, level, span);
	}
	size_t numbered_count = 0;
	for (size_t i = 0; i < printed.count; i++) {
		numbered_count += is_numbered(model, printed.values[i]);
		assert_true(i == 0 || strcmp(printed.keys[i - 1], printed.keys[i]) <= 0);
		assert_int_equal(row_micros(printed.values[i], "revision"), 0);
	}
	assert_int_equal(numbered_count, printed.used);
	for (size_t i = 0; i < printed.count; i++) {
		free(printed.keys[i]);
		free(printed.values[i]);
	}
	free(printed.keys);
	free(printed.values);
}

/* Once nothing waits any more, the last row of each key is what the row is. */
static void check_published(struct model *model)
{
	row_topic_drain(&model->topic, model->merger);
	row_topic_check_against(&model->topic, model->merger);
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct model *model = calloc(1, sizeof(*model));
		assert_non_null(model);
		create(model, seed, seed % 2 ? 20 : 0);
		for (int i = 0; i < 400; i++) {
			act(model);
			if (i % 40 == 0)
				check(model);
			if (i % 25 == 0)
				check_published(model);
		}
		check(model);
		check_published(model);
		destroy(model);
		free(model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
