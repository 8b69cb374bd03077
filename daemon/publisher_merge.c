#include <inttypes.h>
#include <stdlib.h>

#include "core/diagnose/diagnose.h"
#include "daemon/crash_point.h"
#include "daemon/publisher_private.h"
#include "daemon/log.h"

enum { ROWS_PER_TURN = 5000 };

static void put_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	bulletin_put_parents(publisher_downward(ctx), ad, parents);
}

static void put_far_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	far_put_parents(ctx, ad, parents);
}

static void set_caught_up(struct publisher *publisher, uint32_t task, bool is_caught_up)
{
	struct merging *merging = &publisher->merging;
	if (merging->sources[task].is_caught_up == is_caught_up)
		return;
	merging->sources[task].is_caught_up = is_caught_up;
	merging->caught_up_count += is_caught_up ? 1 : -(size_t)1;
	if (!is_caught_up)
		merging->held_until_ms = loop_now_ms() + publisher->config->publish.catch_up_ms;
}

/* A task has a new owner: what was said of it is void, and he may have missed what became of ads meanwhile.
 * Other tasks may have forgotten what he says of times before `retention`: that stays as it is in the
 * topic. So does what another has just said of such times, while T was less: without this task's part. */
static void begin_term(struct publisher *publisher, uint32_t task, uint64_t term)
{
	struct merging *merging = &publisher->merging;
	set_caught_up(publisher, task, false);
	merging->sources[task] = (struct source){.term = term, .heard_ms = loop_now_ms(),
						 .position_ms = TIME_NONE,
						 .has_recalled = merging->sources[task].has_recalled,
						 .is_active_before = merging->sources[task].is_active_before,
						 .is_far = !publisher->reading};
	merger_freeze(merging->merger, publisher->reading_now_ms);
	if (!merging->has_heard_all)
		merger_leave_frozen(merging->merger);
	merger_drop_task(merging->merger, task);
	if (publisher->reading)
		merger_each_parents(merging->merger, put_parents, publisher->reading);
	else
		merger_each_parents(merging->merger, put_far_parents, publisher);
}

/* Redis may have lost the claim of one who has a greater term and is gone by now. Then the owner before
 * him, who never heard of him, goes on, and has to be listened to: everybody says everything anew. Who has
 * lost his task speaks no longer than the group needs to tell him. */
static void hear_older(struct publisher *publisher, uint32_t task, const struct source *source)
{
	if (loop_now_ms() - source->heard_ms <= 3 * (int64_t)publisher->session_ms)
		return;
	log_warn("a task has the owner again that it had before the last one, who is gone",
		 "task=%" PRIu32, task);
	publisher->far.is_down_lost = true;
}

static void take_task(void *ctx, uint32_t task, uint64_t term)
{
	struct publisher *publisher = ctx;
	publisher->is_heard = false;
	if (task >= publisher->task_count || term == 0)
		return;
	struct source *source = &publisher->merging.sources[task];
	publisher->is_heard = term >= source->term;
	if (!publisher->is_heard) {
		hear_older(publisher, task, source);
		return;
	}
	publisher->task = task;
	if (term > source->term)
		begin_term(publisher, task, term);
	source->heard_ms = loop_now_ms();
	publisher_mention(publisher, task, term);
}

/* An ad's new parents go to every worker: all of them count its people. */
static void take_names(void *ctx, struct slice ad, const struct names *names)
{
	struct publisher *publisher = ctx;
	struct merger *merger = publisher->merging.merger;
	if (!publisher->is_heard || !merger_put_names(merger, ad, names))
		return;
	struct parents parents = merger_parents(merger, ad);
	for (size_t i = 0; i < publisher->worker_count; i++)
		put_parents(&publisher->channels[i], ad, &parents);
	if (publisher->merging.has_far)
		far_put_parents(publisher, ad, &parents);
}

static void take_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct publisher *publisher = ctx;
	if (publisher->is_heard)
		merger_put_reports(publisher->merging.merger, publisher->task, ad, reports);
}

static void take_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			int64_t people)
{
	struct publisher *publisher = ctx;
	if (publisher->is_heard)
		merger_put_window(publisher->merging.merger, publisher->task, ref, window, pane, people);
}

static void take_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		      const struct pane *pane, int64_t people)
{
	struct publisher *publisher = ctx;
	if (publisher->is_heard)
		merger_put_span(publisher->merging.merger, publisher->task, ref, is_day, from_ms, to_ms, pane,
				people);
}

static void take_mark(void *ctx, enum note_kind kind)
{
	struct publisher *publisher = ctx;
	CHECK(kind == NOTE_CAUGHT_UP);
	if (publisher->is_heard)
		set_caught_up(publisher, publisher->task, true);
}

static void take_activity(void *ctx, size_t input, uint64_t event_count)
{
	struct publisher *publisher = ctx;
	if (publisher->is_heard)
		publisher_note_activity(publisher, input,
					event_count < UINT32_MAX ? (uint32_t)event_count : UINT32_MAX);
}

/* Once of each task and input: the rest of it is heard as it comes. */
static void take_activity_before(void *ctx, size_t input, const struct activity_digest *digest)
{
	struct publisher *publisher = ctx;
	struct source *source = publisher->is_heard ? &publisher->merging.sources[publisher->task] : NULL;
	if (!source || source->is_active_before)
		return;
	publisher_note_activity_before(publisher, input, digest);
	source->is_active_before = input + 1 == publisher->config->kafka.inputs.count;
}

/* Once of each task: what it said under terms before this merger has seen itself. */
static void take_covered(void *ctx, int64_t since_ms, int64_t time_ms)
{
	struct publisher *publisher = ctx;
	if (!publisher->is_heard || publisher->merging.sources[publisher->task].has_recalled)
		return;
	publisher->merging.sources[publisher->task].has_recalled = true;
	publisher_recall_ask(publisher, since_ms, time_ms);
}

struct bulletin_reader publisher_merging_reader(struct publisher *publisher)
{
	struct bulletin_reader reader = publisher_deaf_reader(publisher);
	reader.task = take_task;
	reader.names = take_names;
	reader.reports = take_reports;
	reader.window = take_window;
	reader.span = take_span;
	reader.mark = take_mark;
	reader.activity = take_activity;
	reader.activity_before = take_activity_before;
	reader.covered = take_covered;
	return reader;
}

static bool all_caught_up(const struct publisher *publisher)
{
	return publisher->merging.caught_up_count >= publisher->task_count;
}

static bool has_heard_all(const struct publisher *publisher)
{
	for (size_t i = 0; i < publisher->task_count; i++)
		if (!publisher->merging.sources[i].has_spoken)
			return false;
	return true;
}

void publisher_merge_end(struct publisher *publisher, int64_t now_ms, int64_t position_ms)
{
	struct merging *merging = &publisher->merging;
	for (size_t i = 0; i < publisher->mention_count; i++) {
		struct source *source = &merging->sources[publisher->mentions[i].task];
		source->has_spoken = true;
		source->position_ms = position_ms;
		source->heard_ms = loop_now_ms();
	}
	publisher->mention_count = 0;
	merging->has_heard_all |= has_heard_all(publisher);
	if (now_ms == TIME_NONE)
		return;
	merger_advance(merging->merger, now_ms);
	merging->now_ms = now_ms > merging->now_ms ? now_ms : merging->now_ms;
	if (all_caught_up(publisher))
		merger_freeze(merging->merger, now_ms);
}

/* Where events are forwarded, one that is silent may have some that it has not taken in. */
static bool is_silent(const struct publisher *publisher, const struct source *source)
{
	return publisher->forwards && loop_now_ms() - source->heard_ms > SILENT_MS;
}

/* Behind the parents that follow from all names up to there. */
void publisher_confirm(struct publisher *publisher)
{
	struct merging *merging = &publisher->merging;
	int64_t covered_ms = INT64_MAX;
	for (size_t i = 0; i < publisher->task_count; i++) {
		const struct source *source = &merging->sources[i];
		bool counts = source->has_spoken && !is_silent(publisher, source);
		int64_t position_ms = counts ? source->position_ms : TIME_NONE;
		if (position_ms < covered_ms)
			covered_ms = position_ms;
	}
	if (covered_ms == merging->confirmed_ms)
		return;
	merging->confirmed_ms = covered_ms;
	for (size_t i = 0; i < publisher->worker_count; i++)
		bulletin_put_confirmed(publisher_downward(&publisher->channels[i]), covered_ms);
	if (merging->has_far)
		bulletin_put_confirmed(publisher->far.down, covered_ms);
}

int64_t publisher_hindmost_ms(const struct publisher *publisher, bool is_far_only)
{
	int64_t hindmost_ms = INT64_MAX;
	for (size_t i = 0; i < publisher->task_count; i++) {
		const struct source *source = &publisher->merging.sources[i];
		if (source->has_spoken && (source->is_far || !is_far_only) &&
		    source->position_ms < hindmost_ms)
			hindmost_ms = source->position_ms;
	}
	return hindmost_ms;
}

void publisher_begin_merging(struct publisher *publisher)
{
	struct merging *merging = &publisher->merging;
	*merging = (struct merging){
		.merger = merger_create(&publisher->config->options, diagnose),
		.sources = calloc(publisher->task_count, sizeof(struct source)),
		.confirmed_ms = TIME_NONE,
		.now_ms = TIME_NONE,
		.held_until_ms = loop_now_ms() + publisher->config->publish.catch_up_ms,
	};
	CHECK(merging->sources);
	merger_expect_published(merging->merger, true);
	publisher_recall_begin(publisher);
	publisher_begin_alerts(publisher);
}

void publisher_end_merging(struct publisher *publisher)
{
	if (publisher->is_shelf_open)
		row_shelf_close(publisher->shelf);
	publisher->is_shelf_open = false;
	publisher_end_alerts(publisher);
	publisher_recall_end(publisher);
	merger_destroy(publisher->merging.merger);
	free(publisher->merging.sources);
	publisher->merging = (struct merging){.merger = NULL};
}

/* ---- Rows ---- */

/* As it goes out; valid until the next. */
static struct slice in_envelope(struct publisher *publisher, struct slice row)
{
	struct buffer *enveloped = &publisher->enveloped;
	if (publisher->envelope.len == 0)
		return row;
	enveloped->len = 0;
	buffer_put(enveloped, publisher->envelope.data, publisher->envelope.len);
	buffer_put(enveloped, row.data, row.len);
	buffer_put(enveloped, "}", 1);
	return buffer_slice(enveloped);
}

static bool send_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct publisher *publisher = ctx;
	size_t topic = is_history ? TOPIC_HISTORY : TOPIC_CURRENT;
	CRASH_POINT(row_made);
	enum kafka_sent sent = kafka_out_send(publisher->out, topic, key, in_envelope(publisher, value), NULL,
					      0, NULL);
	CRASH_POINT(row_sent);
	if (sent == KAFKA_SENT_TOO_LARGE)
		log_error("a row is larger than the brokers take", "key=%.*s", (int)key.len, key.data);
	if (sent == KAFKA_SENT && publisher->shelf)
		row_shelf_put(publisher->shelf, key, value);
	return sent != KAFKA_SENT_FULL;
}

/* Rows that emit_rate allows by now: a second's worth at most at a time. */
static size_t rows_allowed(struct publisher *publisher, int64_t now_ms)
{
	double rate = (double)publisher->config->publish.emit_rate;
	publisher->row_credit += rate * (double)(now_ms - publisher->paid_ms) / 1000;
	publisher->paid_ms = now_ms;
	if (publisher->row_credit > rate)
		publisher->row_credit = rate;
	size_t rows = publisher->row_credit > 0 ? (size_t)publisher->row_credit : 0;
	return rows < ROWS_PER_TURN ? rows : ROWS_PER_TURN;
}

static void forget_sometimes(struct publisher *publisher, int64_t now_ms)
{
	const int64_t every_ms = 60 * 60 * 1000;
	if (now_ms < publisher->forget_due_ms)
		return;
	publisher->forget_due_ms = now_ms + every_ms;
	merger_forget(publisher->merging.merger);
}

/* When stopping, nothing waits for its emit time any more; but what is held back stays so. */
size_t publisher_send_rows(struct publisher *publisher, int64_t now_ms)
{
	struct merging *merging = &publisher->merging;
	forget_sometimes(publisher, now_ms);
	if (!publisher_recall_turn(publisher))
		return 0;
	if (all_caught_up(publisher)) {
		publisher_recall_apply(publisher);
		merger_expect_published(merging->merger, false);
	} else if (now_ms < merging->held_until_ms) {
		return 0;
	}
	if (!far_is_leased(publisher))
		return 0;
	if (publisher->shelf && !publisher->is_shelf_open)
		row_shelf_open(publisher->shelf);
	publisher->is_shelf_open = publisher->shelf != NULL;
	if (all_caught_up(publisher) && !publisher->stop_by_ms)
		publisher_say_alerts(publisher, merging->now_ms);
	if (publisher->is_row_lost) {
		publisher->is_row_lost = false;
		merger_publish_again(merging->merger);
	}
	uint64_t floor = wall_micros();
	uint64_t given = atomic_load_explicit(&publisher->shared->revision, memory_order_relaxed);
	size_t limit = publisher->stop_by_ms ? ROWS_PER_TURN : rows_allowed(publisher, now_ms);
	int64_t due_ms = publisher->stop_by_ms ? MERGER_AT_ONCE : now_ms;
	size_t rows = merger_publish(merging->merger, due_ms, limit, floor > given ? floor : given, send_row,
				     publisher);
	raise_revision(&publisher->shared->revision, merger_revision(merging->merger));
	publisher->row_credit -= (double)rows;
	return rows;
}
