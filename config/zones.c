#include "config/zones.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/file.h"
#include "config/settings.h"
#include "core/base/buffer.h"

enum { ZONE_FILE_BYTES_MAX = 1 << 20 };

struct named_zone {
	struct named_zone *next;
	struct zone *zone;
	char name[64];
};

struct zones {
	struct named_zone *first;
};

struct zones *zones_create(void)
{
	struct zones *zones = calloc(1, sizeof *zones);
	CHECK(zones != NULL);
	return zones;
}

void zones_destroy(struct zones *zones)
{
	struct named_zone *named = zones ? zones->first : NULL;
	while (named) {
		struct named_zone *next = named->next;
		zone_destroy(named->zone);
		free(named);
		named = next;
	}
	free(zones);
}

static bool name_is_safe(const char *name)
{
	return name[0] != '\0' && name[0] != '/' && !strstr(name, "..") &&
	       strlen(name) < sizeof((struct named_zone *)0)->name;
}

static struct zone *zone_read(const char *name)
{
	char path[128];
	struct buffer bytes = {0};
	snprintf(path, sizeof path, ZONES_FOLDER "/%s", name);
	const char *fault = file_read(path, ZONE_FILE_BYTES_MAX, &bytes);
	struct zone *zone = fault ? NULL : zone_create(buffer_slice(&bytes));
	buffer_destroy(&bytes);
	return zone;
}

const struct zone *zones_find(struct zones *zones, const char *name)
{
	if (strcmp(name, "UTC") == 0)
		return zone_utc();
	if (!name_is_safe(name))
		return NULL;
	for (struct named_zone *named = zones->first; named; named = named->next)
		if (strcmp(named->name, name) == 0)
			return named->zone;
	struct zone *zone = zone_read(name);
	if (!zone)
		return NULL;
	struct named_zone *named = calloc(1, sizeof *named);
	CHECK(named != NULL);
	*named = (struct named_zone){.next = zones->first, .zone = zone};
	memcpy(named->name, name, strlen(name));
	zones->first = named;
	return zone;
}

static unsigned name_distance(const char *wrong, const char *name)
{
	const char *city = strrchr(name, '/');
	unsigned whole = text_distance(wrong, name);
	unsigned by_city = city ? text_distance(wrong, city + 1) : whole;
	return by_city < whole ? by_city : whole;
}

bool zones_suggest(const char *wrong, char *name, size_t size)
{
	FILE *table = fopen(ZONES_FOLDER "/zone.tab", "r"); /* country, place, name, comment */
	char line[512], candidate[64];
	unsigned least = 3;
	while (table && fgets(line, sizeof line, table)) {
		if (line[0] == '#' || sscanf(line, "%*s %*s %63s", candidate) != 1)
			continue;
		unsigned distance = name_distance(wrong, candidate);
		if (distance < least) {
			least = distance;
			snprintf(name, size, "%s", candidate);
		}
	}
	if (table)
		fclose(table);
	return least < 3 && 3 * least <= strlen(wrong);
}
