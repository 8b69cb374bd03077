/* A join with nothing around it: events in, the sum of all steps out; and the same sum made naively,
 * by one fold over the sorted set of each person's events. */
#ifndef LADDER_TESTS_CORE_JOIN_JOIN_CASE_H
#define LADDER_TESTS_CORE_JOIN_JOIN_CASE_H

#include "core/join/join.h"
#include "tests/core/fixture.h"

struct join_case {
	struct fixture fixture;
	struct series_table series;
	struct people *people;
	struct join join;
	struct step_list steps; /* of everything so far */
};

/* Every ad is there before the first event, so that its number does not depend on the order. */
static inline void join_case_create_at(struct join_case *test, const struct options *options)
{
	static const char *const ads[] = {"a", "b", "c", "d"};
	series_table_create(&test->series, options);
	test->people = people_create();
	test->steps = (struct step_list){0};
	join_create(&test->join, options, fixture_key, test->people, &test->series);
	for (size_t i = 0; i < sizeof(ads) / sizeof(*ads); i++)
		join_intern_ad(&test->join, slice_from(ads[i]));
	join_intern_organic(&test->join, (struct slice){NULL, 0});
}

static inline void join_case_create(struct join_case *test)
{
	fixture_create(&test->fixture);
	join_case_create_at(test, &test->fixture.options);
}

static inline void join_case_destroy_state(struct join_case *test)
{
	join_destroy(&test->join);
	people_destroy(test->people);
	series_table_destroy(&test->series);
	step_list_destroy(&test->steps);
}

static inline void join_case_destroy(struct join_case *test)
{
	join_case_destroy_state(test);
	fixture_destroy(&test->fixture);
}

/* Forgets all people and steps; the options stay. */
static inline void join_case_restart(struct join_case *test)
{
	join_case_destroy_state(test);
	join_case_create_at(test, &test->fixture.options);
}

static inline uint32_t ad_of(struct join *join, const struct event *event)
{
	return event->ad.len ? join_intern_ad(join, event->ad) : SERIES_NONE;
}

static inline enum join_class join_case_put(struct join_case *test, const struct event *event,
					    int64_t safe_ms)
{
	struct join_event prepared;
	join_prepare(&test->join, event, ad_of(&test->join, event), safe_ms, &prepared);
	return join_take(&test->join, &prepared, &test->steps);
}

/* As few steps as say the same, in one order. */
static inline void join_case_sum(struct step_list *steps)
{
	step_list_sum(steps);
}

static inline bool join_case_equal(const struct step_list *a, const struct step_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct step *x = &a->steps[i], *y = &b->steps[i];
		if (x->time_ms != y->time_ms || x->before_ms != y->before_ms || x->delta != y->delta ||
		    x->series != y->series || x->slot != y->slot)
			return false;
	}
	return true;
}

/* Who the person of an event is, from the whole set of events: spec section 2. */
static inline struct slice join_case_owner(const struct event *events, size_t count,
					   const struct event *event)
{
	if (event->user.len)
		return event->user;
	const struct event *claim = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct event *other = &events[i];
		if (!other->user.len || !slice_equal(other->click_id, event->click_id))
			continue;
		if (!claim || other->ts_ms < claim->ts_ms ||
		    (other->ts_ms == claim->ts_ms && slice_compare(other->id, claim->id) < 0))
			claim = other;
	}
	return claim ? claim->user : (struct slice){NULL, 0};
}

static inline bool join_case_same_person(const struct event *events, size_t count, const struct event *a,
					 const struct event *b)
{
	struct slice owner_a = join_case_owner(events, count, a), owner_b = join_case_owner(events, count, b);
	if (owner_a.len || owner_b.len)
		return slice_equal(owner_a, owner_b);
	return slice_equal(a->click_id, b->click_id);
}

/* The order of spec section 3; where two with one id say different things, the join's fixed order. */
static inline int join_case_compare(struct join *join, const struct event *a, const struct event *b)
{
	if (a->ts_ms != b->ts_ms)
		return a->ts_ms < b->ts_ms ? -1 : 1;
	if (event_rank(a) != event_rank(b))
		return event_rank(a) < event_rank(b) ? -1 : 1;
	int order = slice_compare(a->id, b->id);
	struct fact left = join_fact(join, a, ad_of(join, a)),
		    right = join_fact(join, b, ad_of(join, b));
	left.id_len = right.id_len = 0;
	return order ? order : fact_compare_content(&left, join->series, &right, join->series);
}

static inline bool join_case_has_id(const struct event *sorted, size_t count, struct slice id)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(sorted[i].id, id))
			return true;
	return false;
}

/* One fold over the person of events[first]: sorted, without duplicates. */
static inline void join_case_fold_person(struct join_case *test, const struct event *events, size_t count,
					 size_t first, struct step_list *out)
{
	struct event sorted[count];
	size_t sorted_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (!join_case_same_person(events, count, &events[first], &events[i]))
			continue;
		size_t at = sorted_count++;
		for (; at > 0 && join_case_compare(&test->join, &sorted[at - 1], &events[i]) > 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = events[i];
	}
	struct fold_context ctx = {test->join.options, &test->series};
	struct ladder ladder = {0};
	ladder_reset(&ladder);
	for (size_t i = 0; i < sorted_count; i++) {
		if (join_case_has_id(sorted, i, sorted[i].id))
			continue;
		struct fact fact = join_fact(&test->join, &sorted[i], ad_of(&test->join, &sorted[i]));
		fold_event(&ctx, &ladder, &fact, out);
	}
	ladder_destroy(&ladder);
}

static inline struct step_list join_case_naive(struct join_case *test, const struct event *events,
					       size_t count)
{
	struct step_list steps = {0};
	for (size_t i = 0; i < count; i++) {
		bool is_first = true;
		for (size_t j = 0; j < i && is_first; j++)
			is_first = !join_case_same_person(events, count, &events[i], &events[j]);
		if (is_first)
			join_case_fold_person(test, events, count, i, &steps);
	}
	join_case_sum(&steps);
	return steps;
}

#endif
