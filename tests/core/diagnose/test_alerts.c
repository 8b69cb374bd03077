/* Goal: an alert is said when its condition has held for `for`, each minute while it fires, and once when
 * it has not lasted for `keep`; the same below one that fires is silent; nothing is begun while an input is
 * silent. What is said is a whole Alertmanager alert under one fingerprint, with growing revisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/diagnose/alerts.h"
#include "tests/core/fixture.h"

enum { ACCOUNT, CAMPAIGN, ADSET, AD, SUBJECT_COUNT };

struct stage {
	struct fixture fixture;
	struct alerts *alerts;
	struct subject subjects[SUBJECT_COUNT];
	struct input_activity input;
	bool has_input;
	int64_t minute; /* since START_MS */
	char said[1024];  /* of the last round: "fires account, " ... */
	char *value;      /* the last one */
	char key[32];
	int64_t revision;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	assert_non_null(stage);
	fixture_create(&stage->fixture);
	stage->alerts = alerts_create(&stage->fixture.options);
	static const char *const ids[SUBJECT_COUNT] = {"act", "cam/1", "set", "ad\"1"};
	for (int i = 0; i < SUBJECT_COUNT; i++) {
		struct subject *subject = &stage->subjects[i];
		*subject = (struct subject){.number = (uint32_t)i, .level = (enum level)i,
					    .id = slice_from(ids[i]), .currency = TEXT("USD")};
		for (int level = 0; level < PARENT_COUNT; level++) {
			subject->parents[level] = level < i ? (uint32_t)level : SUBJECT_NONE;
			if (level < i)
				subject->parent_ids[level] = slice_from(ids[level]);
		}
		subject->spans[ALERT_SPAN_HOUR].is_judged = subject->spans[ALERT_SPAN_DAY].is_judged = true;
	}
	stage->subjects[CAMPAIGN].name = TEXT("Kitchens");
	stage->input.name = TEXT("ladder.messages");
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	alerts_destroy(stage->alerts);
	fixture_destroy(&stage->fixture);
	free(stage->value);
	free(stage);
	return 0;
}

static void set_slow(struct stage *stage, int subject, int64_t slow_of_100)
{
	int64_t *observed = stage->subjects[subject].spans[ALERT_SPAN_HOUR].observed;
	observed[NUMBER_responses] = 100;
	observed[NUMBER_slow_responses] = slow_of_100;
}

static void each(void *ctx, int64_t now_ms, subject_sink *sink, void *sink_ctx)
{
	struct stage *stage = ctx;
	for (int i = 0; i < SUBJECT_COUNT; i++) {
		for (int span = 0; span < ALERT_SPAN_COUNT; span++) {
			stage->subjects[i].spans[span].to_ms = now_ms;
			stage->subjects[i].spans[span].from_ms = now_ms - alert_span_rows[span].length_ms;
		}
		sink(sink_ctx, &stage->subjects[i]);
	}
}

static char *text_of(const char *value, const char *field)
{
	char name[64];
	snprintf(name, sizeof(name), "\"%s\":", field);
	char *at = strstr(value, name);
	if (!at)
		fail_msg("no %s in %s", field, value);
	return at + strlen(name);
}

/* Ends with NUL, owned. */
static char *text_copy(struct slice text)
{
	char *copy = malloc(text.len + 1);
	assert_non_null(copy);
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

static void keep(void *ctx, const struct alert_message *message)
{
	static const char *const words[] = {[ALERT_FIRES] = "fires", [ALERT_FIRES_STILL] = "still",
					    [ALERT_RESOLVED] = "resolved"};
	struct stage *stage = ctx;
	free(stage->value);
	stage->value = text_copy(message->value);
	snprintf(stage->key, sizeof(stage->key), "%.*s", (int)message->key.len, message->key.data);
	char level[16];
	snprintf(level, sizeof(level), "%s", text_of(stage->value, "level") + 1);
	*strchr(level, '"') = '\0';
	size_t len = strlen(stage->said);
	snprintf(stage->said + len, sizeof(stage->said) - len, "%s%s %s", len ? ", " : "",
		 words[message->saying], level);
	int64_t revision = strtoll(text_of(stage->value, "revision"), NULL, 10);
	assert_true(revision > stage->revision);
	stage->revision = revision;
}

static void pass_round(struct stage *stage)
{
	struct alert_round round = {.now_ms = START_MS + stage->minute * MINUTE_MS, .each = each,
				    .each_ctx = stage, .inputs = &stage->input,
				    .input_count = stage->has_input};
	stage->said[0] = '\0';
	alerts_evaluate(stage->alerts, &round, keep, stage);
}

/* A round a minute; in the last something is said, before it only what fires is repeated. */
static void assert_minute(struct stage *stage, const char *said)
{
	pass_round(stage);
	assert_string_equal(stage->said, said);
	stage->minute++;
}

static void test_life(void **state)
{
	struct stage *stage = *state;
	set_slow(stage, AD, 50);
	assert_minute(stage, "");
	assert_minute(stage, "");
	assert_minute(stage, "fires ad");
	char key[32];
	memcpy(key, stage->key, sizeof(key));
	assert_minute(stage, "still ad");
	pass_round(stage); /* twice in a minute */
	assert_string_equal(stage->said, "still ad");
	pass_round(stage);
	assert_string_equal(stage->said, "");
	stage->minute++;
	set_slow(stage, AD, 12); /* not for sure, but plainly above a tenth */
	for (int i = 0; i < 20; i++)
		assert_minute(stage, "still ad");
	set_slow(stage, AD, 5);
	for (int i = 0; i < 9; i++)
		assert_minute(stage, "still ad");
	set_slow(stage, AD, 12); /* it lasts: `keep` begins anew */
	assert_minute(stage, "still ad");
	set_slow(stage, AD, 5);
	for (int i = 0; i < 9; i++)
		assert_minute(stage, "still ad");
	assert_minute(stage, "resolved ad");
	assert_string_equal(stage->key, key);
	assert_minute(stage, "");
	set_slow(stage, AD, 12); /* does not begin again by that */
	for (int i = 0; i < 5; i++)
		assert_minute(stage, "");
}

static void test_pending_is_forgotten(void **state)
{
	struct stage *stage = *state;
	for (int i = 0; i < 10; i++) {
		set_slow(stage, AD, i % 3 == 2 ? 5 : 50);
		assert_minute(stage, "");
	}
}

static void test_below_a_firing_one(void **state)
{
	struct stage *stage = *state;
	set_slow(stage, AD, 50);
	assert_minute(stage, "");
	assert_minute(stage, "");
	assert_minute(stage, "fires ad");
	set_slow(stage, CAMPAIGN, 50);
	assert_minute(stage, "still ad");
	assert_minute(stage, "still ad");
	assert_minute(stage, "fires campaign, resolved ad");
	set_slow(stage, ADSET, 50);
	for (int i = 0; i < 5; i++)
		assert_minute(stage, "still campaign");
	set_slow(stage, CAMPAIGN, 5);
	for (int i = 0; i < 9; i++)
		assert_minute(stage, "still campaign");
	assert_minute(stage, "resolved campaign");
	for (int i = 0; i < 61; i++)
		assert_minute(stage, ""); /* an hour, and `for` */
	assert_minute(stage, "fires adset");
}

static void test_all_at_once(void **state)
{
	struct stage *stage = *state;
	for (int i = 0; i < SUBJECT_COUNT; i++)
		set_slow(stage, i, 50);
	assert_minute(stage, "");
	assert_minute(stage, "");
	assert_minute(stage, "fires account");
}

static void test_silent_input(void **state)
{
	struct stage *stage = *state;
	stage->has_input = true;
	for (int minute = 0; minute < 24 * 60; minute++)
		input_activity_note(&stage->input, START_MS + minute * MINUTE_MS, 5);
	stage->minute = 24 * 60;
	for (int i = 0; i < 10; i++)
		assert_minute(stage, "");
	set_slow(stage, AD, 50); /* at the minute at which the silence is one */
	assert_minute(stage, "");
	assert_minute(stage, "");
	assert_minute(stage, "fires input");
	assert_non_null(strstr(stage->value, "\"id\":\"ladder.messages\""));
	assert_non_null(strstr(stage->value, "\"spend_at_risk\":null"));
	for (int i = 0; i < 20; i++)
		assert_minute(stage, "still input");
	input_activity_note(&stage->input, START_MS + stage->minute * MINUTE_MS, 5);
	for (int i = 0; i < 120 && stage->said[0] != 'f'; i++) {
		input_activity_note(&stage->input, START_MS + stage->minute * MINUTE_MS, 5);
		pass_round(stage);
		stage->minute++;
	}
	/* Of the hour before, less than three minutes were silent. */
	assert_string_equal(stage->said, "fires ad");
	assert_in_range(stage->minute, 24 * 60 + 33 + 57, 24 * 60 + 33 + 64);
}

static void test_text(void **state)
{
	struct stage *stage = *state;
	struct subject *campaign = &stage->subjects[CAMPAIGN];
	struct span_numbers *day = &campaign->spans[ALERT_SPAN_DAY];
	day->observed[NUMBER_spend] = 250500000;
	day->observed[NUMBER_conversations] = 100;
	day->baseline[NUMBER_spend] = 1000000000;
	day->baseline[NUMBER_conversations] = 1000;
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	static const char head[] =
		"{\"labels\":{\"account\":\"act\",\"alertname\":\"CostPerConversationUp\","
		"\"campaign\":\"cam/1\",\"id\":\"cam/1\",\"level\":\"campaign\",\"severity\":\"warning\"},"
		"\"annotations\":{\"summary\":\"CostPerConversationUp: campaign Kitchens (cam/1)\","
		"\"description\":\"spend by conversations, 24h: 2.505 USD (250.5 by 100); 99.9 % sure: from "
		"1.80535 USD to 3.475793 USD; in the 7 days before: 1 USD; since 2026-02-27T00:00:00Z; "
		"10.4375 USD an hour are spent there\",\"cause\":\"";
	static const char middle[] =
		"\"startsAt\":\"2026-02-27T00:00:00Z\",\"endsAt\":\"2026-02-27T00:07:00Z\","
		"\"generatorURL\":\"http://page/#rolling/event/24h/campaign/cam%2F1\","
		"\"status\":\"firing\",\"fingerprint\":\"";
	static const char measures[] =
		"\",\"revision\":1,\"currency\":\"USD\",\"observed\":{\"numerator\":250.5,"
		"\"denominator\":100,\"rate\":2.505,\"low\":1.8";
	static const char baseline[] =
		"},\"baseline\":{\"numerator\":1000,\"denominator\":1000,\"rate\":1,\"low\":0.90";
	const char *const wanted[] = {head, "\"advice\":\"", middle, measures, baseline,
				      "},\"spend_at_risk\":250.5}"};
	const char *at = stage->value;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		at = strstr(at, wanted[i]);
		if (!at)
			fail_msg("%s is not in, or not there in, %s", wanted[i], stage->value);
	}
	assert_int_equal(strlen(stage->key), 16);
	assert_memory_equal(text_of(stage->value, "fingerprint") + 1, stage->key, 16);
}

static void count_said(void *ctx, const struct alert_message *message)
{
	assert_int_equal(message->alert, ALERT_SLOW_FIRST_RESPONSE);
	++*(int *)ctx;
}

static void test_each(void **state)
{
	struct stage *stage = *state;
	int count = 0;
	set_slow(stage, AD, 50);
	set_slow(stage, CAMPAIGN, 50);
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	alerts_each(stage->alerts, count_said, &count);
	assert_int_equal(count, 1);
}

/* Somebody else judges from now on, who has read what stands in the topic. */
static void begin_anew(struct stage *stage, struct slice last)
{
	alerts_destroy(stage->alerts);
	stage->alerts = alerts_create(&stage->fixture.options);
	alerts_recall(stage->alerts, last);
}

static void begin_anew_from_last(struct stage *stage)
{
	char *last = text_copy(slice_from(stage->value));
	begin_anew(stage, slice_from(last));
	free(last);
}

static void test_goes_on_after_a_restart(void **state)
{
	struct stage *stage = *state;
	set_slow(stage, AD, 50);
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	assert_string_equal(stage->said, "fires ad");
	char *first = text_copy(slice_from(stage->value));
	assert_minute(stage, "still ad");
	begin_anew_from_last(stage);
	alerts_recall(stage->alerts, slice_from(first)); /* an older one of the same does not count */
	set_slow(stage, AD, 12); /* it lasts */
	for (int i = 0; i < 15; i++)
		assert_minute(stage, "still ad");
	assert_memory_equal(text_of(stage->value, "startsAt"), text_of(first, "startsAt"), 20);
	int count = 0;
	alerts_each(stage->alerts, count_said, &count);
	assert_int_equal(count, 1);
	begin_anew_from_last(stage);
	set_slow(stage, AD, 5);
	for (int i = 0; i < 10; i++)
		assert_minute(stage, "still ad");
	assert_minute(stage, "resolved ad");
	begin_anew_from_last(stage);
	for (int i = 0; i < 15; i++)
		assert_minute(stage, "");
	free(first);
}

static void test_subject_is_gone_after_a_restart(void **state)
{
	struct stage *stage = *state;
	set_slow(stage, AD, 50);
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	set_slow(stage, AD, 5);
	stage->subjects[AD].id = TEXT("another");
	char *last = text_copy(slice_from(stage->value));
	begin_anew(stage, slice_from(last));
	for (int i = 0; i < 10; i++)
		assert_minute(stage, "");
	assert_minute(stage, "resolved ad");
	assert_memory_equal(text_of(stage->value, "status"), "\"resolved\"", 10);
	assert_memory_equal(text_of(stage->value, "endsAt"), "\"2026-02-27T00:13:00Z\"", 22);
	assert_non_null(strstr(stage->value, "\"id\":\"ad\\\"1\""));
	assert_string_equal(text_of(stage->value, "currency"), text_of(last, "currency"));
	assert_minute(stage, "");
	free(last);
}

/* The parent's end is remembered: what is below it waits an hour. */
static void test_lingers_after_a_restart(void **state)
{
	struct stage *stage = *state;
	set_slow(stage, CAMPAIGN, 50);
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	set_slow(stage, CAMPAIGN, 5);
	for (int i = 0; i < 10; i++)
		pass_round(stage), stage->minute++;
	assert_string_equal(stage->said, "resolved campaign");
	begin_anew_from_last(stage);
	set_slow(stage, ADSET, 50);
	for (int i = 0; i < 61; i++)
		assert_minute(stage, "");
	assert_minute(stage, "fires adset");
}

static void test_silence_is_known_after_a_restart(void **state)
{
	struct stage *stage = *state;
	stage->has_input = true;
	for (int minute = 0; minute < 24 * 60; minute++)
		input_activity_note(&stage->input, START_MS + minute * MINUTE_MS, 5);
	stage->minute = 24 * 60 + 10;
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	assert_string_equal(stage->said, "fires input");
	begin_anew_from_last(stage);
	stage->has_input = false; /* not known yet */
	set_slow(stage, AD, 50);
	for (int i = 0; i < 9; i++)
		assert_minute(stage, "");
}

static void test_what_is_no_alert(void **state)
{
	struct stage *stage = *state;
	set_slow(stage, AD, 50);
	for (int i = 0; i < 3; i++)
		pass_round(stage), stage->minute++;
	char *last = text_copy(slice_from(stage->value));
	for (size_t len = 0; len < strlen(last); len++) {
		stage->revision = 0;
		begin_anew(stage, (struct slice){last, len});
		pass_round(stage);
	}
	static const char *const fields[] = {"alertname", "startsAt", "endsAt", "status", "fingerprint",
					     "revision"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char *spoilt = text_copy(slice_from(last));
		text_of(spoilt, fields[i])[1] = '!';
		text_of(spoilt, fields[i])[0] = i == 5 ? '!' : '"';
		begin_anew(stage, slice_from(spoilt));
		pass_round(stage);
		assert_string_equal(stage->said, "");
		free(spoilt);
	}
	free(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_below_a_firing_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goes_on_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subject_is_gone_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lingers_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence_is_known_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_alert, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
