#include "core/publish/row_json.h"

#include "core/base/decimal.h"
#include "core/base/json_text.h"

enum { ROW_SCHEMA = 1, MICRO = 1000000, MICROS_PER_MS = 1000 };

static const char *const basis_names[BASIS_COUNT] = {"event", "cohort"};
static const char *const kind_names[] = {"rolling", "bucket"};

static void put_name(struct buffer *out, const char *name)
{
	json_put_literal(out, ",\"");
	json_put_literal(out, name);
	json_put_literal(out, "\":");
}

static void put_text_field(struct buffer *out, const char *name, struct slice text)
{
	put_name(out, name);
	if (text.len)
		json_put_string(out, text);
	else
		json_put_literal(out, "null");
}

static void put_word_field(struct buffer *out, const char *name, const char *word)
{
	put_text_field(out, name, word ? slice_from(word) : (struct slice){NULL, 0});
}

static void put_integer_field(struct buffer *out, const char *name, int64_t number)
{
	put_name(out, name);
	json_put_integer(out, number);
}

static void put_time_field(struct buffer *out, const char *name, int64_t time_ms)
{
	put_name(out, name);
	json_put_char(out, '"');
	json_put_time(out, time_ms);
	json_put_char(out, '"');
}

void row_put_key(const struct row *row, struct buffer *out)
{
	json_put_literal(out, kind_names[row->kind]);
	json_put_char(out, '/');
	json_put_literal(out, basis_names[row->basis]);
	json_put_char(out, '/');
	buffer_put(out, row->window.data, row->window.len);
	json_put_char(out, '/');
	json_put_literal(out, level_name(row->level));
	json_put_char(out, '/');
	for (size_t i = 0; i < row->id.len; i++) {
		char c = row->id.data[i];
		if (c == '%')
			json_put_literal(out, "%25");
		else if (c == '/')
			json_put_literal(out, "%2F");
		else
			json_put_char(out, c);
	}
	if (row->kind == ROW_BUCKET) {
		json_put_char(out, '/');
		json_put_time(out, row->from_ms);
	}
}

static void put_head(const struct row *row, struct slice key, struct buffer *out)
{
	json_put_literal(out, "{\"key\":");
	json_put_string(out, key);
	put_integer_field(out, "schema", ROW_SCHEMA);
	put_text_field(out, "kind", slice_from(kind_names[row->kind]));
	put_text_field(out, "basis", slice_from(basis_names[row->basis]));
	put_text_field(out, "level", slice_from(level_name(row->level)));
	put_text_field(out, "id", row->id);
	put_text_field(out, "name", row->name);
	put_text_field(out, "account", row->account);
	put_text_field(out, "campaign", row->campaign);
	put_text_field(out, "adset", row->adset);
	put_text_field(out, "ad", row->ad);
	put_text_field(out, "window", row->window);
	put_time_field(out, "from", row->from_ms);
	put_time_field(out, "to", row->to_ms);
	put_integer_field(out, "from_ms", row->from_ms);
	put_integer_field(out, "to_ms", row->to_ms);
	put_integer_field(out, "revision", (int64_t)row->revision);
	put_name(out, "settled");
	json_put_literal(out, row->is_settled ? "true" : "false");
	put_text_field(out, "currency", row->currency);
}

static void put_counts(const struct row *row, struct buffer *out)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		put_name(out, counter_rows[i].name);
		if (counter_rows[i].unit == UNIT_MICROS)
			json_put_micros(out, row->counts[i]);
		else
			json_put_integer(out, row->counts[i]);
	}
}

static void put_derived_field(struct buffer *out, const char *name, int64_t numerator, int64_t denominator,
			      int64_t scale)
{
	int64_t micros;
	put_name(out, name);
	if (decimal_divide(numerator, denominator, scale, &micros))
		json_put_micros(out, micros);
	else
		json_put_literal(out, "null");
}

static void put_derived(const struct row *row, struct buffer *out)
{
#define N(x) row->counts[COUNTER_##x]
#define DERIVED(name, numerator, denominator, scale, sentence) \
	put_derived_field(out, #name, numerator, denominator, scale);
#include "core/model/derived.def"
#undef DERIVED
#undef N
}

static void put_times(const struct row *row, struct buffer *out)
{
	static const char *const names[ROW_TIME_COUNT] = {"response_p50", "response_p90", "close_time_p50",
							  "close_time_p90"};
	for (int i = 0; i < ROW_TIME_COUNT; i++) {
		put_name(out, names[i]);
		if (row->times_ms[i] < 0)
			json_put_literal(out, "null");
		else
			json_put_micros(out, row->times_ms[i] * MICROS_PER_MS);
	}
}

void row_put_json(const struct row *row, struct slice key, struct buffer *out)
{
	put_head(row, key, out);
	put_counts(row, out);
	put_derived(row, out);
	put_times(row, out);
	put_word_field(out, "weakest_rung", judged_rung_name(row->judgement.weakest));
	put_word_field(out, "diagnosis", diagnosis_name(row->judgement.diagnosis));
	json_put_char(out, '}');
}
