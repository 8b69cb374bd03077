#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/audit_sums_private.h"

/* Over all partitions. */
struct input_comparison {
	enum audit_view view; /* the worst of them */
	bool is_late_named;   /* it differs in one of them */
};

struct comparison {
	struct audit_sums *sums;
	const struct audit_sums_sink *sink;
	bool are_letters_cut;
	bool has_erased;
	struct input_comparison *inputs;
	enum audit_view worst;       /* of all */
	bool is_applied_named;       /* it differs in an input of this task */
	struct audit_range *applied; /* by task: over all inputs */
};

struct place {
	size_t input;
	size_t task;
};

/* "ladder.clicks [2]" */
struct where {
	char text[300];
};

__attribute__((format(printf, 2, 3)))
static void differ(struct comparison *comparison, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	comparison->sink->differ(comparison->sink->ctx, text);
}

__attribute__((format(printf, 2, 3)))
static void note(const struct comparison *comparison, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	comparison->sink->note(comparison->sink->ctx, text);
}

static const char *topic_of(const struct comparison *comparison, size_t input)
{
	return comparison->sums->config->kafka.inputs.items[input].topic;
}

static struct where where_of(const struct comparison *comparison, struct place place)
{
	struct where where;
	snprintf(where.text, sizeof(where.text), "%s [%zu]", topic_of(comparison, place.input), place.task);
	return where;
}

/* ---- What can be compared ---- */

static enum audit_view own_view(const struct comparison *comparison, size_t input, size_t task)
{
	const struct audit_input *stored = audit_stored_of(comparison->sums, input, task);
	enum audit_view view = audit_tally_of(comparison->sums, input, task)->view;
	if (stored->log || stored->skipped_count)
		return AUDIT_VIEW_NONE;
	return view == AUDIT_VIEW_WHOLE && comparison->are_letters_cut ? AUDIT_VIEW_PART : view;
}

static void find_views(struct comparison *comparison)
{
	const struct audit_state *state = comparison->sums->state;
	comparison->inputs = calloc(state->input_count, sizeof(*comparison->inputs));
	CHECK(comparison->inputs);
	for (size_t input = 0; input < state->input_count; input++) {
		enum audit_view *worst = &comparison->inputs[input].view;
		for (size_t task = 0; task < state->task_count; task++) {
			enum audit_view view = own_view(comparison, input, task);
			*worst = view > *worst ? view : *worst;
		}
		comparison->worst = *worst > comparison->worst ? *worst : comparison->worst;
	}
}

/* Where events are forwarded, every partition of an input depends on the others. */
static enum audit_view view_of(const struct comparison *comparison, struct place place)
{
	return comparison->sums->shuffle.is_on ? comparison->inputs[place.input].view
					       : own_view(comparison, place.input, place.task);
}

/* Whether all is known that can have an id of the people of a task. */
static bool is_task_whole(const struct comparison *comparison, size_t task)
{
	bool is_whole = true;
	for (size_t input = 0; input < comparison->sums->state->input_count; input++)
		is_whole &= own_view(comparison, input, task) == AUDIT_VIEW_WHOLE;
	return comparison->sums->shuffle.is_on ? comparison->worst == AUDIT_VIEW_WHOLE : is_whole;
}

/* ---- An input in a partition ---- */

/* False: it differs. */
static bool check_range(struct comparison *comparison, const char *where, const char *class, uint64_t stored,
			struct audit_range wanted)
{
	if (stored >= wanted.low && stored <= wanted.high)
		return true;
	if (wanted.low == wanted.high)
		differ(comparison, "%s %s: stored %" PRIu64 ", recomputed %" PRIu64, where, class, stored,
		       wanted.low);
	else
		differ(comparison, "%s %s: stored %" PRIu64 ", recomputed %" PRIu64 " to %" PRIu64, where,
		       class, stored, wanted.low, wanted.high);
	return false;
}

/* Those that one sees in the record itself, whatever else is known of it. */
static bool is_of_record(enum reason reason)
{
	return reason != REASON_future && reason != REASON_currency && reason != REASON_too_large;
}

static void check_rejected(struct comparison *comparison, struct place place, enum audit_view view)
{
	const struct counts *stored = &audit_stored_of(comparison->sums, place.input, place.task)->counts;
	const struct audit_tally *tally = audit_tally_of(comparison->sums, place.input, place.task);
	struct where where = where_of(comparison, place);
	uint64_t sum = 0;
	for (int i = 0; i < REASON_COUNT; i++) {
		char name[64];
		snprintf(name, sizeof(name), "rejected as %s", reason_name((enum reason)i));
		sum += stored->reasons[i];
		if (view == AUDIT_VIEW_WHOLE || (view == AUDIT_VIEW_PART && is_of_record((enum reason)i)))
			check_range(comparison, where.text, name, stored->reasons[i],
				    (struct audit_range){tally->reasons[i], tally->reasons[i]});
	}
	if (sum != stored->classes[CLASS_REJECTED])
		differ(comparison, "%s rejected: stored %" PRIu64 ", its reasons sum up to %" PRIu64,
		       where.text, stored->classes[CLASS_REJECTED], sum);
}

/* The sum of section 7: what was read ends in one class here, or in another task. */
static void check_decoded(struct comparison *comparison, struct place place)
{
	const struct counts *stored = &audit_stored_of(comparison->sums, place.input, place.task)->counts;
	const struct audit_tally *tally = audit_tally_of(comparison->sums, place.input, place.task);
	int64_t sum = (int64_t)stored->forwarded - (int64_t)stored->received;
	for (int i = 0; i < CLASS_COUNT; i++)
		sum += (int64_t)stored->classes[i];
	if (sum != (int64_t)tally->decoded)
		differ(comparison, "%s decoded: stored %" PRId64 ", recomputed %" PRIu64,
		       where_of(comparison, place).text, sum, tally->decoded);
}

/* What depends on its people, and so on what else has come of them. */
static void check_taken(struct comparison *comparison, struct place place)
{
	const struct counts *stored = &audit_stored_of(comparison->sums, place.input, place.task)->counts;
	const struct audit_tally *tally = audit_tally_of(comparison->sums, place.input, place.task);
	struct where where = where_of(comparison, place);
	bool is_open = comparison->has_erased || !is_task_whole(comparison, place.task);
	struct audit_range applied = {is_open ? 0 : tally->applied.low, tally->applied.high};
	struct audit_range duplicate = {comparison->has_erased ? 0 : tally->taken - applied.high,
					tally->taken - applied.low};
	bool is_equal =
		check_range(comparison, where.text, "applied", stored->classes[CLASS_APPLIED], applied);
	is_equal &=
		check_range(comparison, where.text, "duplicate", stored->classes[CLASS_DUPLICATE], duplicate);
	comparison->is_applied_named |= !is_equal;
	comparison->inputs[place.input].is_late_named |=
		!check_range(comparison, where.text, "late", stored->classes[CLASS_LATE], tally->late);
	check_range(comparison, where.text, "forwarded", stored->forwarded, tally->forwarded);
	check_range(comparison, where.text, "received", stored->received, tally->received);
}

static void check_place(struct comparison *comparison, struct place place)
{
	const struct counts *stored = &audit_stored_of(comparison->sums, place.input, place.task)->counts;
	uint64_t ignored = audit_tally_of(comparison->sums, place.input, place.task)->ignored;
	enum audit_view view = view_of(comparison, place);
	check_rejected(comparison, place, view);
	if (view == AUDIT_VIEW_NONE)
		return;
	check_decoded(comparison, place);
	check_range(comparison, where_of(comparison, place).text, "ignored", stored->classes[CLASS_IGNORED],
		    (struct audit_range){ignored, comparison->has_erased ? UINT64_MAX : ignored});
	if (view == AUDIT_VIEW_WHOLE)
		check_taken(comparison, place);
}

/* ---- Over several ---- */

static void check_task(struct comparison *comparison, size_t task)
{
	char where[64];
	uint64_t applied = 0, duplicate = 0, taken = 0;
	if (comparison->is_applied_named || comparison->has_erased || !is_task_whole(comparison, task))
		return;
	for (size_t input = 0; input < comparison->sums->state->input_count; input++) {
		const struct counts *stored = &audit_stored_of(comparison->sums, input, task)->counts;
		applied += stored->classes[CLASS_APPLIED];
		duplicate += stored->classes[CLASS_DUPLICATE];
		taken += audit_tally_of(comparison->sums, input, task)->taken;
	}
	const struct audit_range *wanted = &comparison->applied[task];
	snprintf(where, sizeof(where), "all inputs [%zu]", task);
	check_range(comparison, where, "applied", applied, *wanted);
	check_range(comparison, where, "duplicate", duplicate,
		    (struct audit_range){taken - wanted->high, taken - wanted->low});
}

static void check_input(struct comparison *comparison, size_t input)
{
	struct where where;
	uint64_t stored = 0;
	if (comparison->inputs[input].is_late_named || comparison->inputs[input].view != AUDIT_VIEW_WHOLE)
		return;
	for (size_t task = 0; task < comparison->sums->state->task_count; task++)
		stored += audit_stored_of(comparison->sums, input, task)->counts.classes[CLASS_LATE];
	snprintf(where.text, sizeof(where.text), "%s [all]", topic_of(comparison, input));
	check_range(comparison, where.text, "late", stored, comparison->sums->late[input]);
}

/* ---- What one should know ---- */

static void note_place(const struct comparison *comparison, struct place place)
{
	const struct audit_tally *tally = audit_tally_of(comparison->sums, place.input, place.task);
	struct where where = where_of(comparison, place);
	int64_t offset = audit_stored_of(comparison->sums, place.input, place.task)->offset;
	enum audit_view view = own_view(comparison, place.input, place.task);
	if (view == AUDIT_VIEW_NONE)
		note(comparison, "%s: its sums were not compared: records that they count are gone",
		     where.text);
	else if (view == AUDIT_VIEW_PART)
		note(comparison, "%s: applied, duplicate and late were compared in sum only: the dead "
		     "letters do not say which events were late", where.text);
	if (tally->behind_count && view != AUDIT_VIEW_NONE)
		note(comparison, "%s: the sums were compared up to offset %" PRId64 ", which is what is "
		     "stored; the log goes on to %" PRId64, where.text, offset, tally->end);
}

static void note_input(const struct comparison *comparison, size_t input)
{
	const struct audit_sums *sums = comparison->sums;
	struct counts all = {.forwarded = 0};
	uint64_t decoded = 0;
	for (size_t task = 0; task < sums->state->task_count; task++) {
		counts_add(&all, &audit_stored_of(sums, input, task)->counts);
		decoded += audit_tally_of(sums, input, task)->decoded;
	}
	note(comparison, "%s: decoded %" PRIu64 "; stored: applied %" PRIu64 ", duplicate %" PRIu64
	     ", late %" PRIu64 ", rejected %" PRIu64 ", ignored %" PRIu64, topic_of(comparison, input),
	     decoded, all.classes[CLASS_APPLIED], all.classes[CLASS_DUPLICATE], all.classes[CLASS_LATE],
	     all.classes[CLASS_REJECTED], all.classes[CLASS_IGNORED]);
	if (sums->on_way[input])
		note(comparison, "%s: %" PRIu64 " events that were forwarded are not counted where they "
		     "belong yet", topic_of(comparison, input), sums->on_way[input]);
}

static bool is_nothing_stored(const struct audit_sums *sums)
{
	bool has_records = false, is_stored = false;
	for (size_t task = 0; task < sums->state->task_count; task++) {
		is_stored |= sums->state->tasks[task].is_stored;
		for (size_t input = 0; input < sums->state->input_count; input++)
			has_records |= audit_tally_of(sums, input, task)->end > 0;
	}
	return has_records && !is_stored;
}

/* ---- The whole ---- */

static void count_applied(struct comparison *comparison)
{
	const struct audit_state *state = comparison->sums->state;
	size_t count = state->task_count * state->input_count;
	struct audit_range *inputs = calloc(count, sizeof(*inputs));
	comparison->applied = calloc(state->task_count, sizeof(*comparison->applied));
	CHECK(inputs && comparison->applied);
	audit_applied_count(&comparison->sums->applied, state->input_count, inputs, comparison->applied);
	for (size_t i = 0; i < count; i++)
		comparison->sums->tallies[i].applied = inputs[i];
	free(inputs);
}

void audit_sums_compare(struct audit_sums *sums, bool are_letters_cut, bool has_erased,
			const struct audit_sums_sink *sink)
{
	struct comparison comparison = {.sums = sums, .sink = sink, .are_letters_cut = are_letters_cut,
					.has_erased = has_erased};
	const struct audit_state *state = sums->state;
	find_views(&comparison);
	count_applied(&comparison);
	for (size_t task = 0; task < state->task_count; task++) {
		comparison.is_applied_named = false;
		for (size_t input = 0; input < state->input_count; input++)
			check_place(&comparison, (struct place){input, task});
		check_task(&comparison, task);
	}
	for (size_t input = 0; input < state->input_count; input++) {
		check_input(&comparison, input);
		for (size_t task = 0; task < state->task_count; task++)
			note_place(&comparison, (struct place){input, task});
		note_input(&comparison, input);
	}
	if (is_nothing_stored(sums))
		differ(&comparison, "redis: nothing is stored under redis.namespace %s: no sum was compared",
		       sums->config->redis.namespace);
	free(comparison.applied);
	free(comparison.inputs);
}
