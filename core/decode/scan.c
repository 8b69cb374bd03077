#include "core/decode/scan.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/decimal.h"
#include "core/base/utf8.h"
#include "core/decode/text.h"

enum { SAFE_DIGITS = 308 }; /* an integer of as many is always less than the largest double */

void scan_create(struct scanner *scanner, const struct fields *fields, unsigned depth_max)
{
	memset(scanner, 0, sizeof(*scanner));
	scanner->fields = fields;
	scanner->depth_max = depth_max;
	scanner->frames = calloc(depth_max, sizeof(*scanner->frames));
	CHECK(depth_max > 0 && scanner->frames);
}

void scan_destroy(struct scanner *scanner)
{
	keys_free(&scanner->keys);
	free(scanner->frames);
	free(scanner->scratch);
}

void scan_begin(struct scanner *scanner, struct slice unit)
{
	scanner->end = unit.data + unit.len;
	scanner->is_too_deep = false;
	scan_reset(scanner);
	if (scanner->scratch_capacity >= unit.len)
		return;
	size_t doubled = scanner->scratch_capacity * 2;
	free(scanner->scratch);
	scanner->scratch_capacity = unit.len > doubled ? unit.len : doubled;
	scanner->scratch = malloc(scanner->scratch_capacity);
	CHECK(scanner->scratch);
}

void scan_reset(struct scanner *scanner)
{
	scanner->depth = 0;
	scanner->keys.count = 0;
	scanner->scratch_len = 0;
}

bool scan_is_too_deep(struct scanner *scanner)
{
	if (!scanner->is_too_deep)
		return false;
	size_t last = scanner->keys.count;
	for (unsigned i = scanner->depth; i > 0; i--) {
		size_t first = scanner->frames[i - 1].key_first;
		if (!keys_are_distinct(&scanner->keys, first, last))
			return false;
		last = first;
	}
	return true;
}

static bool open_frame(struct scanner *scanner, bool is_object)
{
	if (scanner->depth == scanner->depth_max) {
		scanner->is_too_deep = true;
		return false;
	}
	scanner->frames[scanner->depth++] = (struct scan_frame){scanner->keys.count, is_object, false};
	return true;
}

static bool close_frame(struct scanner *scanner)
{
	size_t first = scanner->frames[--scanner->depth].key_first;
	size_t last = scanner->keys.count;
	scanner->keys.count = first;
	return keys_are_distinct(&scanner->keys, first, last);
}

static bool unescape(struct scanner *scanner, struct slice *text)
{
	char *out = scanner->scratch + scanner->scratch_len;
	size_t len;
	if (!text_unescape(*text, out, &len))
		return false;
	CHECK(len <= scanner->scratch_capacity - scanner->scratch_len);
	scanner->scratch_len += len;
	*text = (struct slice){out, len};
	return true;
}

/* A string that may have high bytes or escapes. */
static const char *scan_string_slowly(struct scanner *scanner, const char *p, struct slice *text)
{
	unsigned traits = 0;
	const char *start = p + 1;
	const char *close = text_find_end(start, scanner->end, &traits);
	if (!close)
		return NULL;
	*text = (struct slice){start, (size_t)(close - start)};
	if ((traits & TEXT_HAS_HIGH_BYTE) && !utf8_is_valid(*text))
		return NULL;
	if ((traits & TEXT_HAS_ESCAPE) && !unescape(scanner, text))
		return NULL;
	return close + 1;
}

/* *p is the opening quote. */
static inline const char *scan_string(struct scanner *scanner, const char *p, struct slice *text)
{
	const char *start = p + 1;
	const char *stop = text_find_stop(start, scanner->end);
	if (stop == scanner->end || *stop != '"')
		return scan_string_slowly(scanner, p, text);
	*text = (struct slice){start, (size_t)(stop - start)};
	return stop + 1;
}

/* A number with an exponent, of very many digits, or none. */
static const char *scan_number_slowly(const char *p, const char *end, struct token *token)
{
	struct decimal decimal;
	size_t len = decimal_scan((struct slice){p, (size_t)(end - p)}, &decimal);
	if (len == 0 || decimal_overflows_double(&decimal))
		return NULL;
	token->kind = decimal.is_integer ? TOKEN_INTEGER : TOKEN_REAL;
	token->text = (struct slice){p, len};
	return p + len;
}

static inline const char *scan_number(const char *p, const char *end, struct token *token)
{
	const char *digits = p + (*p == '-');
	const char *stop = text_skip_digits(digits, end);
	size_t len = (size_t)(stop - digits);
	bool is_plain = len > 0 && len <= SAFE_DIGITS && (*digits != '0' || len == 1);
	token->kind = TOKEN_INTEGER;
	if (stop < end && *stop == '.') {
		const char *fraction = stop + 1;
		token->kind = TOKEN_REAL;
		stop = text_skip_digits(fraction, end);
		is_plain = is_plain && stop > fraction;
	}
	if (!is_plain || (stop < end && (*stop | 0x20) == 'e'))
		return scan_number_slowly(p, end, token);
	token->text = (struct slice){p, (size_t)(stop - p)};
	return stop;
}

static const char *scan_literal(const char *p, const char *end, struct token *token)
{
	if (end - p >= 4 && memcmp(p, "true", 4) == 0) {
		token->kind = TOKEN_TRUE;
		return p + 4;
	}
	if (end - p >= 5 && memcmp(p, "false", 5) == 0) {
		token->kind = TOKEN_FALSE;
		return p + 5;
	}
	token->kind = TOKEN_NULL;
	return end - p >= 4 && memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
}

static const char *scan_scalar(struct scanner *scanner, const char *p, struct token *token)
{
	if (p == scanner->end)
		return NULL;
	if (*p == '"') {
		token->kind = TOKEN_STRING;
		return scan_string(scanner, p, &token->text);
	}
	if (*p == '-' || (unsigned char)(*p - '0') < 10)
		return scan_number(p, scanner->end, token);
	return scan_literal(p, scanner->end, token);
}

static inline bool is_bracket(const char *p, const char *end)
{
	return p < end && (*p == '{' || *p == '[');
}

/* To the value after the colon. */
static inline const char *scan_key(struct scanner *scanner, const char *p, struct slice *key)
{
	const char *end = scanner->end;
	if (p == end || *p != '"')
		return NULL;
	p = scan_string(scanner, p, key);
	if (!p)
		return NULL;
	p = scan_space(p, end);
	return p < end && *p == ':' ? scan_space(p + 1, end) : NULL;
}

/* One step in the innermost container: its end, or its next member up to a bracket that opens. */
static const char *scan_member(struct scanner *scanner, const char *p)
{
	struct scan_frame *frame = &scanner->frames[scanner->depth - 1];
	struct token token;
	struct slice key;
	p = scan_space(p, scanner->end);
	if (p == scanner->end)
		return NULL;
	if (*p == (frame->is_object ? '}' : ']'))
		return close_frame(scanner) ? p + 1 : NULL;
	if (frame->is_filled && *p++ != ',')
		return NULL;
	frame->is_filled = true;
	p = scan_space(p, scanner->end);
	if (frame->is_object) {
		p = scan_key(scanner, p, &key);
		if (!p)
			return NULL;
		keys_push(&scanner->keys, key);
	}
	if (is_bracket(p, scanner->end))
		return open_frame(scanner, *p == '{') ? p + 1 : NULL;
	return scan_scalar(scanner, p, &token);
}

static const char *scan_container(struct scanner *scanner, const char *p)
{
	unsigned depth = scanner->depth;
	if (!open_frame(scanner, *p == '{'))
		return NULL;
	for (p++; p && scanner->depth > depth;)
		p = scan_member(scanner, p);
	return p;
}

const char *scan_value(struct scanner *scanner, const char *p)
{
	struct token token;
	return is_bracket(p, scanner->end) ? scan_container(scanner, p) : scan_scalar(scanner, p, &token);
}

/* To the value of the next field. Records of one feed have their fields in one order: what came after the
 * field before, in the last record, is tried first. */
static inline const char *scan_field_key(struct scanner *scanner, const char *p, enum field before,
					 enum field *field)
{
	enum field guess = scanner->follower[before];
	const struct field_pattern *pattern = &scanner->fields->patterns[guess];
	if (scanner->end - p >= BLOCK_BYTES && block_matches(block_load(p), &pattern->text)) {
		*field = guess;
		return scan_space(p + pattern->len, scanner->end);
	}
	struct slice key;
	p = scan_key(scanner, p, &key);
	if (!p)
		return NULL;
	*field = field_find(scanner->fields, key);
	if (*field == FIELD_NONE)
		keys_push(&scanner->keys, key);
	else
		scanner->follower[before] = (unsigned char)*field;
	return p;
}

static inline const char *scan_field_value(struct scanner *scanner, const char *p, struct token *token)
{
	if (p < scanner->end && *p == '"') {
		token->kind = TOKEN_STRING;
		return scan_string(scanner, p, &token->text);
	}
	if (p < scanner->end && (unsigned char)(*p - '0') < 10)
		return scan_number(p, scanner->end, token);
	if (!is_bracket(p, scanner->end))
		return scan_scalar(scanner, p, token);
	token->kind = TOKEN_NESTED;
	return scan_container(scanner, p);
}

static inline bool is_absent(const struct token *token)
{
	return token->kind == TOKEN_NULL || (token->kind == TOKEN_STRING && token->text.len == 0);
}

/* The next field and its value; *before becomes the field. */
static inline const char *scan_field(struct scanner *scanner, const char *p, uint32_t *seen,
				     enum field *before, struct capture *capture)
{
	p = scan_field_key(scanner, p, *before, before);
	enum field field = *before;
	if (!p || (*seen & field_bit(field)))
		return NULL;
	if (field == FIELD_NONE)
		return scan_value(scanner, p);
	struct token *token = &capture->tokens[field];
	*seen |= field_bit(field);
	p = scan_field_value(scanner, p, token);
	if (p && is_absent(token))
		capture->present &= ~field_bit(field);
	return p;
}

const char *scan_object(struct scanner *scanner, const char *p, struct capture *capture)
{
	const char *end = scanner->end;
	uint32_t seen = 0;
	enum field field = FIELD_NONE;
	capture->present = UINT32_MAX;
	if (!open_frame(scanner, true))
		return NULL;
	p = scan_space(p + 1, end);
	if (p < end && *p == '}') {
		capture->present = 0;
		return close_frame(scanner) ? p + 1 : NULL;
	}
	for (;;) {
		p = scan_field(scanner, p, &seen, &field, capture);
		if (!p)
			return NULL;
		p = scan_space(p, end);
		if (p == end || (*p != ',' && *p != '}'))
			return NULL;
		if (*p == '}')
			break;
		p = scan_space(p + 1, end);
	}
	capture->present &= seen;
	return close_frame(scanner) ? p + 1 : NULL;
}
