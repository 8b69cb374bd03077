#include "core/decode/interpret.h"

#include "core/base/decimal.h"
#include "core/base/rfc3339.h"
#include "core/base/utf8.h"
#include "core/decode/text.h"

struct reading {
	const struct fields *fields;
	const struct capture *capture;
	uint32_t present; /* of the fields that this type has */
	struct event *event;
	struct fault *fault;
};

static bool parse_type(const struct fields *fields, struct slice text, enum event_type *type)
{
	for (*type = 0; *type < EVENT_TYPE_COUNT; ++*type)
		if (slice_equal(text, fields->type_names[*type]))
			return true;
	return false;
}

static bool parse_stage(struct slice text, enum event_stage *stage)
{
	static const struct {
		struct slice word;
		enum event_stage stage;
	} stages[] = {
#define STAGE(word, stage) {{#word, sizeof(#word) - 1}, STAGE_##stage},
#include "core/decode/stages.def"
#undef STAGE
	};
	for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++)
		if (slice_equal(text, stages[i].word)) {
			*stage = stages[i].stage;
			return true;
		}
	return false;
}

static bool fail(struct fault *fault, enum reason reason, const char *detail)
{
	*fault = (struct fault){reason, detail};
	return false;
}

static const struct field_row *first_row(uint32_t fields)
{
	return &field_rows[__builtin_ctz(fields)];
}

static bool is_text(const struct token *token)
{
	return token->kind <= TOKEN_INTEGER;
}

bool interpret_time(const struct token *token, int64_t *time_ms)
{
	return is_text(token) && time_parse(token->text, time_ms);
}

static bool read_flag(const struct token *token, bool *flag)
{
	*flag = token->kind == TOKEN_TRUE;
	return token->kind == TOKEN_TRUE || token->kind == TOKEN_FALSE;
}

static bool read_direction(const struct token *token, enum event_direction *direction)
{
	bool is_out = slice_equal(token->text, slice_from("out"));
	*direction = is_out ? DIRECTION_OUT : DIRECTION_IN;
	return is_out || slice_equal(token->text, slice_from("in"));
}

static bool read_content(const struct token *token, uint32_t *word_count)
{
	*word_count = (uint32_t)text_count_words(token->text);
	return true;
}

static bool read_words(const struct token *token, uint32_t *word_count)
{
	int64_t count;
	if (!is_text(token) || !decimal_parse_count(token->text, &count))
		return false;
	*word_count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
	return true;
}

static bool read_money(const struct token *token, int64_t *micros)
{
	return token->kind <= TOKEN_REAL && decimal_parse_micros(token->text, micros) &&
	       *micros <= EVENT_MONEY_MAX_MICROS;
}

/* The ids of the pseudo-ads of organic messages are nobody else's. */
static bool is_ad_id(const struct token *token)
{
	static const char organic[] = "organic:";
	const size_t len = sizeof(organic) - 1;
	return is_text(token) && (token->text.len < len || memcmp(token->text.data, organic, len) != 0);
}

bool interpret_value(const struct token *token, enum field_kind kind, void *member)
{
	bool is_string = token->kind == TOKEN_STRING;
	switch (kind) {
	case KIND_DIRECTION:
		return is_string && read_direction(token, member);
	case KIND_STAGE:
		return is_string && parse_stage(token->text, member);
	case KIND_FLAG:
		return read_flag(token, member);
	case KIND_CONTENT:
		return is_string && read_content(token, member);
	case KIND_WORDS:
		return read_words(token, member);
	case KIND_MICROS:
		return read_money(token, member);
	case KIND_COUNT:
		return is_text(token) && decimal_parse_count(token->text, member);
	case KIND_AD:
		return is_ad_id(token);
	default:
		return is_text(token);
	}
}

static void *member_of(const struct reading *reading, unsigned field)
{
	return (char *)reading->event + field_rows[field].offset;
}

static bool find_type(const struct reading *reading, enum event_type *type)
{
	const struct token *token = &reading->capture->tokens[FIELD_type];
	if (!(reading->capture->present & field_bit(FIELD_type)))
		return fail(reading->fault, REASON_missing_field, field_rows[FIELD_type].missing);
	if (token->kind != TOKEN_STRING || !parse_type(reading->fields, token->text, type))
		return fail(reading->fault, REASON_unknown_type, field_rows[FIELD_type].sentence);
	return true;
}

static bool has_required(const struct reading *reading, enum event_type type)
{
	uint32_t missing = reading->fields->required[type] & ~reading->present;
	if (missing)
		return fail(reading->fault, REASON_missing_field, first_row(missing)->missing);
	uint32_t person = field_bit(FIELD_user) | field_bit(FIELD_click_id);
	if (type != EVENT_SPEND && !(person & reading->present))
		return fail(reading->fault, REASON_missing_field, "user and click_id are missing");
	return true;
}

static bool read_times(const struct reading *reading, enum event_type type)
{
	struct event *event = reading->event;
	uint32_t times = reading->present & reading->fields->of_kind[KIND_TIME];
	for (uint32_t left = times; left; left &= left - 1) {
		unsigned field = (unsigned)__builtin_ctz(left);
		if (!interpret_time(&reading->capture->tokens[field], member_of(reading, field)))
			return fail(reading->fault, REASON_bad_time, field_rows[field].sentence);
	}
	if (type != EVENT_SPEND)
		return true;
	if (!(reading->present & field_bit(FIELD_reported_at)))
		event->reported_at_ms = event->ts_ms;
	if (event->from_ms >= event->to_ms)
		return fail(reading->fault, REASON_bad_time, "to is not after from");
	if (event->to_ms - event->from_ms > EVENT_PERIOD_MAX_MS)
		return fail(reading->fault, REASON_bad_time, "from to to is more than 400 days");
	return true;
}

static bool read_texts(const struct reading *reading, size_t id_bytes)
{
	uint32_t texts = reading->fields->of_kind[KIND_TEXT] | reading->fields->of_kind[KIND_AD];
	for (uint32_t left = reading->present & texts; left; left &= left - 1) {
		unsigned field = (unsigned)__builtin_ctz(left);
		const struct token *token = &reading->capture->tokens[field];
		if (!is_text(token))
			continue;
		if (token->text.len > id_bytes)
			return fail(reading->fault, REASON_too_large, field_rows[field].too_large);
		*(struct slice *)member_of(reading, field) = token->text;
	}
	return true;
}

static void read_names(const struct reading *reading, size_t id_bytes)
{
	uint32_t names = reading->present & reading->fields->of_kind[KIND_NAME];
	for (uint32_t left = names; left; left &= left - 1) {
		unsigned field = (unsigned)__builtin_ctz(left);
		const struct token *token = &reading->capture->tokens[field];
		if (is_text(token))
			*(struct slice *)member_of(reading, field) = utf8_cut(token->text, id_bytes);
	}
}

static bool read_others(const struct reading *reading)
{
	uint32_t done = reading->fields->of_kind[KIND_TIME] | reading->fields->of_kind[KIND_TYPE];
	for (uint32_t left = reading->present & ~done; left; left &= left - 1) {
		unsigned field = (unsigned)__builtin_ctz(left);
		const struct field_row *row = &field_rows[field];
		if (!interpret_value(&reading->capture->tokens[field], row->kind, member_of(reading, field)))
			return fail(reading->fault, REASON_bad_value, row->sentence);
	}
	return true;
}

bool interpret_object(const struct fields *fields, size_t id_bytes, const struct capture *capture,
		      struct event *event, struct fault *fault)
{
	struct reading reading = {fields, capture, 0, event, fault};
	enum event_type type;
	if (!find_type(&reading, &type))
		return false;
	clear_event(event);
	event->type = type;
	reading.present = capture->present & fields->of_type[type];
	if (!has_required(&reading, type) || !read_times(&reading, type) || !read_texts(&reading, id_bytes))
		return false;
	read_names(&reading, id_bytes);
	return read_others(&reading);
}
