#include "core/decode/fields.h"

#include "core/base/check.h"

#define FIELD(name, kind, types, required, member, sentence) \
	{ \
		{#name, sizeof(#name) - 1}, KIND_##kind, types, required, offsetof(struct event, member), \
			sentence, #name " is missing", #name " is longer than limits.id_bytes" \
	},

const struct field_row field_rows[FIELD_COUNT] = {
#include "core/decode/fields.def"
};

#undef FIELD

struct field_pattern field_pattern_of(struct slice text, char next)
{
	struct field_pattern pattern = {.len = text.len + 3};
	char bytes[BLOCK_BYTES] = {'"'};
	CHECK(text.len <= FIELD_PATTERN_TEXT_MAX);
	memcpy(bytes + 1, text.data, text.len);
	bytes[text.len + 1] = '"';
	bytes[text.len + 2] = next;
	memcpy(pattern.text.bytes, bytes, sizeof(bytes));
	memset(pattern.text.mask, 0xFF, pattern.len);
	return pattern;
}

void fields_init(struct fields *fields)
{
	memset(fields, 0, sizeof(*fields));
	memset(fields->slots, FIELD_NONE, sizeof(fields->slots));
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
		fields->type_names[type] = slice_from(event_type_name(type));
	for (enum field field = 0; field < FIELD_COUNT; field++) {
		const struct field_row *row = &field_rows[field];
		unsigned slot = field_slot(row->name);
		CHECK(fields->slots[slot] == FIELD_NONE);
		fields->slots[slot] = (unsigned char)field;
		fields->patterns[field] = field_pattern_of(row->name, ':');
		fields->of_kind[row->kind] |= field_bit(field);
		for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++) {
			fields->of_type[type] |= row->types >> type & 1 ? field_bit(field) : 0;
			fields->required[type] |= row->required >> type & 1 ? field_bit(field) : 0;
		}
	}
}
