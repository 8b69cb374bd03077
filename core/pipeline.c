#include "core/pipeline.h"

#include <stdlib.h>

const char *class_name(enum verdict_class class)
{
	static const char *const names[CLASS_COUNT] = {"applied", "duplicate", "late", "rejected", "ignored"};
	return names[class];
}

void counts_add(struct counts *sum, const struct counts *counts)
{
	for (int i = 0; i < CLASS_COUNT; i++)
		sum->classes[i] += counts->classes[i];
	for (int i = 0; i < REASON_COUNT; i++)
		sum->reasons[i] += counts->reasons[i];
	sum->forwarded += counts->forwarded;
	sum->received += counts->received;
}

struct task *task_create(const struct options *options, const unsigned char identity_key[16],
			 size_t input_count)
{
	struct task *task = calloc(1, sizeof(*task));
	CHECK(task);
	task->options = options;
	task->people = people_create();
	series_table_create(&task->series, options);
	join_create(&task->join, options, identity_key, task->people, &task->series);
	window_create(&task->window, options, &task->series);
	task->inputs = calloc(input_count, sizeof(*task->inputs));
	CHECK(task->inputs);
	task->input_count = input_count;
	task->input_max_ms = calloc(input_count, sizeof(*task->input_max_ms));
	CHECK(task->input_max_ms);
	for (size_t i = 0; i < input_count; i++)
		task->input_max_ms[i] = TIME_NONE;
	task->max_ms = task->aligned_ms = TIME_NONE;
	task->others_ms = INT64_MAX;
	task->forgotten_ms = TIME_NONE;
	task->confirmed_ms = task->arrived_ms = INT64_MAX;
	return task;
}

void task_destroy(struct task *task)
{
	for (size_t i = 0; i < task->ad_capacity; i++) {
		names_destroy(&task->ads[i].names);
		reports_destroy(&task->ads[i].reports);
	}
	free(task->ads);
	join_destroy(&task->join);
	abroad_destroy(&task->abroad);
	series_table_destroy(&task->series);
	people_destroy(task->people);
	step_list_destroy(&task->steps);
	buffer_destroy(&task->page);
	buffer_destroy(&task->chunk);
	buffer_destroy(&task->forgotten_days);
	free(task->inputs);
	free(task->input_max_ms);
	free(task);
}

struct ad_facts *task_ad(struct task *task, uint32_t series)
{
	if (series >= task->ad_capacity) {
		size_t capacity = task->ad_capacity ? 2 * task->ad_capacity : 64;
		while (capacity <= series)
			capacity *= 2;
		task->ads = realloc(task->ads, capacity * sizeof(*task->ads));
		CHECK(task->ads);
		for (size_t i = task->ad_capacity; i < capacity; i++) {
			task->ads[i] = (struct ad_facts){0};
			names_create(&task->ads[i].names);
		}
		task->ad_capacity = capacity;
	}
	return &task->ads[series];
}

bool event_is_rejected(const struct options *options, const struct event *event, int64_t wall_ms,
		       enum reason *reason)
{
	struct slice account = event->account.len ? event->account : options->default_account;
	*reason = REASON_future;
	if (wall_ms != TIME_NONE && event->ts_ms > wall_ms + options->max_ahead_ms)
		return true;
	*reason = REASON_currency;
	return event->currency.len &&
	       !slice_equal(event->currency, options_account(options, account).currency);
}

static enum verdict_class take_report(struct task *task, const struct event *event, uint32_t series)
{
	struct report report = report_of_event(event);
	struct ad_facts *ad = task_ad(task, series);
	if (ad->is_due)
		task_say_ad(task, series);
	enum verdict_class class = reports_put(&ad->reports, &report) ? CLASS_APPLIED : CLASS_DUPLICATE;
	ad->are_reports_changed = ad->is_dirty = task->are_reports_changed = true;
	return class;
}

int64_t task_known_ms(const struct task *task)
{
	return task->aligned_ms < task->confirmed_ms ? task->aligned_ms : task->confirmed_ms;
}

/* No event older than it will come. */
static int64_t safe_ms(const struct task *task)
{
	int64_t known_ms = task_known_ms(task);
	if (task->arrived_ms < known_ms)
		known_ms = task->arrived_ms;
	return known_ms == TIME_NONE ? TIME_NONE : known_ms - task->options->lateness_ms;
}

void task_align(struct task *task, int64_t others_ms)
{
	task->others_ms = others_ms;
}

/* Stream time moves on by an event of an input. */
static void note_time(struct task *task, size_t input, int64_t time_ms)
{
	int64_t *input_max_ms = &task->input_max_ms[input];
	if (time_ms > *input_max_ms)
		*input_max_ms = time_ms;
	if (time_ms > task->max_ms)
		task->max_ms = time_ms;
	int64_t aligned_ms = *input_max_ms < task->others_ms ? *input_max_ms : task->others_ms;
	if (aligned_ms > task->aligned_ms)
		task->aligned_ms = aligned_ms;
}

static uint32_t note_ad(struct task *task, const struct event *event)
{
	if (event->ad.len == 0)
		return SERIES_NONE;
	uint32_t series = join_intern_ad(&task->join, event->ad);
	struct ad_facts *ad = task_ad(task, series);
	if (ad->is_due)
		task_say_ad(task, series);
	names_note_event(&ad->names, event);
	ad->is_dirty |= ad->names.is_changed;
	task->are_names_changed |= ad->names.is_changed;
	return series;
}

static bool is_late(const struct task *task, const struct event *event)
{
	return task->aligned_ms != TIME_NONE && event->ts_ms < task->aligned_ms - task->options->lateness_ms;
}

void task_set_place(struct task *task, const struct task_place *place,
		    void (*send)(void *ctx, uint32_t task, struct slice note), void *ctx)
{
	task->place = *place;
	if (place->is_by_key)
		return;
	task->abroad.task = place->task;
	task->abroad.task_count = place->home_count;
	task->abroad.send = send;
	task->abroad.ctx = ctx;
	task->join.abroad = &task->abroad;
}

static uint32_t click_home(const struct task_place *place, const struct event *event)
{
	return partition_of_key(place->clicks, event->click_id, place->home_count);
}

uint32_t task_home(const struct task_place *place, const struct event *event)
{
	if (event->type == EVENT_SPEND)
		return partition_of_key(place->users, event->ad, place->home_count);
	if (event->user.len == 0)
		return click_home(place, event);
	return partition_of_key(place->users, event->user, place->home_count);
}

/* What is left to do where it belongs here. False: its person is needed, and it stands in the batch. */
static bool begin_here(struct task *task, size_t input, const struct event *event, struct verdict *verdict)
{
	uint32_t series = note_ad(task, event);
	if (event->type == EVENT_SPEND) {
		window_advance(&task->window, task->max_ms);
		verdict->class = take_report(task, event, series);
		return true;
	}
	struct task_entry *entry = &task->batch[task->batch_count++];
	join_prepare(&task->join, event, series, safe_ms(task), &entry->event);
	if (task->erased && task->erased->count && task_is_erased(task, &entry->event)) {
		task->batch_count--;
		verdict->class = CLASS_IGNORED;
		return true;
	}
	if (task->join.abroad && event->click_id.len)
		entry->event.home = click_home(&task->place, event);
	join_prefetch(&task->join, &entry->event);
	entry->cause_ms = task->max_ms;
	entry->input = (uint32_t)input;
	return false;
}

/* All that does not need the event's person. False: he is needed, and the event stands in the batch. */
static bool begin_event(struct task *task, size_t input, const struct event *event, unsigned type_mask,
			int64_t wall_ms, struct verdict *verdict)
{
	*verdict = (struct verdict){CLASS_IGNORED, REASON_COUNT, 0};
	if (!(type_mask >> event->type & 1))
		return true;
	verdict->class = CLASS_REJECTED;
	if (event_is_rejected(task->options, event, wall_ms, &verdict->reason))
		return true;
	verdict->reason = REASON_COUNT;
	verdict->class = CLASS_LATE;
	note_time(task, input, event->ts_ms);
	if (is_late(task, event))
		return true;
	if (task->place.home_count) {
		verdict->class = CLASS_FORWARDED;
		verdict->task = task->place.is_by_key ? task->record_home : task_home(&task->place, event);
		if (verdict->task != task->place.task)
			return true;
	}
	return begin_here(task, input, event, verdict);
}

static void count_verdict(struct task *task, size_t input, const struct verdict *verdict)
{
	if (verdict->class == CLASS_FORWARDED) {
		task->inputs[input].forwarded++;
		return;
	}
	task->inputs[input].classes[verdict->class]++;
	if (verdict->class == CLASS_REJECTED)
		task->inputs[input].reasons[verdict->reason]++;
}

bool task_add(struct task *task, size_t input, const struct event *event, unsigned type_mask, int64_t wall_ms,
	      struct verdict *verdict)
{
	CHECK(task->batch_count < TASK_BATCH_MAX);
	if (!begin_event(task, input, event, type_mask, wall_ms, verdict))
		return false;
	count_verdict(task, input, verdict);
	return true;
}

bool task_add_received(struct task *task, size_t input, size_t by, const struct event *event,
		       struct verdict *verdict)
{
	CHECK(task->batch_count < TASK_BATCH_MAX);
	*verdict = (struct verdict){CLASS_IGNORED, REASON_COUNT, 0};
	task->inputs[input].received++;
	note_time(task, by, event->ts_ms);
	if (!begin_here(task, input, event, verdict))
		return false;
	count_verdict(task, input, verdict);
	return true;
}

bool task_take_note(struct task *task, size_t by, struct slice note, int64_t sent_ms)
{
	struct key128 person;
	int64_t claim_ms;
	CHECK(task->batch_count == 0);
	if (!task->join.abroad || sent_ms < 0 || !abroad_read_claim(note, &person, &claim_ms))
		return false;
	note_time(task, by, sent_ms);
	if (erased_covers(task->erased, person, claim_ms))
		return true;
	task->steps.count = 0;
	bool is_sound = abroad_take(&task->join, note, safe_ms(task), &task->steps);
	window_advance(&task->window, task->max_ms);
	window_apply(&task->window, &task->steps, task->max_ms);
	return is_sound;
}

void task_join(struct task *task, struct verdict *verdicts)
{
	static const enum verdict_class classes[] = {
		[JOIN_APPLIED] = CLASS_APPLIED, [JOIN_DUPLICATE] = CLASS_DUPLICATE, [JOIN_LATE] = CLASS_LATE};
	size_t count = task->batch_count;
	for (size_t i = 0; i < count; i++)
		join_prefetch_blobs(&task->join, &task->batch[i].event);
	for (size_t i = 0; i < count; i++)
		join_prefetch_ends(&task->batch[i].event);
	task->steps.count = 0;
	for (size_t i = 0; i < count; i++) {
		struct task_entry *entry = &task->batch[i];
		enum verdict_class class = classes[join_take(&task->join, &entry->event, &task->steps)];
		verdicts[i] = (struct verdict){class, REASON_COUNT, 0};
		task->inputs[entry->input].classes[class]++;
		entry->step_end = task->steps.count;
	}
}

void task_window(struct task *task)
{
	size_t step = 0;
	for (size_t i = 0; i < task->batch_count; i++) {
		const struct task_entry *entry = &task->batch[i];
		struct step_list steps = {.count = entry->step_end - step};
		if (steps.count)
			steps.steps = task->steps.steps + step;
		window_advance(&task->window, entry->cause_ms);
		window_apply(&task->window, &steps, entry->cause_ms);
		step = entry->step_end;
	}
	task->batch_count = 0;
}

size_t task_flush(struct task *task, struct verdict *verdicts)
{
	size_t count = task->batch_count;
	if (count == 0)
		return 0;
	task_join(task, verdicts);
	task_window(task);
	return count;
}

struct verdict task_event(struct task *task, size_t input, const struct event *event, unsigned type_mask,
			  int64_t wall_ms)
{
	struct verdict verdict;
	CHECK(task->batch_count == 0);
	if (!task_add(task, input, event, type_mask, wall_ms, &verdict))
		task_flush(task, &verdict);
	return verdict;
}

void task_count_rejected(struct task *task, size_t input, enum reason reason)
{
	task->inputs[input].classes[CLASS_REJECTED]++;
	task->inputs[input].reasons[reason]++;
}

void task_refuse_forward(struct task *task, size_t input, enum reason reason)
{
	task->inputs[input].forwarded--;
	task_count_rejected(task, input, reason);
}

void task_advance(struct task *task, int64_t now_ms)
{
	window_advance(&task->window, now_ms);
}

void task_confirm(struct task *task, int64_t confirmed_ms)
{
	task->confirmed_ms = confirmed_ms;
}

void task_note_arrived(struct task *task, int64_t arrived_ms)
{
	task->arrived_ms = arrived_ms;
}

static struct entity_ref ref_of(const struct task *task, uint32_t series)
{
	const struct series *named = &task->series.series[series];
	return (struct entity_ref){named->level, named->is_organic, named->id};
}

struct collect {
	struct task *task;
	const struct task_sink *sink;
};

static void say_window(void *ctx, uint32_t series, size_t window, const struct pane *pane, int64_t people)
{
	struct collect *collect = ctx;
	collect->sink->window(collect->sink->ctx, ref_of(collect->task, series), window, pane, people);
}

static void say_hour(void *ctx, uint32_t series, int64_t from_ms, const struct pane *pane, int64_t people)
{
	struct collect *collect = ctx;
	collect->sink->span(collect->sink->ctx, ref_of(collect->task, series), false, from_ms,
			    from_ms + HOUR_MS, pane, people);
}

static void say_day(void *ctx, uint32_t series, int64_t from_ms, int64_t to_ms, const struct pane *pane,
		    int64_t people)
{
	struct collect *collect = ctx;
	collect->sink->span(collect->sink->ctx, ref_of(collect->task, series), true, from_ms, to_ms, pane,
			    people);
}

static uint32_t ad_count(const struct task *task)
{
	return task->series.count < task->ad_capacity ? task->series.count : (uint32_t)task->ad_capacity;
}

void task_say_again(struct task *task)
{
	window_mark_changed(&task->window);
	for (uint32_t i = 0; i < ad_count(task); i++) {
		const struct series *series = &task->series.series[i];
		struct ad_facts *ad = &task->ads[i];
		ad->names.is_changed = series->level == LEVEL_AD && !series->is_organic;
		ad->are_reports_changed = ad->reports.count > 0;
	}
	task->are_names_changed = task->are_reports_changed = true;
}

void task_collect_names(struct task *task, const struct task_sink *sink)
{
	uint32_t count = task->are_names_changed ? ad_count(task) : 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct series *series = &task->series.series[i];
		struct ad_facts *ad = &task->ads[i];
		if (ad->names.is_changed)
			sink->names(sink->ctx, series->id, &ad->names);
		ad->names.is_changed = false;
	}
	task->are_names_changed = false;
}

void task_collect_reports(struct task *task, const struct task_sink *sink)
{
	uint32_t count = task->are_reports_changed ? ad_count(task) : 0;
	for (uint32_t i = 0; i < count; i++) {
		struct ad_facts *ad = &task->ads[i];
		if (ad->are_reports_changed)
			sink->reports(sink->ctx, task->series.series[i].id, &ad->reports);
		ad->are_reports_changed = false;
	}
	task->are_reports_changed = false;
}

void task_collect(struct task *task, uint32_t window_mask, bool with_history, const struct task_sink *sink)
{
	struct collect collect = {task, sink};
	task_collect_names(task, sink);
	if (with_history)
		task_collect_reports(task, sink);
	window_collect(&task->window, window_mask, with_history,
		       &(struct window_sink){say_window, say_hour, say_day, &collect});
	if (with_history)
		task_forget_sometimes(task);
}
