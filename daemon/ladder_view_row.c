#include "daemon/ladder_view_row.h"

#include <jansson.h>
#include <stdio.h>

static const char *const fields[LADDER_RUNG_COUNT] = {
#define RUNG(word, field, of, cause) #field,
	LADDER_RUNGS
#undef RUNG
};

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size);
	if (len == size)
		for (len = size - 1; len && is_continuation(text[len]); len--)
			;
	memcpy(out, text, len);
	out[len] = '\0';
}

static bool take_text(const json_t *object, const char *field, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, field));
	if (text)
		copy_text(out, size, text);
	return text;
}

static bool take_integer(const json_t *object, const char *field, int64_t *number)
{
	const json_t *value = json_object_get(object, field);
	*number = json_integer_value(value);
	return json_is_integer(value);
}

/* A double is exact enough to look at. */
static bool take_money(const json_t *object, const char *field, int64_t *micros)
{
	const json_t *value = json_object_get(object, field);
	double units = json_number_value(value);
	if (!json_is_number(value) || units < -9e12 || units > 9e12)
		return false;
	*micros = (int64_t)(units * 1e6 + (units < 0 ? -0.5 : 0.5));
	return true;
}

static bool take_row(const json_t *object, struct ladder_row *row)
{
	bool is_row = take_text(object, "kind", row->kind, sizeof row->kind) &&
		      take_text(object, "basis", row->basis, sizeof row->basis) &&
		      take_text(object, "level", row->level, sizeof row->level) &&
		      take_text(object, "window", row->window, sizeof row->window) &&
		      take_text(object, "currency", row->currency, sizeof row->currency) &&
		      take_text(object, "id", row->id, sizeof row->id) &&
		      take_integer(object, "revision", &row->revision) &&
		      take_integer(object, "from_ms", &row->from_ms) &&
		      take_integer(object, "to_ms", &row->to_ms) && row->from_ms < row->to_ms &&
		      take_money(object, "spend", &row->spend_micros);
	for (size_t i = 0; is_row && i < LADDER_RUNG_COUNT; i++)
		is_row = take_integer(object, fields[i], &row->counts[i]) && row->counts[i] >= 0;
	if (is_row && !take_text(object, "name", row->name, sizeof row->name))
		copy_text(row->name, sizeof row->name, row->id);
	return is_row;
}

bool ladder_row_parse(struct slice json, struct ladder_row *row)
{
	json_t *object = json_loadb(json.data ? json.data : "", json.len, 0, NULL);
	*row = (struct ladder_row){0};
	bool is_row = object && take_row(object, row);
	json_decref(object);
	return is_row;
}

bool ladder_alert_parse(struct slice json, struct ladder_alert *alert)
{
	json_t *object = json_loadb(json.data ? json.data : "", json.len, 0, NULL);
	const json_t *labels = json_object_get(object, "labels");
	const json_t *annotations = json_object_get(object, "annotations");
	*alert = (struct ladder_alert){.name = ""};
	bool is_alert = take_text(labels, "alertname", alert->name, sizeof(alert->name)) &&
			take_text(annotations, "summary", alert->summary, sizeof(alert->summary));
	if (is_alert && take_text(labels, "level", alert->level, sizeof(alert->level)))
		is_alert = take_text(labels, "id", alert->id, sizeof(alert->id));
	json_decref(object);
	return is_alert;
}

void ladder_refusal_parse(struct slice answer, char *out, size_t size)
{
	json_t *object = json_loadb(answer.data ? answer.data : "", answer.len, 0, NULL);
	if (!take_text(object, "error", out, size))
		snprintf(out, size, "%.*s", (int)answer.len, answer.len ? answer.data : "");
	json_decref(object);
}
