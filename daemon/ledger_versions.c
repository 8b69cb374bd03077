#include "daemon/ledger_versions.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/base/hash.h"

void page_versions_clear(struct page_versions *versions)
{
	free(versions->places);
	*versions = (struct page_versions){0};
}

static struct page_version *place_of(const struct page_versions *versions, uint64_t name)
{
	size_t at = name & (versions->size - 1);
	while (versions->places[at].name && versions->places[at].name != name)
		at = (at + 1) & (versions->size - 1);
	return &versions->places[at];
}

static void grow(struct page_versions *versions)
{
	struct page_versions grown = {.size = versions->size ? 2 * versions->size : 16};
	grown.places = calloc(grown.size, sizeof(*grown.places));
	CHECK(grown.places);
	for (size_t i = 0; i < versions->size; i++)
		if (versions->places[i].name)
			*place_of(&grown, versions->places[i].name) = versions->places[i];
	free(versions->places);
	versions->places = grown.places;
	versions->size = grown.size;
}

/* What a page adds to the sum. */
static uint64_t share(const struct page_version *page)
{
	struct slice both = {(const char *)page, sizeof(*page)};
	return page->version ? hash_text(both) : 0;
}

void page_versions_set(struct page_versions *versions, struct slice name, uint64_t version)
{
	struct page_version page = {hash_text(name) | 1, version};
	if (2 * (versions->count + 1) > versions->size)
		grow(versions);
	struct page_version *place = place_of(versions, page.name);
	versions->count += place->name == 0;
	versions->sum += share(&page) - share(place);
	*place = page;
}
