#include <stdlib.h>

#include "config/load.h"
#include "config/value.h"

static bool has_count_in_range(struct load *load, const struct setting *setting,
			       const struct document_node *node, size_t count)
{
	char range[64];
	if (value_is_in_range(setting, (int64_t)count))
		return true;
	setting_range_print(setting, range, sizeof range);
	load_add(load, node, "`%s` has %zu items: %s are allowed", setting->path, count, range);
	return false;
}

void *load_create_items(size_t count, size_t size)
{
	void *items = calloc(count ? count : 1, size);
	CHECK(items != NULL);
	return items;
}

void load_inputs(struct load *load, const struct setting *setting, const struct document_node *node,
			struct config_inputs *inputs)
{
	if (!load_has_form(load, setting, node, DOCUMENT_LIST) ||
	    !has_count_in_range(load, setting, node, node->child_count))
		return;
	CHECK(node->child_count <= INPUT_COUNT_MAX);
	inputs->items = load_create_items(node->child_count, sizeof *inputs->items);
	for (const struct document_node *item = node->first; item; item = item->next) {
		load->topics[inputs->count] = (struct place){item->line, item->column};
		if (load_has_form(load, setting, item, DOCUMENT_MAP))
			load_map(load, setting, item, &inputs->items[inputs->count]);
		inputs->count++;
	}
}

void load_windows(struct load *load, const struct setting *setting, const struct document_node *node,
			 struct options *options)
{
	size_t problem_count = load->problems->count;
	bool are_complete = true;
	load->windows_are_sound = false;
	if (!load_has_form(load, setting, node, DOCUMENT_LIST) ||
	    !has_count_in_range(load, setting, node, node->child_count))
		return;
	CHECK(node->child_count <= WINDOW_COUNT_MAX);
	for (const struct document_node *item = node->first; item; item = item->next) {
		struct window_options *window = &options->windows[options->window_count];
		*window = (struct window_options){.emit_ms = -1};
		if (load_has_form(load, setting, item, DOCUMENT_MAP))
			load_map(load, setting, item, window);
		load->lengths[options->window_count] = *load_place_of(load, setting_find(setting, "length"));
		load->slides[options->window_count] = *load_place_of(load, setting_find(setting, "slide"));
		options->window_count++;
		/* what the document refused has no value, and its problem is older */
		are_complete = are_complete && window->length_ms > 0 && window->slide_ms > 0;
	}
	load->windows_are_sound = are_complete && load->problems->count == problem_count;
}

bool load_is_word(struct load *load, const struct document_node *key)
{
	if (key->kind == DOCUMENT_LIST || key->kind == DOCUMENT_MAP)
		load_add(load, key, "a key is a word, not a list or a map: check for a missing colon or "
				       "quotes");
	return key->kind == DOCUMENT_TEXT;
}

void load_add_twice(struct load *load, const struct document_node *key, unsigned first_line)
{
	load_add(load, key, "`%s` is there twice, first on line %u: remove one", key->text, first_line);
}

/* The line of an earlier key with the same text, or 0. */
static unsigned line_of_first(const struct document_node *map, const struct document_node *key)
{
	for (const struct document_node *at = map->first; at != key; at = at->next->next)
		if (at->kind == DOCUMENT_TEXT && strcmp(at->text, key->text) == 0)
			return at->line;
	return 0;
}

static bool is_new_word(struct load *load, const struct document_node *map, const struct document_node *key)
{
	if (!load_is_word(load, key))
		return false;
	unsigned first_line = line_of_first(map, key);
	if (first_line > 0)
		load_add_twice(load, key, first_line);
	return first_line == 0;
}

void load_accounts(struct load *load, const struct setting *setting, const struct document_node *node,
			  struct options *options)
{
	if (!load_has_form(load, setting, node, DOCUMENT_MAP) ||
	    !has_count_in_range(load, setting, node, node->child_count / 2))
		return;
	options->accounts = load_create_items(node->child_count / 2, sizeof *options->accounts);
	for (const struct document_node *key = node->first; key; key = key->next->next) {
		struct account_options *account = &options->accounts[options->account_count];
		if (!is_new_word(load, node, key))
			continue;
		const char *fault = value_text_fault(KIND_ID, key->text);
		if (fault)
			load_add(load, key, "`%s`: `%s`: %s", setting->path, key->text, fault);
		if (load_has_form(load, setting, key->next, DOCUMENT_MAP))
			load_map(load, setting, key->next, account);
		account->id = slice_from(key->text);
		options->account_count++;
	}
}

/* Properties of librdkafka that are ladderd's to set. */
static const char *reserved_property(const char *name)
{
	static const char *const reserved[][2] = {
		{"bootstrap.servers", "write it as kafka.brokers"},
		{"metadata.broker.list", "write it as kafka.brokers"},
		{"group.id", "write it as kafka.group"},
		{"enable.auto.commit", "offsets are kept with the state, leave it out"},
		{"enable.auto.offset.store", "offsets are kept with the state, leave it out"},
		{"auto.offset.reset", "a gap in the log is never skipped silently, leave it out"},
	};
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strcmp(reserved[i][0], name) == 0)
			return reserved[i][1];
	return NULL;
}

void load_properties(struct load *load, const struct setting *setting,
			    const struct document_node *node, struct config_properties *properties)
{
	if (!load_has_form(load, setting, node, DOCUMENT_MAP))
		return;
	properties->items = load_create_items(node->child_count / 2, sizeof *properties->items);
	for (const struct document_node *key = node->first; key; key = key->next->next) {
		if (!is_new_word(load, node, key) || !load_has_form(load, setting, key->next, DOCUMENT_TEXT))
			continue;
		const char *instead = reserved_property(key->text);
		if (instead)
			load_add(load, key, "`%s`: `%s` is set by ladderd itself: %s", setting->path,
				    key->text, instead);
		properties->items[properties->count++] =
			(struct config_property){key->text, key->next->text};
	}
}
