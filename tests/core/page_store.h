/* The pages of a task, by name, as a store keeps them between a commit and a restore. */
#ifndef LADDER_TESTS_CORE_PAGE_STORE_H
#define LADDER_TESTS_CORE_PAGE_STORE_H

#include "core/pipeline.h"
#include "tests/core/fixture.h"

struct stored_page {
	struct slice name; /* ends with NUL */
	struct slice bytes;
};

struct page_store {
	struct stored_page *pages;
	size_t count;
};

static inline char *page_store_copy(struct slice text)
{
	char *copy = malloc(text.len + 1);
	assert_non_null(copy);
	if (text.len)
		memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

/* A task_page_sink. */
static inline void page_store_put(void *ctx, struct slice name, struct slice bytes)
{
	struct page_store *store = ctx;
	size_t at = 0;
	while (at < store->count && !slice_equal(store->pages[at].name, name))
		at++;
	if (at == store->count) {
		store->pages = realloc(store->pages, ++store->count * sizeof(*store->pages));
		assert_non_null(store->pages);
		store->pages[at] = (struct stored_page){.name = {page_store_copy(name), name.len}};
	}
	free((char *)store->pages[at].bytes.data);
	store->pages[at].bytes = (struct slice){page_store_copy(bytes), bytes.len};
}

/* A task_page_sink too: bytes without data delete the page. */
static inline void page_store_replace(void *ctx, struct slice name, struct slice bytes)
{
	struct page_store *store = ctx;
	size_t at = 0;
	page_store_put(store, name, bytes);
	if (bytes.data)
		return;
	while (!slice_equal(store->pages[at].name, name))
		at++;
	free((char *)store->pages[at].name.data);
	free((char *)store->pages[at].bytes.data);
	store->pages[at] = store->pages[--store->count];
}

static inline void page_store_destroy(struct page_store *store)
{
	for (size_t i = 0; i < store->count; i++) {
		free((char *)store->pages[i].name.data);
		free((char *)store->pages[i].bytes.data);
	}
	free(store->pages);
	*store = (struct page_store){0};
}

static inline int page_store_compare(const void *left, const void *right)
{
	const struct stored_page *a = left, *b = right;
	return task_compare_pages(a->name.data, b->name.data);
}

/* The name of a page that cannot be, or NULL. */
static inline const char *page_store_restore_pages(struct stored_page *pages, size_t count, struct task *task)
{
	qsort(pages, count, sizeof(*pages), page_store_compare);
	for (size_t i = 0; i < count; i++)
		if (!task_restore_page(task, pages[i].name.data, pages[i].bytes))
			return pages[i].name.data;
	uint32_t unsound = task_end_restore(task);
	for (size_t i = 0; i < count && unsound != SERIES_NONE; i++)
		if (pages[i].name.data[0] == 's' && strtoul(pages[i].name.data + 2, NULL, 10) == unsound)
			return pages[i].name.data;
	return NULL;
}

static inline const char *page_store_restore(struct page_store *store, struct task *task)
{
	return page_store_restore_pages(store->pages, store->count, task);
}

#endif
