#include "core/publish/row_json.h"

#include "core/base/decimal.h"
#include "core/base/json_text.h"

enum { MICRO = 1000000, MICROS_PER_MS = 1000 };

static const char *const basis_names[BASIS_COUNT] = {"event", "cohort"};
static const char *const kind_names[] = {"rolling", "bucket"};

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

static void put_maybe(struct buffer *out, struct slice text)
{
	if (text.len)
		json_put_string(out, text);
	else
		json_put_literal(out, "null");
}

static void put_word(struct buffer *out, const char *word)
{
	put_maybe(out, word ? slice_from(word) : (struct slice){NULL, 0});
}

static void put_switch(struct buffer *out, bool is_on)
{
	json_put_literal(out, is_on ? "true" : "false");
}

static void put_time(struct buffer *out, int64_t time_ms)
{
	json_put_char(out, '"');
	json_put_time(out, time_ms);
	json_put_char(out, '"');
}

static void put_quotient(struct buffer *out, int64_t numerator, int64_t denominator, int64_t scale)
{
	int64_t micros;
	if (decimal_divide(numerator, denominator, scale, &micros))
		json_put_micros(out, micros);
	else
		json_put_literal(out, "null");
}

static void put_seconds(struct buffer *out, int64_t time_ms)
{
	if (time_ms < 0)
		json_put_literal(out, "null");
	else
		json_put_micros(out, time_ms * MICROS_PER_MS);
}

#define put_TEXT json_put_string
#define put_MAYBE put_maybe
#define put_WORD put_word
#define put_INTEGER json_put_integer
#define put_COUNT json_put_integer
#define put_SWITCH put_switch
#define put_TIME put_time
#define put_MICROS json_put_micros
#define put_QUOTIENT put_quotient
#define put_SECONDS put_seconds

void row_put_json(const struct row *row, struct slice key, struct buffer *out)
{
	size_t begin = out->len;
#define FIELD(name, type, ...) \
	json_put_literal(out, ",\"" #name "\":"); \
	put_##type(out, __VA_ARGS__);
#include "core/publish/row_fields.def"
#undef FIELD
	out->data[begin] = '{';
	json_put_char(out, '}');
}
