#include "daemon/publisher.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "core/publish/merger.h"
#include "daemon/dead_letters.h"
#include "daemon/kafka_out.h"
#include "daemon/log.h"

enum { TOPIC_CURRENT, TOPIC_HISTORY, TOPIC_DEAD, TOPIC_COUNT };
enum { PAUSE_MS = 5, IDLE_MS = 100, ROWS_PER_TURN = 5000 };

struct channel {
	struct ring up;   /* bulletins of the worker */
	struct ring down; /* bulletins of parents for it */
	_Atomic(struct loop *) loop; /* written by the worker when it can be woken; NULL until then */
	uint32_t task;    /* that its notes speak of now; publisher's thread only */
	struct bulletin *parents; /* being written; publisher's thread only */
	int64_t position_ms;      /* of the worker's last bulletin; publisher's thread only */
	int64_t now_ms;           /* T of the bulletin that is being read; publisher's thread only */
	_Atomic uint64_t dead_delivered; /* written by the publisher: licenses a commit behind it */
	_Atomic size_t dead_bytes;       /* the same: letters that wait for Kafka */
	_Atomic size_t up_bytes;         /* bulletins in `up` */
};

struct publisher {
	const struct config *config;
	struct shared *shared;
	size_t worker_count;
	size_t task_count;
	size_t waiting_bytes;
	struct channel *channels;
	struct channel *reading; /* whose bulletin is being read */
	struct kafka_out *out;
	struct merger *merger;
	struct dead_letters *dead;
	struct loop *loop;
	pthread_t thread;
	sem_t is_started; /* the loop is there: workers may wake it */
	bool *is_caught_up; /* by task */
	size_t caught_up_count;
	int64_t confirmed_ms;  /* handed down to all workers */
	int64_t held_until_ms; /* loop time; rows are held back until then or until all have caught up */
	int64_t forget_due_ms; /* loop time */
	int64_t paid_ms;       /* loop time up to which emit_rate has been paid out */
	double row_credit;
	bool is_row_lost;
	int64_t stop_by_ms;    /* loop time; 0 until the stop */
	_Atomic int stop_timeout_ms; /* set by publisher_stop: licenses the thread to end */
	bool is_all_sent;
};

static const char *topic_name(const struct config *config, size_t topic)
{
	const char *const names[TOPIC_COUNT] = {config->kafka.outputs.current, config->kafka.outputs.history,
						config->kafka.outputs.dead};
	return names[topic];
}

static void report(void *ctx, const struct kafka_report *report)
{
	struct publisher *publisher = ctx;
	if (report->topic == TOPIC_DEAD) {
		dead_letters_report(publisher->dead, report);
	} else if (!report->is_delivered) {
		publisher->is_row_lost |= !report->is_final;
	}
}

struct publisher *publisher_create(const struct publisher_options *options, struct kafka_error *error)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	CHECK(publisher);
	publisher->config = options->config;
	publisher->shared = options->shared;
	publisher->worker_count = options->worker_count;
	publisher->task_count = options->task_count;
	publisher->waiting_bytes = options->waiting_bytes;
	publisher->stop_timeout_ms = -1;
	const char *topics[TOPIC_COUNT];
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		topics[i] = topic_name(options->config, i);
	publisher->out = kafka_out_create(&(struct kafka_out_options){
		.connection = options->connection,
		.topics = topics,
		.topic_count = TOPIC_COUNT,
		.queue_records = options->queue_records,
		.queue_bytes = options->queue_bytes,
		.report = report,
		.ctx = publisher,
	}, error);
	if (!publisher->out) {
		free(publisher);
		return NULL;
	}
	publisher->channels = aligned_alloc(64, options->worker_count * sizeof(struct channel));
	CHECK(publisher->channels);
	memset(publisher->channels, 0, options->worker_count * sizeof(struct channel));
	for (size_t i = 0; i < options->worker_count; i++)
		publisher->channels[i].position_ms = TIME_NONE;
	publisher->confirmed_ms = TIME_NONE;
	publisher->is_caught_up = calloc(options->task_count, sizeof(bool));
	CHECK(publisher->is_caught_up);
	publisher->merger = merger_create(&options->config->options);
	publisher->dead = dead_letters_create(options->worker_count, TOPIC_DEAD);
	CHECK(sem_init(&publisher->is_started, 0, 0) == 0);
	return publisher;
}

void publisher_destroy(struct publisher *publisher)
{
	for (size_t i = 0; i < publisher->worker_count; i++) {
		struct bulletin *bulletin;
		while ((bulletin = ring_take(&publisher->channels[i].up)))
			bulletin_destroy(bulletin);
		while ((bulletin = ring_take(&publisher->channels[i].down)))
			bulletin_destroy(bulletin);
		if (publisher->channels[i].parents)
			bulletin_destroy(publisher->channels[i].parents);
	}
	free(publisher->channels);
	free(publisher->is_caught_up);
	kafka_out_destroy(publisher->out);
	merger_destroy(publisher->merger);
	dead_letters_destroy(publisher->dead);
	if (publisher->loop)
		loop_destroy(publisher->loop);
	sem_destroy(&publisher->is_started);
	free(publisher);
}

static void take_task(void *ctx, uint32_t task)
{
	struct publisher *publisher = ctx;
	publisher->reading->task = task;
}

static struct bulletin *downward(struct channel *channel)
{
	if (!channel->parents)
		channel->parents = bulletin_create();
	return channel->parents;
}

static void put_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	bulletin_put_parents(downward(ctx), ad, parents);
}

/* An ad's new parents go to every worker: all of them count its people. */
static void take_names(void *ctx, struct slice ad, const struct names *names)
{
	struct publisher *publisher = ctx;
	if (!merger_put_names(publisher->merger, ad, names))
		return;
	struct parents parents = merger_parents(publisher->merger, ad);
	for (size_t i = 0; i < publisher->worker_count; i++)
		put_parents(&publisher->channels[i], ad, &parents);
}

static void take_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	struct publisher *publisher = ctx;
	merger_put_reports(publisher->merger, publisher->reading->task, ad, reports);
}

static void take_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			int64_t people)
{
	struct publisher *publisher = ctx;
	merger_put_window(publisher->merger, publisher->reading->task, ref, window, pane, people);
}

static void take_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		      const struct pane *pane, int64_t people)
{
	struct publisher *publisher = ctx;
	merger_put_span(publisher->merger, publisher->reading->task, ref, is_day, from_ms, to_ms, pane,
			people);
}

static void set_caught_up(struct publisher *publisher, uint32_t task, bool is_caught_up)
{
	if (publisher->is_caught_up[task] == is_caught_up)
		return;
	publisher->is_caught_up[task] = is_caught_up;
	publisher->caught_up_count += is_caught_up ? 1 : -(size_t)1;
	if (!is_caught_up)
		publisher->held_until_ms = loop_now_ms() + publisher->config->publish.catch_up_ms;
}

/* A task that was read back starts anew here, and may have missed what became of ads meanwhile. Other tasks
 * may have forgotten what it says of times before `retention`: that stays as it is in the topic. */
static void take_mark(void *ctx, enum note_kind kind)
{
	struct publisher *publisher = ctx;
	set_caught_up(publisher, publisher->reading->task, kind == NOTE_CAUGHT_UP);
	if (kind == NOTE_CAUGHT_UP)
		return;
	merger_freeze(publisher->merger, publisher->reading->now_ms);
	merger_drop_task(publisher->merger, publisher->reading->task);
	merger_each_parents(publisher->merger, put_parents, publisher->reading);
}

static void take_dead(void *ctx, const struct dead_letter *letter)
{
	struct publisher *publisher = ctx;
	dead_letters_put(publisher->dead, (size_t)(publisher->reading - publisher->channels), letter);
}

/* Behind the parents that follow from all names up to there. */
static void confirm(struct publisher *publisher)
{
	int64_t covered_ms = INT64_MAX;
	for (size_t i = 0; i < publisher->worker_count; i++)
		if (publisher->channels[i].position_ms < covered_ms)
			covered_ms = publisher->channels[i].position_ms;
	if (covered_ms == publisher->confirmed_ms)
		return;
	publisher->confirmed_ms = covered_ms;
	for (size_t i = 0; i < publisher->worker_count; i++)
		bulletin_put_confirmed(downward(&publisher->channels[i]), covered_ms);
}

static void hand_down(struct publisher *publisher)
{
	for (size_t i = 0; i < publisher->worker_count; i++) {
		struct channel *channel = &publisher->channels[i];
		if (!channel->parents || !ring_put(&channel->down, channel->parents))
			continue;
		channel->parents = NULL;
		struct loop *loop = atomic_load_explicit(&channel->loop, memory_order_acquire);
		if (loop)
			loop_wake(loop);
	}
}

/* How much waits for Kafka is said before a bulletin that was read no longer counts as in the ring. */
static void say_waiting(struct publisher *publisher, size_t worker, size_t read_bytes)
{
	struct channel *channel = &publisher->channels[worker];
	atomic_store_explicit(&channel->dead_bytes, dead_letters_bytes(publisher->dead, worker),
			      memory_order_relaxed);
	atomic_fetch_sub_explicit(&channel->up_bytes, read_bytes, memory_order_relaxed);
}

/* Reads what the workers made known. Returns whether there was anything. */
static bool read_bulletins(struct publisher *publisher)
{
	const struct bulletin_reader reader = {
		.task = take_task, .names = take_names, .reports = take_reports, .window = take_window,
		.span = take_span, .mark = take_mark, .dead = take_dead, .ctx = publisher};
	bool is_any = false;
	for (size_t i = 0; i < publisher->worker_count; i++) {
		publisher->reading = &publisher->channels[i];
		struct bulletin *bulletin;
		while ((bulletin = ring_take(&publisher->reading->up))) {
			is_any = true;
			publisher->reading->now_ms = bulletin->now_ms;
			bulletin_read(bulletin, &reader);
			publisher->reading->position_ms = bulletin->position_ms;
			if (bulletin->now_ms != TIME_NONE)
				merger_advance(publisher->merger, bulletin->now_ms);
			if (publisher->caught_up_count >= publisher->task_count)
				merger_freeze(publisher->merger, bulletin->now_ms);
			say_waiting(publisher, i, bulletin->notes.len);
			bulletin_destroy(bulletin);
		}
	}
	confirm(publisher);
	hand_down(publisher);
	return is_any;
}

static bool send_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct publisher *publisher = ctx;
	size_t topic = is_history ? TOPIC_HISTORY : TOPIC_CURRENT;
	enum kafka_sent sent = kafka_out_send(publisher->out, topic, key, value, NULL, 0, NULL);
	if (sent == KAFKA_SENT_TOO_LARGE)
		log_error("a row is larger than the brokers take", "key=%.*s", (int)key.len, key.data);
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

/* When stopping, nothing waits for its emit time any more; but what is held back stays so. */
static size_t publish_rows(struct publisher *publisher, int64_t now_ms)
{
	bool is_held = publisher->caught_up_count < publisher->task_count &&
		       now_ms < publisher->held_until_ms;
	if (is_held)
		return 0;
	if (publisher->is_row_lost) {
		publisher->is_row_lost = false;
		merger_publish_again(publisher->merger);
	}
	uint64_t floor = wall_micros();
	uint64_t given = atomic_load_explicit(&publisher->shared->revision, memory_order_relaxed);
	size_t limit = publisher->stop_by_ms ? ROWS_PER_TURN : rows_allowed(publisher, now_ms);
	int64_t due_ms = publisher->stop_by_ms ? MERGER_AT_ONCE : now_ms;
	size_t rows = merger_publish(publisher->merger, due_ms, limit, floor > given ? floor : given,
				     send_row, publisher);
	raise_revision(&publisher->shared->revision, merger_revision(publisher->merger));
	publisher->row_credit -= (double)rows;
	return rows;
}

static void forget_sometimes(struct publisher *publisher, int64_t now_ms)
{
	const int64_t every_ms = 60 * 60 * 1000;
	if (now_ms < publisher->forget_due_ms)
		return;
	publisher->forget_due_ms = now_ms + every_ms;
	merger_forget(publisher->merger);
}

static void turn(struct publisher *publisher)
{
	bool is_busy = read_bulletins(publisher);
	is_busy |= publish_rows(publisher, loop_now_ms()) > 0;
	forget_sometimes(publisher, loop_now_ms());
	dead_letters_send(publisher->dead, publisher->out);
	kafka_out_poll(publisher->out, 0);
	for (size_t i = 0; i < publisher->worker_count; i++) {
		say_waiting(publisher, i, 0);
		atomic_store_explicit(&publisher->channels[i].dead_delivered,
				      dead_letters_delivered(publisher->dead, i), memory_order_release);
	}
	bool is_pending = dead_letters_waiting(publisher->dead) || kafka_out_pending(publisher->out);
	loop_run_once(publisher->loop, is_busy ? 0 : is_pending ? PAUSE_MS : IDLE_MS);
}

static bool has_more(struct publisher *publisher)
{
	int64_t due_ms;
	return merger_is_waiting(publisher->merger, &due_ms) || dead_letters_waiting(publisher->dead) ||
	       kafka_out_pending(publisher->out);
}

static void *run(void *ctx)
{
	struct publisher *publisher = ctx;
	publisher->loop = loop_create();
	CHECK(publisher->loop);
	sem_post(&publisher->is_started);
	publisher->held_until_ms = loop_now_ms() + publisher->config->publish.catch_up_ms;
	publisher->paid_ms = loop_now_ms();
	merger_expect_published(publisher->merger, true);
	for (;;) {
		turn(publisher);
		if (publisher->caught_up_count >= publisher->task_count)
			merger_expect_published(publisher->merger, false);
		int timeout_ms = atomic_load_explicit(&publisher->stop_timeout_ms, memory_order_acquire);
		if (timeout_ms < 0)
			continue;
		if (!publisher->stop_by_ms)
			publisher->stop_by_ms = loop_now_ms() + timeout_ms;
		else if (!has_more(publisher) || loop_now_ms() > publisher->stop_by_ms)
			break;
	}
	publisher->is_all_sent = !has_more(publisher);
	kafka_out_flush(publisher->out, 0);
	return NULL;
}

void publisher_start(struct publisher *publisher)
{
	CHECK(pthread_create(&publisher->thread, NULL, run, publisher) == 0);
	while (sem_wait(&publisher->is_started) != 0)
		continue;
}

bool publisher_stop(struct publisher *publisher, int timeout_ms)
{
	atomic_store_explicit(&publisher->stop_timeout_ms, timeout_ms, memory_order_release);
	loop_wake(publisher->loop);
	pthread_join(publisher->thread, NULL);
	return publisher->is_all_sent;
}

bool publisher_has_room(struct publisher *publisher, size_t worker)
{
	struct channel *channel = &publisher->channels[worker];
	size_t waiting_bytes = atomic_load_explicit(&channel->dead_bytes, memory_order_relaxed) +
			       atomic_load_explicit(&channel->up_bytes, memory_order_relaxed);
	return waiting_bytes <= publisher->waiting_bytes && ring_has_room(&channel->up);
}

bool publisher_put(struct publisher *publisher, size_t worker, struct bulletin *bulletin)
{
	struct channel *channel = &publisher->channels[worker];
	size_t bytes = bulletin->notes.len;
	atomic_fetch_add_explicit(&channel->up_bytes, bytes, memory_order_relaxed);
	if (!ring_put(&channel->up, bulletin)) {
		atomic_fetch_sub_explicit(&channel->up_bytes, bytes, memory_order_relaxed);
		return false;
	}
	loop_wake(publisher->loop);
	return true;
}

struct bulletin *publisher_take(struct publisher *publisher, size_t worker)
{
	return ring_take(&publisher->channels[worker].down);
}

void publisher_wake_by(struct publisher *publisher, size_t worker, struct loop *loop)
{
	atomic_store_explicit(&publisher->channels[worker].loop, loop, memory_order_release);
}

uint64_t publisher_dead_delivered(struct publisher *publisher, size_t worker)
{
	return atomic_load_explicit(&publisher->channels[worker].dead_delivered, memory_order_acquire);
}
