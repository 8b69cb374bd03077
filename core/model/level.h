/* Levels of rows: account > campaign > adset > ad. Spec sections 1 and 6.4. */
#ifndef LADDER_MODEL_LEVEL_H
#define LADDER_MODEL_LEVEL_H

#include "core/base/slice.h"

enum level { LEVEL_ACCOUNT, LEVEL_CAMPAIGN, LEVEL_ADSET, LEVEL_AD, LEVEL_COUNT };

/* Whose numbers: a level and an id there. */
struct entity_ref {
	enum level level;
	bool is_organic; /* the pseudo-ad "organic:<account>" */
	struct slice id;
};

/* The levels above an ad, which an ad names: account, campaign, adset. */
enum { PARENT_COUNT = LEVEL_AD };

static inline const char *level_name(enum level level)
{
	static const char *const names[LEVEL_COUNT] = {"account", "campaign", "adset", "ad"};
	return names[level];
}

#endif
