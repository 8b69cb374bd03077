#include "daemon/audit_applied.h"

#include <stdlib.h>

void audit_applied_destroy(struct audit_applied *applied)
{
	buffer_destroy(&applied->events);
	buffer_destroy(&applied->claims);
}

void audit_applied_put(struct audit_applied *applied, const struct audit_event *event)
{
	buffer_put(&applied->events, event, sizeof(*event));
}

void audit_applied_put_claim(struct audit_applied *applied, const struct audit_claim *claim)
{
	buffer_put(&applied->claims, claim, sizeof(*claim));
}

/* ---- Order ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_who(const struct audit_event *a, const struct audit_event *b)
{
	int order = compare_numbers(a->id_hash, b->id_hash);
	if (order == 0)
		order = compare_numbers(!a->is_of_click, !b->is_of_click);
	return order ? order : key128_compare(a->key, b->key);
}

/* By id, those of clicks first, then whose, then task and input. */
static int compare_events(const void *left, const void *right)
{
	const struct audit_event *a = left, *b = right;
	int order = compare_who(a, b);
	if (order == 0)
		order = compare_numbers(a->task, b->task);
	return order ? order : compare_numbers(a->input, b->input);
}

static int compare_claims(const void *left, const void *right)
{
	const struct audit_claim *a = left, *b = right;
	int order = key128_compare(a->click, b->click);
	return order ? order : key128_compare(a->user, b->user);
}

static void sort(struct buffer *buffer, size_t size, int (*compare)(const void *, const void *))
{
	if (buffer->len)
		qsort(buffer->data, buffer->len / size, size, compare);
}

/* ---- What is open ---- */

struct events {
	struct audit_event *all;
	size_t count;
	const struct audit_claim *claims;
	size_t claim_count;
};

/* The first that is not before `wanted`. */
static size_t find_event(const struct events *events, const struct audit_event *wanted)
{
	size_t low = 0;
	for (size_t high = events->count; low < high;) {
		size_t middle = (low + high) / 2;
		if (compare_who(&events->all[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t find_claim(const struct events *events, struct key128 click)
{
	size_t low = 0;
	for (size_t high = events->claim_count; low < high;) {
		size_t middle = (low + high) / 2;
		if (key128_compare(events->claims[middle].click, click) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* All events of one key and id. */
static size_t open_group(const struct events *events, size_t at)
{
	const struct audit_event *first = &events->all[at];
	size_t end = at;
	for (; end < events->count && compare_who(&events->all[end], first) == 0; end++)
		events->all[end].is_open = true;
	return end;
}

/* Those of a click, from `at` on, and those with their id of whoever claims the click. */
static void open_claimed(const struct events *events, size_t at)
{
	const struct audit_event *click = &events->all[at];
	for (size_t i = find_claim(events, click->key);
	     i < events->claim_count && key128_equal(events->claims[i].click, click->key); i++) {
		const struct audit_event wanted = {.key = events->claims[i].user, .id_hash = click->id_hash};
		size_t found = find_event(events, &wanted);
		if (found == events->count || compare_who(&events->all[found], &wanted) != 0)
			continue;
		open_group(events, at);
		open_group(events, found);
	}
}

static bool is_claimed(const struct events *events, struct key128 click)
{
	size_t at = find_claim(events, click);
	return at < events->claim_count && key128_equal(events->claims[at].click, click);
}

/* Where several clicks that are claimed have the id, too: maybe by one person. */
static void open_clicks(const struct events *events)
{
	size_t before = SIZE_MAX; /* the first of the click before */
	for (size_t at = 0; at < events->count; at++) {
		const struct audit_event *event = &events->all[at];
		bool is_first = at == 0 || compare_who(event - 1, event) != 0;
		if (!is_first || !event->is_of_click || !is_claimed(events, event->key))
			continue;
		if (before != SIZE_MAX && events->all[before].id_hash == event->id_hash) {
			open_group(events, before);
			open_group(events, at);
		}
		before = at;
		open_claimed(events, at);
	}
}

/* ---- Counting ---- */

static void add(struct audit_range *range, bool is_certain)
{
	range->low += is_certain;
	range->high++;
}

/* The events of one key and id in one task, [at, end). */
static void count_group(const struct events *events, size_t at, size_t end, size_t input_count,
			struct audit_range *inputs, struct audit_range *tasks)
{
	const struct audit_event *first = &events->all[at];
	bool is_of_one = first->input == events->all[end - 1].input;
	add(&tasks[first->task], !first->is_open);
	for (; at < end; at++) {
		const struct audit_event *event = &events->all[at];
		if (event == first || event->input != (event - 1)->input)
			add(&inputs[event->task * input_count + event->input], is_of_one && !event->is_open);
	}
}

void audit_applied_count(struct audit_applied *applied, size_t input_count, struct audit_range *inputs,
			 struct audit_range *tasks)
{
	sort(&applied->events, sizeof(struct audit_event), compare_events);
	sort(&applied->claims, sizeof(struct audit_claim), compare_claims);
	const struct events events = {
		(struct audit_event *)(void *)applied->events.data,
		applied->events.len / sizeof(struct audit_event),
		(const struct audit_claim *)(const void *)applied->claims.data,
		applied->claims.len / sizeof(struct audit_claim),
	};
	open_clicks(&events);
	for (size_t at = 0, end; at < events.count; at = end) {
		const struct audit_event *first = &events.all[at];
		for (end = at + 1; end < events.count && compare_who(first, &events.all[end]) == 0 &&
				   first->task == events.all[end].task;)
			end++;
		count_group(&events, at, end, input_count, inputs, tasks);
	}
}
