#include <stdarg.h>

#include "config/load.h"
#include "config/value.h"

enum { PATH_BYTES = 512, LIST_BYTES = 256 };

struct comparison {
	const struct config *before;
	const struct config *after;
	config_difference_sink *sink;
	void *ctx;
	size_t count;
};

static void compare_map(struct comparison *comparison, const struct setting *parent, const char *path,
			const struct document_node *before, const struct document_node *after);

static void tell(struct comparison *comparison, const struct setting *setting, const char *path,
		 const char *before, const char *after)
{
	bool may_hold_password = setting->kind == KIND_REDIS_URL || setting->kind == KIND_PROPERTIES;
	comparison->count++;
	comparison->sink(comparison->ctx, &(struct config_difference){
		.path = path,
		.is_live = setting->is_live,
		.before = may_hold_password ? NULL : before,
		.after = may_hold_password ? NULL : after,
	});
}

/* ---- What stands where ---- */

/* NULL where the map has no such key, or is none itself. */
static const struct document_node *value_in(const struct document_node *map, const char *name)
{
	for (const struct document_node *key = map ? map->first : NULL; key; key = key->next->next)
		if (strcmp(key->text, name) == 0)
			return key->next;
	return NULL;
}

static const struct document_node *value_or_fallback(const struct config *config,
						     const struct setting *setting,
						     const struct document_node *map)
{
	const struct document *fallback = config->memory->fallbacks[setting_index(setting)];
	const struct document_node *value = value_in(map, setting_name(setting));
	return value || !fallback ? value : document_root(fallback);
}

static const char *node_text(const struct document_node *node, char list[LIST_BYTES])
{
	if (!node)
		return "not set";
	if (node->kind == DOCUMENT_TEXT)
		return node->text;
	size_t len = (size_t)snprintf(list, LIST_BYTES, "[");
	for (const struct document_node *item = node->first; item && len < LIST_BYTES; item = item->next)
		len += (size_t)snprintf(list + len, LIST_BYTES - len, "%s%s", item->text,
					item->next ? ", " : "]");
	return list;
}

static bool is_same(enum setting_kind kind, const char *before, const char *after)
{
	int64_t old_number, new_number;
	return strcmp(before, after) == 0 ||
	       (value_number(kind, before, &old_number) && value_number(kind, after, &new_number) &&
		old_number == new_number);
}

/* ---- By kind ---- */

/* Cut where it is too long. */
__attribute__((format(printf, 2, 3)))
static void print_path(char path[PATH_BYTES], const char *format, ...)
{
	va_list values;
	va_start(values, format);
	vsnprintf(path, PATH_BYTES, format, values);
	va_end(values);
}

static void compare_text(struct comparison *comparison, const struct setting *setting, const char *path,
			 const struct document_node *before, const struct document_node *after)
{
	char old_list[LIST_BYTES], new_list[LIST_BYTES];
	const char *old_text = node_text(before, old_list), *new_text = node_text(after, new_list);
	if (!is_same(setting->kind, old_text, new_text))
		tell(comparison, setting, path, old_text, new_text);
}

static void compare_items(struct comparison *comparison, const struct setting *setting, const char *path,
			  const struct document_node *before, const struct document_node *after)
{
	char old_count[32], new_count[32], item[PATH_BYTES];
	if (before->child_count != after->child_count) {
		snprintf(old_count, sizeof old_count, "%zu items", before->child_count);
		snprintf(new_count, sizeof new_count, "%zu items", after->child_count);
		tell(comparison, setting, path, old_count, new_count);
		return;
	}
	const struct document_node *a = before->first, *b = after->first;
	for (size_t i = 0; a; a = a->next, b = b->next, i++) {
		print_path(item, "%s[%zu]", path, i);
		compare_map(comparison, setting, item, a, b);
	}
}

/* Maps whose keys are the operator's: what is in one of them, or differs. */
static void compare_keys(struct comparison *comparison, const struct setting *setting, const char *path,
			 const struct document_node *before, const struct document_node *after)
{
	char item[PATH_BYTES];
	for (const struct document_node *key = before->first; key; key = key->next->next) {
		const struct document_node *value = value_in(after, key->text);
		print_path(item, "%s.%s", path, key->text);
		if (!value)
			tell(comparison, setting, item, "there", "not there");
		else if (setting->kind == KIND_ACCOUNTS)
			compare_map(comparison, setting, item, key->next, value);
		else
			compare_text(comparison, setting, item, key->next, value);
	}
	for (const struct document_node *key = after->first; key; key = key->next->next) {
		print_path(item, "%s.%s", path, key->text);
		if (!value_in(before, key->text))
			tell(comparison, setting, item, "not there", "there");
	}
}

static void compare_value(struct comparison *comparison, const struct setting *setting, const char *path,
			  const struct document_node *before, const struct document_node *after)
{
	switch (setting->kind) {
	case KIND_GROUP:
		compare_map(comparison, setting, path, before, after);
		return;
	case KIND_INPUTS:
	case KIND_WINDOWS:
		if (before && after)
			compare_items(comparison, setting, path, before, after);
		return;
	case KIND_ACCOUNTS:
	case KIND_PROPERTIES:
	case KIND_SECRETS:
		compare_keys(comparison, setting, path, before, after);
		return;
	default:
		compare_text(comparison, setting, path, before, after);
	}
}

static void compare_map(struct comparison *comparison, const struct setting *parent, const char *path,
			const struct document_node *before, const struct document_node *after)
{
	char child[PATH_BYTES];
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		print_path(child, "%s%s%s", path, path[0] ? "." : "", setting_name(setting));
		compare_value(comparison, setting, child,
			      value_or_fallback(comparison->before, setting, before),
			      value_or_fallback(comparison->after, setting, after));
	}
}

/* NULL where the file says nothing. */
static const struct document_node *root_of(const struct config *config)
{
	const struct document_node *root = document_root(config->memory->file);
	return root && root->kind == DOCUMENT_MAP ? root : NULL;
}

size_t config_compare(const struct config *before, const struct config *after, config_difference_sink *sink,
		      void *ctx)
{
	struct comparison comparison = {before, after, sink, ctx, 0};
	compare_map(&comparison, NULL, "", root_of(before), root_of(after));
	return comparison.count;
}

/* ---- Live settings ---- */

static size_t field_bytes(const struct setting *setting)
{
	switch (setting->kind) {
	case KIND_WORD:
	case KIND_INTEGER:
		return sizeof(uint32_t);
	case KIND_DECIMAL:
	case KIND_DURATION:
	case KIND_RATE:
	case KIND_SIZE:
		return sizeof(int64_t);
	case KIND_ID:
		return sizeof(struct slice);
	default:
		BUG("a setting of this kind cannot be live");
	}
}

void config_take_live(struct config *config, const struct config *from)
{
	size_t count;
	const struct setting *settings = settings_all(&count);
	for (size_t i = 0; i < count; i++)
		if (settings[i].is_live)
			memcpy((char *)config + settings[i].offset, (const char *)from + settings[i].offset,
			       field_bytes(&settings[i]));
}
