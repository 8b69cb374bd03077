#include "daemon/load_config.h"

#include "core/model/event.h"

struct config *load_config(const char *path, enum config_need need)
{
	struct config_problems problems = {.file = path ? path : "defaults"};
	struct config *config = path ? config_load(path, need, &problems)
				     : config_load_text((struct slice){"", 0}, need, &problems);
	if (!config)
		config_problems_print(&problems, stderr);
	config_problems_destroy(&problems);
	return config;
}

unsigned config_type_mask(const struct config *config)
{
	unsigned mask = 0;
	for (size_t i = 0; i < config->kafka.inputs.count; i++)
		mask |= config->kafka.inputs.items[i].types;
	return mask ? mask : (1u << EVENT_TYPE_COUNT) - 1;
}
