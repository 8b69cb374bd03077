#include "core/diagnose/diagnose.h"

#include <math.h>

enum { MICRO = 1000000 };

static const double Z = 3.29;
static const double CHANCE = 0.001;

struct rate_bounds rate_bounds(int64_t k, int64_t n)
{
	double hits = (double)(k < 0 ? 0 : k > n ? n : k), all = (double)n;
	double middle = hits + Z * Z / 2;
	double reach = Z * sqrt(hits * (all - hits) / all + Z * Z / 4);
	return (struct rate_bounds){(middle - reach) / (all + Z * Z), (middle + reach) / (all + Z * Z)};
}

bool rate_is_broken(const struct diagnosis_options *options, int64_t k, int64_t n, double low, double chance)
{
	double kept = (double)(MICRO - options->drop_micros) / MICRO;
	if (n >= options->min_volume && rate_bounds(k, n).high < kept * low)
		return true;
	return k == 0 && pow(1 - low, (double)n) < chance;
}

/* A rate and its norm; norm_of is 0 where it has none. */
struct judged_rate {
	int64_t k, n;
	int64_t norm_k, norm_of;
	bool is_judged;
};

static struct judged_rate rate_at(const struct diagnosis_options *options,
				  const int64_t counts[JUDGED_COUNT], const struct norm *norm,
				  enum judged_rung rung)
{
	struct judged_rate rate = {.k = counts[judged_reached[rung]], .n = counts[judged_of[rung]]};
	if (rate.n < options->min_volume)
		return rate;
	if (norm->kind == NORM_COUNTS) {
		rate.norm_k = norm->counts[judged_reached[rung]];
		rate.norm_of = norm->counts[judged_of[rung]];
	} else if (options->norm_micros[rung] > 0) {
		rate.norm_k = options->norm_micros[rung];
		rate.norm_of = MICRO;
	}
	rate.is_judged = rate.norm_of > 0;
	return rate;
}

static bool is_weak(const struct diagnosis_options *options, const struct judged_rate *rate,
		    enum norm_kind kind)
{
	if (!rate->is_judged)
		return false;
	double low = kind == NORM_COUNTS ? rate_bounds(rate->norm_k, rate->norm_of).low
					 : (double)rate->norm_k / (double)rate->norm_of;
	return rate_is_broken(options, rate->k, rate->n, low, CHANCE);
}

/* What part of its norm a rate is. Both products are exact below 2^53, so equal ones stay equal. */
static double part_of_norm(const struct judged_rate *rate)
{
	return ((double)rate->k * (double)rate->norm_of) / ((double)rate->n * (double)rate->norm_k);
}

static enum judged_rung find_weakest(const struct judged_rate rates[JUDGED_RUNG_COUNT])
{
	enum judged_rung weakest = RUNG_NONE;
	double least = 1;
	for (int rung = 0; rung < JUDGED_RUNG_COUNT; rung++) {
		if (!rates[rung].is_judged || rates[rung].norm_k <= 0)
			continue;
		double part = part_of_norm(&rates[rung]);
		if (part < least) {
			least = part;
			weakest = (enum judged_rung)rung;
		}
	}
	return weakest;
}

/* Conversations cost at most what the norm says; false where it says nothing. */
static bool is_cheap(const struct diagnosis_options *options, const int64_t counts[JUDGED_COUNT],
		     const struct norm *norm)
{
	bool is_counted = norm->kind == NORM_COUNTS;
	int64_t cost = is_counted ? norm->counts[JUDGED_spend] : options->norm_cost_micros;
	int64_t of = is_counted ? norm->counts[JUDGED_conversations] : options->norm_cost_micros > 0;
	return of > 0 && (__int128)counts[JUDGED_spend] * of <= (__int128)cost * counts[JUDGED_conversations];
}

static bool is_small_but_sells(const int64_t counts[JUDGED_COUNT], const struct norm *norm,
			       const struct judged_rate *customer)
{
	return customer->is_judged &&
	       (__int128)customer->k * customer->norm_of >= (__int128)customer->norm_k * customer->n &&
	       (__int128)counts[JUDGED_conversations] * 10 < norm->median_conversations;
}

static enum diagnosis find_diagnosis(const struct diagnosis_options *options,
				     const int64_t counts[JUDGED_COUNT], const struct norm *norm,
				     const struct judged_rate rates[JUDGED_RUNG_COUNT])
{
	bool is_any_judged = false;
	for (int rung = 0; rung < JUDGED_RUNG_COUNT; rung++)
		is_any_judged |= rates[rung].is_judged;
	if (!is_any_judged)
		return DIAGNOSIS_TOO_LITTLE_DATA;
	if (is_weak(options, &rates[RUNG_REPLY], norm->kind))
		return DIAGNOSIS_FIX_FIRST_RESPONSE;
	if (is_weak(options, &rates[RUNG_QUALIFIED], norm->kind))
		return is_cheap(options, counts, norm) ? DIAGNOSIS_TRAFFIC_OR_OFFER
						       : DIAGNOSIS_QUALIFICATION_FLOW;
	if (is_weak(options, &rates[RUNG_HANDOFF], norm->kind))
		return DIAGNOSIS_CHAT_FLOW;
	if (is_weak(options, &rates[RUNG_CUSTOMER], norm->kind))
		return DIAGNOSIS_SALES_PROCESS;
	if (is_small_but_sells(counts, norm, &rates[RUNG_CUSTOMER]))
		return DIAGNOSIS_REACH_OR_CREATIVE;
	return DIAGNOSIS_HEALTHY;
}

struct judgement diagnose(const struct diagnosis_options *options, const int64_t counts[JUDGED_COUNT],
			const struct norm *norm)
{
	struct judged_rate rates[JUDGED_RUNG_COUNT];
	for (int rung = 0; rung < JUDGED_RUNG_COUNT; rung++)
		rates[rung] = rate_at(options, counts, norm, (enum judged_rung)rung);
	return (struct judgement){find_weakest(rates), find_diagnosis(options, counts, norm, rates)};
}
