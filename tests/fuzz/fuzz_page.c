/* Stored pages with any bytes changed are refused or read as something else, and what was read can be worked
 * with: events, rows, a commit. The input: which page, then edits of it (edits.h). */
#include "tests/core/feed.h"
#include "tests/core/page_store.h"
#include "tests/core/task_rows.h"
#include "tests/fuzz/edits.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1, STORED_COUNT = 400, LATER_COUNT = 60 };

static struct fixture fixture;
static struct page_store store;
static struct feed feed;

static void take_events(struct task_rows *rows, size_t from, size_t to)
{
	for (; from < to && from < feed.count; from++) {
		task_event(rows->tasks[0], 0, &feed.events[from], TYPE_MASK, TIME_NONE);
		task_rows_settle_names(rows);
	}
}

static struct task_rows begin(void)
{
	struct task_rows rows = {.task_count = 1};
	rows.tasks[0] = task_create(&fixture.options, fixture_key, 1);
	rows.merger = merger_create(&fixture.options, diagnose);
	return rows;
}

static void end(struct task_rows *rows)
{
	task_destroy(rows->tasks[0]);
	merger_destroy(rows->merger);
	buffer_destroy(&rows->moved);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fixture_create(&fixture);
	fixture.options.window_count = 0;
	fixture_add_window(&fixture.options, "1h", AN_HOUR_MS, 10 * MINUTE_MS, SECOND_MS);
	fixture_add_window(&fixture.options, "7d", 7 * DAY_MS, DAY_MS, SECOND_MS);
	feed_create(&feed, &(struct feed_shape){.seed = 1, .event_count = STORED_COUNT + LATER_COUNT,
						.span_ms = 12 * DAY_MS, .jitter_ms = DAY_MS,
						.other_names_percent = 5, .group_people = 6});
	struct task_rows rows = begin();
	take_events(&rows, 0, STORED_COUNT);
	task_commit(rows.tasks[0], page_store_replace, &store);
	end(&rows);
	return 0;
}

static void drop_page(void *ctx, struct slice name, struct slice bytes)
{
	(void)ctx, (void)name, (void)bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 + EDIT_BYTES)
		return 0;
	size_t page = data[0] % store.count;
	struct slice bytes = edits_apply(store.pages[page].bytes, data + 1, (size - 1) / EDIT_BYTES);
	struct stored_page pages[store.count];
	memcpy(pages, store.pages, sizeof(pages));
	pages[page].bytes = bytes;
	struct task_rows rows = begin();
	if (!page_store_restore_pages(pages, store.count, rows.tasks[0])) {
		take_events(&rows, STORED_COUNT, STORED_COUNT + LATER_COUNT);
		task_rows_collect(&rows);
		task_commit(rows.tasks[0], drop_page, NULL);
	}
	end(&rows);
	free((char *)bytes.data);
	return 0;
}
