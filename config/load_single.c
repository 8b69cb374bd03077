#include <string.h>

#include "config/load.h"
#include "config/value.h"

bool load_is_null(const struct document_node *node)
{
	static const char nulls[] = "|~|null|Null|NULL";
	return node->kind == DOCUMENT_TEXT && node->is_plain && value_word(nulls, node->text) >= 0;
}

static void add_form_problem(struct load *load, const struct setting *setting,
			     const struct document_node *node)
{
	const char *form = value_kind_form(setting->kind);
	if (node->kind == DOCUMENT_UNUSABLE)
		return;
	if (load_is_null(node))
		load_add(load, node, "`%s` has no value: write %s, or leave the key out", setting->path,
			    form);
	else if (node->kind != DOCUMENT_TEXT)
		load_add(load, node, "`%s` takes %s, not a %s", setting->path, form,
			    node->kind == DOCUMENT_LIST ? "list" : "map");
	else
		load_add(load, node, "`%s` takes %s, not %s`%s`", setting->path, form,
			    node->is_plain ? "" : "the quoted text ", node->text);
}

bool load_has_form(struct load *load, const struct setting *setting, const struct document_node *node,
		     enum document_kind kind)
{
	if (node->kind == kind && !load_is_null(node))
		return true;
	add_form_problem(load, setting, node);
	return false;
}

static void load_text(struct load *load, const struct setting *setting, const struct document_node *node,
		      void *field)
{
	const char *fault = value_text_fault(setting->kind, node->text);
	bool may_hold_password = setting->kind == KIND_REDIS_URL;
	if (fault && may_hold_password)
		load_add(load, node, "`%s`: %s", setting->path, fault);
	else if (fault)
		load_add(load, node, "`%s`: `%s`: %s", setting->path, node->text, fault);
	else if (setting->kind == KIND_ID || setting->kind == KIND_CURRENCY)
		*(struct slice *)field = slice_from(node->text);
	else
		*(const char **)field = node->text;
}

static void load_timezone(struct load *load, const struct setting *setting, const struct document_node *node,
			  const struct zone **zone)
{
	char near[64];
	*zone = zones_find(load->config->memory->zones, node->text);
	if (*zone)
		return;
	if (zones_suggest(node->text, near, sizeof near))
		load_add(load, node, "`%s`: the time zone `%s` is not known: did you mean `%s`?",
			    setting->path, node->text, near);
	else
		load_add(load, node, "`%s`: the time zone `%s` is not known: write an IANA name such as "
			    "Europe/Berlin (those in " ZONES_FOLDER ")", setting->path, node->text);
}

static bool read_word(struct load *load, const struct setting *setting, const struct document_node *node,
		      uint32_t *word)
{
	char near[64], words[128];
	int at = value_word(setting->range, node->text);
	if (at >= 0) {
		*word = (uint32_t)at;
		return true;
	}
	bool is_near = value_nearest_word(setting->range, node->text, near, sizeof near);
	setting_range_print(setting, words, sizeof words);
	load_add(load, node, "`%s`: `%s` is not allowed: %s%s%swrite one of: %s", setting->path, node->text,
		    is_near ? "did you mean `" : "", is_near ? near : "", is_near ? "`? " : "", words);
	return false;
}

static void load_number(struct load *load, const struct setting *setting, const struct document_node *node,
			void *field)
{
	char range[64];
	int64_t number;
	bool needs_plain = setting->kind == KIND_INTEGER || setting->kind == KIND_SWITCH ||
			   setting->kind == KIND_DECIMAL;
	if ((needs_plain && !node->is_plain) || !value_number(setting->kind, node->text, &number)) {
		add_form_problem(load, setting, node);
		return;
	}
	if (!value_is_in_range(setting, number)) {
		setting_range_print(setting, range, sizeof range);
		load_add(load, node, "`%s`: %s is out of range: %s", setting->path, node->text, range);
		return;
	}
	if (setting->kind == KIND_SWITCH)
		*(bool *)field = number;
	else if (setting->kind == KIND_INTEGER)
		*(uint32_t *)field = (uint32_t)number;
	else
		*(int64_t *)field = number;
}

static void load_window_length(struct load *load, const struct setting *setting,
			       const struct document_node *node, struct window_options *window)
{
	size_t len = strlen(node->text);
	load_number(load, setting, node, &window->length_ms);
	if (len < sizeof window->name)
		memcpy(window->name, node->text, len + 1);
	else if (window->length_ms > 0)
		load_add(load, node, "`%s`: `%s` names the window and has more than %zu characters: write "
			    "it shorter", setting->path, node->text, sizeof window->name - 1);
}

void load_single(struct load *load, const struct setting *setting, const struct document_node *node,
			void *holder)
{
	void *field = (char *)holder + setting->offset;
	if (!load_has_form(load, setting, node, DOCUMENT_TEXT))
		return;
	if (setting->kind == KIND_TIMEZONE)
		load_timezone(load, setting, node, field);
	else if (setting->kind == KIND_WORD)
		read_word(load, setting, node, field);
	else if (setting->kind == KIND_WINDOW_LENGTH)
		load_window_length(load, setting, node, holder);
	else if (setting->kind >= KIND_SWITCH)
		load_number(load, setting, node, field);
	else
		load_text(load, setting, node, field);
}

void load_words(struct load *load, const struct setting *setting, const struct document_node *node,
		       uint32_t *words)
{
	if (!load_has_form(load, setting, node, DOCUMENT_LIST))
		return;
	if (!node->first)
		load_add(load, node, "`%s` is empty: name at least one, or leave the key out", setting->path);
	for (const struct document_node *item = node->first; item; item = item->next) {
		uint32_t word;
		if (!load_has_form(load, setting, item, DOCUMENT_TEXT) ||
		    !read_word(load, setting, item, &word))
			continue;
		if (*words & 1u << word)
			load_add(load, item, "`%s`: `%s` is there twice: remove one", setting->path,
				    item->text);
		*words |= 1u << word;
	}
}
