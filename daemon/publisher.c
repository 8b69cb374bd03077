#include <stdlib.h>

#include "core/publish/row_connect.h"
#include "daemon/crash_point.h"
#include "daemon/publisher_private.h"
#include "daemon/alertmanager.h"
#include "daemon/commands.h"
#include "daemon/log.h"

enum { PAUSE_MS = 5, IDLE_MS = 100, HEARD_FOR_MS = 3000 };

const char *publisher_topic(const struct config *config, size_t topic)
{
	const char *const names[TOPIC_COUNT] = {config->kafka.outputs.current, config->kafka.outputs.history,
						config->kafka.outputs.dead,
						config->kafka.outputs.exchange,
						config->kafka.outputs.alerts};
	return names[topic];
}

static void report(void *ctx, const struct kafka_report *report)
{
	struct publisher *publisher = ctx;
	if (report->is_denied)
		publisher_fail(publisher, report->why);
	if (report->topic == TOPIC_DEAD) {
		dead_letters_report(publisher->dead, report);
	} else if (report->topic == TOPIC_EXCHANGE) {
		far_report(publisher, report);
	} else if (report->topic == TOPIC_ALERTS) {
		return; /* one that fires is said again within a minute */
	} else if (!report->is_delivered) {
		publisher->is_row_lost |= !report->is_final;
	} else {
		CRASH_POINT(row_delivered);
	}
}

/* Only where something is to be forwarded. */
static bool create_forwards(struct publisher *publisher, const struct publisher_options *options,
			    struct kafka_error *error)
{
	if (!config_shuffle(publisher->config).is_on)
		return true;
	publisher->forwards = forwards_create(options->worker_count, publisher->config->kafka.outputs.shuffle,
					      &options->connection, error);
	return publisher->forwards != NULL;
}

static void open_alertmanager(struct publisher *publisher)
{
	const struct slice url = publisher->config->options.alerts.alertmanager;
	publisher->alertmanager = slice_equal(url, slice_from("off")) ? NULL : alertmanager_create(url);
}

static void take_config(struct publisher *publisher)
{
	const struct slice url = publisher->config->options.alerts.alertmanager;
	if (!shared_take_config(publisher->shared, &publisher->own) ||
	    slice_equal(url, publisher->config->options.alerts.alertmanager))
		return;
	alertmanager_destroy(publisher->alertmanager);
	open_alertmanager(publisher);
}

struct publisher *publisher_create(const struct publisher_options *options, struct kafka_error *error)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	CHECK(publisher);
	publisher->shared = options->shared;
	shared_begin_config(options->shared, &publisher->own);
	publisher->config = &publisher->own.config;
	publisher->worker_count = options->worker_count;
	publisher->task_count = options->task_count;
	publisher->waiting_bytes = options->waiting_bytes;
	publisher->session_ms = options->session_ms;
	publisher->connection = options->connection;
	publisher->partition_counts[TOPIC_CURRENT] = options->current_partitions;
	publisher->partition_counts[TOPIC_HISTORY] = options->history_partitions;
	publisher->partition_counts[TOPIC_ALERTS] = options->alert_partitions;
	open_alertmanager(publisher);
	if (publisher->config->kafka.outputs.format == CONFIG_ROW_FORMAT_CONNECT)
		row_put_connect_head(&publisher->envelope);
	publisher->board = options->board;
	publisher->shelf = options->shelf;
	publisher->alert_shelf = options->alert_shelf;
	publisher->heard_ms = INT64_MIN / 2;
	publisher->stop_timeout_ms = -1;
	const char *topics[TOPIC_COUNT];
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		topics[i] = publisher_topic(publisher->config, i);
	publisher->out = kafka_out_create(&(struct kafka_out_options){
		.connection = options->connection,
		.topics = topics,
		.topic_count = TOPIC_COUNT,
		.queue_records = options->queue_records,
		.queue_bytes = options->queue_bytes,
		.report = report,
		.ctx = publisher,
	}, error);
	if (!publisher->out || !create_forwards(publisher, options, error) ||
	    !far_create(publisher, &options->connection, error)) {
		alertmanager_destroy(publisher->alertmanager);
		forwards_destroy(publisher->forwards);
		kafka_out_destroy(publisher->out);
		buffer_destroy(&publisher->envelope);
		free(publisher);
		return NULL;
	}
	publisher->channels = aligned_alloc(64, options->worker_count * sizeof(struct channel));
	CHECK(publisher->channels);
	memset(publisher->channels, 0, options->worker_count * sizeof(struct channel));
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
	free(publisher->mentions);
	buffer_destroy(&publisher->envelope);
	buffer_destroy(&publisher->enveloped);
	if (publisher_merges(publisher))
		publisher_end_merging(publisher);
	far_destroy(publisher);
	alertmanager_destroy(publisher->alertmanager);
	kafka_out_destroy(publisher->out);
	forwards_destroy(publisher->forwards);
	dead_letters_destroy(publisher->dead);
	if (publisher->loop)
		loop_destroy(publisher->loop);
	sem_destroy(&publisher->is_started);
	free(publisher);
}

void publisher_fail(struct publisher *publisher, const char *why)
{
	if (atomic_load(&publisher->shared->exit_code) == EXIT_DONE)
		log_error("rows cannot be published", "why=%s", log_quoted(why).text);
	atomic_store(&publisher->shared->exit_code, EXIT_NO_PERMISSION);
	atomic_store(&publisher->shared->is_stopping, true);
}

void publisher_mention(struct publisher *publisher, uint32_t task, uint64_t term)
{
	for (size_t i = 0; i < publisher->mention_count; i++)
		if (publisher->mentions[i].task == task) {
			publisher->mentions[i].term = term;
			return;
		}
	if (publisher->mention_count == publisher->mention_capacity) {
		publisher->mention_capacity = publisher->mention_capacity ? 2 * publisher->mention_capacity
									  : 16;
		publisher->mentions = realloc(publisher->mentions,
					      publisher->mention_capacity * sizeof(*publisher->mentions));
		CHECK(publisher->mentions);
	}
	publisher->mentions[publisher->mention_count++] = (struct mention){task, term};
}

struct bulletin *publisher_downward(struct channel *channel)
{
	if (!channel->parents)
		channel->parents = bulletin_create();
	return channel->parents;
}

static void pass_task(void *ctx, uint32_t task, uint64_t term)
{
	(void)ctx, (void)task, (void)term;
}

static void pass_names(void *ctx, struct slice ad, const struct names *names)
{
	(void)ctx, (void)ad, (void)names;
}

static void pass_reports(void *ctx, struct slice ad, const struct reports *reports)
{
	(void)ctx, (void)ad, (void)reports;
}

static void pass_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			int64_t people)
{
	(void)ctx, (void)ref, (void)window, (void)pane, (void)people;
}

static void pass_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		      const struct pane *pane, int64_t people)
{
	(void)ctx, (void)ref, (void)is_day, (void)from_ms, (void)to_ms, (void)pane, (void)people;
}

static void pass_mark(void *ctx, enum note_kind kind)
{
	(void)ctx, (void)kind;
}

static void pass_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	(void)ctx, (void)ad, (void)parents;
}

static void pass_confirmed(void *ctx, int64_t position_ms)
{
	(void)ctx, (void)position_ms;
}

static void pass_activity(void *ctx, size_t input, uint64_t event_count)
{
	(void)ctx, (void)input, (void)event_count;
}

static void pass_activity_before(void *ctx, size_t input, const struct activity_digest *digest)
{
	(void)ctx, (void)input, (void)digest;
}

static void pass_covered(void *ctx, int64_t since_ms, int64_t time_ms)
{
	(void)ctx, (void)since_ms, (void)time_ms;
}

/* These two only a worker of this instance sends. */
static void take_dead(void *ctx, const struct dead_letter *letter)
{
	struct publisher *publisher = ctx;
	if (publisher->reading)
		dead_letters_put(publisher->dead, (size_t)(publisher->reading - publisher->channels),
				 letter);
}

static void take_forward(void *ctx, const struct forward *forward)
{
	struct publisher *publisher = ctx;
	if (publisher->reading && publisher->forwards)
		forwards_put(publisher->forwards, (size_t)(publisher->reading - publisher->channels),
			     forward);
}

struct bulletin_reader publisher_deaf_reader(struct publisher *publisher)
{
	return (struct bulletin_reader){pass_task, pass_names, pass_reports, pass_window, pass_span,
					pass_mark, take_dead, take_forward, pass_parents,
					pass_confirmed, pass_activity, pass_activity_before, pass_covered,
					publisher};
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
	size_t waiting_bytes = dead_letters_bytes(publisher->dead, worker);
	if (publisher->forwards)
		waiting_bytes += forwards_bytes(publisher->forwards, worker);
	atomic_store_explicit(&channel->waiting_bytes, waiting_bytes, memory_order_relaxed);
	atomic_fetch_sub_explicit(&channel->up_bytes, read_bytes, memory_order_relaxed);
}

/* To the merger, here or elsewhere; but what was said for another merger than there is now will be said
 * again. */
static void read_bulletin(struct publisher *publisher, const struct bulletin *bulletin)
{
	uint64_t announcement = publisher->far.announcement;
	bool is_wanted = announcement && bulletin->announcement == announcement;
	publisher->reading_now_ms = bulletin->now_ms;
	publisher->mention_count = 0;
	if (!is_wanted) {
		struct bulletin_reader deaf = publisher_deaf_reader(publisher);
		bulletin_read(bulletin, &deaf);
	} else if (publisher_merges(publisher)) {
		struct bulletin_reader merging = publisher_merging_reader(publisher);
		bulletin_read(bulletin, &merging);
		publisher_merge_end(publisher, bulletin->now_ms, bulletin->position_ms);
		CRASH_POINT(bulletin_read);
	} else {
		far_forward(publisher, bulletin);
	}
}

/* Reads what the workers made known. Returns whether there was anything. */
static bool read_bulletins(struct publisher *publisher)
{
	bool is_any = false;
	for (size_t i = 0; i < publisher->worker_count; i++) {
		publisher->reading = &publisher->channels[i];
		struct bulletin *bulletin;
		while (far_has_room(publisher) && (bulletin = ring_take(&publisher->reading->up))) {
			is_any = true;
			read_bulletin(publisher, bulletin);
			say_waiting(publisher, i, bulletin->notes.len);
			bulletin_destroy(bulletin);
		}
	}
	if (publisher_merges(publisher))
		publisher_confirm(publisher);
	hand_down(publisher);
	return is_any;
}

static void say_status(struct publisher *publisher)
{
	int64_t now_ms = loop_now_ms();
	if (!publisher->board || now_ms < publisher->status_due_ms)
		return;
	publisher->status_due_ms = now_ms + STATUS_EVERY_MS;
	struct publisher_status *status = malloc(sizeof(*status));
	CHECK(status);
	bool has_heard = now_ms - publisher->heard_ms < HEARD_FOR_MS;
	*status = (struct publisher_status){
		.at_ms = now_ms,
		.is_kafka_up = has_heard || !kafka_out_is_away(publisher->out),
		.is_merging = publisher_merges(publisher),
		.dead_waiting = dead_letters_waiting(publisher->dead),
		.unacknowledged = kafka_out_pending(publisher->out),
	};
	if (status->is_merging)
		status->rows_waiting = merger_waiting_count(publisher->merging.merger);
	for (size_t i = 0; i < STATUS_TOPIC_COUNT; i++) {
		status->topics[i].name = publisher_topic(publisher->config, i);
		status->topics[i].delivered = kafka_out_counts(publisher->out, i).delivered_count;
	}
	status_put_publisher(publisher->board, status);
}

static bool is_forwarding(const struct publisher *publisher)
{
	return publisher->forwards && forwards_waiting(publisher->forwards) > 0;
}

static void turn_forwards(struct publisher *publisher)
{
	if (!publisher->forwards)
		return;
	forwards_turn(publisher->forwards);
	for (size_t i = 0; i < publisher->worker_count; i++)
		atomic_store_explicit(&publisher->channels[i].forward_delivered,
				      forwards_delivered(publisher->forwards, i), memory_order_release);
}

void publisher_turn(struct publisher *publisher)
{
	pulse_beat(&publisher->shared->pulses[publisher->worker_count], loop_now_ms());
	take_config(publisher);
	bool is_busy = far_turn(publisher);
	if (is_busy)
		publisher->heard_ms = loop_now_ms();
	is_busy |= read_bulletins(publisher);
	if (publisher_merges(publisher))
		raise_to(&publisher->shared->merger_heard_ms, loop_now_ms());
	if (publisher_merges(publisher))
		is_busy |= publisher_send_rows(publisher, loop_now_ms()) > 0;
	dead_letters_send(publisher->dead, publisher->out);
	kafka_out_poll(publisher->out, 0);
	if (kafka_out_denied(publisher->out))
		publisher_fail(publisher, kafka_out_denied(publisher->out));
	for (size_t i = 0; i < publisher->worker_count; i++) {
		say_waiting(publisher, i, 0);
		atomic_store_explicit(&publisher->channels[i].dead_delivered,
				      dead_letters_delivered(publisher->dead, i), memory_order_release);
	}
	turn_forwards(publisher);
	say_status(publisher);
	bool is_pending = is_forwarding(publisher) || dead_letters_waiting(publisher->dead) ||
			  kafka_out_pending(publisher->out);
	loop_run_once(publisher->loop, is_busy ? 0 : is_pending ? PAUSE_MS : IDLE_MS);
}

static bool has_more(struct publisher *publisher)
{
	int64_t due_ms;
	bool has_rows = publisher_merges(publisher) &&
			merger_is_waiting(publisher->merging.merger, &due_ms);
	return has_rows || !far_has_room(publisher) || dead_letters_waiting(publisher->dead) ||
	       is_forwarding(publisher) || kafka_out_pending(publisher->out);
}

static void heard(void *ctx, unsigned ready)
{
	(void)ctx, (void)ready; /* the next turn reads what there is */
}

void publisher_begin(struct publisher *publisher)
{
	publisher->loop = loop_create();
	CHECK(publisher->loop);
	sem_post(&publisher->is_started);
	publisher->paid_ms = loop_now_ms();
	loop_watch(publisher->loop, exchange_fd(publisher->far.exchange), LOOP_READ, heard, publisher);
}

static void *run(void *ctx)
{
	struct publisher *publisher = ctx;
	pthread_setname_np(pthread_self(), "publisher");
	publisher_begin(publisher);
	for (;;) {
		publisher_turn(publisher);
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
	size_t waiting_bytes = atomic_load_explicit(&channel->waiting_bytes, memory_order_relaxed) +
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

uint64_t publisher_forward_delivered(struct publisher *publisher, size_t worker)
{
	return atomic_load_explicit(&publisher->channels[worker].forward_delivered, memory_order_acquire);
}
