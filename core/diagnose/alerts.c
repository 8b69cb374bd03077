#include "core/diagnose/alerts.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/diagnose/alert_json.h"
#include "core/diagnose/said_before.h"
#include "core/model/step.h"

enum { MINUTE_MS = 60000, ENDS_AFTER_MS = 5 * MINUTE_MS, SILENCE_SHARE = 20, LINGER_MS = 60 * MINUTE_MS };

/* What was said of a firing alert, kept to be said again. */
struct said {
	struct buffer key;
	struct buffer value;
	int64_t said_ms;
};

struct alert_state {
	int64_t since_ms; /* held since; TIME_NONE: inactive */
	int64_t held_ms;  /* held, or lasted, last */
	int64_t resolved_ms; /* TIME_NONE: never */
	struct said *said; /* NULL: it does not fire */
};

struct state_list {
	struct alert_state *states;
	size_t count;
};

struct alerts {
	const struct options *options;
	struct state_list of_subjects; /* [subject * ALERT_COUNT + alert] */
	struct state_list of_inputs;
	uint64_t revision;
	int64_t silent_from_ms; /* the last silence of any input */
	int64_t silent_to_ms;   /* TIME_NONE: there never was one */
	struct said_before before;
	int64_t before_until_ms; /* so long somebody may go on from it; TIME_NONE: no round has been since */
	/* of the round */
	int64_t now_ms;
	alert_sink *sink;
	void *sink_ctx;
};

struct alerts *alerts_create(const struct options *options)
{
	struct alerts *alerts = calloc(1, sizeof(*alerts));
	CHECK(alerts);
	alerts->options = options;
	alerts->silent_to_ms = alerts->before_until_ms = TIME_NONE;
	return alerts;
}

static void said_destroy(struct said *said)
{
	if (!said)
		return;
	buffer_destroy(&said->key);
	buffer_destroy(&said->value);
	free(said);
}

static void state_list_destroy(struct state_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		said_destroy(list->states[i].said);
	free(list->states);
}

void alerts_destroy(struct alerts *alerts)
{
	if (!alerts)
		return;
	state_list_destroy(&alerts->of_subjects);
	state_list_destroy(&alerts->of_inputs);
	said_before_clear(&alerts->before);
	free(alerts);
}

static struct alert_state *state_at(struct state_list *list, size_t at)
{
	if (at >= list->count) {
		size_t count = list->count ? 2 * list->count : 64;
		count = count > at ? count : at + 1;
		list->states = realloc(list->states, count * sizeof(*list->states));
		CHECK(list->states);
		for (size_t i = list->count; i < count; i++)
			list->states[i] = (struct alert_state){TIME_NONE, TIME_NONE, TIME_NONE, NULL};
		list->count = count;
	}
	return &list->states[at];
}

/* ---- Saying ---- */

static void say(struct alerts *alerts, struct alert_state *state, struct alert_text *text,
		enum alert_saying saying)
{
	struct said *said = state->said;
	text->url = alerts->options->alerts.url;
	text->is_resolved = saying == ALERT_RESOLVED;
	text->starts_ms = state->since_ms;
	text->ends_ms = text->is_resolved ? alerts->now_ms : alerts->now_ms + ENDS_AFTER_MS;
	text->revision = ++alerts->revision;
	said->key.len = said->value.len = 0;
	said->said_ms = alerts->now_ms;
	alert_put_key(alert_fingerprint(text), &said->key);
	alert_put_json(text, buffer_slice(&said->key), &said->value);
	alerts->sink(alerts->sink_ctx, &(struct alert_message){text->alert, saying, buffer_slice(&said->key),
							       buffer_slice(&said->value)});
}

static void fire(struct alerts *alerts, struct alert_state *state, struct alert_text *text)
{
	state->said = calloc(1, sizeof(*state->said));
	CHECK(state->said);
	say(alerts, state, text, ALERT_FIRES);
}

static void resolve(struct alerts *alerts, struct alert_state *state, struct alert_text *text)
{
	say(alerts, state, text, ALERT_RESOLVED);
	said_destroy(state->said);
	*state = (struct alert_state){.since_ms = TIME_NONE, .resolved_ms = alerts->now_ms};
}

static void say_again(struct alerts *alerts, struct alert_state *state, struct alert_text *text)
{
	if (alerts->now_ms - state->said->said_ms >= MINUTE_MS)
		say(alerts, state, text, ALERT_FIRES_STILL);
}

/* ---- What was said before ---- */

/* Of a silence that is over it is not said when it ended: `keep` before. */
static void recall_silence(struct alerts *alerts, const struct alert_record *record)
{
	const int64_t minutes = alert_rows[record->alert].limit_micros / 1000000;
	int64_t after_ms = record->is_resolved ? alerts->options->alerts.keep_ms : ENDS_AFTER_MS;
	int64_t to_ms = record->ends_ms - after_ms;
	if (alerts->silent_to_ms != TIME_NONE && to_ms <= alerts->silent_to_ms)
		return;
	alerts->silent_from_ms = record->starts_ms - minutes * MINUTE_MS;
	alerts->silent_to_ms = to_ms;
}

void alerts_recall(struct alerts *alerts, struct slice value)
{
	const struct alert_record *record = said_before_put(&alerts->before, value);
	if (!record)
		return;
	alerts->before_until_ms = TIME_NONE;
	if (alerts->revision < record->revision)
		alerts->revision = record->revision;
	if (record->alert == ALERT_SOURCE_SILENT)
		recall_silence(alerts, record);
}

static void take_up(struct alerts *alerts, struct alert_state *state, const struct alert_text *text)
{
	if (!alerts->before.count || state->since_ms != TIME_NONE)
		return;
	struct said_record *before = said_before_find(&alerts->before, alert_fingerprint(text));
	if (!before || before->is_taken || before->record.starts_ms > alerts->now_ms)
		return;
	before->is_taken = true;
	if (before->record.is_resolved) {
		state->resolved_ms = before->record.ends_ms;
		return;
	}
	state->since_ms = before->record.starts_ms;
	state->held_ms = alerts->now_ms;
	state->said = calloc(1, sizeof(*state->said));
	CHECK(state->said);
	state->said->said_ms = before->record.ends_ms - ENDS_AFTER_MS;
	alert_put_key(before->record.fingerprint, &state->said->key);
	buffer_put(&state->said->value, before->value.data, before->value.len);
}

/* What nobody has gone on from for `keep`: its subject is gone. */
static void resolve_before(struct alerts *alerts)
{
	if (!alerts->before.count)
		return;
	if (alerts->before_until_ms == TIME_NONE)
		alerts->before_until_ms = alerts->now_ms + alerts->options->alerts.keep_ms;
	if (alerts->now_ms < alerts->before_until_ms)
		return;
	struct buffer key = {0}, value = {0};
	for (size_t i = 0; i < alerts->before.count; i++) {
		const struct said_record *before = &alerts->before.records[i];
		if (before->is_taken || before->record.is_resolved)
			continue;
		key.len = value.len = 0;
		alert_put_key(before->record.fingerprint, &key);
		alert_put_resolved(before->value, alerts->now_ms, ++alerts->revision, &value);
		const struct alert_message message = {before->record.alert, ALERT_RESOLVED,
						      buffer_slice(&key), buffer_slice(&value)};
		alerts->sink(alerts->sink_ctx, &message);
	}
	buffer_destroy(&key);
	buffer_destroy(&value);
	said_before_clear(&alerts->before);
}

/* ---- One alert ---- */

static void go_on(struct alerts *alerts, struct alert_state *state, struct alert_text *text)
{
	const struct alert_options *options = &alerts->options->alerts;
	if (state->said ? text->finding->lasts : text->finding->holds) {
		state->held_ms = alerts->now_ms;
		if (state->since_ms == TIME_NONE)
			state->since_ms = alerts->now_ms;
		if (state->said)
			say_again(alerts, state, text);
		else if (alerts->now_ms - state->since_ms >= options->for_ms)
			fire(alerts, state, text);
	} else if (!state->said) {
		state->since_ms = TIME_NONE;
	} else if (alerts->now_ms - state->held_ms >= options->keep_ms) {
		resolve(alerts, state, text);
	} else {
		say_again(alerts, state, text);
	}
}

static void wait_unjudged(struct alerts *alerts, struct alert_state *state, struct alert_text *text)
{
	if (!state->said) {
		state->since_ms = TIME_NONE;
		return;
	}
	state->held_ms = alerts->now_ms;
	say_again(alerts, state, text);
}

/* ---- Inputs ---- */

static void judge_inputs(struct alerts *alerts, const struct alert_round *round)
{
	for (size_t i = 0; i < round->input_count; i++) {
		struct finding finding = condition_find_silence(&round->inputs[i], alerts->now_ms);
		struct alert_text text = {.alert = ALERT_SOURCE_SILENT, .input = round->inputs[i].name,
					  .finding = &finding};
		if (finding.holds) {
			int64_t from_ms = (round->inputs[i].minute + 1) * MINUTE_MS;
			bool is_same = alerts->silent_to_ms != TIME_NONE && from_ms <= alerts->silent_to_ms;
			if (!is_same || from_ms < alerts->silent_from_ms)
				alerts->silent_from_ms = from_ms;
			alerts->silent_to_ms = alerts->now_ms;
		}
		struct alert_state *state = state_at(&alerts->of_inputs, i);
		take_up(alerts, state, &text);
		go_on(alerts, state, &text);
	}
}

/* A silence is too much of the span's time, up to T. */
static bool is_span_silent(const struct alerts *alerts, const struct span_numbers *span)
{
	if (alerts->silent_to_ms == TIME_NONE)
		return false;
	int64_t from_ms = alerts->silent_from_ms > span->from_ms ? alerts->silent_from_ms : span->from_ms;
	return (alerts->silent_to_ms - from_ms) * SILENCE_SHARE > alerts->now_ms - span->from_ms;
}

/* ---- Subjects ---- */

static bool is_silenced(struct alerts *alerts, const struct subject *subject, enum alert alert)
{
	for (int level = 0; level < (int)subject->level; level++) {
		uint32_t parent = subject->parents[level];
		if (parent == SUBJECT_NONE)
			continue;
		const struct alert_state *state =
			state_at(&alerts->of_subjects, (size_t)parent * ALERT_COUNT + alert);
		if (state->said || (state->resolved_ms != TIME_NONE &&
				    alerts->now_ms - state->resolved_ms < LINGER_MS))
			return true;
	}
	return false;
}

static void judge_alert(struct alerts *alerts, const struct subject *subject, enum alert alert)
{
	bool is_below_firing = is_silenced(alerts, subject, alert);
	struct alert_state *state =
		state_at(&alerts->of_subjects, (size_t)subject->number * ALERT_COUNT + alert);
	struct finding finding =
		condition_find(&alerts->options->diagnosis, alert, subject, alerts->now_ms);
	struct alert_text text = {.alert = alert, .subject = subject, .finding = &finding};
	take_up(alerts, state, &text);
	if (is_below_firing && state->said)
		resolve(alerts, state, &text);
	else if (is_below_firing)
		state->since_ms = TIME_NONE;
	else if (is_span_silent(alerts, &subject->spans[alert_rows[alert].span]))
		wait_unjudged(alerts, state, &text);
	else
		go_on(alerts, state, &text);
}

static void judge_subject(void *ctx, const struct subject *subject)
{
	for (int alert = 0; alert < ALERT_COUNT; alert++)
		if (alert_rows[alert].rule != RULE_SILENT)
			judge_alert(ctx, subject, (enum alert)alert);
}

void alerts_evaluate(struct alerts *alerts, const struct alert_round *round, alert_sink *sink, void *ctx)
{
	alerts->now_ms = round->now_ms;
	alerts->sink = sink;
	alerts->sink_ctx = ctx;
	if (alerts->revision < round->revision_floor)
		alerts->revision = round->revision_floor;
	judge_inputs(alerts, round);
	round->each(round->each_ctx, round->now_ms, judge_subject, alerts);
	resolve_before(alerts);
}

static void each_said(const struct state_list *list, bool is_input, alert_sink *sink, void *ctx)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct said *said = list->states[i].said;
		if (said)
			sink(ctx, &(struct alert_message){
				is_input ? ALERT_SOURCE_SILENT : (enum alert)(i % ALERT_COUNT),
				ALERT_FIRES_STILL, buffer_slice(&said->key), buffer_slice(&said->value)});
	}
}

void alerts_each(const struct alerts *alerts, alert_sink *sink, void *ctx)
{
	each_said(&alerts->of_inputs, true, sink, ctx);
	each_said(&alerts->of_subjects, false, sink, ctx);
}
