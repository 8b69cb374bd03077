/* Goal: a configuration file gives exactly the settings it says and the defaults of the specification for the
 * rest, or it gives every problem at its place and nothing else. What is printed of the settings table
 * (defaults, schema, reference) says the same as the parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "config/config.h"
#include "config/settings.h"
#include "core/base/zone.h"
#include "core/model/event.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static void fail_with(const struct config_problems *problems)
{
	config_problems_print(problems, stderr);
	fail_msg("%zu problems", problems->count);
}

static struct config *load_good(const char *yaml)
{
	struct config_problems problems = {.file = "test"};
	struct config *config = config_load_text(slice_from(yaml), CONFIG_NEED_NOTHING, &problems);
	if (!config)
		fail_with(&problems);
	assert_int_equal(problems.count, 0);
	config_problems_destroy(&problems);
	return config;
}

static void assert_slice(struct slice slice, const char *text)
{
	assert_string_equal(slice.data, text);
	assert_int_equal(slice.len, strlen(text));
}

static void test_defaults_are_the_specification(void **state)
{
	(void)state;
	struct config *config = load_good("");
	const struct options *options = &config->options;
	assert_null(config->kafka.brokers);
	assert_string_equal(config->kafka.group, "ladderd");
	assert_int_equal(config->kafka.properties.count, 0);
	assert_int_equal(config->kafka.inputs.count, 0);
	assert_string_equal(config->kafka.outputs.current, "ladder.current");
	assert_string_equal(config->kafka.outputs.history, "ladder.history");
	assert_string_equal(config->kafka.outputs.alerts, "ladder.alerts");
	assert_string_equal(config->kafka.outputs.dead, "ladder.dead");
	assert_string_equal(config->redis.url, "redis://127.0.0.1:6379/0");
	assert_string_equal(config->redis.namespace, "ladder");
	assert_string_equal(config->identity.key_file, "/etc/ladderd/identity.key");
	assert_string_equal(config->http.listen, "127.0.0.1:9464");
	assert_int_equal(config->workers, 2);
	assert_int_equal(config->clock, CONFIG_CLOCK_WALL);
	assert_int_equal(config->dead_letters, CONFIG_DEAD_LETTERS_KEEP);
	assert_int_equal(config->limits.record_bytes, 1048576);
	assert_int_equal(config->limits.depth, 16);
	assert_int_equal(config->limits.id_bytes, 256);
	assert_int_equal(config->publish.emit_rate, 20000);
	assert_int_equal(config->publish.catch_up_ms, 60000);
	assert_int_equal(config->commit.interval_ms, 5000);
	assert_int_equal(config->commit.bandwidth_bytes_per_s, 64000000);
	assert_slice(options->default_account, "default");
	assert_slice(options->default_currency, "USD");
	assert_ptr_equal(options->default_zone, zone_utc());
	assert_int_equal(options->account_count, 0);
	config_destroy(config);
}

static void test_default_rules_are_the_specification(void **state)
{
	(void)state;
	struct config *config = load_good("");
	const struct options *options = &config->options;
	assert_int_equal(options->gap_ms, 7 * DAY_MS);
	assert_int_equal(options->attribution_ms, 7 * DAY_MS);
	assert_int_equal(options->outcome_window_ms, 28 * DAY_MS);
	assert_int_equal(options->lateness_ms, 7 * DAY_MS);
	assert_int_equal(options->free_window_ms, 72 * HOUR_MS);
	assert_int_equal(options->service_window_ms, 24 * HOUR_MS);
	assert_int_equal(options->followup_after_ms, HOUR_MS);
	assert_int_equal(options->retention_ms, 90 * DAY_MS);
	assert_int_equal(options->max_ahead_ms, 5 * MINUTE_MS);
	assert_int_equal(options->history_emit_ms, MINUTE_MS);
	assert_int_equal(options->min_words, 2);
	assert_int_equal(options->followup_max, 2);
	assert_int_equal(options->max_tail, 1000);
	assert_true(options->imply);
	static const struct window_options windows[] = {
		{"5m", 5 * MINUTE_MS, 10000, 1000},
		{"1h", HOUR_MS, MINUTE_MS, 5000},
		{"24h", DAY_MS, 15 * MINUTE_MS, MINUTE_MS},
		{"7d", 7 * DAY_MS, 6 * HOUR_MS, MINUTE_MS},
		{"28d", 28 * DAY_MS, 6 * HOUR_MS, MINUTE_MS},
	};
	assert_int_equal(options->window_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(options->windows[i].name, windows[i].name);
		assert_int_equal(options->windows[i].length_ms, windows[i].length_ms);
		assert_int_equal(options->windows[i].slide_ms, windows[i].slide_ms);
		assert_int_equal(options->windows[i].emit_ms, windows[i].emit_ms);
	}
	config_destroy(config);
}

static void test_sample_file(void **state)
{
	(void)state;
	struct config_problems problems = {0};
	struct config *config = config_load("config/ladderd.yaml", CONFIG_NEED_KAFKA, &problems);
	if (!config)
		fail_with(&problems);
	assert_string_equal(config->kafka.brokers, "127.0.0.1:9092");
	assert_int_equal(config->kafka.inputs.count, 2);
	assert_string_equal(config->kafka.inputs.items[0].topic, "ladder.clicks");
	assert_string_equal(config->kafka.inputs.items[1].topic, "ladder.messages");
	assert_int_equal(config->kafka.inputs.items[1].format, CONFIG_FORMAT_LADDER);
	assert_int_equal(config->kafka.inputs.items[1].types, (1 << EVENT_TYPE_COUNT) - 1);
	assert_int_equal(config->options.account_count, 1);
	assert_slice(config->options.accounts[0].id, "act_1");
	/* 2018-11-04, whose first hour was skipped there, starts at 03:00Z. */
	assert_int_equal(zone_day_start_ms(config->options.accounts[0].zone, 17839), 1541300400000);
	config_destroy(config);
}

static void test_values_are_taken(void **state)
{
	(void)state;
	struct config *config = load_good(
		"kafka:\n"
		"  properties: {security.protocol: ssl, ssl.ca.location: '', a: 1}\n"
		"  inputs: [{topic: t, types: [message, click]}]\n"
		"redis: {url: 'unix:///run/redis.sock'}\n"
		"clock: event\n"
		"dead_letters: redact\n"
		"limits: {record_bytes: 65536, id_bytes: 1KiB}\n"
		"commit: {interval: 500ms, bandwidth: 1MiB/s}\n"
		"ladder: {imply: false, free_window: 0, gap: 90m, min_words: 0}\n");
	assert_int_equal(config->kafka.properties.count, 3);
	assert_string_equal(config->kafka.properties.items[0].name, "security.protocol");
	assert_string_equal(config->kafka.properties.items[0].value, "ssl");
	assert_string_equal(config->kafka.properties.items[1].value, "");
	assert_string_equal(config->kafka.properties.items[2].value, "1");
	assert_int_equal(config->kafka.inputs.items[0].types, 1 << EVENT_CLICK | 1 << EVENT_MESSAGE);
	assert_string_equal(config->redis.url, "unix:///run/redis.sock");
	assert_int_equal(config->clock, CONFIG_CLOCK_EVENT);
	assert_int_equal(config->dead_letters, CONFIG_DEAD_LETTERS_REDACT);
	assert_int_equal(config->limits.record_bytes, 65536);
	assert_int_equal(config->limits.id_bytes, 1024);
	assert_int_equal(config->commit.interval_ms, 500);
	assert_int_equal(config->commit.bandwidth_bytes_per_s, 1048576);
	assert_false(config->options.imply);
	assert_int_equal(config->options.free_window_ms, 0);
	assert_int_equal(config->options.gap_ms, 90 * MINUTE_MS);
	assert_int_equal(config->options.min_words, 0);
	assert_int_equal(config->options.attribution_ms, 7 * DAY_MS);
	config_destroy(config);
}

static void test_windows_are_sorted_and_completed(void **state)
{
	(void)state;
	static const struct window_options want[] = {
		{"60s", 60000, 10000, 1000}, {"5m", 300000, 20000, 5000}, {"1h", 3600000, 60000, 5000},
		{"2h", 7200000, 120000, 60000}, {"1d", 86400000, 3600000, 0},
	};
	struct config *config = load_good("windows:\n"
					  "  - {length: 1d, slide: 1h, emit: 0}\n"
					  "  - {length: 1h, slide: 1m}\n"
					  "  - {length: 60s, slide: 10s}\n"
					  "  - {length: 2h, slide: 2m}\n"
					  "  - {length: 5m, slide: 20s}\n");
	assert_int_equal(config->options.window_count, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct window_options *window = &config->options.windows[i];
		assert_string_equal(window->name, want[i].name);
		assert_int_equal(window->length_ms, want[i].length_ms);
		assert_int_equal(window->slide_ms, want[i].slide_ms);
		assert_int_equal(window->emit_ms, want[i].emit_ms);
	}
	config_destroy(config);
}

static void test_accounts(void **state)
{
	(void)state;
	struct config *config = load_good("accounts:\n"
					  "  b: {currency: BRL, timezone: America/Sao_Paulo}\n"
					  "  a: {spend_from: clicks}\n"
					  "  ab: {timezone: America/Sao_Paulo}\n"
					  "default_currency: EUR\n");
	const struct options *options = &config->options;
	struct account_options account = options_account(options, slice_from("b"));
	assert_slice(options->accounts[0].id, "a");
	assert_slice(options->accounts[1].id, "ab");
	assert_slice(options->accounts[2].id, "b");
	assert_slice(account.currency, "BRL");
	assert_int_equal(account.spend_from, SPEND_FROM_REPORTS);
	assert_ptr_equal(account.zone, options->accounts[1].zone);
	account = options_account(options, slice_from("a"));
	assert_slice(account.currency, "EUR");
	assert_int_equal(account.spend_from, SPEND_FROM_CLICKS);
	assert_ptr_equal(account.zone, zone_utc());
	account = options_account(options, slice_from("aa"));
	assert_slice(account.id, "aa");
	assert_slice(account.currency, "EUR");
	assert_ptr_equal(account.zone, options->default_zone);
	config_destroy(config);
}

static const struct problem_case {
	const char *name;
	enum config_need need;
	const char *yaml;
	const char *problems;
} PROBLEM_CASES[] = {
#define CASE(name, need, yaml, problems) {#name, need, yaml, problems},
#include "tests/config/problem_cases.def"
#undef CASE
};

/* What is printed, without the file's name that has to start each line. */
static char *print_problems(const struct config_problems *problems)
{
	char *text, *stripped;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	config_problems_print(problems, file);
	fclose(file);
	file = open_memstream(&stripped, &size);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		assert_memory_equal(line, "some.yaml:", 10);
		fprintf(file, "%.*s\n", (int)strcspn(line + 10, "\n"), line + 10);
	}
	fclose(file);
	free(text);
	return stripped;
}

static void test_problems(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof PROBLEM_CASES / sizeof *PROBLEM_CASES; i++) {
		const struct problem_case *one = &PROBLEM_CASES[i];
		struct config_problems problems = {.file = "some.yaml"};
		struct config *config = config_load_text(slice_from(one->yaml), one->need, &problems);
		char *text = print_problems(&problems);
		if (config || strcmp(text, one->problems) != 0)
			fail_msg("%s says\n%s, expected\n%s", one->name, text, one->problems);
		free(text);
		config_problems_destroy(&problems);
	}
}

static void test_unreadable_file(void **state)
{
	(void)state;
	struct config_problems problems = {0};
	assert_null(config_load("/nonexistent/ladderd.yaml", CONFIG_NEED_NOTHING, &problems));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.file, "/nonexistent/ladderd.yaml");
	assert_string_equal(problems.items[0].message, "cannot be read: No such file or directory");
	config_problems_destroy(&problems);
	assert_null(config_load("/tmp", CONFIG_NEED_NOTHING, &problems));
	assert_string_equal(problems.items[0].message, "cannot be read: Is a directory");
	config_problems_destroy(&problems);
}

/* A config as text, field by field as the table has them. */
static void print_field(FILE *file, const struct setting *setting, const void *field)
{
	const struct slice *slice = field;
	if (setting->kind == KIND_ID || setting->kind == KIND_CURRENCY)
		fprintf(file, "%.*s\n", (int)slice->len, slice->data);
	else if (setting->kind == KIND_SWITCH)
		fprintf(file, "%d\n", *(const bool *)field);
	else if (setting->kind == KIND_INTEGER || setting->kind == KIND_WORD)
		fprintf(file, "%u\n", *(const uint32_t *)field);
	else if (setting->kind >= KIND_SIZE && setting->kind <= KIND_DURATION)
		fprintf(file, "%lld\n", *(const long long *)field);
	else if (setting->kind >= KIND_TEXT && setting->kind <= KIND_ADDRESS && *(char *const *)field)
		fprintf(file, "%s\n", *(char *const *)field);
}

static char *print_config(const struct config *config)
{
	char *text;
	size_t size, count;
	FILE *file = open_memstream(&text, &size);
	const struct setting *settings = settings_all(&count);
	for (size_t i = 0; i < count; i++) {
		fprintf(file, "%s: ", settings[i].path);
		if (!strpbrk(settings[i].path, "[<"))
			print_field(file, &settings[i], (const char *)config + settings[i].offset);
	}
	for (size_t i = 0; i < config->options.window_count; i++) {
		const struct window_options *window = &config->options.windows[i];
		fprintf(file, "%s %lld %lld %lld\n", window->name, (long long)window->length_ms,
			(long long)window->slide_ms, (long long)window->emit_ms);
	}
	fclose(file);
	return text;
}

static void print_text(void (*print)(FILE *file), char **text)
{
	size_t size;
	FILE *file = open_memstream(text, &size);
	print(file);
	fclose(file);
}

static void test_printed_defaults_load_again(void **state)
{
	(void)state;
	char *yaml;
	print_text(config_print_defaults, &yaml);
	struct config *config = load_good(yaml);
	struct config *defaults = load_good("");
	char *a = print_config(config), *b = print_config(defaults);
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "ladder.gap: 604800000\n"));
	size_t count;
	const struct setting *settings = settings_all(&count);
	for (size_t i = 0; i < count; i++) {
		char key[64];
		snprintf(key, sizeof key, "%s", setting_name(&settings[i]));
		assert_non_null(strstr(yaml, key));
	}
	free(a);
	free(b);
	free(yaml);
	config_destroy(config);
	config_destroy(defaults);
}

/* Counts the settings under `parent`, each of which the schema has to have, and no other. */
static size_t check_schema_map(json_t *map, const struct setting *parent)
{
	json_t *properties = json_object_get(map, "properties");
	assert_true(json_is_false(json_object_get(map, "additionalProperties")));
	size_t count = 0, direct_count = 0;
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		json_t *property = json_object_get(properties, setting_name(setting));
		if (!property)
			fail_msg("the schema lacks %s", setting->path);
		assert_non_null(json_object_get(property, "description"));
		count++;
		direct_count++;
		if (setting->kind == KIND_GROUP)
			count += check_schema_map(property, setting);
		else if (setting->kind == KIND_INPUTS || setting->kind == KIND_WINDOWS)
			count += check_schema_map(json_object_get(property, "items"), setting);
		else if (setting->kind == KIND_ACCOUNTS)
			count += check_schema_map(json_object_get(property, "additionalProperties"), setting);
	}
	assert_int_equal(json_object_size(properties), direct_count);
	return count;
}

static void test_schema_has_the_settings(void **state)
{
	(void)state;
	char *text;
	print_text(config_print_schema, &text);
	json_error_t error;
	json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!schema)
		fail_msg("%d:%d: %s", error.line, error.column, error.text);
	size_t count;
	settings_all(&count);
	assert_int_equal(check_schema_map(schema, NULL), count);
	json_t *gap = json_object_get(json_object_get(schema, "properties"), "ladder");
	gap = json_object_get(json_object_get(gap, "properties"), "gap");
	assert_string_equal(json_string_value(json_object_get(gap, "default")), "7d");
	json_decref(schema);
	free(text);
}

struct heard {
	char text[1024];
	size_t live_count;
};

static void hear(void *ctx, const struct config_difference *difference)
{
	struct heard *heard = ctx;
	size_t len = strlen(heard->text);
	snprintf(heard->text + len, sizeof heard->text - len, "%s: %s -> %s\n", difference->path,
		 difference->before ? difference->before : "?", difference->after ? difference->after : "?");
	heard->live_count += difference->is_live;
}

static void check_difference(const char *before, const char *after, const char *want, size_t live_count)
{
	struct config *old = load_good(before), *new = load_good(after);
	struct heard heard = {.text = ""};
	size_t count = config_compare(old, new, hear, &heard);
	assert_string_equal(heard.text, want);
	assert_int_equal(heard.live_count, live_count);
	size_t line_count = 0;
	for (const char *at = want; (at = strchr(at, '\n')); at++)
		line_count++;
	assert_int_equal(count, line_count);
	config_destroy(old);
	config_destroy(new);
}

static void test_differences(void **state)
{
	(void)state;
	char *defaults;
	print_text(config_print_defaults, &defaults);
	check_difference("", defaults, "", 0);
	check_difference(defaults, "", "", 0);
	free(defaults);
	check_difference("ladder: {gap: 7d}", "ladder: {gap: 168h}\nlimits: {record_bytes: 1024KiB}", "", 0);
	check_difference("workers: 3", "alerts: {for: 1m}", "workers: 3 -> 2\nalerts.for: 2m -> 1m\n", 1);
	check_difference("redis: {url: 'redis://:one@h:1/0'}", "redis: {url: 'redis://:two@h:1/0'}",
			 "redis.url: ? -> ?\n", 0);
	check_difference("kafka: {properties: {a: 1, b: 2}, secrets: {c: /d}}",
			 "kafka: {properties: {b: 3, e: 4}, secrets: {c: /f}}",
			 "kafka.properties.a: ? -> ?\nkafka.properties.b: ? -> ?\n"
			 "kafka.properties.e: ? -> ?\nkafka.secrets.c: /d -> /f\n", 0);
	check_difference("kafka: {inputs: [{topic: a}]}",
			 "kafka: {inputs: [{topic: a, types: [click, open]}]}",
			 "kafka.inputs[0].types: [click, open, message, outcome, spend] -> [click, open]\n",
			 0);
	check_difference("", "windows: [{length: 1h, slide: 1m}]", "windows: 5 items -> 1 items\n", 0);
	check_difference("accounts: {a: {timezone: UTC}, b: {}}", "accounts: {b: {currency: EUR}, c: {}}",
			 "accounts.a: there -> not there\naccounts.b.currency: not set -> EUR\n"
			 "accounts.c: not there -> there\n", 0);
}

static void test_live_settings_are_taken(void **state)
{
	(void)state;
	struct config *old = load_good("alerts: {url: 'http://a/'}\nworkers: 3");
	struct config *new = load_good("alerts: {url: 'http://b/', keep: 1m}\nworkers: 4\n"
				       "kafka: {on_gap: skip}\ncommit: {bandwidth: 1MB/s}\n"
				       "publish: {emit_rate: 5}\nlog: {format: json}\n"
				       "diagnosis: {drop: 0.4, norms: {reply: 0.5}}");
	struct config own = *old;
	config_take_live(&own, new);
	assert_slice(own.options.alerts.url, "http://b/");
	assert_int_equal(own.options.alerts.keep_ms, MINUTE_MS);
	assert_int_equal(own.kafka.on_gap, CONFIG_ON_GAP_SKIP);
	assert_int_equal(own.commit.bandwidth_bytes_per_s, 1000000);
	assert_int_equal(own.publish.emit_rate, 5);
	assert_int_equal(own.options.diagnosis.drop_micros, 400000);
	assert_int_equal(own.options.diagnosis.norm_micros[0], 500000);
	assert_int_equal(own.log.format, CONFIG_LOG_JSON);
	assert_int_equal(own.workers, 3);
	config_destroy(new);
	config_destroy(old);
}

static void test_reference_has_the_settings(void **state)
{
	(void)state;
	char *text;
	print_text(config_print_reference, &text);
	size_t count;
	const struct setting *settings = settings_all(&count);
	for (size_t i = 0; i < count; i++) {
		char start[96];
		snprintf(start, sizeof start, "\n| `%s` | ", settings[i].path);
		char *row = strstr(text, start);
		if (!row)
			fail_msg("no row for %s", settings[i].path);
		char *sentence = strstr(row, settings[i].sentence);
		assert_true(sentence && sentence < strchr(row + 1, '\n'));
		assert_true((memcmp(sentence - 8, "| yes | ", 8) == 0) == settings[i].is_live);
	}
	free(text);
}

static void print_man(FILE *file)
{
	config_print_man(file, "1.2.3", "2026-11-27");
}

static void test_man_has_the_settings(void **state)
{
	(void)state;
	char *text;
	print_text(print_man, &text);
	assert_ptr_equal(strstr(text, ".TH LADDERD.YAML 5 2026-11-27 \"ladderd 1.2.3\"\n"), text);
	size_t count;
	const struct setting *settings = settings_all(&count);
	const char *at = text;
	for (size_t i = 0; i < count; i++) {
		char start[96];
		snprintf(start, sizeof start, "\n.TP\n.B %s\n", settings[i].path);
		at = strstr(at, start);
		if (!at)
			fail_msg("no %s, or not at its place", settings[i].path);
	}
	/* No sentence is taken for a macro. */
	for (const char *line = text; (line = strchr(line, '\n')) && line[1]; line++)
		assert_true((line[1] != '.' || strchr("TBSIPb", line[2])) && line[1] != '\'');
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_the_specification),
		cmocka_unit_test(test_default_rules_are_the_specification),
		cmocka_unit_test(test_sample_file),
		cmocka_unit_test(test_values_are_taken),
		cmocka_unit_test(test_windows_are_sorted_and_completed),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_unreadable_file),
		cmocka_unit_test(test_printed_defaults_load_again),
		cmocka_unit_test(test_schema_has_the_settings),
		cmocka_unit_test(test_reference_has_the_settings),
		cmocka_unit_test(test_man_has_the_settings),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_live_settings_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
