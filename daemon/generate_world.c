#include "daemon/generate_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "daemon/generate_random.h"

enum { ADS_PER_CAMPAIGN = 4, ADSETS_PER_CAMPAIGN = 2 };

static const char *const offers[] = {"Kitchen Remodel", "Solar Roof", "Dental Implants", "Piano Lessons",
				     "Moving Service", "Wedding Photos", "Running Shoes", "Used Cars",
				     "Language School", "Orçamento Grátis", "Home Cleaning",
				     "Garden Design"};
static const char *const goals[] = {"Messages", "Free Quote", "30% Off", "Book a Visit"};
static const char *const audiences[] = {"Broad 25-54", "Lookalike 1%", "Retargeting 30d", "Interests"};
static const char *const creatives[] = {"Video 15s A", "Carousel B", "Story C", "Image D", "Testimonial E"};

#define PICK(names, number) names[(number) % (sizeof names / sizeof names[0])]

/* The id of the number-th thing of a kind: 18 digits, as the platform's are. */
static unsigned long long platform_id(unsigned kind, uint32_t number)
{
	uint64_t scattered = (number + UINT64_C(1)) * UINT64_C(2654435761) % UINT64_C(10000000000);
	return UINT64_C(120226300000000000) + kind * UINT64_C(10000000000) + scattered;
}

struct slice world_account(uint32_t account_number, char out[16])
{
	int len = snprintf(out, 16, "act_%u", account_number);
	return (struct slice){out, (size_t)len};
}

static void ad_name(struct ad *ad, uint32_t number, uint32_t adset, uint32_t campaign)
{
	size_t offer_count = sizeof offers / sizeof offers[0];
	char round[16] = "";
	if (campaign >= offer_count)
		snprintf(round, sizeof round, " %u", (unsigned)(campaign / offer_count + 1));
	snprintf(ad->id, sizeof ad->id, "%llu", platform_id(3, number));
	int len = snprintf(ad->names, sizeof ad->names,
			   "\"account\":\"%s\",\"campaign\":\"%llu\",\"adset\":\"%llu\",\"ad\":\"%s\","
			   "\"campaign_name\":\"%s - %s%s\",\"adset_name\":\"%s\",\"ad_name\":\"%s %u\",",
			   ad->account, platform_id(1, campaign), platform_id(2, adset), ad->id,
			   PICK(offers, campaign), PICK(goals, campaign), round, PICK(audiences, adset),
			   PICK(creatives, number), number + 1);
	CHECK(len > 0 && (size_t)len < sizeof ad->names);
	ad->names_len = (size_t)len;
}

/* Cheap clicks tend to be the wrong people's. */
static void ad_judge(struct ad *ad, uint32_t number, bool is_well_run)
{
	unsigned noise_percent = is_well_run ? 33 : 100;
	struct random_stream traits = {number};
	unsigned worth = 600 + random_below(&traits, 800);
	ad->click_micros = INT64_C(1500) * worth + random_below(&traits, 7500 * noise_percent);
	unsigned luck = 1000 - 3 * noise_percent + random_below(&traits, 6 * noise_percent);
	ad->quality_permille = worth * luck / 1000;
	ad->views_per_click = 30 + random_below(&traits, 70);
}

void world_create(struct world *world, uint32_t ad_count, uint32_t account_count, bool is_well_run)
{
	uint32_t campaign_count = (ad_count + ADS_PER_CAMPAIGN - 1) / ADS_PER_CAMPAIGN;
	*world = (struct world){calloc(ad_count, sizeof *world->ads), ad_count, account_count};
	CHECK(world->ads);
	for (uint32_t i = 0; i < ad_count; i++) {
		struct ad *ad = &world->ads[i];
		uint32_t adset = i % (campaign_count * ADSETS_PER_CAMPAIGN);
		uint32_t campaign = adset % campaign_count;
		ad->is_in_first_campaign = campaign == 0;
		ad->account_number = campaign % account_count + 1;
		world_account(ad->account_number, ad->account);
		ad_name(ad, i, adset, campaign);
		ad_judge(ad, i, is_well_run);
	}
}

void world_destroy(struct world *world)
{
	free(world->ads);
	*world = (struct world){0};
}
