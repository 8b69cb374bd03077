#include <string.h>

#include "config/config.h"
#include "config/settings.h"
#include "config/value.h"

#define SIZE_UNIT "([kKMG]?B|[KMG]iB)"

static void print_map(FILE *file, const struct setting *parent);

static void print_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text; text++)
		fprintf(file, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputc('"', file);
}

static void print_words(FILE *file, const char *words)
{
	fputs("\"enum\": [\"", file);
	for (; *words; words++)
		fprintf(file, *words == '|' ? "\", \"" : "%c", *words);
	fputs("\"]", file);
}

static void print_bounds(FILE *file, const struct setting *setting, const char *low_name,
			 const char *high_name)
{
	const char *dots = strstr(setting->range, "..");
	if (dots)
		fprintf(file, ", \"%s\": %.*s, \"%s\": %s", low_name, (int)(dots - setting->range),
			setting->range, high_name, dots + 2);
}

static void print_items(FILE *file, const struct setting *setting, const char *type, const char *items,
			const char *low_name, const char *high_name)
{
	fprintf(file, "\"type\": \"%s\"", type);
	print_bounds(file, setting, low_name, high_name);
	fprintf(file, ", \"%s\": {", items);
	print_map(file, setting);
	fputc('}', file);
}

/* What a value of this kind may be, as members of a JSON object. */
static void print_type(FILE *file, const struct setting *setting)
{
	switch (setting->kind) {
	case KIND_GROUP:
		print_map(file, setting);
		break;
	case KIND_INPUTS:
	case KIND_WINDOWS:
		print_items(file, setting, "array", "items", "minItems", "maxItems");
		break;
	case KIND_ACCOUNTS:
		print_items(file, setting, "object", "additionalProperties", "minProperties",
			    "maxProperties");
		break;
	case KIND_SECRETS:
		fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}", file);
		break;
	case KIND_PROPERTIES:
		fputs("\"type\": \"object\", \"additionalProperties\": {\"type\": [\"string\", \"number\", "
		      "\"boolean\"]}", file);
		break;
	case KIND_WORD:
		print_words(file, setting->range);
		break;
	case KIND_WORDS:
		fputs("\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true, \"items\": {", file);
		print_words(file, setting->range);
		fputc('}', file);
		break;
	case KIND_SWITCH:
		fputs("\"type\": \"boolean\"", file);
		break;
	case KIND_INTEGER:
		fputs("\"type\": \"integer\"", file);
		print_bounds(file, setting, "minimum", "maximum");
		break;
	case KIND_DECIMAL:
		fputs("\"type\": \"number\"", file);
		print_bounds(file, setting, "minimum", "maximum");
		break;
	case KIND_SIZE:
		fputs("\"type\": [\"integer\", \"string\"], \"minimum\": 0, \"pattern\": \"^[0-9]+" SIZE_UNIT
		      "?$\"", file);
		break;
	case KIND_RATE:
		fputs("\"type\": \"string\", \"pattern\": \"^[0-9]+" SIZE_UNIT "/s$\"", file);
		break;
	case KIND_DURATION:
	case KIND_WINDOW_LENGTH:
		fputs("\"type\": [\"integer\", \"string\"], \"minimum\": 0, \"maximum\": 0, "
		      "\"pattern\": \"^([0-9]+(ms|s|m|h|d)|0)$\"", file);
		break;
	case KIND_CURRENCY:
		fputs("\"type\": \"string\", \"pattern\": \"^[A-Z]{3}$\"", file);
		break;
	default:
		fputs("\"type\": \"string\", \"minLength\": 1", file);
	}
}

static bool has_json_default(const struct setting *setting)
{
	return setting->fallback && setting->need == NEED_OPTIONAL && !strpbrk(setting->fallback, "[{");
}

static void print_setting(FILE *file, const struct setting *setting)
{
	char range[128], description[1024];
	bool is_bare = setting->kind == KIND_INTEGER || setting->kind == KIND_SWITCH ||
		       setting->kind == KIND_DECIMAL;
	setting_range_print(setting, range, sizeof range);
	snprintf(description, sizeof description, "%s%s%s%s", setting->sentence, range[0] ? " (" : "", range,
		 range[0] ? ")" : "");
	print_string(file, setting_name(setting));
	fputs(": {", file);
	print_type(file, setting);
	if (has_json_default(setting)) {
		fputs(", \"default\": ", file);
		if (is_bare)
			fputs(setting->fallback, file);
		else
			print_string(file, setting->fallback);
	}
	fputs(", \"description\": ", file);
	print_string(file, description);
	fputc('}', file);
}

static void print_required(FILE *file, const struct setting *parent)
{
	const char *separator = "";
	fputs(", \"required\": [", file);
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		if (setting->need != NEED_REQUIRED)
			continue;
		fprintf(file, "%s\"%s\"", separator, setting_name(setting));
		separator = ", ";
	}
	fputc(']', file);
}

static void print_map(FILE *file, const struct setting *parent)
{
	const char *separator = "\n";
	fputs("\"type\": \"object\", \"additionalProperties\": false", file);
	print_required(file, parent);
	fputs(", \"properties\": {", file);
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		fputs(separator, file);
		print_setting(file, setting);
		separator = ",\n";
	}
	fputs("\n}", file);
}

void config_print_schema(FILE *file)
{
	fputs("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	      "\"title\": \"ladderd\",\n", file);
	print_map(file, NULL);
	fputs("}\n", file);
}
