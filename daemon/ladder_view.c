#include "daemon/ladder_view.h"

#include <stdlib.h>

#include "daemon/ladder_view_private.h"

enum { EVIDENCE_MIN = 30 };

const struct ladder_rung_row ladder_rungs[LADDER_RUNG_COUNT] = {
#define RUNG(word, field, of, cause) {#word, #field, LADDER_##of, cause},
	LADDER_RUNGS
#undef RUNG
};

struct ladder_view *ladder_view_create(const struct ladder_view_options *options)
{
	struct ladder_view *view = calloc(1, sizeof *view);
	CHECK(view);
	view->options = *options;
	return view;
}

void ladder_view_destroy(struct ladder_view *view)
{
	if (!view)
		return;
	free(view->ladders);
	free(view);
}

size_t ladder_view_count(const struct ladder_view *view)
{
	return view->count;
}

/* ---- What was before ---- */

/* A window's numbers are added to those of before when it has nothing in common with the last one added, and
 * only of rungs that are not broken: what is broken for long must not become the norm. */
static void ladder_remember(struct ladder *ladder)
{
	const struct ladder_row *row = &ladder->row;
	if (row->from_ms < ladder->remembered_to_ms)
		return;
	for (size_t i = 0; i < LADDER_RUNG_COUNT; i++) {
		if (ladder->is_broken[i])
			continue;
		ladder->before[i].reached += row->counts[i];
		ladder->before[i].of += row->counts[ladder_rungs[i].of];
	}
	ladder->remembered_to_ms = row->to_ms;
}

static bool rung_is_broken(const struct ladder *ladder, enum ladder_rung rung)
{
	const struct ladder_share *before = &ladder->before[rung];
	int64_t reached = ladder->row.counts[rung];
	int64_t of = ladder->row.counts[ladder_rungs[rung].of];
	if (rung == LADDER_impression || of < EVIDENCE_MIN || before->of < EVIDENCE_MIN)
		return false;
	double expected = (double)before->reached / (double)before->of * (double)of;
	double missing = expected - (double)reached;
	return missing > 0.3 * expected && missing * missing > 9 * expected;
}

/* ---- Rows ---- */

static bool is_ours(const struct ladder_view *view, const struct ladder_row *row)
{
	return strcmp(row->kind, "rolling") == 0 && strcmp(row->level, view->options.level) == 0 &&
	       strcmp(row->window, view->options.window) == 0 && strcmp(row->basis, view->options.basis) == 0;
}

static struct ladder *find_ladder(const struct ladder_view *view, struct slice id)
{
	for (size_t i = 0; i < view->count; i++)
		if (slice_equal(slice_from(view->ladders[i].row.id), id))
			return &view->ladders[i];
	return NULL;
}

static int compare_names(const void *left, const void *right)
{
	const struct ladder *a = left, *b = right;
	int order = strcmp(a->row.name, b->row.name);
	return order ? order : strcmp(a->row.id, b->row.id);
}

static void add_ladder(struct ladder_view *view, const struct ladder_row *row)
{
	if (view->count == view->capacity) {
		view->capacity = view->capacity ? 2 * view->capacity : 16;
		view->ladders = realloc(view->ladders, view->capacity * sizeof *view->ladders);
		CHECK(view->ladders);
	}
	view->ladders[view->count++] = (struct ladder){.row = *row, .remembered_to_ms = row->to_ms};
}

void ladder_view_take(struct ladder_view *view, const struct ladder_row *row)
{
	if (!is_ours(view, row))
		return;
	struct ladder *ladder = find_ladder(view, slice_from(row->id));
	bool is_named_anew = !ladder || strcmp(ladder->row.name, row->name) != 0;
	if (!ladder) {
		add_ladder(view, row);
	} else if (row->revision > ladder->row.revision) {
		ladder->row = *row;
		for (size_t i = 0; i < LADDER_RUNG_COUNT; i++)
			ladder->is_broken[i] = rung_is_broken(ladder, i);
		ladder_remember(ladder);
	}
	if (is_named_anew)
		qsort(view->ladders, view->count, sizeof *view->ladders, compare_names);
}

enum ladder_rung ladder_topmost_broken(const struct ladder *ladder)
{
	for (unsigned i = 0; i < LADDER_RUNG_COUNT; i++)
		if (ladder->is_broken[i])
			return i;
	return LADDER_RUNG_COUNT;
}

enum ladder_rung ladder_view_broken(const struct ladder_view *view, struct slice id)
{
	const struct ladder *ladder = find_ladder(view, id);
	return ladder ? ladder_topmost_broken(ladder) : LADDER_RUNG_COUNT;
}
