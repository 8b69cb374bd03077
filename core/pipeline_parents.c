#include <stdlib.h>

#include "core/pipeline.h"

/* What some ads and what stands above them is to be. By series; SERIES_NONE: nobody said. */
struct plan {
	uint32_t (*parents)[PARENT_COUNT]; /* of an ad */
	uint32_t *owners;                  /* the account whose days are cut there */
	bool *is_told;                     /* an ad */
};

static void *allocate(size_t count, size_t size)
{
	void *array = calloc(count ? count : 1, size);
	CHECK(array);
	return array;
}

static uint32_t intern_parent(struct task *task, enum level level, struct slice id)
{
	if (id.len == 0)
		return SERIES_NONE;
	uint32_t at = series_intern(&task->series, level, id, false);
	if (level == LEVEL_ACCOUNT) {
		task->series.series[at].zone = options_account(task->options, id).zone;
		task->series.series[at].parents[LEVEL_ACCOUNT] = at;
	}
	return at;
}

static void intern_all(struct task *task, const struct ad_parents *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t ad = join_intern_ad(&task->join, changes[i].ad);
		window_mark_days_changed(&task->series.series[ad]);
		for (int level = 0; level < PARENT_COUNT; level++)
			intern_parent(task, (enum level)level, changes[i].parents.ids[level]);
	}
}

/* Of the accounts that something has ads in, the first by id: whatever the order in which they are told. */
static void own(const struct task *task, uint32_t *owner, uint32_t account)
{
	if (*owner == SERIES_NONE ||
	    slice_compare(task->series.series[account].id, task->series.series[*owner].id) < 0)
		*owner = account;
}

static void plan_owners(const struct task *task, struct plan *plan)
{
	for (uint32_t i = 0; i < task->series.count; i++) {
		uint32_t account = plan->parents[i][LEVEL_ACCOUNT];
		if (task->series.series[i].level != LEVEL_AD || account == SERIES_NONE)
			continue;
		plan->owners[i] = account;
		for (int level = LEVEL_ACCOUNT + 1; level < PARENT_COUNT; level++)
			if (plan->parents[i][level] != SERIES_NONE)
				own(task, &plan->owners[plan->parents[i][level]], account);
	}
}

/* Of several changes of one ad the last counts. */
static struct plan make_plan(struct task *task, const struct ad_parents *changes, size_t count)
{
	intern_all(task, changes, count);
	size_t series_count = task->series.count;
	struct plan plan = {allocate(series_count, sizeof(*plan.parents)),
			    allocate(series_count, sizeof(*plan.owners)),
			    allocate(series_count, sizeof(*plan.is_told))};
	for (size_t i = 0; i < series_count; i++) {
		memcpy(plan.parents[i], task->series.series[i].parents, sizeof(plan.parents[i]));
		plan.owners[i] = SERIES_NONE;
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t ad = join_intern_ad(&task->join, changes[i].ad);
		plan.is_told[ad] = true;
		for (int level = 0; level < PARENT_COUNT; level++)
			plan.parents[ad][level] =
				intern_parent(task, (enum level)level, changes[i].parents.ids[level]);
	}
	plan_owners(task, &plan);
	return plan;
}

static void plan_destroy(struct plan *plan)
{
	free(plan->parents);
	free(plan->owners);
	free(plan->is_told);
}

static const struct zone *zone_after(const struct task *task, const struct plan *plan, uint32_t at)
{
	uint32_t owner = plan->owners[at];
	return task->series.series[owner == SERIES_NONE ? at : owner].zone;
}

static bool zone_changes(const struct task *task, const struct plan *plan, uint32_t at)
{
	return task->series.series[at].zone != zone_after(task, plan, at);
}

static bool ad_moves(const struct task *task, const struct plan *plan, uint32_t at)
{
	return plan->is_told[at] && memcmp(task->series.series[at].parents, plan->parents[at],
					   sizeof(plan->parents[at])) != 0;
}

static bool owner_changes(const struct task *task, const struct plan *plan, uint32_t at)
{
	uint32_t owner = plan->owners[at];
	return owner != SERIES_NONE && task->series.series[at].parents[LEVEL_ACCOUNT] != owner;
}

static bool plan_changes_anything(const struct task *task, const struct plan *plan)
{
	for (uint32_t i = 0; i < task->series.count; i++)
		if (ad_moves(task, plan, i) || owner_changes(task, plan, i) || zone_changes(task, plan, i))
			return true;
	return false;
}

/* Whether the people of an ad are to be counted anew: it moves, or days are cut anew where it is. */
static bool people_move(const struct task *task, const struct plan *plan, uint32_t ad)
{
	const struct series *series = &task->series.series[ad];
	if (series->level != LEVEL_AD || !series->has_people)
		return false;
	bool is_moved = ad_moves(task, plan, ad) || zone_changes(task, plan, ad);
	for (int level = LEVEL_ACCOUNT + 1; level < PARENT_COUNT; level++)
		if (series->parents[level] != SERIES_NONE)
			is_moved |= zone_changes(task, plan, series->parents[level]);
	return is_moved;
}

static void find_people(struct task *task, const bool *is_marked, struct buffer *keys)
{
	size_t at = 0;
	for (struct slice blob; (blob = people_next(task->people, &at)).len;) {
		if (!join_person_is_at(&task->join, blob, is_marked))
			continue;
		struct key128 key = person_blob_key(blob.data);
		buffer_put(keys, &key, sizeof(key));
	}
}

/* The keys of the people that the plan moves. */
static struct buffer people_to_move(struct task *task, const struct plan *plan)
{
	struct buffer keys = {0};
	bool *is_marked = allocate(task->series.count, sizeof(bool));
	bool has_people = false;
	for (uint32_t i = 0; i < task->series.count; i++) {
		is_marked[i] = people_move(task, plan, i);
		has_people |= is_marked[i];
	}
	if (has_people)
		find_people(task, is_marked, &keys);
	free(is_marked);
	return keys;
}

static void move_people(struct task *task, const struct buffer *keys, int64_t sign)
{
	for (size_t i = 0; i < keys->len; i += sizeof(struct key128)) {
		struct key128 key;
		memcpy(&key, keys->data + i, sizeof(key));
		task->steps.count = 0;
		join_steps_of_person(&task->join, people_find(task->people, key), &task->steps);
		for (size_t j = 0; j < task->steps.count; j++)
			task->steps.steps[j].delta *= sign;
		window_apply(&task->window, &task->steps, task->window.now_ms);
	}
}

static void change_zone(struct series *series, const struct zone *zone, const struct task_sink *sink)
{
	struct entity_ref ref = {series->level, series->is_organic, series->id};
	for (size_t i = 0; i < series->days.count; i++) {
		int64_t day = series->days.entries[i].index;
		sink->span(sink->ctx, ref, true, zone_day_start_ms(series->zone, day),
			   zone_day_start_ms(series->zone, day + 1), NULL, 0);
	}
	series->zone = zone;
	series->is_dirty = true;
	window_mark_days_changed(series);
}

static void change_series(struct task *task, const struct plan *plan, uint32_t at,
			  const struct task_sink *sink)
{
	struct series *series = &task->series.series[at];
	if (zone_changes(task, plan, at))
		change_zone(series, zone_after(task, plan, at), sink);
	if (ad_moves(task, plan, at)) {
		memcpy(series->parents, plan->parents[at], sizeof(series->parents));
		series->is_dirty = true;
	} else if (owner_changes(task, plan, at)) {
		series->parents[LEVEL_ACCOUNT] = plan->owners[at];
		series->is_dirty = true;
	}
}

static void carry_out(struct task *task, const struct plan *plan, const struct task_sink *sink)
{
	task_finish_commit(task);
	struct buffer keys = people_to_move(task, plan);
	move_people(task, &keys, -1);
	window_settle(&task->window);
	for (uint32_t i = 0; i < task->series.count; i++)
		change_series(task, plan, i, sink);
	move_people(task, &keys, 1);
	buffer_destroy(&keys);
}

bool task_put_parents(struct task *task, const struct ad_parents *changes, size_t change_count,
		      const struct task_sink *sink)
{
	if (change_count == 0)
		return false;
	struct plan plan = make_plan(task, changes, change_count);
	bool is_other = plan_changes_anything(task, &plan);
	if (is_other)
		carry_out(task, &plan, sink);
	plan_destroy(&plan);
	return is_other;
}
