#include "config/load.h"

#include <stdlib.h>

#include "config/file.h"

enum { CONFIG_FILE_BYTES_MAX = 16 << 20 };

static void load_value(struct load *load, const struct setting *setting, const struct document_node *node,
		       void *holder);

struct place *load_place_of(struct load *load, const struct setting *setting)
{
	return &load->places[setting_index(setting)];
}

/* False: no key of that name, or one that is so near, is anywhere. */
static bool add_elsewhere_problem(struct load *load, const struct document_node *key, unsigned distance_max)
{
	const struct setting *setting = setting_elsewhere(key->text, distance_max, NULL);
	char places[512] = "";
	if (setting && !strchr(setting->path, '.')) {
		load_add(load, key, "unknown key `%s` here: `%s` belongs at the top level of the file, not "
			 "in another key", key->text, setting->path);
		return true;
	}
	for (; setting; setting = setting_elsewhere(key->text, distance_max, setting)) {
		size_t len = strlen(places);
		snprintf(places + len, sizeof places - len, "%s`%s`", len ? " or " : "", setting->path);
	}
	if (places[0])
		load_add(load, key, "unknown key `%s` here: did you mean %s?", key->text, places);
	return places[0] != '\0';
}

static void add_unknown_problem(struct load *load, const struct setting *parent,
				const struct document_node *key)
{
	const struct setting *near = setting_nearest(parent, key->text);
	char known[512] = "";
	if (add_elsewhere_problem(load, key, 0))
		return;
	if (near) {
		load_add(load, key, "unknown key `%s`: did you mean `%s`?", key->text, setting_name(near));
		return;
	}
	if (add_elsewhere_problem(load, key, 1))
		return;
	for (const struct setting *child = NULL; (child = setting_next(parent, child));) {
		size_t len = strlen(known);
		snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", setting_name(child));
	}
	load_add(load, key, "unknown key `%s`: known here are %s", key->text, known);
}

static void load_key(struct load *load, const struct setting *parent, const struct document_node *key,
		     void *holder)
{
	if (!load_is_word(load, key))
		return;
	const struct setting *setting = setting_find(parent, key->text);
	if (!setting) {
		add_unknown_problem(load, parent, key);
		return;
	}
	struct place *place = load_place_of(load, setting);
	if (place->line > 0) {
		load_add_twice(load, key, place->line);
		return;
	}
	*place = (struct place){key->line, key->column};
	load_value(load, setting, key->next, holder);
}

static void load_fallback(struct load *load, const struct setting *setting, void *holder)
{
	struct config_problems none = {.file = "fallback"};
	struct document **document = &load->config->memory->fallbacks[setting_index(setting)];
	if (!*document)
		*document = document_parse(slice_from(setting->fallback), &none);
	CHECK(*document && none.count == 0);
	load_value(load, setting, document_root(*document), holder);
}

static void load_missing(struct load *load, const struct setting *parent, struct place place, void *holder)
{
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));) {
		bool is_for_run = setting->need == NEED_FOR_RUN && load->need == CONFIG_NEED_KAFKA;
		if (load_place_of(load, setting)->line > 0)
			continue;
		if (setting->kind == KIND_GROUP)
			load_missing(load, setting, place, holder);
		else if (setting->need == NEED_OPTIONAL)
			load_fallback(load, setting, holder);
		else if (is_for_run || setting->need == NEED_REQUIRED)
			config_problems_add(load->problems, place.line, place.column,
					    "`%s` is missing%s: write for example `%s: %s`", setting->path,
					    is_for_run ? ", and `run` needs it" : "", setting_name(setting),
					    setting->fallback);
	}
}

void load_map(struct load *load, const struct setting *parent, const struct document_node *node,
		     void *holder)
{
	for (const struct setting *setting = NULL; (setting = setting_next(parent, setting));)
		*load_place_of(load, setting) = (struct place){0, 0};
	for (const struct document_node *key = node->first; key; key = key->next->next)
		load_key(load, parent, key, holder);
	load_missing(load, parent, (struct place){node->line, node->column}, holder);
}

static void load_value(struct load *load, const struct setting *setting, const struct document_node *node,
		       void *holder)
{
	void *field = (char *)holder + setting->offset;
	size_t problem_count = load->problems->count;
	switch (setting->kind) {
	case KIND_GROUP:
		if (load_has_form(load, setting, node, DOCUMENT_MAP))
			load_map(load, setting, node, holder);
		return;
	case KIND_INPUTS:
		load_inputs(load, setting, node, field);
		return;
	case KIND_WINDOWS:
		load_windows(load, setting, node, &load->config->options);
		return;
	case KIND_ACCOUNTS:
		load_accounts(load, setting, node, &load->config->options);
		return;
	case KIND_PROPERTIES:
	case KIND_SECRETS:
		load_properties(load, setting, node, field);
		return;
	case KIND_WORDS:
		load_words(load, setting, node, field);
		return;
	default:
		load_single(load, setting, node, holder);
	}
	if (load->problems->count > problem_count && setting->need == NEED_OPTIONAL)
		load_fallback(load, setting, holder);
}

static void load_root(struct load *load, const struct document_node *root)
{
	if (!root || load_is_null(root))
		load_missing(load, NULL, (struct place){1, 1}, load->config);
	else if (root->kind == DOCUMENT_MAP)
		load_map(load, NULL, root, load->config);
	else if (root->kind != DOCUMENT_UNUSABLE)
		load_add(load, root, "the file has to be a map of settings, for example `workers: 2`");
}

struct config *config_load_text(struct slice yaml, enum config_need need, struct config_problems *problems)
{
	struct config *config = load_create_items(1, sizeof *config);
	struct load load = {.config = config, .problems = problems, .need = need};
	size_t problem_count = problems->count;
	config->memory = load_create_items(1, sizeof *config->memory);
	config->memory->zones = zones_create();
	config->memory->file = document_parse(yaml, problems);
	config->options.default_zone = zone_utc();
	if (config->memory->file) {
		load_root(&load, document_root(config->memory->file));
		load_check(&load);
	}
	if (problems->count == problem_count)
		return config;
	config_problems_sort(problems);
	config_destroy(config);
	return NULL;
}

struct config *config_load(const char *path, enum config_need need, struct config_problems *problems)
{
	struct buffer yaml = {0};
	struct config *config = NULL;
	problems->file = path;
	const char *fault = file_read(path, CONFIG_FILE_BYTES_MAX, &yaml);
	if (fault)
		config_problems_add(problems, 0, 0, "cannot be read: %s", fault);
	else
		config = config_load_text(buffer_slice(&yaml), need, problems);
	buffer_destroy(&yaml);
	return config;
}

static const struct config_input *first_keyed_by(const struct config_inputs *inputs, enum config_key key)
{
	for (size_t i = 0; i < inputs->count; i++)
		if (inputs->items[i].key == key)
			return &inputs->items[i];
	return NULL;
}

struct config_shuffle config_shuffle(const struct config *config)
{
	const struct config_inputs *inputs = &config->kafka.inputs;
	const struct config_input *user = first_keyed_by(inputs, CONFIG_KEY_USER);
	const struct config_input *click = first_keyed_by(inputs, CONFIG_KEY_CLICK_ID);
	struct config_shuffle shuffle = {.users = user ? (enum partitioner)user->partitioner
						       : PARTITIONER_MURMUR2};
	shuffle.clicks = click ? (enum partitioner)click->partitioner : shuffle.users;
	for (size_t i = 0; i < inputs->count; i++)
		shuffle.is_on |= inputs->items[i].key != CONFIG_KEY_USER ||
				 inputs->items[i].partitioner != shuffle.users;
	shuffle.is_by_key = config->kafka.home_partitions && !shuffle.is_on;
	shuffle.is_on |= shuffle.is_by_key;
	return shuffle;
}

uint32_t config_home_count(const struct config *config, size_t partition_count)
{
	return config->kafka.home_partitions ? config->kafka.home_partitions : (uint32_t)partition_count;
}

size_t config_read_count(const struct config *config)
{
	return config->kafka.inputs.count + config_shuffle(config).is_on;
}

const char *config_read_topic(const struct config *config, size_t number)
{
	const struct config_inputs *inputs = &config->kafka.inputs;
	return number < inputs->count ? inputs->items[number].topic : config->kafka.outputs.shuffle;
}

void config_destroy(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < SETTING_COUNT_MAX; i++)
		document_destroy(config->memory->fallbacks[i]);
	document_destroy(config->memory->file);
	zones_destroy(config->memory->zones);
	free(config->memory);
	free(config->kafka.properties.items);
	free(config->http.basic_auth_users.items);
	free(config->kafka.secrets.items);
	free(config->kafka.inputs.items);
	free(config->options.accounts);
	free(config);
}
