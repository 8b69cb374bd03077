#include "core/state/erased.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(struct key128 a, struct key128 b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}

static int compare(const void *left, const void *right)
{
	const struct erased_person *a = left, *b = right;
	int order = compare_keys(a->key, b->key);
	return order ? order : (a->until_ms < b->until_ms) - (a->until_ms > b->until_ms);
}

struct erased *erased_create(const struct erased_person *people, size_t count)
{
	struct erased *erased = malloc(sizeof(*erased) + count * sizeof(*people));
	CHECK(erased);
	erased->count = 0;
	if (count == 0)
		return erased;
	memcpy(erased->people, people, count * sizeof(*people));
	qsort(erased->people, count, sizeof(*people), compare);
	for (size_t i = 0; i < count; i++)
		if (erased->count == 0 ||
		    !key128_equal(erased->people[erased->count - 1].key, erased->people[i].key))
			erased->people[erased->count++] = erased->people[i];
	return erased;
}

bool erased_covers(const struct erased *erased, struct key128 key, int64_t time_ms)
{
	size_t low = 0, high = erased ? erased->count : 0;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_keys(erased->people[middle].key, key);
		if (order == 0)
			return time_ms <= erased->people[middle].until_ms;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
