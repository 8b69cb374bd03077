#include "core/publish/row_connect.h"

#include "core/base/json_text.h"
#include "core/publish/row_json.h"

#define TYPE_TEXT "\"string\",\"optional\":false"
#define TYPE_MAYBE "\"string\",\"optional\":true"
#define TYPE_WORD TYPE_MAYBE
#define TYPE_INTEGER "\"int64\",\"optional\":false"
#define TYPE_COUNT "\"int64\",\"optional\":false,\"default\":0"
#define TYPE_SWITCH "\"boolean\",\"optional\":false"
#define TYPE_TIME TYPE_TEXT
#define TYPE_MICROS "\"double\",\"optional\":false,\"default\":0"
#define TYPE_QUOTIENT "\"double\",\"optional\":true"
#define TYPE_SECONDS TYPE_QUOTIENT

static const char begin[] = "{\"schema\":{\"type\":\"struct\",\"name\":\"ladderd.row\",\"version\":";
static const char payload[] = "]},\"payload\":";

void row_put_connect_head(struct buffer *out)
{
	static const char *const fields[] = {
#define FIELD(name, type, ...) "{\"field\":\"" #name "\",\"type\":" TYPE_##type "}",
#include "core/publish/row_fields.def"
#undef FIELD
	};
	json_put_literal(out, begin);
	json_put_integer(out, ROW_SCHEMA);
	json_put_literal(out, ",\"optional\":false,\"fields\":[");
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		json_put_literal(out, i ? "," : "");
		json_put_literal(out, fields[i]);
	}
	json_put_literal(out, payload);
}

struct slice row_of_record(struct slice value)
{
	const size_t begin_len = sizeof(begin) - 1, payload_len = sizeof(payload) - 1;
	if (value.len < begin_len || memcmp(value.data, begin, begin_len) != 0)
		return value;
	const char *at = memmem(value.data, value.len, payload, payload_len);
	if (!at)
		return value;
	at += payload_len;
	size_t left = (size_t)(value.data + value.len - at);
	return left && at[left - 1] == '}' ? (struct slice){at, left - 1} : value;
}
