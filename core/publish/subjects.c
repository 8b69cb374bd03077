#include "core/publish/subjects.h"

#include <stdlib.h>

#include "core/base/civil.h"
#include "core/base/hash.h"
#include "core/publish/cells.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

enum { BASELINE_DAYS = 7, AGED_DAYS = 7, MINUTES_AN_HOUR = 60, UNANSWERED_HOURS = 24 };
enum { P90_PER_MEAN_PERMILLE = 2303, CUSTOMER_PERCENT = 90 };

struct observed {
	struct subject subject;
	enum spend_source spend_from;
	int64_t made_hour;  /* of the sums over hours; INT64_MIN: never */
	int64_t open_hour;  /* the hour whose cell was seen last, as from_ms; TIME_NONE: none */
	int64_t opened;     /* what it held then */
	int64_t sent;
	/* accounts */
	int64_t delays_ms[JUDGED_RUNG_COUNT]; /* p90 from the opening; -1: nobody reached it */
	int64_t first_ms;                     /* where history begins */
};

struct subjects {
	const struct merger *merger;
	size_t windows[ALERT_SPAN_COUNT]; /* SIZE_MAX: there is none of that length */
	struct observed *observed;        /* by entity */
	uint32_t count;
	int64_t *costs; /* room to find a median in */
	size_t cost_capacity;
};

struct subjects *subjects_create(const struct merger *merger)
{
	struct subjects *subjects = calloc(1, sizeof(*subjects));
	CHECK(subjects);
	subjects->merger = merger;
	for (int span = 0; span < ALERT_SPAN_COUNT; span++) {
		subjects->windows[span] = SIZE_MAX;
		for (size_t w = 0; w < merger->options->window_count; w++)
			if (merger->options->windows[w].length_ms == alert_span_rows[span].length_ms)
				subjects->windows[span] = w;
	}
	return subjects;
}

void subjects_destroy(struct subjects *subjects)
{
	if (!subjects)
		return;
	free(subjects->observed);
	free(subjects->costs);
	free(subjects);
}

/* ---- Numbers of cells ---- */

static void add_cell(const struct cell *cell, enum spend_source spend_from, int64_t numbers[NUMBER_COUNT])
{
	const int64_t *sums = cell->sums.sums;
	numbers[NUMBER_opens] += sums[SLOT_opens];
	numbers[NUMBER_conversations] += sums[SLOT_conversations];
	numbers[NUMBER_slow_responses] += sums[SLOT_response_under_1h] + sums[SLOT_response_over_1h];
	numbers[NUMBER_responses] += sums[SLOT_response_under_5m] + sums[SLOT_response_under_1h] +
				     sums[SLOT_response_over_1h];
	numbers[NUMBER_replies] += sums[SLOT_cohort_replies];
	numbers[NUMBER_qualified] += sums[SLOT_cohort_qualified];
	numbers[NUMBER_handoffs] += sums[SLOT_cohort_handoffs];
	numbers[NUMBER_customers] += sums[SLOT_cohort_customers];
	numbers[NUMBER_junk] += sums[SLOT_kind_auto] + sums[SLOT_kind_prefilled] + sums[SLOT_kind_short];
	numbers[NUMBER_untagged] += sums[SLOT_audit_untagged];
	numbers[NUMBER_overfollowed] += sums[SLOT_overfollowed];
	numbers[NUMBER_reported_conversations] += cell->amounts[AMOUNT_CONVERSATIONS];
	numbers[NUMBER_spend] +=
		spend_from == SPEND_FROM_CLICKS ? sums[SLOT_click_cost] : cell->amounts[AMOUNT_SPEND];
}

static void finish_numbers(int64_t numbers[NUMBER_COUNT])
{
	int64_t uncounted = numbers[NUMBER_reported_conversations] - numbers[NUMBER_conversations];
	numbers[NUMBER_uncounted] = uncounted > 0 ? uncounted : 0;
}

static int64_t floor_hour(int64_t time_ms)
{
	return civil_floor(time_ms, HOUR_MS) * HOUR_MS;
}

/* ---- Delays of an account ---- */

static int64_t p90_by_mean_ms(const struct cell_list *hours, enum counter counter)
{
	int64_t reached = 0, opened = 0, waited_hours = 0;
	int64_t base_ms = hours->count ? hours->cells[0]->span.from_ms : 0;
	for (size_t i = 0; i < hours->count; i++) {
		int64_t hour = (hours->cells[i]->span.from_ms - base_ms) / HOUR_MS;
		int64_t at_event = hours->cells[i]->sums.sums[slot_of[counter][BASIS_EVENT]];
		int64_t at_opening = hours->cells[i]->sums.sums[slot_of[counter][BASIS_COHORT]];
		reached += at_event;
		opened += at_opening;
		waited_hours += hour * (at_event - at_opening);
	}
	/* What history has forgotten of either end belongs to nobody here. */
	int64_t count = reached < opened ? reached : opened;
	if (count <= 0)
		return -1;
	return waited_hours > 0 ? waited_hours * (HOUR_MS / 1000) * P90_PER_MEAN_PERMILLE / count : 0;
}

static int64_t p90_of_customers_ms(const struct cell_list *hours)
{
	struct pane all = {0};
	for (size_t i = 0; i < hours->count; i++)
		if (hours->cells[i]->sums.sums[SLOT_customers])
			pane_add_pane(&all, &hours->cells[i]->sums, 1);
	int64_t delay_ms = pane_quantile_ms(&all, HISTOGRAM_CLOSE_TIME, BASIS_EVENT, CUSTOMER_PERCENT);
	pane_clear(&all);
	return delay_ms;
}

static void find_delays(const struct entity *account, struct observed *observed)
{
	observed->first_ms = account->hours.count ? account->hours.cells[0]->span.from_ms : INT64_MAX;
	observed->delays_ms[RUNG_REPLY] = p90_by_mean_ms(&account->hours, COUNTER_replies);
	observed->delays_ms[RUNG_QUALIFIED] = p90_by_mean_ms(&account->hours, COUNTER_qualified);
	observed->delays_ms[RUNG_HANDOFF] = p90_by_mean_ms(&account->hours, COUNTER_handoffs);
	observed->delays_ms[RUNG_CUSTOMER] = p90_of_customers_ms(&account->hours);
}

/* ---- Sums over hours ---- */

struct bounds {
	int64_t baseline_from_ms;
	int64_t from_ms; /* where the baseline ends */
	int64_t to_ms;
};

static struct bounds bounds_of(const struct subjects *subjects, const struct observed *account,
			       enum alert_span span, int64_t now_ms)
{
	const struct alert_span_row *row = &alert_span_rows[span];
	struct bounds bounds = {0};
	if (row->kind == ALERT_SPAN_KIND_WINDOW) {
		size_t window = subjects->windows[span];
		int64_t end_ms = window == SIZE_MAX ? now_ms : subjects->merger->window_ends_ms[window];
		bounds.from_ms = bounds.to_ms = floor_hour(end_ms - row->length_ms);
	} else if (row->kind == ALERT_SPAN_KIND_COHORT) {
		int64_t delay_ms = account->delays_ms[row->rung];
		bounds.to_ms = floor_hour(now_ms - (delay_ms < 0 ? 0 : delay_ms));
		bounds.from_ms = bounds.to_ms - row->length_ms;
	} else {
		bounds.to_ms = floor_hour(now_ms - AGED_DAYS * DAY_MS);
		bounds.from_ms = floor_hour(now_ms - row->length_ms);
	}
	bounds.baseline_from_ms = bounds.from_ms - BASELINE_DAYS * DAY_MS;
	return bounds;
}

static bool span_is_judged(const struct subjects *subjects, const struct observed *account,
			   enum alert_span span, const struct bounds *bounds)
{
	const struct alert_span_row *row = &alert_span_rows[span];
	if (row->kind == ALERT_SPAN_KIND_WINDOW)
		return subjects->windows[span] != SIZE_MAX;
	if (row->kind == ALERT_SPAN_KIND_AGED)
		return true;
	/* Of a month half is enough; it has no baseline. */
	bool is_month = row->length_ms > BASELINE_DAYS * DAY_MS;
	int64_t needed_ms = is_month ? bounds->from_ms + row->length_ms / 2 : bounds->baseline_from_ms;
	return account->delays_ms[row->rung] >= 0 && account->first_ms <= needed_ms;
}

/* The first hour that begins at a time or later. */
static size_t first_hour_from(const struct cell_list *hours, int64_t from_ms)
{
	size_t low = 0, high = hours->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (hours->cells[middle]->span.from_ms < from_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_numbers(int64_t to[NUMBER_COUNT], const int64_t numbers[NUMBER_COUNT])
{
	for (int i = 0; i < NUMBER_COUNT; i++)
		to[i] += numbers[i];
}

/* An hour, to every span that it is in. */
static void add_hour(const struct cell *cell, const struct bounds all[ALERT_SPAN_COUNT],
		     struct observed *observed)
{
	int64_t numbers[NUMBER_COUNT] = {0}, from_ms = cell->span.from_ms;
	add_cell(cell, observed->spend_from, numbers);
	for (int i = 0; i < ALERT_SPAN_COUNT; i++) {
		struct span_numbers *span = &observed->subject.spans[i];
		if (from_ms >= all[i].baseline_from_ms && from_ms < all[i].from_ms)
			add_numbers(span->baseline, numbers);
		else if (from_ms >= all[i].from_ms && from_ms < all[i].to_ms)
			add_numbers(span->observed, numbers);
	}
}

static void make_sums(const struct subjects *subjects, const struct entity *entity,
		      const struct observed *account, struct observed *observed, int64_t now_ms)
{
	struct bounds all[ALERT_SPAN_COUNT];
	int64_t first_ms = INT64_MAX;
	for (int i = 0; i < ALERT_SPAN_COUNT; i++) {
		all[i] = bounds_of(subjects, account, (enum alert_span)i, now_ms);
		first_ms = all[i].baseline_from_ms < first_ms ? all[i].baseline_from_ms : first_ms;
		observed->subject.spans[i] = (struct span_numbers){
			.is_judged = span_is_judged(subjects, account, (enum alert_span)i, &all[i]),
			.from_ms = all[i].from_ms,
			.to_ms = all[i].to_ms,
		};
	}
	for (size_t at = first_hour_from(&entity->hours, first_ms); at < entity->hours.count; at++)
		add_hour(entity->hours.cells[at], all, observed);
	for (int i = 0; i < ALERT_SPAN_COUNT; i++) {
		finish_numbers(observed->subject.spans[i].baseline);
		finish_numbers(observed->subject.spans[i].observed);
	}
}

/* ---- The median ad ---- */

static int compare_costs(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

/* Of the ads with min_volume conversations; one that brings none of what is paid for is the dearest. */
static int64_t find_median(struct subjects *subjects, const struct entity *account, enum alert_span span,
			   enum alert_number number)
{
	size_t count = 0;
	const struct entity *ad;
	for (uint32_t at = account->first_ad; at != ENTITY_NONE; at = ad->next_ad[LEVEL_ACCOUNT]) {
		ad = &subjects->merger->entities[at];
		const int64_t *numbers = subjects->observed[at].subject.spans[span].observed;
		if (ad->is_organic ||
		    numbers[NUMBER_conversations] < subjects->merger->options->diagnosis.min_volume)
			continue;
		if (count == subjects->cost_capacity) {
			subjects->cost_capacity = count ? 2 * count : 64;
			subjects->costs = realloc(subjects->costs, subjects->cost_capacity * sizeof(int64_t));
			CHECK(subjects->costs);
		}
		subjects->costs[count++] = numbers[number] > 0 ? numbers[NUMBER_spend] / numbers[number]
							       : INT64_MAX;
	}
	if (count == 0)
		return -1;
	qsort(subjects->costs, count, sizeof(int64_t), compare_costs);
	int64_t median = subjects->costs[(count - 1) / 2];
	return median == INT64_MAX ? -1 : median;
}

static void find_medians(struct subjects *subjects, const struct entity *account, struct observed *observed)
{
	observed->subject.medians = (struct median_costs){
		find_median(subjects, account, ALERT_SPAN_MONTH_QUALIFIED, NUMBER_conversations),
		find_median(subjects, account, ALERT_SPAN_MONTH_QUALIFIED, NUMBER_qualified),
		find_median(subjects, account, ALERT_SPAN_MONTH_CUSTOMER, NUMBER_customers),
	};
}

/* ---- What changes from minute to minute ---- */

static void observe_windows(const struct subjects *subjects, const struct entity *entity,
			    struct observed *observed)
{
	for (int i = 0; i < ALERT_SPAN_COUNT; i++) {
		size_t window = subjects->windows[i];
		struct span_numbers *span = &observed->subject.spans[i];
		if (alert_span_rows[i].kind != ALERT_SPAN_KIND_WINDOW || window == SIZE_MAX)
			continue;
		span->to_ms = subjects->merger->window_ends_ms[window];
		span->from_ms = span->to_ms - alert_span_rows[i].length_ms;
		memset(span->observed, 0, sizeof(span->observed));
		if (entity->windows[window])
			add_cell(entity->windows[window], observed->spend_from, span->observed);
		finish_numbers(span->observed);
	}
}

static const struct cell *hour_cell(const struct subjects *subjects, uint32_t at, int64_t from_ms)
{
	return cell_find(subjects->merger, at, &(struct span){SPAN_HOUR, 0, from_ms, from_ms + HOUR_MS});
}

/* Takes what the hour of open_hour gained since it was seen last, up to to_ms. */
static void take_gain(const struct subjects *subjects, uint32_t at, struct observed *observed, int64_t to_ms,
		      bool is_first)
{
	struct subject *subject = &observed->subject;
	const struct cell *cell = hour_cell(subjects, at, observed->open_hour);
	if (!cell)
		return;
	int64_t opened = cell->sums.sums[SLOT_conversations] - observed->opened;
	int64_t sent = cell->sums.sums[SLOT_messages_out] - observed->sent;
	observed->opened += opened;
	observed->sent += sent;
	if (sent > 0) {
		subject->unanswered_count = 0;
		subject->is_unanswered_least = is_first;
	} else if (opened > 0) {
		if (subject->unanswered_count == 0)
			subject->unanswered_since_ms = to_ms;
		subject->unanswered_count += opened;
	}
}

static void next_hour(struct observed *observed, int64_t hour_ms)
{
	observed->open_hour = hour_ms;
	observed->opened = observed->sent = 0;
}

static void observe_answers(const struct subjects *subjects, uint32_t at, struct observed *observed,
			    int64_t now_ms)
{
	/* At T = 10:00 what happened before it is in the hour of 9. */
	const int64_t last_ms = floor_hour(now_ms - 1), first_ms = last_ms - UNANSWERED_HOURS * HOUR_MS;
	const bool is_first = observed->open_hour == TIME_NONE;
	if (observed->open_hour < first_ms)
		next_hour(observed, first_ms);
	for (; observed->open_hour < last_ms; next_hour(observed, observed->open_hour + HOUR_MS))
		take_gain(subjects, at, observed, observed->open_hour + HOUR_MS, is_first);
	take_gain(subjects, at, observed, now_ms, is_first);
}

/* ---- Everybody ---- */

static uint32_t parent_of(const struct subjects *subjects, const struct entity *entity, enum level level,
			  struct slice id)
{
	if (level >= entity->level || id.len == 0)
		return SUBJECT_NONE;
	if (entity->level == LEVEL_AD)
		return entity->parents[level];
	return entity_find(subjects->merger, level, id);
}

static void describe(const struct subjects *subjects, uint32_t at, struct subject *subject)
{
	const struct entity *entity = &subjects->merger->entities[at];
	struct shown shown = entity_shown(subjects->merger, at);
	subject->number = at;
	subject->level = entity->level;
	subject->id = entity->id;
	subject->name = shown.name;
	for (enum level level = 0; level < (enum level)PARENT_COUNT; level++) {
		subject->parent_ids[level] =
			level < entity->level ? shown.parents[level] : (struct slice){NULL, 0};
		subject->parents[level] = parent_of(subjects, entity, level, shown.parents[level]);
	}
	struct account_options account =
		options_account(subjects->merger->options, shown.parents[LEVEL_ACCOUNT]);
	subject->currency = account.currency;
	subjects->observed[at].spend_from = account.spend_from;
}

static void grow(struct subjects *subjects)
{
	uint32_t count = subjects->merger->entity_count;
	if (count == subjects->count)
		return;
	subjects->observed = realloc(subjects->observed, count * sizeof(*subjects->observed));
	CHECK(subjects->observed);
	for (uint32_t i = subjects->count; i < count; i++)
		subjects->observed[i] = (struct observed){.made_hour = INT64_MIN, .open_hour = TIME_NONE};
	subjects->count = count;
}

/* In which minute of the hour: parents first, as they are judged first. */
static int64_t minute_of(const struct entity *entity, const struct observed *account)
{
	static const struct {
		unsigned first;
		unsigned count;
	} minutes[LEVEL_COUNT] = {{0, 1}, {1, 4}, {5, 10}, {15, 45}};
	uint64_t minute = hash_text(account->subject.id) + minutes[entity->level].first +
			  hash_text(entity->id) % minutes[entity->level].count;
	return (int64_t)(minute % MINUTES_AN_HOUR);
}

static void renew(struct subjects *subjects, uint32_t at, struct observed *account, int64_t now_ms)
{
	const struct entity *entity = &subjects->merger->entities[at];
	struct observed *observed = &subjects->observed[at];
	int64_t hour = civil_floor(now_ms - minute_of(entity, account) * MINUTE_MS, HOUR_MS);
	if (hour == observed->made_hour)
		return;
	observed->made_hour = hour;
	if (observed == account) {
		find_delays(entity, observed);
		find_medians(subjects, entity, observed);
	}
	make_sums(subjects, entity, account, observed, now_ms);
}

static void see(struct subjects *subjects, uint32_t at, int64_t now_ms, subject_sink *sink, void *sink_ctx)
{
	struct observed *observed = &subjects->observed[at];
	describe(subjects, at, &observed->subject);
	bool is_account = observed->subject.level == LEVEL_ACCOUNT;
	uint32_t account = is_account ? at : observed->subject.parents[LEVEL_ACCOUNT];
	if (account == SUBJECT_NONE)
		return;
	renew(subjects, at, &subjects->observed[account], now_ms);
	observe_windows(subjects, &subjects->merger->entities[at], observed);
	observe_answers(subjects, at, observed, now_ms);
	observed->subject.medians = subjects->observed[account].subject.medians;
	sink(sink_ctx, &observed->subject);
}

void subjects_each(void *ctx, int64_t now_ms, subject_sink *sink, void *sink_ctx)
{
	struct subjects *subjects = ctx;
	grow(subjects);
	for (enum level level = 0; level < LEVEL_COUNT; level++)
		for (uint32_t i = 0; i < subjects->count; i++) {
			const struct entity *entity = &subjects->merger->entities[i];
			if (entity->level == level && !entity->is_organic)
				see(subjects, i, now_ms, sink, sink_ctx);
		}
}
