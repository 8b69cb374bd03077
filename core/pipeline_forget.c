#include "core/pipeline.h"

#include "core/base/civil.h"

int64_t task_forget_before_ms(const struct task *task, int64_t now_ms)
{
	return now_ms - task->options->retention_ms - task->options->lateness_ms;
}

static void forget_people(struct task *task, int64_t before_ms)
{
	struct buffer keys = {0};
	size_t at = 0;
	for (struct slice blob; (blob = people_next(task->people, &at)).len;) {
		if (person_blob_last_ms(blob.data) >= before_ms)
			continue;
		struct key128 key = person_blob_key(blob.data);
		buffer_put(&keys, &key, sizeof(key));
	}
	for (size_t i = 0; i < keys.len; i += sizeof(struct key128)) {
		struct key128 key;
		memcpy(&key, keys.data + i, sizeof(key));
		people_remove(task->people, key);
	}
	buffer_destroy(&keys);
}

static void forget_reports(struct task *task, int64_t before_ms)
{
	for (uint32_t i = 0; i < task->series.count && i < task->ad_capacity; i++) {
		struct ad_facts *ad = &task->ads[i];
		size_t count = ad->reports.count;
		reports_forget(&ad->reports, before_ms);
		ad->is_dirty |= ad->reports.count != count;
	}
}

static int64_t utc_day_of(const struct history_slice *slice)
{
	return civil_floor(slice->index, UTC_DAY_MS / HISTORY_SLICE_MS);
}

/* The start of a day, so that no day is left in part; and two days early, so that an hour or a day of another
 * zone that it cuts has ended before before_ms too. */
static int64_t cut_ms(const struct series *series, int64_t before_ms)
{
	return zone_day_start_ms(series->zone, zone_day_of(series->zone, before_ms) - 2);
}

static void forget_series(struct task *task, uint32_t at, int64_t before_ms)
{
	struct series *series = &task->series.series[at];
	int64_t begin_ms = cut_ms(series, before_ms), day = INT64_MIN;
	series_advance(series, &task->series.frame, task->window.now_ms);
	size_t gone = 0, tally_count = series->hours.count + series->days.count;
	for (; gone < series->history_count; gone++) {
		const struct history_slice *slice = &series->history[gone];
		if (slice->index >= civil_floor(begin_ms, HISTORY_SLICE_MS))
			break;
		if (utc_day_of(slice) == day)
			continue;
		day = utc_day_of(slice);
		struct forgotten_day forgotten = {at, day};
		buffer_put(&task->forgotten_days, &forgotten, sizeof(forgotten));
	}
	series_forget(series, begin_ms);
	if (gone && series->history_count && utc_day_of(&series->history[0]) == day)
		series->history[0].is_dirty = true;
	series->is_dirty |= gone > 0 || series->hours.count + series->days.count < tally_count;
}

void task_forget_history(struct task *task)
{
	if (task->window.now_ms == TIME_NONE)
		return;
	for (uint32_t i = 0; i < task->series.count; i++)
		forget_series(task, i, task_forget_before_ms(task, task->window.now_ms));
}

void task_forget_sometimes(struct task *task)
{
	int64_t now_ms = task->window.now_ms;
	if (task->forgotten_ms == TIME_NONE)
		task->forgotten_ms = now_ms;
	if (now_ms == TIME_NONE || now_ms - task->forgotten_ms < UTC_DAY_MS)
		return;
	task->forgotten_ms = now_ms;
	task_finish_commit(task);
	forget_people(task, task_forget_before_ms(task, now_ms));
	forget_reports(task, task_forget_before_ms(task, now_ms));
	task_forget_history(task);
}
