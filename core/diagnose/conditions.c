#include "core/diagnose/conditions.h"

#include <math.h>

#include "core/diagnose/diagnose.h"

enum { MICRO = 1000000, MINUTE_MS = 60000, MINUTES_AN_HOUR = 60, ANSWER_MINUTES = 15 };

static const double Z = 3.29;
static const double CHANCE = 1e-6;

static double limit_of(const struct alert_row *row)
{
	return (double)row->limit_micros / MICRO;
}

static struct measure measure_rate(int64_t numerator, int64_t denominator)
{
	struct measure measure = {true, numerator, denominator, NAN, 0, 1};
	if (denominator <= 0)
		return measure;
	struct rate_bounds bounds = rate_bounds(numerator, denominator);
	measure.rate = (double)numerator / (double)denominator;
	measure.low = bounds.low;
	measure.high = bounds.high;
	return measure;
}

struct count_bounds {
	double low;
	double high;
};

static struct count_bounds count_bounds(int64_t count)
{
	double k = count > 0 ? (double)count : 0;
	double middle = k + Z * Z / 2, reach = Z * sqrt(k + Z * Z / 4);
	return (struct count_bounds){middle - reach, middle + reach};
}

static struct measure measure_cost(int64_t micros, int64_t count)
{
	struct count_bounds bounds = count_bounds(count);
	struct measure measure = {true, micros, count, NAN, (double)micros / bounds.high, INFINITY};
	if (count > 0) {
		measure.rate = (double)micros / (double)count;
		measure.high = (double)micros / bounds.low;
	}
	return measure;
}

/* What is missing of a count that is made elsewhere. */
static struct measure measure_gap(const struct span_numbers *span)
{
	int64_t reported = span->observed[NUMBER_reported_conversations];
	struct measure measure = {true, span->observed[NUMBER_uncounted], reported, NAN, 0, 1};
	if (reported <= 0)
		return measure;
	struct count_bounds counted = count_bounds(span->observed[NUMBER_conversations]);
	measure.rate = (double)measure.numerator / (double)reported;
	measure.low = fmax(0, 1 - counted.high / (double)reported);
	measure.high = fmax(0, 1 - counted.low / (double)reported);
	return measure;
}

/* ---- Rules: observed and baseline are measured already ---- */

static void find_broken(const struct diagnosis_options *options, struct finding *finding)
{
	const struct measure *observed = &finding->observed, *baseline = &finding->baseline;
	double kept = (double)(MICRO - options->drop_micros) / MICRO;
	if (observed->denominator <= 0 || baseline->denominator <= 0)
		return;
	finding->holds = rate_is_broken(options, observed->numerator, observed->denominator, baseline->low,
					CHANCE);
	finding->lasts = observed->rate < kept * baseline->rate;
}

/* `of_high` and `of_rate`: what it is above, for sure and plainly. */
static void find_rate_above(const struct diagnosis_options *options, double of_high, double of_rate,
			    struct finding *finding)
{
	finding->holds = finding->observed.denominator >= options->min_volume &&
			 finding->observed.low > of_high;
	finding->lasts = finding->observed.rate > of_rate;
}

static void find_rate_up(const struct diagnosis_options *options, double limit, struct finding *finding)
{
	const struct measure *baseline = &finding->baseline;
	if (baseline->denominator >= options->min_volume)
		find_rate_above(options, limit * baseline->high, limit * baseline->rate, finding);
}

static void find_cost_up(double limit, struct finding *finding)
{
	const struct measure *observed = &finding->observed, *baseline = &finding->baseline;
	if (observed->denominator <= 0 || baseline->numerator <= 0)
		return;
	finding->holds = observed->low > limit * baseline->high;
	finding->lasts = observed->rate > limit * baseline->rate;
}

static void find_no_result(double limit, struct finding *finding)
{
	const struct measure *observed = &finding->observed, *baseline = &finding->baseline;
	finding->lasts = observed->denominator <= 0 && observed->numerator > 0;
	finding->holds = finding->lasts && baseline->numerator > 0 &&
			 (double)observed->numerator > limit * baseline->high;
}

/* Whether what `number` counts in a span costs more than limit times the median ad's. */
static void find_dearer(const struct span_numbers *span, enum alert_number number, int64_t median,
			double limit, struct finding *finding)
{
	struct measure cost = measure_cost(span->observed[NUMBER_spend], span->observed[number]);
	if (!span->is_judged || median <= 0)
		return;
	finding->holds |= cost.low > limit * (double)median;
	finding->lasts |= cost.rate > limit * (double)median;
}

static void find_unprofitable(const struct diagnosis_options *options, const struct subject *subject,
			      double limit, struct finding *finding)
{
	const struct span_numbers *span = &subject->spans[ALERT_SPAN_MONTH_QUALIFIED];
	const struct median_costs *medians = &subject->medians;
	struct measure cost = measure_cost(span->observed[NUMBER_spend],
					   span->observed[NUMBER_conversations]);
	double median = (double)medians->qualified;
	finding->baseline = (struct measure){medians->qualified > 0, medians->qualified, 1, median, median,
					     median};
	if (subject->level == LEVEL_ACCOUNT || medians->conversation <= 0)
		return;
	find_dearer(span, NUMBER_qualified, medians->qualified, limit, finding);
	find_dearer(&subject->spans[ALERT_SPAN_MONTH_CUSTOMER], NUMBER_customers, medians->customer, limit,
		    finding);
	finding->holds &= cost.denominator >= options->min_volume &&
			  cost.high < (double)medians->conversation;
	finding->lasts &= cost.rate < (double)medians->conversation;
}

static void find_unanswered(const struct subject *subject, double limit, int64_t now_ms,
			    struct finding *finding)
{
	finding->observed = measure_rate(0, subject->unanswered_count);
	int64_t opened = subject->spans[ALERT_SPAN_HOUR].observed[NUMBER_conversations];
	bool are_many = (double)subject->unanswered_count >= limit;
	finding->lasts = (are_many || subject->is_unanswered_least) && opened > 0;
	finding->holds = are_many && (double)opened >= limit &&
			 now_ms - subject->unanswered_since_ms >= ANSWER_MINUTES * MINUTE_MS;
}

/* ---- The whole ---- */

static void measure_span(const struct alert_row *row, const struct subject *subject, struct finding *finding)
{
	const struct span_numbers *span = &subject->spans[row->span];
	struct measure (*measure)(int64_t, int64_t) = finding->is_money ? measure_cost : measure_rate;
	if (row->rule == RULE_GAP_ABOVE) {
		finding->observed = measure_gap(span);
		return;
	}
	finding->observed = measure(span->observed[row->numerator], span->observed[row->denominator]);
	if (row->rule != RULE_RATE_ABOVE && row->rule != RULE_UNANSWERED)
		finding->baseline = measure(span->baseline[row->numerator], span->baseline[row->denominator]);
}

struct finding condition_find(const struct diagnosis_options *options, enum alert alert,
			      const struct subject *subject, int64_t now_ms)
{
	const struct alert_row *row = &alert_rows[alert];
	double limit = limit_of(row);
	struct finding finding = {.is_money = row->numerator == NUMBER_spend};
	if (!subject->spans[row->span].is_judged)
		return finding;
	measure_span(row, subject, &finding);
	switch (row->rule) {
	case RULE_BROKEN: find_broken(options, &finding); break;
	case RULE_RATE_ABOVE:
	case RULE_GAP_ABOVE: find_rate_above(options, limit, limit, &finding); break;
	case RULE_RATE_UP: find_rate_up(options, limit, &finding); break;
	case RULE_COST_UP: find_cost_up(limit, &finding); break;
	case RULE_NO_RESULT: find_no_result(limit, &finding); break;
	case RULE_UNPROFITABLE: find_unprofitable(options, subject, limit, &finding); break;
	case RULE_UNANSWERED: find_unanswered(subject, limit, now_ms, &finding); break;
	case RULE_SILENT: break;
	}
	finding.lasts |= finding.holds;
	return finding;
}

struct finding condition_find_silence(const struct input_activity *activity, int64_t now_ms)
{
	const struct alert_row *row = &alert_rows[ALERT_SOURCE_SILENT];
	int64_t silent_minutes = now_ms / MINUTE_MS - activity->minute - 1;
	struct finding finding = {.observed = measure_rate(0, silent_minutes)};
	if (activity->minute <= 0 || (double)silent_minutes < limit_of(row) ||
	    input_activity_count(activity) < ACTIVITY_MINUTES)
		return finding;
	finding.baseline = measure_rate(input_activity_busy_minutes(activity), MINUTES_AN_HOUR);
	finding.holds = pow(1 - finding.baseline.low, (double)silent_minutes) < CHANCE;
	finding.lasts = finding.holds;
	return finding;
}
