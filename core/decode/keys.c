#include "core/decode/keys.h"

#include <stdlib.h>

#include "core/base/check.h"

enum { FEW_KEYS = 8 };

void keys_push(struct keys *keys, struct slice key)
{
	if (keys->count == keys->capacity) {
		keys->capacity = keys->capacity ? keys->capacity * 2 : 64;
		keys->list = realloc(keys->list, keys->capacity * sizeof(*keys->list));
		CHECK(keys->list);
	}
	keys->list[keys->count++] = key;
}

void keys_free(struct keys *keys)
{
	free(keys->list);
	memset(keys, 0, sizeof(*keys));
}

static int compare_keys(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len ? memcmp(a.data, b.data, a.len) : 0;
}

static void sift_down(struct slice *list, size_t root, size_t count)
{
	struct slice moved = list[root];
	for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
		if (child + 1 < count && compare_keys(list[child], list[child + 1]) < 0)
			child++;
		if (compare_keys(moved, list[child]) >= 0)
			break;
		list[root] = list[child];
		root = child;
	}
	list[root] = moved;
}

/* A heap sort, because qsort allocates and may go quadratic. */
static void sort_keys(struct slice *list, size_t count)
{
	for (size_t root = count / 2; root > 0; root--)
		sift_down(list, root - 1, count);
	for (size_t left = count; left > 1; left--) {
		struct slice last = list[left - 1];
		list[left - 1] = list[0];
		list[0] = last;
		sift_down(list, 0, left - 1);
	}
}

static bool few_are_distinct(const struct slice *list, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (slice_equal(list[i], list[j]))
				return false;
	return true;
}

bool keys_are_distinct(struct keys *keys, size_t first, size_t last)
{
	size_t count = last - first;
	if (count < 2)
		return true;
	struct slice *list = keys->list + first;
	if (count <= FEW_KEYS)
		return few_are_distinct(list, count);
	sort_keys(list, count);
	for (size_t i = 1; i < count; i++)
		if (compare_keys(list[i - 1], list[i]) == 0)
			return false;
	return true;
}
