/* Goal: what is said of a person is as it stands here, in words and as JSON, and holds no id of his. */
#include "daemon/explain_person.h"
#include "tests/core/join/join_case.h"

#define PERSON .user = TEXT("+49 152 0000001"), .account = TEXT("act_nyc")
#define AT(minutes) .ts_ms = START_MS + (minutes) * MINUTE_MS

static const struct event events[] = {
	{.type = EVENT_CLICK, .id = TEXT("wamid.click"), PERSON, AT(0), .click_id = TEXT("ARA1"),
	 .ad = TEXT("a"), .money_micros = 250000},
	{.type = EVENT_MESSAGE, .id = TEXT("wamid.1"), PERSON, AT(2), .click_id = TEXT("ARA1"),
	 .is_auto = true},
	{.type = EVENT_MESSAGE, .id = TEXT("wamid.2"), PERSON, AT(5), .direction = DIRECTION_OUT},
	{.type = EVENT_MESSAGE, .id = TEXT("wamid.3"), PERSON, AT(65), .word_count = 3},
	{.type = EVENT_OUTCOME, .id = TEXT("wamid.4"), PERSON, AT(90), .stage = STAGE_HANDOFF},
	{.type = EVENT_OUTCOME, .id = TEXT("wamid.5"), PERSON, AT(50 * 24 * 60), .stage = STAGE_LOST},
};

static const char text[] =
	"task 3 keeps 6 events of this person\n"
	"\n"
	"2026-02-27T00:00:00Z  click, 0.25, click 1\n"
	"    a by referral: it names the ad itself\n"
	"    clicks, click_cost 0.25\n"
	"\n"
	"2026-02-27T00:02:00Z  message in, auto, click 1\n"
	"    a by click_id: the latest touch with its click id was there, 2m before\n"
	"    messages_in, match_click_id, conversations, kind_auto, audit_untagged\n"
	"\n"
	"2026-02-27T00:05:00Z  message out\n"
	"    a by ongoing: the ongoing conversation is there, its last inbound message 3m before\n"
	"    messages_out, response_under_5m, out_free\n"
	"\n"
	"2026-02-27T01:05:00Z  message in, started\n"
	"    a by ongoing: the ongoing conversation is there, its last inbound message 1h 3m before\n"
	"    messages_in, match_ongoing, -kind_auto, kind_started, replies, -kind_started, kind_engaged\n"
	"\n"
	"2026-02-27T01:30:00Z  outcome, handoff\n"
	"    a by opened_last: the conversation that opened last is there, opened 1h 28m before\n"
	"    qualified, implied_qualified, handoffs, -audit_untagged, audit_sales_ready\n"
	"\n"
	"2026-04-18T00:00:00Z  outcome, lost\n"
	"    organic:act_nyc by organic: no conversation had an inbound message in the 28d before\n"
	"    outcomes_unattributed\n"
	"\n"
	"conversation at a (account default): engaged, first response under_5m\n"
	"    conversation  2026-02-27T00:02:00Z\n"
	"    reply         2026-02-27T01:05:00Z\n"
	"    qualified     2026-02-27T01:30:00Z\n"
	"    handoff       2026-02-27T01:30:00Z\n"
	"    last inbound  2026-02-27T01:05:00Z\n";

static const char json_begin[] =
	"{\"task\":3,\"settled\":null,\"events\":["
	"{\"ts\":\"2026-02-27T00:00:00Z\",\"type\":\"click\",\"direction\":null,\"kind\":null,\"stage\":null,"
	"\"auto\":false,\"click\":1,\"money\":0.25,\"ad\":\"a\",\"adset\":null,\"campaign\":null,"
	"\"account\":\"default\",\"match\":\"referral\",\"why\":\"it names the ad itself\","
	"\"counts\":{\"clicks\":1,\"click_cost\":0.25}},";

static const char json_end[] =
	"\"conversations\":[{\"ad\":\"a\",\"adset\":null,\"campaign\":null,\"account\":\"default\","
	"\"rungs\":{\"conversation\":\"2026-02-27T00:02:00Z\",\"reply\":\"2026-02-27T01:05:00Z\","
	"\"qualified\":\"2026-02-27T01:30:00Z\",\"handoff\":\"2026-02-27T01:30:00Z\"},"
	"\"kind\":\"engaged\",\"response\":\"under_5m\",\"last_inbound\":\"2026-02-27T01:05:00Z\","
	"\"overfollowed\":false}]}";

static void explain(bool is_json, struct buffer *out)
{
	struct join_case test;
	join_case_create(&test);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		assert_int_equal(join_case_put(&test, &events[i], TIME_NONE), JOIN_APPLIED);
	const struct fold_context ctx = {test.join.options, &test.series};
	struct story *story = story_tell(&ctx, people_find(test.people, join_user_key(&test.join,
										      events[0].user)));
	if (is_json)
		explain_person_as_json(story, &ctx, 3, out);
	else
		explain_person_as_text(story, &ctx, 3, out);
	buffer_put(out, "", 1);
	story_destroy(story);
	join_case_destroy(&test);
	assert_null(strstr(out->data, "wamid"));
	assert_null(strstr(out->data, "ARA1"));
	assert_null(strstr(out->data, "152"));
}

static void test_text(void **state)
{
	(void)state;
	struct buffer out = {0};
	explain(false, &out);
	assert_string_equal(out.data, text);
	buffer_destroy(&out);
}

static void test_json(void **state)
{
	(void)state;
	struct buffer out = {0};
	explain(true, &out);
	assert_memory_equal(out.data, json_begin, strlen(json_begin));
	assert_true(out.len > sizeof(json_end));
	assert_string_equal(out.data + out.len - sizeof(json_end), json_end);
	buffer_destroy(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
