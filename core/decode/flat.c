#include "core/decode/flat.h"

#include "core/base/utf8.h"
#include "core/decode/interpret.h"
#include "core/decode/text.h"

void flat_create(struct flat_reader *reader, const struct fields *fields, size_t id_bytes)
{
	memset(reader, 0, sizeof(*reader));
	reader->fields = fields;
	reader->id_bytes = id_bytes;
}

void flat_destroy(struct flat_reader *reader)
{
	keys_free(&reader->keys);
}

struct walk {
	struct flat_reader *reader;
	const char *end;
	struct event *event;
	uint32_t seen;
	uint32_t present;
};

/* ---- Keys and values ---- */

static inline const char *skip_space(const char *p)
{
	return p + (*p == ' ');
}

/* What is not ASCII is looked at closely. The stop is no quote. */
static const char *find_quote_slowly(const char *start, const char *end)
{
	unsigned traits = 0;
	const char *close = text_find_end(start, end, &traits);
	if (!close || (traits & TEXT_HAS_ESCAPE))
		return NULL;
	return utf8_is_valid((struct slice){start, (size_t)(close - start)}) ? close : NULL;
}

/* The closing quote of a string that begins before `start`. */
static inline const char *find_quote(const char *start, const char *end)
{
	const char *stop = text_find_stop(start, end);
	return stop < end && *stop == '"' ? stop : find_quote_slowly(start, end);
}

static const char *read_key_slowly(struct walk *walk, const char *p, unsigned char *guesses,
				   enum field *field)
{
	const char *close = *p == '"' ? find_quote(p + 1, walk->end) : NULL;
	if (!close || close[1] != ':')
		return NULL;
	struct slice key = {p + 1, (size_t)(close - p - 1)};
	*field = field_find(walk->reader->fields, key);
	if (*field == FIELD_NONE) {
		keys_push(&walk->reader->keys, key);
	} else {
		guesses[1] = guesses[0];
		guesses[0] = (unsigned char)*field;
	}
	return close + 2;
}

/* To the value, from the quote of the key. */
static inline const char *read_key(struct walk *walk, const char *p, enum field *field)
{
	struct flat_reader *reader = walk->reader;
	unsigned char *guesses = reader->guesses[walk->event->type][*field];
	if (walk->end - p >= FIELD_PATTERN_BYTES)
		for (int i = 0; i < FLAT_GUESS_COUNT; i++) {
			const struct field_pattern *pattern = &reader->fields->patterns[guesses[i]];
			if (!field_is_at(pattern, p))
				continue;
			*field = guesses[i];
			return skip_space(p + pattern->len);
		}
	p = read_key_slowly(walk, p, guesses, field);
	return p ? skip_space(p) : NULL;
}

/* Without an exponent, and of so few digits that no double overflows. */
static inline const char *read_number(const struct walk *walk, const char *p, struct token *token)
{
	enum { DIGITS_MAX = 300 };
	const char *digits = p + (*p == '-');
	const char *stop = text_skip_digits(digits, walk->end);
	size_t len = (size_t)(stop - digits);
	token->kind = TOKEN_INTEGER;
	if (len == 0 || len > DIGITS_MAX || (*digits == '0' && len > 1))
		return NULL;
	if (*stop == '.') {
		const char *fraction = stop + 1;
		token->kind = TOKEN_REAL;
		stop = text_skip_digits(fraction, walk->end);
		if (stop == fraction)
			return NULL;
	}
	token->text = (struct slice){p, (size_t)(stop - p)};
	return (*stop | 0x20) == 'e' ? NULL : stop;
}

static const char *read_literal(const struct walk *walk, const char *p, struct token *token)
{
	token->text = (struct slice){NULL, 0};
	token->kind = TOKEN_NULL;
	if (walk->end - p > 4 && memcmp(p, "null", 4) == 0)
		return p + 4;
	token->kind = TOKEN_TRUE;
	if (walk->end - p > 4 && memcmp(p, "true", 4) == 0)
		return p + 4;
	token->kind = TOKEN_FALSE;
	return walk->end - p > 5 && memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

static inline const char *read_token(struct walk *walk, const char *p, struct token *token)
{
	if (*p == '"') {
		const char *close = find_quote(p + 1, walk->end);
		token->kind = TOKEN_STRING;
		token->text = (struct slice){p + 1, (size_t)(close - p - 1)};
		return close ? close + 1 : NULL;
	}
	if (*p == '-' || (unsigned char)(*p - '0') < 10)
		return read_number(walk, p, token);
	return read_literal(walk, p, token);
}

/* ---- Into the event ---- */

static inline uint64_t eight_digits(uint64_t text)
{
	text = (text & UINT64_C(0x0f0f0f0f0f0f0f0f)) * 2561 >> 8;
	text = (text & UINT64_C(0x00ff00ff00ff00ff)) * 6553601 >> 16;
	return (text & UINT64_C(0x0000ffff0000ffff)) * UINT64_C(42949672960001) >> 32;
}

/* Thirteen digits are milliseconds, in any year that a time may have. */
static inline bool put_time(const struct token *token, void *member)
{
	enum { DIGIT_COUNT = 13 };
	if (token->kind != TOKEN_INTEGER || token->text.len != DIGIT_COUNT || *token->text.data == '-')
		return interpret_time(token, member);
	uint64_t first, last;
	memcpy(&first, token->text.data, 8);
	memcpy(&last, token->text.data + DIGIT_COUNT - 8, 8);
	int64_t time_ms = (int64_t)(eight_digits(first << 24) * 100000000 + eight_digits(last));
	memcpy(member, &time_ms, sizeof(time_ms));
	return true;
}

static inline bool is_text(const struct token *token)
{
	return token->kind <= TOKEN_INTEGER;
}

static inline bool put_value(struct walk *walk, enum field field, const struct token *token)
{
	const struct field_row *row = &field_rows[field];
	char *member = (char *)walk->event + row->offset;
	switch (row->kind) {
	case KIND_AD:
	case KIND_TEXT:
	case KIND_NAME:
		if (row->kind == KIND_AD && is_text(token) && *token->text.data == 'o')
			return false; /* may be the id of a pseudo-ad */
		memcpy(member, &token->text, sizeof(token->text));
		return is_text(token) && token->text.len <= walk->reader->id_bytes;
	case KIND_TIME:
		return put_time(token, member);
	case KIND_CONTENT:
		if (walk->present & field_bit(FIELD_words))
			return token->kind == TOKEN_STRING;
		/* fall through */
	default:
		return interpret_value(token, row->kind, member);
	}
}

/* The first field: what follows depends on it. */
static const char *read_type(struct walk *walk, const char *p)
{
	static const char start[] = "{\"type\":";
	const struct fields *fields = walk->reader->fields;
	struct token token;
	if (walk->end - p < (ptrdiff_t)sizeof(start) || memcmp(p, start, sizeof(start) - 1) != 0)
		return NULL;
	p = read_token(walk, skip_space(p + sizeof(start) - 1), &token);
	if (!p || token.kind != TOKEN_STRING)
		return NULL;
	for (enum event_type type = 0; type < EVENT_TYPE_COUNT; type++)
		if (slice_equal(token.text, fields->type_names[type])) {
			walk->event->type = type;
			return p;
		}
	return NULL;
}

static inline bool is_absent(const struct token *token)
{
	return token->kind == TOKEN_NULL || (token->kind == TOKEN_STRING && token->text.len == 0);
}

/* The unit ends with a bracket, so no step that stops at other bytes leaves it. */
static bool read_fields(struct walk *walk, const char *p)
{
	uint32_t wanted = walk->reader->fields->of_type[walk->event->type];
	enum field field = FIELD_type;
	walk->seen = walk->present = field_bit(FIELD_type);
	while (*p == ',') {
		struct token token;
		p = read_key(walk, skip_space(p + 1), &field);
		if (!p || (p = read_token(walk, p, &token)) == NULL)
			return false;
		if (field == FIELD_NONE)
			continue;
		if (walk->seen & field_bit(field))
			return false;
		walk->seen |= field_bit(field);
		if (!(wanted & field_bit(field)) || is_absent(&token))
			continue;
		if (!put_value(walk, field, &token))
			return false;
		walk->present |= field_bit(field);
	}
	const struct keys *keys = &walk->reader->keys;
	return *p == '}' && p + 1 == walk->end &&
	       keys_are_distinct(&walk->reader->keys, 0, keys->count);
}

static bool is_complete(const struct walk *walk)
{
	struct event *event = walk->event;
	const uint32_t person = field_bit(FIELD_user) | field_bit(FIELD_click_id);
	if (walk->reader->fields->required[event->type] & ~walk->present)
		return false;
	if (event->type != EVENT_SPEND)
		return (person & walk->present) != 0;
	if (!(walk->present & field_bit(FIELD_reported_at)))
		event->reported_at_ms = event->ts_ms;
	return event->from_ms < event->to_ms && event->to_ms - event->from_ms <= EVENT_PERIOD_MAX_MS;
}

bool flat_read(struct flat_reader *reader, struct slice unit, struct event *event)
{
	struct walk walk = {.reader = reader, .end = unit.data + unit.len, .event = event};
	if (walk.end[-1] != '}')
		return false;
	clear_event(event);
	reader->keys.count = 0;
	const char *p = read_type(&walk, unit.data);
	return p && read_fields(&walk, p) && is_complete(&walk);
}
