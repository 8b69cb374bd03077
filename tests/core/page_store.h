/* The pages of a task, by name, as a store keeps them between a commit and a restore. */
#ifndef LADDER_TESTS_CORE_PAGE_STORE_H
#define LADDER_TESTS_CORE_PAGE_STORE_H

#include "core/pipeline.h"
#include "tests/core/fixture.h"

struct page_store {
	struct stored_page *pages; /* names end with NUL */
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

/* What task_restore says; the order in which it is handed the pages is turned round every time. */
static inline const char *page_store_restore(struct page_store *store, struct task *task)
{
	for (size_t i = 0; i < store->count / 2; i++) {
		struct stored_page page = store->pages[i];
		store->pages[i] = store->pages[store->count - 1 - i];
		store->pages[store->count - 1 - i] = page;
	}
	return task_restore(task, store->pages, store->count);
}

#endif
