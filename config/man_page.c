#include <string.h>

#include "config/config.h"
#include "config/settings.h"
#include "config/value.h"

enum { COLUMNS = 66 };

/* Running text, as roff wants it: a word in backticks is bold, a line never begins with a control. */
struct man_text {
	FILE *file;
	size_t column;
	bool is_bold;
};

static void print_word(struct man_text *out, const char *word, size_t len)
{
	if (out->column > 0 && out->column + 1 + len > COLUMNS) {
		fputc('\n', out->file);
		out->column = 0;
	} else if (out->column > 0) {
		fputc(' ', out->file);
		out->column++;
	}
	if (out->column == 0 && (*word == '.' || *word == '\''))
		fputs("\\&", out->file);
	out->column += len;
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '`') {
			out->is_bold = !out->is_bold;
			fputs(out->is_bold ? "\\fB" : "\\fR", out->file);
		} else if (word[i] == '\\') {
			fputs("\\e", out->file);
		} else {
			fprintf(out->file, word[i] == '-' ? "\\-" : "%c", word[i]);
		}
	}
}

static void print_text(struct man_text *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");
		if (len > 0)
			print_word(out, text, len);
		text += len + strspn(text + len, " ");
	}
}

static void end_line(struct man_text *out)
{
	fputc('\n', out->file);
	out->column = 0;
}

static const char *default_text(const struct setting *setting)
{
	switch (setting->need) {
	case NEED_REQUIRED:
		return "Required, such as";
	case NEED_FOR_RUN:
		return "Required for `run`, such as";
	default:
		return setting->fallback ? "Default:" : NULL;
	}
}

static void print_form(struct man_text *out, const struct setting *setting)
{
	char text[512], range[128];
	setting_range_print(setting, range, sizeof range);
	snprintf(text, sizeof text, "Type: %s.", value_kind_form(setting->kind));
	print_text(out, text);
	if (range[0]) {
		snprintf(text, sizeof text, "Allowed: %s.", range);
		print_text(out, text);
	}
	if (setting->is_live)
		print_text(out, "Live.");
	if (default_text(setting)) {
		snprintf(text, sizeof text, "%s `%s`", default_text(setting), setting->fallback);
		print_text(out, text);
	}
	end_line(out);
}

static void print_setting(FILE *file, const struct setting *setting)
{
	struct man_text out = {.file = file};
	fprintf(file, ".TP\n.B %s\n", setting->path);
	print_text(&out, setting->sentence);
	end_line(&out);
	if (setting->kind == KIND_GROUP)
		return;
	fputs(".br\n", file);
	print_form(&out, setting);
}

void config_print_man(FILE *file, const char *version, const char *day)
{
	fprintf(file, ".TH LADDERD.YAML 5 %s \"ladderd %s\"\n", day, version);
	fputs(".SH NAME\n"
	      "ladderd.yaml \\- the settings of ladderd\n"
	      ".SH DESCRIPTION\n"
	      "One YAML file.\n"
	      "A key that is missing has its default; an unknown one is an error.\n"
	      ".B []\n"
	      "stands for each item of a list,\n"
	      ".B <id>\n"
	      "for an id of your own.\n"
	      "A dot leads into a map:\n"
	      ".B redis.url\n"
	      "is the key\n"
	      ".B url\n"
	      "in the map\n"
	      ".BR redis .\n"
	      ".PP\n"
	      "What is live can change while ladderd runs: it takes a new value on SIGHUP.\n"
	      "All else takes a restart.\n"
	      ".B ladderd check\n"
	      "tells every problem of a file at once,\n"
	      ".B ladderd config\n"
	      "prints a file with every default.\n"
	      ".SH SETTINGS\n", file);
	size_t count;
	const struct setting *settings = settings_all(&count);
	for (size_t i = 0; i < count; i++)
		print_setting(file, &settings[i]);
	fputs(".SH FILES\n"
	      ".TP\n"
	      ".I /etc/ladderd/ladderd.yaml\n"
	      "What the service runs with.\n"
	      ".SH SEE ALSO\n"
	      ".BR ladderd (1)\n", file);
}
