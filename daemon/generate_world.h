/* World: the accounts, campaigns, adsets and ads of generated events, and what a platform reports of them.
 * The same for every seed, so that a configuration that names them stays true. */
#ifndef LADDER_DAEMON_GENERATE_WORLD_H
#define LADDER_DAEMON_GENERATE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/slice.h"

enum { AD_NONE = UINT32_MAX };

/* What an ad cost and brought in [from, to). */
struct period {
	int64_t from_ms;
	int64_t to_ms;
	int64_t spend_micros;
	int64_t impressions;
	int64_t clicks;
	int64_t conversations;
};

struct ad {
	char id[20];
	char account[16];
	char names[352];             /* as JSON: "account":"...", and so on down to "ad_name":"...", */
	size_t names_len;
	uint32_t account_number;     /* from 1 */
	bool is_in_first_campaign;
	unsigned quality_permille;   /* how well it qualifies, against the middling ad */
	int64_t click_micros;        /* what a click costs, about */
	unsigned views_per_click;
	struct period current;
	struct period previous;
};

struct world {
	struct ad *ads; /* owned */
	uint32_t ad_count;
	uint32_t account_count;
};

/* In a well-run business the price of a click says what it is worth; else there are bargains and traps. */
void world_create(struct world *world, uint32_t ad_count, uint32_t account_count, bool is_well_run);
void world_destroy(struct world *world);

/* "act_1", written into room for 16 bytes. */
struct slice world_account(uint32_t account_number, char out[16]);

#endif
