#include "daemon/json_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/json_text.h"

static void put(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

static void put_quoted(struct buffer *out, const char *text)
{
	put(out, "\"");
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		char escape[8];
		if (byte == '"' || byte == '\\')
			snprintf(escape, sizeof(escape), "\\%c", byte);
		else if (byte < 0x20)
			snprintf(escape, sizeof(escape), "\\u%04x", byte);
		else
			snprintf(escape, sizeof(escape), "%c", byte);
		put(out, escape);
	}
	put(out, "\"");
}

/* A comma is due behind everything but an opening bracket and the beginning. */
static void begin(struct buffer *out, const char *name)
{
	char last = out->len ? out->data[out->len - 1] : '[';
	if (last != '{' && last != '[')
		put(out, ",");
	if (name) {
		put_quoted(out, name);
		put(out, ":");
	}
}

void json_text_open(struct buffer *out, const char *name, char bracket)
{
	begin(out, name);
	buffer_put(out, &bracket, 1);
}

void json_text_close(struct buffer *out, char bracket)
{
	buffer_put(out, &bracket, 1);
}

void json_text_put_integer(struct buffer *out, const char *name, int64_t number)
{
	char digits[24];
	begin(out, name);
	snprintf(digits, sizeof(digits), "%" PRId64, number);
	put(out, digits);
}

void json_text_put_micros(struct buffer *out, const char *name, int64_t micros)
{
	begin(out, name);
	json_put_micros(out, micros);
}

void json_text_put_bool(struct buffer *out, const char *name, bool is_so)
{
	begin(out, name);
	put(out, is_so ? "true" : "false");
}

void json_text_put_null(struct buffer *out, const char *name)
{
	begin(out, name);
	put(out, "null");
}

void json_text_put_text(struct buffer *out, const char *name, const char *text)
{
	begin(out, name);
	put_quoted(out, text);
}

void json_text_put_slice(struct buffer *out, const char *name, struct slice text)
{
	begin(out, name);
	json_put_string(out, text);
}

void json_text_put_time(struct buffer *out, const char *name, int64_t time_ms)
{
	begin(out, name);
	json_put_char(out, '"');
	json_put_time(out, time_ms);
	json_put_char(out, '"');
}

void json_text_put_document(struct buffer *out, const char *name, struct slice json)
{
	begin(out, name);
	buffer_put(out, json.data, json.len);
}

void json_text_make_member(struct buffer *out, const char *name, const char *text)
{
	if (!text)
		return;
	json_put_string(out, slice_from(name));
	json_put_char(out, ':');
	json_put_string(out, slice_from(text));
}

bool json_text_holds(struct slice json, struct slice member)
{
	return member.len == 0 || memmem(json.data, json.len, member.data, member.len);
}
