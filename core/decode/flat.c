#include "core/decode/flat.h"

#include "core/base/check.h"
#include "core/base/rfc3339.h"
#include "core/base/utf8.h"
#include "core/decode/interpret.h"
#include "core/decode/text.h"

/* No event is shorter; and behind the beginning a block can be read. */
enum { SHORTEST_LEN = 32 };

struct walk {
	struct flat_reader *reader;
	const char *end;
	const char *last_block;     /* before the end */
	struct event *event;
	const unsigned char *kinds; /* of this type */
	unsigned char *guesses;
	uint64_t seen;              /* keys with numbers */
	uint64_t absent;            /* of them, null or "" */
};

/* ---- Opening ---- */

static unsigned key_slot(const char *key, size_t len)
{
	unsigned first = (unsigned char)key[0], last = (unsigned char)key[len - 1];
	return ((unsigned)len * 29 + first * 7 + last * 91) % FLAT_SLOT_COUNT;
}

static unsigned type_slot(const char *name)
{
	return (unsigned)(name[0] ^ name[1]) % FLAT_TYPE_SLOT_COUNT;
}

static void number_field(struct flat_reader *reader, enum field field)
{
	const struct field_row *row = &field_rows[field];
	unsigned slot = key_slot(row->name.data, row->name.len);
	while (reader->slots[slot] != FIELD_NONE)
		slot = (slot + 1) % FLAT_SLOT_COUNT;
	reader->slots[slot] = (unsigned char)field;
	reader->known[field] = (struct flat_key){reader->fields->patterns[field], row->offset};
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
		if (row->types >> type & 1)
			reader->kinds[type][field] = (unsigned char)row->kind;
}

void flat_create(struct flat_reader *reader, const struct fields *fields, size_t id_bytes)
{
	memset(reader, 0, sizeof(*reader));
	reader->fields = fields;
	reader->id_bytes = id_bytes;
	reader->key_count = FIELD_NONE + 1;
	memset(reader->slots, FIELD_NONE, sizeof(reader->slots));
	memset(reader->kinds, KIND_END, sizeof(reader->kinds));
	for (enum field field = 0; field < FIELD_COUNT; field++)
		number_field(reader, field);
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++) {
		unsigned slot = type_slot(fields->type_names[type].data);
		CHECK(reader->type_slots[slot] == 0);
		reader->type_slots[slot] = (unsigned char)type;
		reader->type_names[type] = field_pattern_of(fields->type_names[type], ',');
	}
}

void flat_destroy(struct flat_reader *reader)
{
	keys_free(&reader->keys);
}

/* ---- Keys ----
 *
 * The unit ends with a bracket, so no step that stops at other bytes leaves it. */

static inline const char *skip_space(const char *p)
{
	if (__builtin_expect(*p == ' ', false))
		p++;
	return p;
}

static inline block block_at(const struct walk *walk, const char *p)
{
	return p <= walk->last_block ? block_load(p) : block_load_last(p, walk->end);
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
static inline const char *find_quote(const struct walk *walk, const char *start)
{
	const char *p = start;
	for (; p <= walk->last_block; p += BLOCK_BYTES) {
		unsigned stop = block_find_stop(block_load(p));
		if (stop == BLOCK_BYTES)
			continue;
		p += stop;
		return *p == '"' ? p : find_quote_slowly(start, walk->end);
	}
	p += block_find_stop(block_load_last(p, walk->end));
	return p < walk->end && *p == '"' ? p : find_quote_slowly(start, walk->end);
}

/* The number of a short key, whose quote is at p: a new one, or FIELD_NONE where there is none left. */
static unsigned number_key(struct walk *walk, const char *p, size_t len)
{
	struct flat_reader *reader = walk->reader;
	block bytes = block_at(walk, p);
	unsigned slot = key_slot(p + 1, len);
	for (; reader->slots[slot] != FIELD_NONE; slot = (slot + 1) % FLAT_SLOT_COUNT)
		if (block_matches(bytes, &reader->known[reader->slots[slot]].name.text))
			return reader->slots[slot];
	if (reader->key_count == FLAT_KEY_COUNT)
		return FIELD_NONE;
	reader->known[reader->key_count].name = field_pattern_of((struct slice){p + 1, len}, ':');
	reader->slots[slot] = (unsigned char)reader->key_count;
	return reader->key_count++;
}

static const char *read_key_slowly(struct walk *walk, const char *p, unsigned *number)
{
	if (*p != '"')
		return NULL;
	const char *close = find_quote(walk, p + 1);
	if (!close || close[1] != ':')
		return NULL;
	struct slice key = {p + 1, (size_t)(close - p - 1)};
	unsigned before = *number;
	*number = FIELD_NONE;
	if (key.len > 0 && key.len <= FIELD_PATTERN_TEXT_MAX)
		*number = number_key(walk, p, key.len);
	if (*number != FIELD_NONE) {
		walk->guesses[before] = (unsigned char)*number;
		return close + 2;
	}
	walk->seen &= ~(uint64_t)field_bit(FIELD_NONE);
	keys_push(&walk->reader->keys, key);
	return close + 2;
}

/* To the value, from the quote of the key. *number is that of the key before, and becomes this one's. */
static inline const char *read_key(struct walk *walk, const char *p, unsigned *number)
{
	unsigned guess = walk->guesses[*number];
	const struct field_pattern *pattern = &walk->reader->known[guess].name;
	if (!block_matches(block_at(walk, p), &pattern->text))
		return read_key_slowly(walk, p, number);
	*number = guess;
	return p + pattern->len;
}

/* ---- Values ---- */

/* Without an exponent, and of so few digits that no double overflows. */
static const char *read_number(const struct walk *walk, const char *p, struct token *token)
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

static inline void *member_of(const struct walk *walk, unsigned field)
{
	return (char *)walk->event + walk->reader->known[field].offset;
}

static inline bool put_text(struct walk *walk, unsigned field, struct slice text)
{
	memcpy(member_of(walk, field), &text, sizeof(text));
	return text.len <= walk->reader->id_bytes;
}

static bool put_value(struct walk *walk, unsigned field, const struct token *token)
{
	enum field_kind kind = walk->kinds[field];
	switch (kind) {
	case KIND_TEXT:
	case KIND_AD:
	case KIND_NAME:
		return token->kind == TOKEN_INTEGER && put_text(walk, field, token->text);
	case KIND_TIME:
		return interpret_time(token, member_of(walk, field));
	case KIND_CONTENT:
		if (walk->seen & ~walk->absent & field_bit(FIELD_words))
			return token->kind == TOKEN_STRING;
		/* fall through */
	default:
		return interpret_value(token, kind, member_of(walk, field));
	}
}

static inline void note_absent(struct walk *walk, unsigned number)
{
	walk->absent |= UINT64_C(1) << number;
}

static const char *read_value_slowly(struct walk *walk, const char *p, unsigned number)
{
	struct token token;
	bool is_number = *p == '-' || (unsigned char)(*p - '0') < 10;
	p = is_number ? read_number(walk, p, &token) : read_literal(walk, p, &token);
	if (token.kind == TOKEN_NULL)
		note_absent(walk, number);
	if (!p || token.kind == TOKEN_NULL || walk->kinds[number] == KIND_END)
		return p;
	return put_value(walk, number, &token) ? p : NULL;
}

static inline bool put_direction(struct walk *walk, struct slice text)
{
	bool is_in = text.len == 2 && memcmp(text.data, "in", 2) == 0;
	walk->event->direction = is_in ? DIRECTION_IN : DIRECTION_OUT;
	return is_in || (text.len == 3 && memcmp(text.data, "out", 3) == 0);
}

/* An ad's id that begins with an o may be that of a pseudo-ad. */
static inline bool put_string(struct walk *walk, unsigned number, struct slice text)
{
	enum field_kind kind = walk->kinds[number];
	if (kind == KIND_TEXT)
		return put_text(walk, number, text);
	switch (kind) {
	case KIND_END:
		return true;
	case KIND_NAME:
		return put_text(walk, number, text);
	case KIND_AD:
		return *text.data != 'o' && put_text(walk, number, text);
	case KIND_TIME:
		return time_parse(text, member_of(walk, number));
	case KIND_DIRECTION:
		return put_direction(walk, text);
	default:
		return put_value(walk, number, &(struct token){text, TOKEN_STRING});
	}
}

static inline const char *read_string(struct walk *walk, const char *p, unsigned number)
{
	const char *close = find_quote(walk, p + 1);
	if (!close)
		return NULL;
	struct slice text = {p + 1, (size_t)(close - p - 1)};
	if (text.len == 0)
		note_absent(walk, number);
	else if (!put_string(walk, number, text))
		return NULL;
	return close + 1;
}

/* Thirteen digits are milliseconds, in any year that a time may have. */
static inline const char *read_time(struct walk *walk, const char *p, unsigned field)
{
	enum { DIGIT_COUNT = 13 };
	block bytes = block_at(walk, p);
	if (block_count_digits(bytes) != DIGIT_COUNT || *p == '0')
		return read_value_slowly(walk, p, field);
	int64_t time_ms = (int64_t)(block_number(bytes, DIGIT_COUNT - 8) * 100000000 +
				    block_eight_digits(load_bytes(p + DIGIT_COUNT - 8, 8)));
	memcpy(member_of(walk, field), &time_ms, sizeof(time_ms));
	return p + DIGIT_COUNT;
}

static inline const char *read_count(struct walk *walk, const char *p, unsigned field)
{
	block bytes = block_at(walk, p);
	unsigned digit_count = block_count_digits(bytes);
	if (digit_count == 0 || digit_count > 8 || (*p == '0' && digit_count > 1))
		return read_value_slowly(walk, p, field);
	uint64_t count = block_number(bytes, digit_count);
	if (walk->kinds[field] == KIND_WORDS)
		*(uint32_t *)member_of(walk, field) = (uint32_t)count;
	else
		*(int64_t *)member_of(walk, field) = (int64_t)count;
	return p + digit_count;
}

static inline const char *read_flag(struct walk *walk, const char *p, unsigned field)
{
	if (walk->end - p <= 4 || memcmp(p, "true", 4) != 0)
		return read_value_slowly(walk, p, field);
	*(bool *)member_of(walk, field) = true;
	return p + 4;
}

static inline const char *read_value(struct walk *walk, const char *p, unsigned number)
{
	if (*p == '"')
		return read_string(walk, p, number);
	switch ((enum field_kind)walk->kinds[number]) {
	case KIND_TIME:
		return read_time(walk, p, number);
	case KIND_WORDS:
	case KIND_COUNT:
		return read_count(walk, p, number);
	case KIND_FLAG:
		return read_flag(walk, p, number);
	default:
		return read_value_slowly(walk, p, number);
	}
}

/* ---- Objects ---- */

/* The first field: what follows depends on it. To the comma behind it. */
static inline const char *read_type(struct walk *walk, const char *p)
{
	static const char start[] = "{\"type\":";
	const struct flat_reader *reader = walk->reader;
	if (memcmp(p, start, sizeof(start) - 1) != 0)
		return NULL;
	p = skip_space(p + sizeof(start) - 1);
	enum event_type type = reader->type_slots[type_slot(p + 1)];
	const struct field_pattern *name = &reader->type_names[type];
	if (!block_matches(block_load(p), &name->text))
		return NULL;
	walk->event->type = type;
	return p + name->len - 1;
}

static inline bool read_fields(struct walk *walk, const char *p)
{
	const struct keys *keys = &walk->reader->keys;
	unsigned number = FIELD_type;
	walk->seen = field_bit(FIELD_type);
	while (*p == ',') {
		p = read_key(walk, skip_space(p + 1), &number);
		if (!p || (walk->seen >> number & 1))
			return false;
		walk->seen |= UINT64_C(1) << number;
		p = read_value(walk, skip_space(p), number);
		if (!p)
			return false;
	}
	return *p == '}' && p + 1 == walk->end &&
	       (keys->count == 0 || keys_are_distinct(&walk->reader->keys, 0, keys->count));
}

static inline bool is_complete(const struct walk *walk)
{
	struct event *event = walk->event;
	uint64_t present = walk->seen & ~walk->absent;
	const uint32_t person = field_bit(FIELD_user) | field_bit(FIELD_click_id);
	if (walk->reader->fields->required[event->type] & ~present)
		return false;
	if (event->type != EVENT_SPEND)
		return (person & present) != 0;
	if (!(present & field_bit(FIELD_reported_at)))
		event->reported_at_ms = event->ts_ms;
	return event->from_ms < event->to_ms && event->to_ms - event->from_ms <= EVENT_PERIOD_MAX_MS;
}

bool flat_read(struct flat_reader *reader, struct slice unit, struct event *event)
{
	if (unit.len < SHORTEST_LEN || unit.data[unit.len - 1] != '}')
		return false;
	const char *end = unit.data + unit.len;
	struct walk walk = {.reader = reader, .end = end, .last_block = end - BLOCK_BYTES, .event = event};
	clear_event(event);
	reader->keys.count = 0;
	const char *p = read_type(&walk, unit.data);
	if (!p)
		return false;
	walk.kinds = reader->kinds[event->type];
	walk.guesses = reader->guesses[event->type];
	return read_fields(&walk, p) && is_complete(&walk);
}
