#include "daemon/reload.h"

#include <stdlib.h>

#include "daemon/log.h"

struct reload {
	const char *path;
	const struct config *current;
	struct config **taken;
	size_t taken_count;
};

struct reload *reload_create(const char *path, const struct config *config)
{
	struct reload *reload = calloc(1, sizeof(*reload));
	CHECK(reload);
	reload->path = path;
	reload->current = config;
	return reload;
}

void reload_destroy(struct reload *reload)
{
	if (!reload)
		return;
	for (size_t i = 0; i < reload->taken_count; i++)
		config_destroy(reload->taken[i]);
	free(reload->taken);
	free(reload);
}

static struct config *load(const struct reload *reload)
{
	struct config_problems problems = {.file = reload->path};
	struct config *config = config_load(reload->path, CONFIG_NEED_KAFKA, &problems);
	for (size_t i = 0; !config && i < problems.count; i++)
		log_error("the configuration has a problem", "file=%s line=%u column=%u why=%s",
			  log_quoted(reload->path).text, problems.items[i].line, problems.items[i].column,
			  log_quoted(problems.items[i].message).text);
	if (!config)
		log_error("the configuration is not taken: the old one holds", "problems=%zu",
			  problems.count);
	config_problems_destroy(&problems);
	return config;
}

static void count_fixed(void *ctx, const struct config_difference *difference)
{
	size_t *fixed_count = ctx;
	*fixed_count += !difference->is_live;
}

static struct log_text shown(const char *value)
{
	return log_quoted(value ? value : "(not shown)");
}

static void tell_fixed(void *ctx, const struct config_difference *difference)
{
	(void)ctx;
	if (!difference->is_live)
		log_error("a setting has changed that takes a restart", "setting=%s old=%s new=%s",
			  log_quoted(difference->path).text, shown(difference->before).text,
			  shown(difference->after).text);
}

static void tell_taken(void *ctx, const struct config_difference *difference)
{
	(void)ctx;
	log_info("a setting is taken", "setting=%s old=%s new=%s", log_quoted(difference->path).text,
		 shown(difference->before).text, shown(difference->after).text);
}

static void keep(struct reload *reload, struct config *config)
{
	reload->taken = realloc(reload->taken, (reload->taken_count + 1) * sizeof(*reload->taken));
	CHECK(reload->taken);
	reload->taken[reload->taken_count++] = config;
	reload->current = config;
}

const struct config *reload_take(struct reload *reload)
{
	struct config *config = load(reload);
	if (!config)
		return NULL;
	size_t fixed_count = 0;
	size_t count = config_compare(reload->current, config, count_fixed, &fixed_count);
	if (fixed_count > 0) {
		config_compare(reload->current, config, tell_fixed, NULL);
		log_error("the configuration is not taken: restart to take it", "changes=%zu restart=%zu",
			  count, fixed_count);
	} else if (count == 0) {
		log_info("the configuration has not changed", "%s", "");
	} else {
		config_compare(reload->current, config, tell_taken, NULL);
		log_info("the configuration is taken", "changes=%zu", count);
		keep(reload, config);
		return config;
	}
	config_destroy(config);
	return NULL;
}
