/* Zones: the time zones that a configuration names, read once each from the system's database. */
#ifndef LADDER_CONFIG_ZONES_H
#define LADDER_CONFIG_ZONES_H

#include "core/base/zone.h"

#define ZONES_FOLDER "/usr/share/zoneinfo"

struct zones;

struct zones *zones_create(void);
/* NULL is allowed. Ends all zones it has handed out. */
void zones_destroy(struct zones *zones);

/* The zone of an IANA name, NULL if the database has none. Names that would lead out of the database's
 * folder are not looked up. "UTC" needs no database. */
const struct zone *zones_find(struct zones *zones, const char *name);

/* Copies the name nearest to a wrong one, by the whole name or by its city; false if none is near. */
bool zones_suggest(const char *wrong, char *name, size_t size);

#endif
