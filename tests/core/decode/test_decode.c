/* Every record of cases.def becomes what its row says, by the decoder and by the reference; the limits
 * hold at their edges; no piece of a record and no changed byte of one makes the two differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/decode/fields.h"
#include "tests/core/decode/cases.h"
#include "tests/core/decode/outcome.h"

static struct decoder *decoder;

static int set_up(void **state)
{
	(void)state;
	decoder = decoder_create(&outcome_limits);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	decoder_destroy(decoder);
	return 0;
}

static void assert_same(struct slice value)
{
	if (!outcome_is_same(decoder, &outcome_limits, value)) {
		fprintf(stderr, "input: %.*s\n", (int)value.len, value.data);
		fail();
	}
}

static void assert_outcome(struct slice value, const char *expected)
{
	assert_same(value);
	char *text = outcome_of(decoder, &outcome_limits, value, false);
	assert_string_equal(text, expected);
	free(text);
}

static void test_cases(void **state)
{
	(void)state;
	unsigned failed_count = 0;
	for (size_t i = 0; i < case_count; i++) {
		struct slice input = case_input(&cases[i]);
		bool is_same = outcome_is_same(decoder, &outcome_limits, input);
		char *text = outcome_of(decoder, &outcome_limits, input, false);
		if (!is_same || (cases[i].expected && strcmp(text, cases[i].expected) != 0)) {
			print_error("cases.def:%d: %.*s\n\tis:     %s\n\tshould: %s\n", cases[i].line,
				    (int)input.len, input.data, text,
				    cases[i].expected ? cases[i].expected : "be the same");
			failed_count++;
		}
		free(text);
		free((char *)input.data);
	}
	assert_int_equal(failed_count, 0);
}

static void test_every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < case_count; i++) {
		struct slice input = case_input(&cases[i]);
		for (size_t len = 0; len < input.len; len++) {
			char *copy = malloc(len + 1);
			memcpy(copy + 1, input.data, len);
			assert_same((struct slice){copy + 1, len});
			free(copy);
		}
		free((char *)input.data);
	}
}

static void test_every_changed_byte(void **state)
{
	(void)state;
	static const char changes[] = "\"\\{}[],:0e.- \n\x1f\x80";
	for (size_t i = 0; i < case_count; i += 7) {
		struct slice input = case_input(&cases[i]);
		char *bytes = (char *)input.data;
		for (size_t at = 0; at < input.len; at++) {
			char kept = bytes[at];
			for (size_t change = 0; change < sizeof(changes); change++) {
				bytes[at] = changes[change];
				assert_same(input);
			}
			bytes[at] = kept;
		}
		free(bytes);
	}
}

/* A text that grows by printing. */
struct draft {
	char bytes[500];
	size_t len;
};

static void draft_add(struct draft *draft, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	size_t room = sizeof(draft->bytes) - draft->len;
	int len = vsnprintf(draft->bytes + draft->len, room, format, arguments);
	va_end(arguments);
	assert_in_range(len, 0, room - 1);
	draft->len += (size_t)len;
}

/* An event of the type, with all that any type requires, but its field `name` has this value. */
static struct draft object_with(enum event_type type, const char *name, const char *value, bool is_type_first)
{
	static const char *const others[][2] = {
		{"id", "1"}, {"ts", "1"}, {"user", "1"}, {"ad", "1"},
		{"from", "1"}, {"to", "2"}, {"direction", "\"in\""}, {"stage", "\"lost\""},
	};
	struct draft object = {.len = 0};
	bool has_type = strcmp(name, "type") == 0;
	draft_add(&object, "{");
	if (is_type_first && !has_type)
		draft_add(&object, "\"type\":\"%s\",", event_type_name(type));
	draft_add(&object, "\"%s\":%s", name, value);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i][0], name) != 0)
			draft_add(&object, ",\"%s\":%s", others[i][0], others[i][1]);
	if (!is_type_first && !has_type)
		draft_add(&object, ",\"type\":\"%s\"", event_type_name(type));
	draft_add(&object, "}");
	return object;
}

static void test_every_field_with_every_value(void **state)
{
	(void)state;
	static const char *const values[] = {
		"1", "\"1\"", "\"x\"", "1.5", "-1", "true",
		"[]", "{}", "null", "\"\"", "\"12345678901234567\"",
	};
	const size_t value_count = sizeof(values) / sizeof(*values);
	for (size_t i = 0; i < EVENT_TYPE_COUNT * FIELD_COUNT * value_count; i++) {
		const char *name = field_rows[i / value_count % FIELD_COUNT].name.data;
		enum event_type type = i / value_count / FIELD_COUNT;
		for (int is_first = 0; is_first < 2; is_first++) {
			struct draft object = object_with(type, name, values[i % value_count], is_first);
			assert_same((struct slice){object.bytes, object.len});
		}
	}
}

static void test_record_limit(void **state)
{
	(void)state;
	char record[1001];
	memset(record, ' ', sizeof(record));
	memcpy(record, "{\"type\":\"x\"}", 12);
	assert_outcome((struct slice){record, 1000}, "reject:unknown_type");
	assert_outcome((struct slice){record, 1001}, "reject:too_large");
}

/* An object with `count` keys, the last of them equal to the first where has_twin. */
static struct slice many_keys(unsigned count, bool has_twin)
{
	char *text = malloc((size_t)count * 12 + 3);
	size_t len = 1;
	text[0] = '{';
	for (unsigned i = 0; i < count; i++) {
		unsigned key = has_twin && i == count - 1 ? 0 : i * 7919 % count;
		len += (size_t)snprintf(text + len, 13, "\"%u\":0,", key);
	}
	text[len - 1] = '}';
	return (struct slice){text, len};
}

static void test_many_keys(void **state)
{
	(void)state;
	const struct decode_limits limits = {.record_bytes = 1 << 20, .id_bytes = 16, .depth = 4};
	struct decoder *large = decoder_create(&limits);
	static const unsigned counts[] = {1, 2, 7, 8, 9, 10, 100, 1000, 50000};
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		for (int has_twin = 0; has_twin < 2; has_twin++) {
			struct slice value = many_keys(counts[i], has_twin);
			bool is_bad = has_twin && counts[i] > 1;
			assert_true(outcome_is_same(large, &limits, value));
			char *text = outcome_of(large, &limits, value, false);
			assert_string_equal(text, is_bad ? "reject:json" : "reject:missing_field");
			free(text);
			free((char *)value.data);
		}
	decoder_destroy(large);
}

/* Keys that are no fields, and more than can be known again; one of them twice is a fault. */
static void test_other_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++)
		for (unsigned twin = 0; twin < 4; twin++) {
			struct draft object = {.len = 0};
			draft_add(&object, "{\"type\":\"open\",\"id\":1,\"ts\":1,\"user\":1");
			for (unsigned j = 0; j < 4; j++)
				draft_add(&object, ",\"%s%u\":%u", j % 2 ? "a_name_that_is_long_" : "k",
					  i / 2 * 3 + j, j);
			draft_add(&object, ",\"%s%u\":1}", twin % 2 ? "a_name_that_is_long_" : "k",
				  i / 2 * 3 + twin + 4 * (i % 2));
			assert_outcome((struct slice){object.bytes, object.len},
				       i % 2 ? "open ts=1000 id=1 user=1" : "reject:json");
		}
}

/* The largest double is written with 309 digits; from half a step above it on it is too large. */
static void test_largest_integer(void **state)
{
	(void)state;
	static const char half_above[] =
		"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
		"977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
		"854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
		"342711559699508093042880177904174497792";
	char record[400];
	for (int step = 0; step < 3; step++) {
		const char *fraction = step == 2 ? ".000" : "";
		int len = snprintf(record, sizeof(record), "{\"x\":%s%s}", half_above, fraction);
		record[len - 2] = (char)(record[len - 2] - (step == 0));
		assert_outcome((struct slice){record, (size_t)len},
			       step == 0 ? "reject:missing_field" : "reject:json");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_every_changed_byte),
		cmocka_unit_test(test_every_field_with_every_value),
		cmocka_unit_test(test_record_limit),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_largest_integer),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
