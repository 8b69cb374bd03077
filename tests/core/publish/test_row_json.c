/* Goal: the text of a row: keys and strings are escaped so that they read back as they were, every
 * field is there, absent ones are null, and quotients are rounded half away from zero, also below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/publish/row_json.h"
#include "tests/core/fixture.h"

static struct row make_row(void)
{
	struct row row = {
		.kind = ROW_ROLLING,
		.basis = BASIS_EVENT,
		.level = LEVEL_AD,
		.id = TEXT("ad"),
		.account = TEXT("act"),
		.ad = TEXT("ad"),
		.window = TEXT("1h"),
		.currency = TEXT("USD"),
		.from_ms = START_MS,
		.to_ms = START_MS + AN_HOUR_MS,
		.judgement = {RUNG_NONE, DIAGNOSIS_NONE},
	};
	for (int i = 0; i < ROW_TIME_COUNT; i++)
		row.times_ms[i] = -1;
	return row;
}

/* NUL-terminated; the caller's. */
static char *text_of(const struct row *row)
{
	struct buffer key = {0}, value = {0};
	row_put_key(row, &key);
	row_put_json(row, buffer_slice(&key), &value);
	buffer_put(&value, "", 1);
	buffer_destroy(&key);
	return value.data;
}

static void assert_key(const struct row *row, const char *wanted)
{
	struct buffer key = {0};
	row_put_key(row, &key);
	assert_true(slice_equal(buffer_slice(&key), slice_from(wanted)));
	buffer_destroy(&key);
}

/* `wanted` stands in the row's JSON. */
static void assert_shows(const struct row *row, const char *wanted)
{
	char *text = text_of(row);
	if (!strstr(text, wanted))
		fail_msg("%s is not in %s", wanted, text);
	free(text);
}

static void test_keys(void **state)
{
	(void)state;
	struct row row = make_row();
	assert_key(&row, "rolling/event/1h/ad/ad");
	row.basis = BASIS_COHORT;
	row.level = LEVEL_CAMPAIGN;
	row.id = TEXT("a/b%c%2Fd\"\n\\");
	assert_key(&row, "rolling/cohort/1h/campaign/a%2Fb%25c%252Fd\"\n\\");
	row.kind = ROW_BUCKET;
	row.window = TEXT("1d");
	row.from_ms = START_MS - 330 * MINUTE_MS;
	assert_key(&row, "bucket/cohort/1d/campaign/a%2Fb%25c%252Fd\"\n\\/2026-02-26T18:30:00Z");
}

static void test_strings(void **state)
{
	(void)state;
	struct row row = make_row();
	row.name = (struct slice){"\0\x01\x1f \b\t\n\v\f\r\"\\/\x7f\xc3\xa9\xf0\x9f\x98\x80", 20};
	assert_shows(&row,
		     ",\"name\":\"\\u0000\\u0001\\u001f \\b\\t\\n\\u000b\\f\\r\\\"\\\\/"
		     "\x7f\xc3\xa9\xf0\x9f\x98\x80\",");
	row.id = TEXT("a\"/%");
	assert_shows(&row, "{\"key\":\"rolling/event/1h/ad/a\\\"%2F%25\",");
	assert_shows(&row, ",\"id\":\"a\\\"/%\",");
}

static void test_absent_is_null(void **state)
{
	(void)state;
	struct row row = make_row();
	assert_shows(&row,
		     ",\"id\":\"ad\",\"name\":null,\"account\":\"act\",\"campaign\":null,"
		     "\"adset\":null,\"ad\":\"ad\",");
	assert_shows(&row, ",\"cost_per_click\":null,");
	assert_shows(&row,
		     ",\"roas\":null,\"response_p50\":null,\"response_p90\":null,\"close_time_p50\":null,"
			   "\"close_time_p90\":null,\"weakest_rung\":null,\"diagnosis\":null}");
	row.times_ms[ROW_RESPONSE_P50] = 0;
	row.times_ms[ROW_CLOSE_TIME_P90] = 12345;
	assert_shows(&row, ",\"response_p50\":0,\"response_p90\":null,");
	assert_shows(&row, ",\"close_time_p90\":12.345,");
	row.judgement = (struct judgement){RUNG_REPLY, DIAGNOSIS_TOO_LITTLE_DATA};
	assert_shows(&row, ",\"weakest_rung\":\"reply\",\"diagnosis\":\"too_little_data\"}");
}

static void test_head(void **state)
{
	(void)state;
	struct row row = make_row();
	row.revision = UINT64_C(9007199254740993);
	row.is_settled = true;
	assert_shows(&row, "\"schema\":1,\"kind\":\"rolling\",\"basis\":\"event\",\"level\":\"ad\",");
	assert_shows(&row,
		     ",\"window\":\"1h\",\"from\":\"2026-02-27T00:00:00Z\",\"to\":\"2026-02-27T01:00:00Z\","
			   "\"from_ms\":1772150400000,\"to_ms\":1772154000000,\"revision\":9007199254740993,"
			   "\"settled\":true,\"currency\":\"USD\",");
	row.is_settled = false;
	row.kind = ROW_BUCKET;
	assert_shows(&row, ",\"settled\":false,");
	assert_shows(&row, ",\"kind\":\"bucket\",");
}

/* Every counter and every derived field is there once, in the order of the tables. */
static void test_every_field(void **state)
{
	(void)state;
	static const char *const derived[] = {
#define DERIVED(name, numerator, denominator, scale, sentence) #name,
#include "core/model/derived.def"
#undef DERIVED
	};
	struct row row = make_row();
	for (int i = 0; i < COUNTER_COUNT; i++)
		row.counts[i] = 2 * i + 101; /* odd: no zeros at the end */
	char *text = text_of(&row);
	const char *at = text;
	for (int i = 0; i < COUNTER_COUNT; i++) {
		char field[64];
		bool is_money = counter_rows[i].unit == UNIT_MICROS;
		snprintf(field, sizeof(field), is_money ? ",\"%s\":0.000%d," : ",\"%s\":%d,",
			 counter_rows[i].name,
			 2 * i + 101);
		at = strstr(at, field);
		assert_non_null(at);
		at++;
	}
	for (size_t i = 0; i < sizeof(derived) / sizeof(*derived); i++) {
		char field[64];
		snprintf(field, sizeof(field), "\"%s\":", derived[i]);
		at = strstr(at, field);
		assert_non_null(at);
	}
	free(text);
}

static void test_rounding(void **state)
{
	(void)state;
	struct row row = make_row();
	row.counts[COUNTER_spend] = 5;
	row.counts[COUNTER_clicks] = 2;
	assert_shows(&row, ",\"cost_per_click\":0.000003,");
	row.counts[COUNTER_revenue] = -5;
	row.counts[COUNTER_orders] = 2;
	assert_shows(&row, ",\"revenue\":-0.000005,");
	assert_shows(&row, ",\"average_order_value\":-0.000003,\"revenue_per_customer\":null,\"roas\":-1,");
	row.counts[COUNTER_revenue] = -4;
	row.counts[COUNTER_orders] = 3;
	assert_shows(&row, ",\"average_order_value\":-0.000001,");
	row.counts[COUNTER_reported_conversations] = 3;
	row.counts[COUNTER_conversations] = 5;
	assert_shows(&row, ",\"counting_gap\":-0.666667,");
	row.counts[COUNTER_reported_conversations] = 2000000;
	row.counts[COUNTER_conversations] = 2000001;
	assert_shows(&row, ",\"counting_gap\":-0.000001,");
	row.counts[COUNTER_kind_auto] = row.counts[COUNTER_kind_short] = 1;
	row.counts[COUNTER_conversations] = 3;
	row.counts[COUNTER_audit_untagged] = 1;
	assert_shows(&row, ",\"junk_rate\":0.666667,\"tagging_rate\":0.666667,");
}

/* Spec section 6.4, the acceptance case. */
static void test_acceptance(void **state)
{
	(void)state;
	struct row row = make_row();
	row.counts[COUNTER_spend] = INT64_C(3200000000);
	row.counts[COUNTER_reported_conversations] = 127;
	row.counts[COUNTER_messages_in] = 84;
	row.counts[COUNTER_people] = 52;
	assert_shows(&row, ",\"spend\":3200,");
	assert_shows(&row, ",\"cost_per_reported_conversation\":25.19685,\"cost_per_message_in\":38.095238,"
			   "\"cost_per_person\":61.538462,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),	    cmocka_unit_test(test_strings),
			cmocka_unit_test(test_absent_is_null),
		cmocka_unit_test(test_head),	    cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_rounding),    cmocka_unit_test(test_acceptance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
