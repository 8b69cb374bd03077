#include <inttypes.h>
#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/publisher_private.h"
#include "daemon/commands.h"
#include "daemon/log.h"

enum {
	TRY_AGAIN_MS = 1000,         /* to merge, where another one does, or the brokers are away */
	LOOK_SESSIONS = 3,           /* so long after a takeover it is looked once more what has arrived */
	STALE_EVERY_MS = 5000,       /* rows are sent again because of a stale merger at most that often */
	ANNOUNCEMENT_RANDOM_BITS = 10,
};

bool far_create(struct publisher *publisher, const struct kafka_connection *connection,
		struct kafka_error *error)
{
	struct far *far = &publisher->far;
	far->down = bulletin_create();
	far->up = bulletin_create();
	far->exchange = exchange_create(publisher->config, connection, publisher->task_count, error);
	far->lease_ms = far->stale_heard_ms = INT64_MIN / 2;
	return far->exchange != NULL;
}

void far_destroy(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	exchange_destroy(far->exchange);
	bulletin_destroy(far->down);
	bulletin_destroy(far->up);
	for (size_t i = 0; i < far->waiting_count; i++)
		buffer_destroy(&far->waiting[i]);
	free(far->waiting);
}

/* ---- Sending ---- */

/* False: no room now. */
static bool send_value(struct publisher *publisher, struct slice value, int32_t partition)
{
	enum kafka_sent sent = kafka_out_send_to(publisher->out, TOPIC_EXCHANGE, partition, (struct slice){0},
						 value, NULL);
	if (sent == KAFKA_SENT_TOO_LARGE)
		log_error("a record of the exchange is larger than the brokers take: raise its "
			  "max.message.bytes", "bytes=%zu", value.len);
	return sent != KAFKA_SENT_FULL;
}

static int32_t partition_of(enum exchange_kind kind)
{
	return kind == EXCHANGE_ANNOUNCE || kind == EXCHANGE_BEAT ? EXCHANGE_DOWN : EXCHANGE_UP;
}

static bool send_waiting(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	size_t sent = 0;
	/* only what goes up can wait: see send_record */
	while (sent < far->waiting_count &&
	       send_value(publisher, buffer_slice(&far->waiting[sent]), EXCHANGE_UP))
		buffer_destroy(&far->waiting[sent++]);
	if (sent == 0)
		return far->waiting_count == 0;
	far->waiting_count -= sent;
	memmove(far->waiting, far->waiting + sent, far->waiting_count * sizeof(*far->waiting));
	return far->waiting_count == 0;
}

static void keep_waiting(struct far *far, struct buffer *record)
{
	if (far->waiting_count == far->waiting_capacity) {
		far->waiting_capacity = far->waiting_capacity ? 2 * far->waiting_capacity : 16;
		far->waiting = realloc(far->waiting, far->waiting_capacity * sizeof(*far->waiting));
		CHECK(far->waiting);
	}
	far->waiting[far->waiting_count++] = *record;
	*record = (struct buffer){0};
}

/* What goes up waits where there is no room. Of what goes down it is said whether it went. */
static bool send_record(struct publisher *publisher, enum exchange_kind kind, int64_t now_ms,
			int64_t position_ms, struct buffer *notes)
{
	struct far *far = &publisher->far;
	const struct shared *shared = publisher->shared;
	const struct exchange_head head = {
		.kind = kind,
		.announcement = far->announcement,
		.sender = exchange_sender(far->exchange),
		.sent_ms = loop_now_ms(),
		.now_ms = now_ms,
		.position_ms = position_ms,
		.revision = atomic_load_explicit(&shared->revision, memory_order_relaxed),
	};
	struct buffer record = {0};
	int32_t partition = partition_of(kind);
	exchange_encode(far->exchange, &head, buffer_slice(notes), &record);
	bool may_go = partition == EXCHANGE_DOWN || send_waiting(publisher);
	bool is_sent = may_go && send_value(publisher, buffer_slice(&record), partition);
	if (!is_sent && partition == EXCHANGE_UP)
		keep_waiting(far, &record);
	if (is_sent || partition == EXCHANGE_UP)
		notes->len = 0;
	buffer_destroy(&record);
	return is_sent;
}

void far_report(struct publisher *publisher, const struct kafka_report *report)
{
	if (report->is_delivered)
		return;
	publisher->far.is_up_lost |= !publisher_merges(publisher);
	publisher->far.is_down_lost |= publisher_merges(publisher);
}

/* ---- A worker's bulletin, on its way up ---- */

bool far_has_room(const struct publisher *publisher)
{
	return publisher->far.waiting_count == 0;
}

static void cut(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	if (far->up->notes.len < EXCHANGE_NOTES_BYTES)
		return;
	(void)send_record(publisher, EXCHANGE_NOTES, TIME_NONE, TIME_NONE, &far->up->notes);
	bulletin_put_task(far->up, publisher->task, publisher->term);
}

static void forward_task(void *ctx, uint32_t task, uint64_t term)
{
	struct publisher *publisher = ctx;
	publisher->task = task;
	publisher->term = term;
	publisher_mention(publisher, task, term);
	bulletin_put_task(publisher->far.up, task, term);
}

static void forward_names(void *ctx, struct slice ad, const struct names *names)
{
	struct publisher *publisher = ctx;
	struct task_sink sink = bulletin_sink(publisher->far.up);
	sink.names(sink.ctx, ad, names);
	cut(publisher);
}

static void forward_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct publisher *publisher = ctx;
	struct task_sink sink = bulletin_sink(publisher->far.up);
	sink.reports(sink.ctx, ad, reports);
	cut(publisher);
}

static void forward_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			   int64_t people)
{
	struct publisher *publisher = ctx;
	struct task_sink sink = bulletin_sink(publisher->far.up);
	sink.window(sink.ctx, ref, window, pane, people);
	cut(publisher);
}

static void forward_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
			 const struct pane *pane, int64_t people)
{
	struct publisher *publisher = ctx;
	struct task_sink sink = bulletin_sink(publisher->far.up);
	sink.span(sink.ctx, ref, is_day, from_ms, to_ms, pane, people);
	cut(publisher);
}

static void forward_mark(void *ctx, enum note_kind kind)
{
	struct publisher *publisher = ctx;
	bulletin_put_mark(publisher->far.up, kind);
}

static void forward_activity(void *ctx, size_t input, uint64_t event_count)
{
	struct publisher *publisher = ctx;
	bulletin_put_activity(publisher->far.up, input, event_count);
}

static void forward_activity_before(void *ctx, size_t input, const struct activity_digest *digest)
{
	struct publisher *publisher = ctx;
	bulletin_put_activity_before(publisher->far.up, input, digest);
}

static void forward_covered(void *ctx, int64_t since_ms, int64_t time_ms)
{
	struct publisher *publisher = ctx;
	bulletin_put_covered(publisher->far.up, since_ms, time_ms);
}

void far_forward(struct publisher *publisher, const struct bulletin *bulletin)
{
	struct far *far = &publisher->far;
	struct bulletin_reader reader = publisher_deaf_reader(publisher);
	reader.task = forward_task;
	reader.names = forward_names;
	reader.reports = forward_reports;
	reader.window = forward_window;
	reader.span = forward_span;
	reader.mark = forward_mark;
	reader.activity = forward_activity;
	reader.activity_before = forward_activity_before;
	reader.covered = forward_covered;
	bulletin_read(bulletin, &reader);
	for (size_t i = 0; i < publisher->mention_count; i++)
		bulletin_put_task(far->up, publisher->mentions[i].task, publisher->mentions[i].term);
	publisher->mention_count = 0;
	(void)send_record(publisher, EXCHANGE_END, bulletin->now_ms, bulletin->position_ms, &far->up->notes);
}

/* ---- Merging ---- */

bool far_is_leased(const struct publisher *publisher)
{
	return loop_now_ms() - publisher->far.lease_ms <= publisher->session_ms / 2;
}

/* Workers say everything again, under the announcement there is now. */
static void ask(struct publisher *publisher)
{
	struct shared *shared = publisher->shared;
	atomic_store_explicit(&shared->announcement, publisher->far.announcement, memory_order_release);
	atomic_fetch_add_explicit(&shared->asked_count, 1, memory_order_release);
}

static uint64_t next_announcement(const struct far *far)
{
	uint64_t random = exchange_sender(far->exchange) & ((1 << ANNOUNCEMENT_RANDOM_BITS) - 1);
	uint64_t next = wall_micros() << ANNOUNCEMENT_RANDOM_BITS | random;
	uint64_t greatest = far->announcement > far->own_announcement ? far->announcement
								      : far->own_announcement;
	return next > greatest ? next : greatest + 1;
}

static bool listen(struct publisher *publisher, bool is_merger)
{
	struct far *far = &publisher->far;
	if (loop_now_ms() < far->next_try_ms)
		return false;
	struct kafka_error error = {.fault = KAFKA_FAULT_NONE};
	if (exchange_listen(far->exchange, is_merger, &error))
		return true;
	if (error.fault == KAFKA_FAULT_DENIED)
		publisher_fail(publisher, error.text);
	far->next_try_ms = loop_now_ms() + TRY_AGAIN_MS;
	return false;
}

static void begin_merging(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	struct shared *shared = publisher->shared;
	if (!listen(publisher, true))
		return;
	CRASH_POINT(merge_begins);
	publisher_begin_merging(publisher);
	if (far->announcement)
		raise_revision(&shared->revision,
			       revision_beyond(atomic_load_explicit(&shared->revision,
								    memory_order_relaxed)));
	far->announcement = far->own_announcement = next_announcement(far);
	far->lease_ms = INT64_MIN / 2;
	far->look_due_ms = loop_now_ms() + LOOK_SESSIONS * publisher->session_ms;
	far->is_down_lost = !send_record(publisher, EXCHANGE_ANNOUNCE, TIME_NONE, TIME_NONE,
					 &(struct buffer){0});
	CRASH_POINT(merge_announced);
	far->beat_due_ms = 0;
	ask(publisher);
	log_info("this instance merges the rows of the group", "announcement=%" PRIu64, far->announcement);
}

static void end_merging(struct publisher *publisher, const char *why)
{
	struct far *far = &publisher->far;
	publisher_end_merging(publisher);
	far->down->notes.len = 0;
	far->next_try_ms = loop_now_ms() + TRY_AGAIN_MS;
	log_info("this instance no longer merges the rows of the group", "why=%s", log_quoted(why).text);
}

static void beat(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	struct shared *shared = publisher->shared;
	atomic_store_explicit(&shared->others_position_ms, publisher_hindmost_ms(publisher, true),
			      memory_order_relaxed);
	if (loop_now_ms() < far->beat_due_ms && far->down->notes.len == 0)
		return;
	int64_t now_ms = atomic_load_explicit(&shared->now_ms, memory_order_relaxed);
	if (send_record(publisher, EXCHANGE_BEAT, now_ms, publisher_hindmost_ms(publisher, false),
			&far->down->notes))
		far->beat_due_ms = loop_now_ms() + EXCHANGE_BEAT_MS;
}

void far_put_parents(struct publisher *publisher, struct slice ad, const struct parents *parents)
{
	struct far *far = &publisher->far;
	bulletin_put_parents(far->down, ad, parents);
	if (far->down->notes.len >= EXCHANGE_NOTES_BYTES) {
		far->beat_due_ms = 0;
		beat(publisher);
	}
}

/* Begins, ceases or begins anew. */
static void follow(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	bool is_wanted = atomic_load(&publisher->shared->is_merger);
	if (publisher_merges(publisher) && !is_wanted)
		end_merging(publisher, "task 0 was given away");
	else if (publisher_merges(publisher) && far->is_down_lost)
		end_merging(publisher, "what was said to the other instances was lost: begun anew");
	if (publisher_merges(publisher))
		return;
	if (is_wanted && !publisher->stop_by_ms)
		begin_merging(publisher);
	else
		(void)listen(publisher, false);
}

/* ---- What comes down ---- */

static void pass_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	struct publisher *publisher = ctx;
	for (size_t i = 0; i < publisher->worker_count; i++)
		bulletin_put_parents(publisher_downward(&publisher->channels[i]), ad, parents);
}

static void pass_confirmed(void *ctx, int64_t position_ms)
{
	struct publisher *publisher = ctx;
	for (size_t i = 0; i < publisher->worker_count; i++)
		bulletin_put_confirmed(publisher_downward(&publisher->channels[i]), position_ms);
}

static bool is_own(const struct publisher *publisher, const struct exchange_head *head)
{
	return head->sender == exchange_sender(publisher->far.exchange);
}

/* One who was paused may have sent rows that are older than ours: a compacted topic keeps the last record. So
 * what has gone out lately is read back, and sent again. */
static void hear_stale(struct publisher *publisher, const struct exchange_head *head)
{
	struct far *far = &publisher->far;
	if (!publisher_merges(publisher) || is_own(publisher, head))
		return;
	raise_revision(&publisher->shared->revision, revision_beyond(head->revision));
	if (loop_now_ms() - far->stale_heard_ms < STALE_EVERY_MS)
		return;
	far->stale_heard_ms = loop_now_ms();
	log_warn("another instance merged rows without being wanted: rows are sent again",
		 "announcement=%" PRIu64, head->announcement);
	publisher_recall_again(publisher, 0);
}

/* The one before may have been cut off while rows of its were on their way, and be dead by now: nobody says
 * that they have arrived. */
static void look_again(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	if (!publisher_merges(publisher) || !far->look_due_ms || loop_now_ms() < far->look_due_ms)
		return;
	far->look_due_ms = 0;
	publisher_recall_again(publisher, LOOK_SESSIONS * publisher->session_ms);
}

/* What was sent before it was known that another one merges may arrive behind that one's rows: when it
 * has, a last beat lets it know. */
static void say_farewell(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	uint64_t announcement = far->announcement;
	if (!far->farewell || publisher_merges(publisher) ||
	    (kafka_out_pending(publisher->out) && loop_now_ms() < far->farewell_by_ms))
		return;
	far->announcement = far->farewell;
	if (send_record(publisher, EXCHANGE_BEAT, TIME_NONE, TIME_NONE, &(struct buffer){0}))
		far->farewell = 0;
	far->announcement = announcement;
}

static void hear_new(struct publisher *publisher, const struct exchange_head *head)
{
	if (publisher_merges(publisher)) {
		publisher->far.farewell = publisher->far.announcement;
		publisher->far.farewell_by_ms = loop_now_ms() + publisher->session_ms;
		end_merging(publisher, "another instance has announced itself");
	}
	publisher->far.announcement = head->announcement;
	ask(publisher);
}

/* An announcement that was made here may have been lost, task 0 given back to the one before, and that one
 * goes on, who never heard of it. Where it was not lost, somebody announces himself after it. */
static bool is_given_up(const struct publisher *publisher, const struct exchange_head *head)
{
	const struct far *far = &publisher->far;
	return !publisher_merges(publisher) && far->announcement == far->own_announcement &&
	       !is_own(publisher, head);
}

static void hear_down(struct publisher *publisher, const struct exchange_head *head, struct slice notes)
{
	struct far *far = &publisher->far;
	struct shared *shared = publisher->shared;
	bool is_older = head->announcement < far->announcement;
	if (is_older && !is_given_up(publisher, head)) {
		hear_stale(publisher, head);
		return;
	}
	if (head->announcement != far->announcement)
		hear_new(publisher, head);
	if (is_own(publisher, head)) {
		far->lease_ms = head->sent_ms;
		return;
	}
	raise_to(&shared->now_ms, head->now_ms);
	raise_to(&shared->merger_heard_ms, loop_now_ms());
	raise_revision(&shared->revision, head->revision);
	atomic_store_explicit(&shared->others_position_ms, head->position_ms, memory_order_relaxed);
	struct bulletin_reader reader = publisher_deaf_reader(publisher);
	reader.parents = pass_parents;
	reader.confirmed = pass_confirmed;
	if (!bulletin_read_notes(notes, publisher->config->options.window_count, &reader))
		log_error("what came from the merging instance is damaged", "%s", "");
}

/* ---- What comes up ---- */

static void hear_up(struct publisher *publisher, const struct exchange_head *head, struct slice notes)
{
	struct merging *merging = &publisher->merging;
	if (!publisher_merges(publisher) || head->announcement != publisher->far.announcement ||
	    is_own(publisher, head))
		return;
	merging->has_far = true;
	if (head->kind == EXCHANGE_LOST) {
		publisher->far.is_down_lost = true;
		return;
	}
	publisher->reading = NULL;
	publisher->reading_now_ms = head->now_ms;
	struct bulletin_reader reader = publisher_merging_reader(publisher);
	if (!bulletin_read_notes(notes, publisher->config->options.window_count, &reader))
		log_error("what came from another instance is damaged", "%s", "");
	if (head->kind == EXCHANGE_END) {
		raise_to(&publisher->shared->now_ms, head->now_ms);
		publisher_merge_end(publisher, head->now_ms, head->position_ms);
	}
	publisher->mention_count = 0;
}

static void hear(void *ctx, const struct exchange_head *head, struct slice notes)
{
	struct publisher *publisher = ctx;
	if (partition_of(head->kind) == EXCHANGE_DOWN)
		hear_down(publisher, head, notes);
	else
		hear_up(publisher, head, notes);
}

/* ---- The turn ---- */

static void mend_losses(struct publisher *publisher)
{
	struct far *far = &publisher->far;
	if (exchange_has_lost(far->exchange)) {
		log_warn("the exchange lost records before they were read: everything is said again", "%s",
			 "");
		far->is_down_lost |= publisher_merges(publisher);
		if (!publisher_merges(publisher))
			(void)send_record(publisher, EXCHANGE_LOST, TIME_NONE, TIME_NONE,
					  &(struct buffer){0});
	}
	if (far->is_up_lost)
		ask(publisher);
	far->is_up_lost = false;
}

bool far_turn(struct publisher *publisher)
{
	send_waiting(publisher);
	bool is_any = exchange_read(publisher->far.exchange, hear, publisher);
	if (exchange_denied(publisher->far.exchange))
		publisher_fail(publisher, exchange_denied(publisher->far.exchange));
	mend_losses(publisher);
	follow(publisher);
	look_again(publisher);
	if (publisher_merges(publisher) && !publisher->stop_by_ms)
		beat(publisher);
	say_farewell(publisher);
	return is_any;
}
