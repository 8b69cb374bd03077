#include "core/publish/row_json.h"

#include "core/base/decimal.h"
#include "core/base/json_text.h"
#include "core/base/rfc3339.h"

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

/* ---- JSON: written where there is room, up to the place returned ---- */

static inline char *write_literal(char *to, const char *text, size_t len)
{
	memcpy(to, text, len);
	return to + len;
}

#define WRITE(to, literal) write_literal(to, literal, sizeof(literal) - 1)

static inline char *write_maybe(char *to, struct slice text)
{
	return text.len ? json_write_string(to, text) : WRITE(to, "null");
}

static inline char *write_word(char *to, const char *word)
{
	return write_maybe(to, word ? slice_from(word) : (struct slice){NULL, 0});
}

static inline char *write_switch(char *to, bool is_on)
{
	return is_on ? WRITE(to, "true") : WRITE(to, "false");
}

static inline char *write_time(char *to, int64_t time_ms)
{
	*to = '"';
	to = json_write_time(to + 1, time_ms);
	*to = '"';
	return to + 1;
}

static char *write_quotient(char *to, int64_t numerator, int64_t denominator, int64_t scale)
{
	int64_t micros;
	return decimal_divide(numerator, denominator, scale, &micros) ? json_write_micros(to, micros)
								      : WRITE(to, "null");
}

static inline char *write_seconds(char *to, int64_t time_ms)
{
	return time_ms < 0 ? WRITE(to, "null") : json_write_micros(to, time_ms * MICROS_PER_MS);
}

#define write_TEXT json_write_string
#define write_MAYBE write_maybe
#define write_WORD write_word
#define write_INTEGER json_write_integer
#define write_COUNT json_write_integer
#define write_SWITCH write_switch
#define write_TIME write_time
#define write_MICROS json_write_micros
#define write_QUOTIENT write_quotient
#define write_SECONDS write_seconds

/* Room for the fields, but for the texts of a row. */
enum {
	VALUE_BYTES_MAX = TIME_TEXT_BYTES + DECIMAL_TEXT_BYTES,
	FIELDS_BYTES_MAX = 1
#define FIELD(name, type, ...) + sizeof(",\"" #name "\":") + VALUE_BYTES_MAX
#include "core/publish/row_fields.def"
#undef FIELD
};

#define RUNG(name, constant, counter, of) \
	_Static_assert(JSON_STRING_BYTES(0) + sizeof(#name) <= VALUE_BYTES_MAX, "a word has room");
#define DIAGNOSIS(name, constant, sentence) \
	_Static_assert(JSON_STRING_BYTES(0) + sizeof(#name) <= VALUE_BYTES_MAX, "a word has room");
#include "core/model/diagnoses.def"

#define len_TEXT(text) (text).len
#define len_MAYBE len_TEXT
#define len_WORD(...) 0
#define len_INTEGER(...) 0
#define len_COUNT(...) 0
#define len_SWITCH(...) 0
#define len_TIME(...) 0
#define len_MICROS(...) 0
#define len_QUOTIENT(...) 0
#define len_SECONDS(...) 0

static size_t texts_bytes_max(const struct row *row, struct slice key)
{
	size_t len = 0
#define FIELD(name, type, ...) + len_##type(__VA_ARGS__)
#include "core/publish/row_fields.def"
#undef FIELD
	;
	return JSON_STRING_BYTES(len);
}

void row_put_json(const struct row *row, struct slice key, struct buffer *out)
{
	char *begin = buffer_reserve(out, FIELDS_BYTES_MAX + texts_bytes_max(row, key)), *to = begin;
#define FIELD(name, type, ...) \
	to = WRITE(to, ",\"" #name "\":"); \
	to = write_##type(to, __VA_ARGS__);
#include "core/publish/row_fields.def"
#undef FIELD
	*begin = '{';
	*to++ = '}';
	out->len += (size_t)(to - begin);
}
