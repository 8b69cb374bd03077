#include "core/publish/row_json.h"

#include "core/base/decimal.h"
#include "core/base/rfc3339.h"

enum { ROW_SCHEMA = 1, MICRO = 1000000, MICROS_PER_MS = 1000 };

static const char *const basis_names[BASIS_COUNT] = {"event", "cohort"};
static const char *const kind_names[] = {"rolling", "bucket"};

static void put_literal(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

static void put_char(struct buffer *out, char c)
{
	*buffer_reserve(out, 1) = c;
	out->len++;
}

static void put_time(struct buffer *out, int64_t time_ms)
{
	char text[TIME_TEXT_BYTES];
	time_format_rfc3339(time_ms, text);
	put_literal(out, text);
}

static void put_integer(struct buffer *out, int64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		digits[--at] = '-';
	buffer_put(out, digits + at, sizeof(digits) - at);
}

static void put_micros(struct buffer *out, int64_t micros)
{
	out->len += decimal_format_micros(micros, buffer_reserve(out, DECIMAL_TEXT_BYTES));
}

static void put_escaped(struct buffer *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "btn?fr";
	put_char(out, '\\');
	if (c == '"' || c == '\\') {
		put_char(out, (char)c);
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		put_char(out, plain[c - '\b']);
	} else {
		put_literal(out, "u00");
		put_char(out, hex[c >> 4]);
		put_char(out, hex[c & 15]);
	}
}

static void put_string(struct buffer *out, struct slice text)
{
	put_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < 0x20 || c == '"' || c == '\\')
			put_escaped(out, c);
		else
			put_char(out, (char)c);
	}
	put_char(out, '"');
}

static void put_name(struct buffer *out, const char *name)
{
	put_literal(out, ",\"");
	put_literal(out, name);
	put_literal(out, "\":");
}

static void put_text_field(struct buffer *out, const char *name, struct slice text)
{
	put_name(out, name);
	if (text.len)
		put_string(out, text);
	else
		put_literal(out, "null");
}

static void put_word_field(struct buffer *out, const char *name, const char *word)
{
	put_text_field(out, name, word ? slice_from(word) : (struct slice){NULL, 0});
}

static void put_integer_field(struct buffer *out, const char *name, int64_t number)
{
	put_name(out, name);
	put_integer(out, number);
}

static void put_time_field(struct buffer *out, const char *name, int64_t time_ms)
{
	put_name(out, name);
	put_char(out, '"');
	put_time(out, time_ms);
	put_char(out, '"');
}

void row_put_key(const struct row *row, struct buffer *out)
{
	put_literal(out, kind_names[row->kind]);
	put_char(out, '/');
	put_literal(out, basis_names[row->basis]);
	put_char(out, '/');
	buffer_put(out, row->window.data, row->window.len);
	put_char(out, '/');
	put_literal(out, level_name(row->level));
	put_char(out, '/');
	for (size_t i = 0; i < row->id.len; i++) {
		char c = row->id.data[i];
		if (c == '%')
			put_literal(out, "%25");
		else if (c == '/')
			put_literal(out, "%2F");
		else
			put_char(out, c);
	}
	if (row->kind == ROW_BUCKET) {
		put_char(out, '/');
		put_time(out, row->from_ms);
	}
}

static void put_head(const struct row *row, struct slice key, struct buffer *out)
{
	put_literal(out, "{\"key\":");
	put_string(out, key);
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
	put_literal(out, row->is_settled ? "true" : "false");
	put_text_field(out, "currency", row->currency);
}

static void put_counts(const struct row *row, struct buffer *out)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		put_name(out, counter_rows[i].name);
		if (counter_rows[i].unit == UNIT_MICROS)
			put_micros(out, row->counts[i]);
		else
			put_integer(out, row->counts[i]);
	}
}

static void put_derived_field(struct buffer *out, const char *name, int64_t numerator, int64_t denominator,
			      int64_t scale)
{
	int64_t micros;
	put_name(out, name);
	if (decimal_divide(numerator, denominator, scale, &micros))
		put_micros(out, micros);
	else
		put_literal(out, "null");
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
			put_literal(out, "null");
		else
			put_micros(out, row->times_ms[i] * MICROS_PER_MS);
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
	put_char(out, '}');
}
