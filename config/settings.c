#include "config/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"

/* The needs, and which of them makes a setting live. */
enum { IS_OPTIONAL, IS_DERIVED = 0, IS_REQUIRED = 0, IS_FOR_RUN = 0, IS_LIVE = 1 };
#define NEED(need) NEED_##need, IS_##need

static const struct setting SETTINGS[] = {
#define GROUP(path, name, sentence) {#path, KIND_GROUP, NEED_OPTIONAL, false, 0, NULL, "", sentence},
#define GROUP_END(name)
#define OPTION_GROUP(path, sentence) {#path, KIND_GROUP, NEED_OPTIONAL, false, 0, NULL, "", sentence},
#define SETTING(kind, need, group, name, member, fallback, range, sentence) \
	{#group "." #name, KIND_##kind, NEED(need), offsetof(struct config, group.member), fallback, range, \
	 sentence},
#define TOP(kind, need, name, member, fallback, range, sentence) \
	{#name, KIND_##kind, NEED(need), offsetof(struct config, member), fallback, range, sentence},
#define OPTION(kind, need, path, member, fallback, range, sentence) \
	{path, KIND_##kind, NEED(need), offsetof(struct config, options.member), fallback, range, sentence},
#define INPUT(kind, need, name, member, fallback, range, sentence) \
	{"kafka.inputs[]." #name, KIND_##kind, NEED(need), offsetof(struct config_input, member), fallback, \
	 range, sentence},
#define ACCOUNT(kind, need, name, member, fallback, range, sentence) \
	{"accounts.<id>." #name, KIND_##kind, NEED(need), offsetof(struct account_options, member), \
	 fallback, range, sentence},
#define WINDOW(kind, need, name, member, fallback, range, sentence) \
	{"windows[]." #name, KIND_##kind, NEED(need), offsetof(struct window_options, member), fallback, \
	 range, sentence},
#include "config/settings.def"
};

enum { SETTING_COUNT = sizeof SETTINGS / sizeof *SETTINGS };
_Static_assert(sizeof SETTINGS <= SETTING_COUNT_MAX * sizeof *SETTINGS, "SETTING_COUNT_MAX has to grow");

/* The fields that other headers declare have the type that the row's kind is written to. */
#define TYPE_ID struct slice
#define TYPE_CURRENCY struct slice
#define TYPE_TIMEZONE const struct zone *
#define TYPE_WORD uint32_t
#define TYPE_SWITCH bool
#define TYPE_INTEGER uint32_t
#define TYPE_DECIMAL int64_t
#define TYPE_DURATION int64_t
#define TYPE_WINDOW_LENGTH int64_t
#define TYPE_ACCOUNTS struct account_options *
#define TYPE_WINDOWS struct window_options[WINDOW_COUNT_MAX]
#define TYPE_CHECK(kind, structure, member) \
	_Static_assert(sizeof(((struct structure *)0)->member) == sizeof(TYPE_##kind), #member);
#define OPTION(kind, need, path, member, ...) TYPE_CHECK(kind, options, member)
#define ACCOUNT(kind, need, name, member, ...) TYPE_CHECK(kind, account_options, member)
#define WINDOW(kind, need, name, member, ...) TYPE_CHECK(kind, window_options, member)
#include "config/settings.def"

const struct setting *settings_all(size_t *count)
{
	*count = SETTING_COUNT;
	return SETTINGS;
}

size_t setting_index(const struct setting *setting)
{
	return (size_t)(setting - SETTINGS);
}

const char *setting_name(const struct setting *setting)
{
	const char *dot = strrchr(setting->path, '.');
	return dot ? dot + 1 : setting->path;
}

static const char *child_infix(const struct setting *parent)
{
	switch (parent->kind) {
	case KIND_GROUP:
		return ".";
	case KIND_ACCOUNTS:
		return ".<id>.";
	default:
		return "[].";
	}
}

static bool setting_is_child(const struct setting *parent, const struct setting *setting)
{
	const char *rest = setting->path;
	if (parent) {
		const char *infix = child_infix(parent);
		size_t len = strlen(parent->path);
		if (strncmp(rest, parent->path, len) != 0 || strncmp(rest + len, infix, strlen(infix)) != 0)
			return false;
		rest += len + strlen(infix);
	}
	return strchr(rest, '.') == NULL;
}

const struct setting *setting_next(const struct setting *parent, const struct setting *previous)
{
	const struct setting *setting = previous ? previous + 1 : SETTINGS;
	for (; setting < SETTINGS + SETTING_COUNT; setting++)
		if (setting_is_child(parent, setting))
			return setting;
	return NULL;
}

const struct setting *setting_find(const struct setting *parent, const char *name)
{
	const struct setting *setting = NULL;
	while ((setting = setting_next(parent, setting)))
		if (strcmp(setting_name(setting), name) == 0)
			return setting;
	return NULL;
}

const struct setting *setting_nearest(const struct setting *parent, const char *name)
{
	const struct setting *nearest = NULL;
	unsigned least = 3;
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		unsigned distance = text_distance(setting_name(setting), name);
		if (distance < least) {
			least = distance;
			nearest = setting;
		}
	}
	return nearest;
}

const struct setting *setting_elsewhere(const char *name, unsigned distance_max,
					const struct setting *previous)
{
	const struct setting *setting = previous ? previous + 1 : SETTINGS;
	for (; setting < SETTINGS + SETTING_COUNT; setting++)
		if (text_distance(setting_name(setting), name) <= distance_max)
			return setting;
	return NULL;
}

unsigned text_distance(const char *a, const char *b)
{
	enum { FAR = 3, LEN_MAX = 63 };
	size_t len = strlen(b);
	if (strlen(a) > LEN_MAX || len > LEN_MAX)
		return FAR;
	unsigned row[LEN_MAX + 1]; /* row[i]: from the letters of `a` so far to the first i of `b` */
	for (size_t i = 0; i <= len; i++)
		row[i] = (unsigned)i;
	for (; *a; a++) {
		unsigned diagonal = row[0]++;
		for (size_t i = 1; i <= len; i++) {
			unsigned replace = diagonal + (strncasecmp(a, b + i - 1, 1) != 0);
			unsigned one_side = (row[i] < row[i - 1] ? row[i] : row[i - 1]) + 1;
			diagonal = row[i];
			row[i] = replace < one_side ? replace : one_side;
		}
	}
	return row[len] < FAR ? row[len] : FAR;
}

void setting_range_print(const struct setting *setting, char *text, size_t size)
{
	size_t len = 0;
	for (const char *at = setting->range; *at && len + 8 < size;) {
		bool is_span = strncmp(at, "..", 2) == 0;
		const char *part = is_span ? " to " : *at == '|' ? ", " : (char[]){*at, '\0'};
		len += (size_t)snprintf(text + len, size - len, "%s", part);
		at += is_span ? 2 : 1;
	}
	text[len] = '\0';
}
