#include "core/decode/reference.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/base/decimal.h"
#include "core/base/rfc3339.h"

enum { LOAD_FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL };

struct run {
	const struct decode_limits *limits;
	const struct decode_sink *sink;
};

static struct slice slice_rest(struct slice text, size_t from)
{
	return (struct slice){text.data + from, text.len - from};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice text)
{
	while (text.len > 0 && is_blank(text.data[0]))
		text = slice_rest(text, 1);
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

/* Walks over text that may be broken: the place of the next byte outside strings after `at`. */
static size_t walk(struct slice text, size_t at)
{
	if (text.data[at] != '"')
		return at + 1;
	for (at++; at < text.len && text.data[at] != '"'; at++)
		at += text.data[at] == '\\';
	return at < text.len ? at + 1 : text.len;
}

static bool is_opening(char c)
{
	return c == '{' || c == '[';
}

static bool is_closing(char c)
{
	return c == '}' || c == ']';
}

/* Whether the text that `text` begins with opens a bracket too many before any other fault. A NUL is a
 * fault, but jansson's error for it is that of an early end. */
static bool is_too_deep(const struct run *run, struct slice text)
{
	unsigned depth = 0;
	for (size_t at = 0; at < text.len; at = walk(text, at)) {
		depth += is_opening(text.data[at]);
		if (depth > run->limits->depth) {
			json_error_t error;
			CHECK(!json_loadb(text.data, at + 1, LOAD_FLAGS, &error));
			return json_error_code(&error) == json_error_premature_end_of_input &&
			       !memchr(text.data, '\0', at);
		}
		if (is_closing(text.data[at]) && --depth == 0)
			return false;
	}
	return false;
}

enum outcome { OUTCOME_GOOD, OUTCOME_TOO_DEEP, OUTCOME_BROKEN };

/* The first text, which must be an object or an array, and the bytes it takes. */
static enum outcome load_text(const struct run *run, struct slice text, size_t *len)
{
	if (text.len == 0 || !is_opening(text.data[0]))
		return OUTCOME_BROKEN;
	if (is_too_deep(run, text))
		return OUTCOME_TOO_DEEP;
	json_error_t error;
	json_t *json = json_loadb(text.data, text.len, LOAD_FLAGS | JSON_DISABLE_EOF_CHECK, &error);
	if (!json)
		return OUTCOME_BROKEN;
	json_decref(json);
	*len = (size_t)error.position;
	return OUTCOME_GOOD;
}

enum value_kind {
	VALUE_ABSENT,
	VALUE_STRING,
	VALUE_INTEGER,
	VALUE_REAL,
	VALUE_TRUE,
	VALUE_FALSE,
	VALUE_NESTED
};

struct value {
	enum value_kind kind;
	struct slice text;
};

/* jansson makes doubles of numbers. So each number of the text is first replaced by its place in this
 * list, which is what the integers of `json` are. */
struct object {
	json_t *json;
	struct slice *numbers;
};

static bool is_number_byte(char c)
{
	return c && strchr("0123456789+-.eE", c);
}

/* `text` is a valid object. */
static struct object load_object(struct slice text)
{
	const size_t capacity = text.len * 20;
	struct object object = {NULL, calloc(text.len, sizeof(struct slice))};
	char *copy = malloc(capacity);
	CHECK(object.numbers && copy);
	size_t copy_len = 0;
	size_t count = 0;
	for (size_t at = 0, next; at < text.len; at = next) {
		next = walk(text, at);
		if (text.data[at] == '-' || (text.data[at] >= '0' && text.data[at] <= '9')) {
			while (next < text.len && is_number_byte(text.data[next]))
				next++;
			object.numbers[count] = (struct slice){text.data + at, next - at};
			copy_len += (size_t)snprintf(copy + copy_len, capacity - copy_len, "%zu", count++);
		} else {
			memcpy(copy + copy_len, text.data + at, next - at);
			copy_len += next - at;
		}
	}
	object.json = json_loadb(copy, copy_len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_is_object(object.json));
	free(copy);
	return object;
}

static struct value find_value(const struct object *object, const char *name)
{
	json_t *json = json_object_get(object->json, name);
	if (json_is_string(json)) {
		struct slice text = {json_string_value(json), json_string_length(json)};
		return (struct value){text.len ? VALUE_STRING : VALUE_ABSENT, text};
	}
	if (json_is_integer(json)) {
		struct slice text = object->numbers[json_integer_value(json)];
		bool is_integer = !memchr(text.data, '.', text.len) && !memchr(text.data, 'e', text.len) &&
				  !memchr(text.data, 'E', text.len);
		return (struct value){is_integer ? VALUE_INTEGER : VALUE_REAL, text};
	}
	if (!json || json_is_null(json))
		return (struct value){.kind = VALUE_ABSENT};
	if (json_is_boolean(json))
		return (struct value){.kind = json_is_true(json) ? VALUE_TRUE : VALUE_FALSE};
	return (struct value){.kind = VALUE_NESTED};
}

static bool is_there(const struct object *object, const char *name)
{
	return find_value(object, name).kind != VALUE_ABSENT;
}

static bool value_is(struct value value, const char *word)
{
	return value.kind == VALUE_STRING && slice_equal(value.text, slice_from(word));
}

static bool is_text(struct value value)
{
	return value.kind == VALUE_STRING || value.kind == VALUE_INTEGER;
}

static bool read_time(struct value value, int64_t *time_ms)
{
	return is_text(value) && time_parse(value.text, time_ms);
}

/* An amount must also be near the double that the C library makes of it. */
static bool read_micros(struct value value, int64_t *micros)
{
	if (value.kind == VALUE_ABSENT)
		return true;
	if ((!is_text(value) && value.kind != VALUE_REAL) || !decimal_parse_micros(value.text, micros))
		return false;
	if (*micros > EVENT_MONEY_MAX_MICROS)
		return false;
	char *copy = calloc(1, value.text.len + 1);
	CHECK(copy);
	memcpy(copy, value.text.data, value.text.len);
	double near = strtod(copy, NULL) * 1e6;
	free(copy);
	CHECK(fabs(near - (double)*micros) <= 0.51 + near * 1e-12);
	return true;
}

static bool read_count(struct value value, int64_t *count)
{
	return value.kind == VALUE_ABSENT || (is_text(value) && decimal_parse_count(value.text, count));
}

static bool read_flag(struct value value, bool *flag)
{
	*flag = value.kind == VALUE_TRUE;
	return value.kind == VALUE_TRUE || value.kind == VALUE_FALSE || value.kind == VALUE_ABSENT;
}

static uint32_t count_words(struct slice text)
{
	uint32_t count = 0;
	bool is_word = false;
	for (size_t i = 0; i < text.len; i++) {
		bool is_space = strchr(" \t\n\v\f\r", text.data[i]) != NULL;
		count += !is_space && !is_word;
		is_word = !is_space;
	}
	return count;
}

static bool read_words(const struct object *object, uint32_t *word_count)
{
	struct value text = find_value(object, "text");
	struct value words = find_value(object, "words");
	int64_t count = 0;
	if ((text.kind != VALUE_ABSENT && text.kind != VALUE_STRING) || !read_count(words, &count))
		return false;
	if (words.kind == VALUE_ABSENT)
		*word_count = count_words(text.text);
	else
		*word_count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
	return true;
}

static bool read_direction(const struct object *object, enum event_direction *direction)
{
	struct value value = find_value(object, "direction");
	*direction = value_is(value, "in") ? DIRECTION_IN : DIRECTION_OUT;
	return value_is(value, "in") || value_is(value, "out");
}

static bool read_stage(const struct object *object, enum event_stage *stage)
{
	static const struct {
		const char *word;
		enum event_stage stage;
	} stages[] = {
		{"unqualified", STAGE_UNQUALIFIED},
		{"partially_qualified", STAGE_PARTIALLY_QUALIFIED},
		{"qualified", STAGE_QUALIFIED},
		{"handoff", STAGE_HANDOFF},
		{"appointment", STAGE_APPOINTMENT},
		{"quote", STAGE_APPOINTMENT},
		{"checkout", STAGE_APPOINTMENT},
		{"demo", STAGE_APPOINTMENT},
		{"customer", STAGE_CUSTOMER},
		{"sale", STAGE_CUSTOMER},
		{"lost", STAGE_LOST},
		{"refund", STAGE_REFUND},
	};
	for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++)
		if (value_is(find_value(object, "stage"), stages[i].word)) {
			*stage = stages[i].stage;
			return true;
		}
	return false;
}

static bool read_type(const struct object *object, enum event_type *type)
{
	static const char *const names[] = {"click", "open", "message", "outcome", "spend"};
	for (unsigned i = 0; i < EVENT_TYPE_COUNT; i++)
		if (value_is(find_value(object, "type"), names[i])) {
			*type = i;
			return true;
		}
	return false;
}

static bool has_required(const struct object *object, enum event_type type)
{
	static const char *const required[EVENT_TYPE_COUNT][6] = {
		{"id", "ts", "ad"},
		{"id", "ts"},
		{"id", "ts", "direction"},
		{"id", "ts", "stage"},
		{"id", "ts", "ad", "from", "to"},
	};
	for (const char *const *name = required[type]; *name; name++)
		if (!is_there(object, *name))
			return false;
	return type == EVENT_SPEND || is_there(object, "user") || is_there(object, "click_id");
}

static bool read_times(const struct object *object, struct event *event)
{
	if (!read_time(find_value(object, "ts"), &event->ts_ms))
		return false;
	if (event->type != EVENT_SPEND)
		return true;
	event->reported_at_ms = event->ts_ms;
	struct value reported_at = find_value(object, "reported_at");
	return read_time(find_value(object, "from"), &event->from_ms) &&
	       read_time(find_value(object, "to"), &event->to_ms) &&
	       (reported_at.kind == VALUE_ABSENT || read_time(reported_at, &event->reported_at_ms)) &&
	       event->to_ms > event->from_ms && event->to_ms - event->from_ms <= EVENT_PERIOD_MAX_MS;
}

static struct slice cut(struct slice text, size_t len_max)
{
	if (text.len > len_max)
		for (text.len = len_max; text.len > 0 && (text.data[text.len] & 0xC0) == 0x80;)
			text.len--;
	return text;
}

/* The first fault of any text field; REASON_COUNT if there is none. */
static enum reason read_texts(const struct object *object, size_t id_bytes, struct event *event)
{
	bool has_money = event->type != EVENT_OPEN && event->type != EVENT_MESSAGE;
	const struct {
		const char *name;
		struct slice *to;
		bool is_had;
		bool is_cut;
	} texts[] = {
		{"currency", &event->currency, has_money, false},
		{"id", &event->id, true, false},
		{"user", &event->user, event->type != EVENT_SPEND, false},
		{"click_id", &event->click_id, event->type != EVENT_SPEND, false},
		{"account", &event->account, true, false},
		{"campaign", &event->campaign, true, false},
		{"adset", &event->adset, true, false},
		{"ad", &event->ad, true, false},
		{"campaign_name", &event->campaign_name, true, true},
		{"adset_name", &event->adset_name, true, true},
		{"ad_name", &event->ad_name, true, true},
	};
	enum reason reason = REASON_COUNT;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct value value = find_value(object, texts[i].name);
		if (!texts[i].is_had || value.kind == VALUE_ABSENT)
			continue;
		if (!is_text(value))
			reason = REASON_bad_value;
		else if (texts[i].is_cut)
			*texts[i].to = cut(value.text, id_bytes);
		else if (value.text.len > id_bytes)
			return REASON_too_large;
		else
			*texts[i].to = value.text;
	}
	if (event->ad.len >= 8 && memcmp(event->ad.data, "organic:", 8) == 0)
		return REASON_bad_value;
	return reason;
}

static bool read_rest(const struct object *object, struct event *event)
{
	switch (event->type) {
	case EVENT_CLICK:
		return read_micros(find_value(object, "cost"), &event->money_micros);
	case EVENT_MESSAGE:
		return read_direction(object, &event->direction) && read_words(object, &event->word_count) &&
		       read_flag(find_value(object, "auto"), &event->is_auto) &&
		       read_flag(find_value(object, "prefilled"), &event->is_prefilled) &&
		       read_flag(find_value(object, "media"), &event->is_media);
	case EVENT_OUTCOME:
		return read_stage(object, &event->stage) &&
		       read_micros(find_value(object, "value"), &event->money_micros);
	case EVENT_SPEND:
		return read_micros(find_value(object, "spend"), &event->money_micros) &&
		       read_count(find_value(object, "impressions"), &event->impressions) &&
		       read_count(find_value(object, "clicks"), &event->clicks) &&
		       read_count(find_value(object, "conversations"), &event->conversations);
	default:
		return true;
	}
}

static enum reason judge(const struct run *run, const struct object *object, struct event *event)
{
	if (!is_there(object, "type"))
		return REASON_missing_field;
	if (!read_type(object, &event->type))
		return REASON_unknown_type;
	if (!has_required(object, event->type))
		return REASON_missing_field;
	if (!read_times(object, event))
		return REASON_bad_time;
	enum reason reason = read_texts(object, run->limits->id_bytes, event);
	if (reason != REASON_COUNT)
		return reason;
	return read_rest(object, event) ? REASON_COUNT : REASON_bad_value;
}

static void reject(const struct run *run, enum reason reason, struct slice item)
{
	run->sink->reject(run->sink->ctx, reason, "", item);
}

static void emit_item(const struct run *run, struct slice item)
{
	if (item.data[0] != '{') {
		reject(run, REASON_json, item);
		return;
	}
	struct object object = load_object(item);
	struct event event = {0};
	enum reason reason = judge(run, &object, &event);
	if (reason == REASON_COUNT)
		run->sink->event(run->sink->ctx, &event, item);
	else
		reject(run, reason, item);
	json_decref(object.json);
	free(object.numbers);
}

/* `text` is a valid array; splits it at the commas that no other bracket is around. */
static void emit_array(const struct run *run, struct slice text)
{
	unsigned depth = 0;
	size_t start = 1;
	for (size_t at = 0; at < text.len; at = walk(text, at)) {
		char c = text.data[at];
		depth += is_opening(c);
		if (depth == 1 && (c == ',' || c == ']')) {
			struct slice item = trim((struct slice){text.data + start, at - start});
			if (item.len > 0)
				emit_item(run, item);
			start = at + 1;
		}
		depth -= is_closing(c);
	}
}

static void emit_texts(const struct run *run, struct slice unit)
{
	size_t len;
	for (struct slice rest = unit; rest.len > 0; rest = trim(slice_rest(rest, len))) {
		CHECK(load_text(run, rest, &len) == OUTCOME_GOOD);
		struct slice text = {rest.data, len};
		if (text.data[0] == '{')
			emit_item(run, text);
		else
			emit_array(run, text);
	}
}

static enum outcome check_sequence(const struct run *run, struct slice unit)
{
	size_t len;
	for (struct slice rest = unit;;) {
		enum outcome outcome = load_text(run, rest, &len);
		if (outcome != OUTCOME_GOOD)
			return outcome;
		struct slice after = slice_rest(rest, len);
		rest = trim(after);
		if (rest.len == 0)
			return OUTCOME_GOOD;
		if (!memchr(after.data, '\n', (size_t)(rest.data - after.data)))
			return OUTCOME_BROKEN;
	}
}

static void decode_line(const struct run *run, struct slice line)
{
	enum outcome outcome = check_sequence(run, line);
	json_t *text = json_stringn(line.data, line.len);
	if (outcome == OUTCOME_GOOD)
		emit_texts(run, line);
	else if (!text)
		reject(run, REASON_encoding, line);
	else
		reject(run, outcome == OUTCOME_TOO_DEEP ? REASON_too_large : REASON_json, line);
	json_decref(text);
}

void reference_decode(const struct decode_limits *limits, struct slice value, const struct decode_sink *sink)
{
	struct run run = {limits, sink};
	struct slice unit = trim(value);
	if (value.len > limits->record_bytes) {
		reject(&run, REASON_too_large, value);
	} else if (unit.len == 0) {
		reject(&run, REASON_json, value);
	} else if (check_sequence(&run, unit) == OUTCOME_GOOD) {
		emit_texts(&run, unit);
	} else {
		for (size_t stop; unit.len > 0; unit = trim(slice_rest(unit, stop))) {
			const char *newline = memchr(unit.data, '\n', unit.len);
			stop = newline ? (size_t)(newline - unit.data) : unit.len;
			decode_line(&run, trim((struct slice){unit.data, stop}));
		}
	}
}
