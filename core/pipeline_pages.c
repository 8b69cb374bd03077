#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/pipeline.h"

enum { NAME_BYTES = 64, CHUNK_BYTES = 64 << 10, SLOTS_AT_ONCE = 1024 };

__attribute__((format(printf, 3, 4)))
static void say_page(struct task *task, struct buffer *page, const char *format, ...)
{
	char name[NAME_BYTES];
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	CHECK(len > 0 && len < NAME_BYTES);
	struct slice bytes = buffer_slice(page);
	if (bytes.len == 0)
		bytes.data = NULL;
	task->commit.said_bytes += bytes.len + NAME_BYTES;
	task->commit.sink(task->commit.ctx, (struct slice){name, (size_t)len}, bytes);
	page->len = 0;
}

static void say_chunk(struct task *task)
{
	if (task->chunk.len)
		say_page(task, &task->chunk, "p/%" PRId64, people_take_chunk(task->people));
}

static void say_person(void *ctx, struct slice blob)
{
	struct task *task = ctx;
	buffer_put_text(&task->chunk, blob);
	if (task->chunk.len >= CHUNK_BYTES)
		say_chunk(task);
}

/* Chunks in which nobody is any more. */
static void say_empty_chunks(struct task *task)
{
	struct generation empty;
	while (people_take_empty(task->people, &empty))
		for (int64_t chunk = empty.first_chunk; chunk < empty.end_chunk; chunk++)
			say_page(task, &task->page, "p/%" PRId64, chunk);
}

static void say_history(struct task *task, uint32_t at)
{
	struct series *series = &task->series.series[at];
	int64_t said = INT64_MIN;
	for (size_t i = 0; i < series->history_count; i++) {
		struct history_slice *slice = &series->history[i];
		if (!slice->is_dirty)
			continue;
		slice->is_dirty = false;
		int64_t day = slice->index / (UTC_DAY_MS / HISTORY_SLICE_MS);
		if (day == said)
			continue;
		said = day;
		series_encode_day(series, day, &task->page);
		say_page(task, &task->page, "h/%" PRIu32 "/%" PRId64, at, day);
	}
}

static void say_series(void *ctx, uint32_t at)
{
	struct task *task = ctx;
	size_t before_bytes = task->commit.said_bytes;
	task->series.series[at].is_due = false;
	series_encode(&task->series, at, &task->page);
	say_page(task, &task->page, "s/%" PRIu32, at);
	say_history(task, at);
	task->commit.series_count++;
	task->commit.series_bytes += task->commit.said_bytes - before_bytes;
}

void task_say_ad(struct task *task, uint32_t at)
{
	struct ad_facts *ad = &task->ads[at];
	ad->is_due = false;
	names_encode(&ad->names, &task->page);
	reports_encode(&ad->reports, &task->page);
	say_page(task, &task->page, "a/%" PRIu32, at);
}

/* Pages of days that are no more; one that has something again is written anew instead. */
static void say_forgotten(struct task *task)
{
	struct buffer *forgotten = &task->forgotten_days;
	for (size_t i = 0; i < forgotten->len; i += sizeof(struct forgotten_day)) {
		struct forgotten_day day;
		memcpy(&day, forgotten->data + i, sizeof(day));
		series_encode_day(&task->series.series[day.series], day.utc_day, &task->page);
		if (task->page.len == 0)
			say_page(task, &task->page, "h/%" PRIu32 "/%" PRId64, day.series, day.utc_day);
		task->page.len = 0;
	}
	forgotten->len = 0;
}

static void put_counts(struct buffer *out, const struct counts *counts)
{
	for (int i = 0; i < CLASS_COUNT; i++)
		buffer_put_unsigned(out, counts->classes[i]);
	for (int i = 0; i < REASON_COUNT; i++)
		buffer_put_unsigned(out, counts->reasons[i]);
	buffer_put_unsigned(out, counts->forwarded);
	buffer_put_unsigned(out, counts->received);
}

static void get_counts(struct reader *reader, struct counts *counts)
{
	for (int i = 0; i < CLASS_COUNT; i++)
		counts->classes[i] = reader_unsigned(reader);
	for (int i = 0; i < REASON_COUNT; i++)
		counts->reasons[i] = reader_unsigned(reader);
	counts->forwarded = reader_unsigned(reader);
	counts->received = reader_unsigned(reader);
}

static void say_rest(struct task *task)
{
	buffer_put_unsigned(&task->page, people_count(task->people));
	buffer_put_signed(&task->page, task->max_ms);
	buffer_put_signed(&task->page, task->aligned_ms);
	buffer_put_signed(&task->page, task->window.now_ms);
	buffer_put_signed(&task->page, task->forgotten_ms);
	buffer_put_unsigned(&task->page, task->join.folded_early_count);
	buffer_put_unsigned(&task->page, task->window.frozen_count);
	buffer_put_unsigned(&task->page, task->input_count);
	for (size_t i = 0; i < task->input_count; i++)
		put_counts(&task->page, &task->inputs[i]);
	say_page(task, &task->page, "m");
}

/* ---- Commits ---- */

static void mark_due(struct task *task)
{
	for (uint32_t i = 0; i < task->series.count; i++) {
		struct series *series = &task->series.series[i];
		series->is_due = series->is_dirty;
		series->is_dirty = false;
	}
	for (uint32_t i = 0; i < task->ad_capacity; i++) {
		task->ads[i].is_due = task->ads[i].is_dirty;
		task->ads[i].is_dirty = false;
	}
}

bool task_prepare_commit(struct task *task, size_t step_count)
{
	return window_settle_some(&task->window, step_count);
}

void task_begin_commit(struct task *task, task_page_sink *sink, void *ctx)
{
	CHECK(!task->commit.is_open);
	task->commit = (struct task_commit){.is_open = true, .sink = sink, .ctx = ctx};
	task->page.len = task->chunk.len = 0;
	window_settle(&task->window);
	mark_due(task);
	task->window.before_change = say_series;
	task->window.before_change_ctx = task;
	people_begin_commit(task->people, say_person, task);
	say_forgotten(task);
	say_rest(task);
}

/* Says the next page, and those that belong to it. False: there is none. */
static bool say_next(struct task *task)
{
	struct task_commit *commit = &task->commit;
	for (; commit->next_series < task->series.count; commit->next_series++) {
		uint32_t at = commit->next_series;
		bool is_ad_due = at < task->ad_capacity && task->ads[at].is_due;
		if (!task->series.series[at].is_due && !is_ad_due)
			continue;
		if (task->series.series[at].is_due)
			say_series(task, at);
		if (is_ad_due)
			task_say_ad(task, at);
		return true;
	}
	commit->said_bytes += SLOTS_AT_ONCE;
	if (people_step_commit(task->people, SLOTS_AT_ONCE))
		return true;
	say_chunk(task);
	say_empty_chunks(task);
	if (commit->series_count)
		task->series_bytes = commit->series_bytes / commit->series_count;
	return false;
}

bool task_step_commit(struct task *task, size_t byte_count)
{
	size_t until = task->commit.said_bytes + byte_count;
	while (task->commit.is_open && task->commit.said_bytes < until)
		task->commit.is_open = say_next(task);
	return task->commit.is_open;
}

size_t task_unsaid_bytes(const struct task *task)
{
	size_t series_count = 0;
	for (uint32_t i = 0; i < task->series.count; i++)
		series_count += (size_t)task->series.series[i].is_dirty + task->series.series[i].is_due;
	return people_unsaid_bytes(task->people) + series_count * task->series_bytes;
}

void task_finish_commit(struct task *task)
{
	while (task_step_commit(task, SIZE_MAX / 2))
		continue;
}

void task_commit(struct task *task, task_page_sink *sink, void *ctx)
{
	task_begin_commit(task, sink, ctx);
	task_finish_commit(task);
}

/* TIME_NONE, or a time that an event can have. */
static int64_t get_time(struct reader *reader)
{
	const int64_t year_10000_ms = INT64_C(253402300800000);
	int64_t time_ms = reader_signed(reader);
	if (time_ms != TIME_NONE && (time_ms < 0 || time_ms >= year_10000_ms))
		reader->failed = true;
	return time_ms;
}

/* Page "m", but for the counts behind it. */
struct rest {
	uint64_t people_count;
	int64_t max_ms;
	int64_t aligned_ms;
	int64_t now_ms;
	int64_t forgotten_ms;
	uint64_t folded_early_count;
	uint64_t frozen_count;
};

static struct rest get_rest(struct reader *reader)
{
	struct rest rest = {.people_count = reader_unsigned(reader)};
	rest.max_ms = get_time(reader);
	rest.aligned_ms = get_time(reader);
	rest.now_ms = get_time(reader);
	rest.forgotten_ms = get_time(reader);
	rest.folded_early_count = reader_unsigned(reader);
	rest.frozen_count = reader_unsigned(reader);
	return rest;
}

static bool get_inputs(struct reader *reader, struct counts *inputs, size_t input_count)
{
	uint64_t stored_count = reader_unsigned(reader);
	for (uint64_t i = 0; i < stored_count && !reader->failed; i++) {
		struct counts counts = {0};
		get_counts(reader, &counts);
		if (i < input_count)
			inputs[i] = counts;
	}
	return !reader->failed;
}

bool task_read_counts(struct slice page, struct counts *inputs, size_t input_count)
{
	struct reader reader = reader_of(page);
	memset(inputs, 0, input_count * sizeof(*inputs));
	(void)get_rest(&reader);
	return get_inputs(&reader, inputs, input_count);
}

static bool restore_rest(struct task *task, struct slice bytes)
{
	struct reader reader = reader_of(bytes);
	struct rest rest = get_rest(&reader);
	people_begin_restore(task->people, rest.people_count);
	task->max_ms = rest.max_ms;
	task->aligned_ms = rest.aligned_ms;
	task->window.now_ms = rest.now_ms;
	task->forgotten_ms = rest.forgotten_ms;
	task->join.folded_early_count = rest.folded_early_count;
	task->window.frozen_count = rest.frozen_count;
	return get_inputs(&reader, task->inputs, task->input_count);
}

/* The number behind the kind of a name. */
static int64_t page_number(const char *name)
{
	return name[0] && name[1] ? strtoll(name + 2, NULL, 10) : 0;
}

static bool restore_ad(struct task *task, uint32_t series, struct slice bytes)
{
	struct reader reader = reader_of(bytes);
	struct ad_facts *ad = task_ad(task, series);
	names_decode(&ad->names, &reader);
	reports_decode(&ad->reports, &reader);
	ad->names.is_changed = task->are_names_changed = true;
	ad->are_reports_changed = task->are_reports_changed = true;
	return !reader.failed;
}

/* The rest first, then every series before what refers to it, and the newest people before the older. */
static int page_order(char kind)
{
	static const char order[] = "mshap";
	const char *place = kind ? strchr(order, kind) : NULL;
	return place ? (int)(place - order) : (int)sizeof(order);
}

int task_compare_pages(const char *left, const char *right)
{
	int order = page_order(left[0]) - page_order(right[0]);
	int64_t a = page_number(left), b = page_number(right);
	if (order)
		return order;
	return left[0] == 'p' ? (a < b) - (a > b) : (a > b) - (a < b);
}

/* Old chunks may have people who are forgotten since. */
static bool restore_chunk(struct task *task, int64_t chunk, struct slice bytes)
{
	bool has_forgotten = task->forgotten_ms != TIME_NONE;
	int64_t before_ms = has_forgotten ? task_forget_before_ms(task, task->forgotten_ms) : TIME_NONE;
	return people_restore_chunk(task->people, chunk, bytes, before_ms, &task->series,
				    task->window.now_ms);
}

bool task_restore_page(struct task *task, const char *name, struct slice bytes)
{
	int64_t number = page_number(name);
	if (number < 0)
		return false;
	if (name[0] == 'm')
		return restore_rest(task, bytes);
	if (name[0] == 's')
		return series_decode(&task->series, bytes);
	if (name[0] == 'p')
		return restore_chunk(task, number, bytes);
	if (number >= task->series.count)
		return false;
	if (name[0] == 'a')
		return restore_ad(task, (uint32_t)number, bytes);
	return name[0] == 'h' &&
	       series_decode_day(&task->series.series[number], &task->series.frame, bytes);
}

static void restore_zones(struct task *task)
{
	for (uint32_t i = 0; i < task->series.count; i++) {
		struct series *series = &task->series.series[i];
		uint32_t account = series->parents[LEVEL_ACCOUNT];
		if (account < task->series.count)
			series->zone =
				options_account(task->options, task->series.series[account].id).zone;
	}
}

uint32_t task_end_restore(struct task *task)
{
	uint32_t unsound = series_find_unsound(&task->series);
	if (unsound != SERIES_NONE)
		return unsound;
	people_end_restore(task->people);
	restore_zones(task);
	task_forget_history(task);
	window_mark_changed(&task->window);
	return SERIES_NONE;
}
