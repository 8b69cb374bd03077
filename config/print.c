#include <string.h>

#include "config/config.h"
#include "config/settings.h"
#include "config/value.h"

enum { LINE_COLUMNS = 100 };

static bool has_items(const struct setting *setting)
{
	return setting->kind == KIND_INPUTS || setting->kind == KIND_WINDOWS ||
	       setting->kind == KIND_ACCOUNTS;
}

/* `lead` at the start of each line, broken between words. */
static void print_wrapped(FILE *file, const char *lead, const char *text)
{
	size_t column = 0;
	while (*text) {
		size_t len = strcspn(text, " ");
		if (column > 0 && column + 1 + len > LINE_COLUMNS) {
			fputc('\n', file);
			column = 0;
		}
		column += (size_t)fprintf(file, "%s%.*s", column > 0 ? " " : lead, (int)len, text);
		text += len + strspn(text + len, " ");
	}
	fputc('\n', file);
}

static const char *need_text(const struct setting *setting)
{
	return setting->need == NEED_REQUIRED ? " Required."
	       : setting->need == NEED_FOR_RUN ? " Required for `run`." : "";
}

static void print_comment(FILE *file, const char *lead, const struct setting *setting)
{
	char text[1024], range[128];
	setting_range_print(setting, range, sizeof range);
	snprintf(text, sizeof text, "%s%s%s%s%s", setting->sentence, need_text(setting),
		 range[0] ? " Allowed: " : "", range, range[0] ? "." : "");
	print_wrapped(file, lead, text);
}

static void print_item_comments(FILE *file, const char *indent, const struct setting *list)
{
	fprintf(file, "%s# Each has:\n", indent);
	for (const struct setting *item = NULL; (item = setting_next(list, item));) {
		char lead[32];
		bool has_fallback = item->need == NEED_OPTIONAL;
		fprintf(file, "%s#   %s%s%s\n", indent, setting_name(item),
			has_fallback ? ", by default " : "", has_fallback ? item->fallback : "");
		snprintf(lead, sizeof lead, "%s#     ", indent);
		print_comment(file, lead, item);
	}
}

static void print_defaults_of(FILE *file, const struct setting *parent, const char *indent)
{
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		char lead[16], deeper[16];
		snprintf(lead, sizeof lead, "%s# ", indent);
		snprintf(deeper, sizeof deeper, "%s  ", indent);
		fputc('\n', file);
		print_comment(file, lead, setting);
		if (has_items(setting))
			print_item_comments(file, indent, setting);
		fprintf(file, "%s%s%s:", indent, setting->need == NEED_FOR_RUN ? "# " : "",
			setting_name(setting));
		if (setting->kind == KIND_GROUP) {
			fputc('\n', file);
			print_defaults_of(file, setting, deeper);
		} else {
			fprintf(file, " %s\n", setting->fallback);
		}
	}
}

void config_print_defaults(FILE *file)
{
	fputs("# Every setting of ladderd with its default. Those in comments have none.\n", file);
	print_defaults_of(file, NULL, "");
}

static void print_cell(FILE *file, const char *text)
{
	for (; *text; text++)
		fprintf(file, *text == '|' ? "\\|" : "%c", *text);
}

static void print_reference_row(FILE *file, const struct setting *setting)
{
	char range[128];
	setting_range_print(setting, range, sizeof range);
	fprintf(file, "| `%s` | %s | ", setting->path, value_kind_form(setting->kind));
	if (need_text(setting)[0])
		fprintf(file, "%s Such as `%s`.", need_text(setting) + 1, setting->fallback);
	else if (setting->fallback)
		fprintf(file, "`%s`", setting->fallback);
	fprintf(file, " | %s | %s | ", range, setting->is_live ? "yes" : "");
	print_cell(file, setting->sentence);
	fputs(" |\n", file);
}

void config_print_reference(FILE *file)
{
	size_t count;
	const struct setting *settings = settings_all(&count);
	fputs("# Settings\n\n"
	      "One YAML file. A key that is missing has its default; an unknown one is an error. `[]`\n"
	      "stands for each item of a list, `<id>` for an id of your own. What is live can change while\n"
	      "ladderd runs: it takes a new value on SIGHUP. All else takes a restart.\n\n"
	      "| setting | type | default | range | live | what it does, and when to change it |\n"
	      "|---|---|---|---|---|---|\n", file);
	for (size_t i = 0; i < count; i++)
		print_reference_row(file, &settings[i]);
}
