#include "core/decode/decode.h"

#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/decode/flat.h"
#include "core/decode/interpret.h"
#include "core/decode/scan.h"

struct decoder {
	struct decode_limits limits;
	struct fields fields;
	struct flat_reader flat;
	struct scanner scanner;
	struct capture capture; /* of the object scanned last */
};

struct decoder *decoder_create(const struct decode_limits *limits)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));
	CHECK(decoder);
	decoder->limits = *limits;
	fields_init(&decoder->fields);
	flat_create(&decoder->flat, &decoder->fields, limits->id_bytes);
	scan_create(&decoder->scanner, &decoder->fields, limits->depth);
	return decoder;
}

void decoder_destroy(struct decoder *decoder)
{
	if (!decoder)
		return;
	flat_destroy(&decoder->flat);
	scan_destroy(&decoder->scanner);
	free(decoder);
}

static struct slice between(const char *start, const char *stop)
{
	return (struct slice){start, (size_t)(stop - start)};
}

static struct slice trim(struct slice text)
{
	const char *end = text.data + text.len;
	const char *start = scan_space(text.data, end);
	while (end > start && scan_space(end - 1, end) == end)
		end--;
	return between(start, end);
}

/* Nearly all are. */
static bool is_trimmed(struct slice text)
{
	return text.len == 0 || (text.data[0] == '{' && text.data[text.len - 1] == '}');
}

static void emit_capture(struct decoder *decoder, struct slice item, const struct decode_sink *sink)
{
	struct event event;
	struct fault fault;
	if (interpret_object(&decoder->fields, decoder->limits.id_bytes, &decoder->capture, &event, &fault))
		sink->event(sink->ctx, &event, item);
	else
		sink->reject(sink->ctx, fault.reason, fault.detail, item);
}

/* From here to emit_texts: check_unit has found the text good, so no scan can fail. */
static const char *emit_item(struct decoder *decoder, const char *p, const struct decode_sink *sink)
{
	scan_reset(&decoder->scanner);
	bool is_object = *p == '{';
	const char *after = is_object ? scan_object(&decoder->scanner, p, &decoder->capture)
				      : scan_value(&decoder->scanner, p);
	CHECK(after);
	if (is_object)
		emit_capture(decoder, between(p, after), sink);
	else
		sink->reject(sink->ctx, REASON_json, "an array's element is no object", between(p, after));
	return after;
}

static const char *emit_array(struct decoder *decoder, const char *p, const struct decode_sink *sink)
{
	const char *end = decoder->scanner.end;
	p = scan_space(p + 1, end);
	while (*p != ']') {
		p = scan_space(emit_item(decoder, p, sink), end);
		if (*p == ',')
			p = scan_space(p + 1, end);
	}
	return p + 1;
}

static void emit_texts(struct decoder *decoder, struct slice unit, const struct decode_sink *sink)
{
	const char *end = unit.data + unit.len;
	for (const char *p = scan_space(unit.data, end); p < end; p = scan_space(p, end))
		p = *p == '{' ? emit_item(decoder, p, sink) : emit_array(decoder, p, sink);
}

static const char *check_text(struct decoder *decoder, const char *p)
{
	if (*p == '{')
		return scan_object(&decoder->scanner, p, &decoder->capture);
	return *p == '[' ? scan_value(&decoder->scanner, p) : NULL;
}

/* The whole value or a line, trimmed and not empty: texts with newlines between them, so of a line just
 * one. Where it is a single object, it stands in the capture. */
static bool check_unit(struct decoder *decoder, struct slice unit, bool *is_object)
{
	const char *end = unit.data + unit.len;
	const char *p = unit.data;
	scan_begin(&decoder->scanner, unit);
	*is_object = *p == '{';
	for (;;) {
		const char *after = check_text(decoder, p);
		if (!after || after == end)
			return after;
		p = scan_space(after, end);
		if (!memchr(after, '\n', (size_t)(p - after)))
			return false;
		*is_object = false;
	}
}

static bool decode_unit(struct decoder *decoder, struct slice unit, const struct decode_sink *sink)
{
	bool is_object;
	struct event event;
	if (flat_read(&decoder->flat, unit, &event)) {
		sink->event(sink->ctx, &event, unit);
		return true;
	}
	if (!check_unit(decoder, unit, &is_object))
		return false;
	if (is_object)
		emit_capture(decoder, unit, sink);
	else
		emit_texts(decoder, unit, sink);
	return true;
}

static void reject_unit(struct decoder *decoder, struct slice unit, const struct decode_sink *sink)
{
	if (!utf8_is_valid(unit))
		sink->reject(sink->ctx, REASON_encoding, "the bytes are not UTF-8", unit);
	else if (scan_is_too_deep(&decoder->scanner))
		sink->reject(sink->ctx, REASON_too_large, "nested deeper than limits.depth", unit);
	else
		sink->reject(sink->ctx, REASON_json, "no JSON object or array of objects", unit);
}

static void decode_lines(struct decoder *decoder, struct slice value, const struct decode_sink *sink)
{
	const char *end = value.data + value.len;
	const char *stop;
	for (const char *p = value.data; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop ? stop : end;
		struct slice line = trim(between(p, stop));
		if (line.len > 0 && !decode_unit(decoder, line, sink))
			reject_unit(decoder, line, sink);
	}
}

void decode_record(struct decoder *decoder, struct slice value, const struct decode_sink *sink)
{
	if (value.len > decoder->limits.record_bytes) {
		sink->reject(sink->ctx, REASON_too_large, "longer than limits.record_bytes", value);
		return;
	}
	struct slice unit = is_trimmed(value) ? value : trim(value);
	if (unit.len == 0)
		sink->reject(sink->ctx, REASON_json, "the value is empty", value);
	else if (!decode_unit(decoder, unit, sink))
		decode_lines(decoder, unit, sink);
}
