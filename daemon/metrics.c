#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/loop.h"
#include "daemon/memory.h"
#include "daemon/status_json.h"

enum metric_type { COUNTER, GAUGE };

enum metric_scope { ONE, VERSION, OF_WORKER, OF_TASK, OF_INPUT, OF_CLASS, OF_REASON, OF_TOPIC };

/* What is said of the instance as a whole; below 0: not known. */
struct metric_totals {
	bool is_ready;
	bool is_kafka_up;
	bool is_redis_up;
	bool is_merging;
	double wanted_count;
	double caught_up_count;
	double stream_time_s;
	double resident_bytes;
	double limit_bytes;
	double is_memory_full;
	double rows_waiting;
	double dead_waiting;
	double dead_delivered;
	double unacknowledged;
	struct ledger_counts ledger;
};

/* What one line is about: as much of it as its scope has. */
struct metric_at {
	const struct status_view *view;
	const struct metric_totals *totals;
	const struct worker_status *worker;
	const struct task_status *task;
	const struct input_status *input;
	const struct topic_status *topic;
	size_t input_number;
	size_t number; /* of the class, or reason */
};

struct metric {
	const char *name;
	enum metric_type type;
	enum metric_scope scope;
	double (*value)(const struct metric_at *at);
	const char *help;
};

static double metric_seconds(int64_t time_ms)
{
	return (double)time_ms / 1000;
}

static double metric_age_seconds(int64_t at_ms)
{
	return metric_seconds(loop_now_ms() - at_ms);
}

static double metric_lag(const struct input_status *input)
{
	return input->offset < 0 || input->log_end < 0 ? -1 : (double)(input->log_end - input->offset);
}

#define METRIC(type, scope, name, text, help) \
	static double value_of_##name(const struct metric_at *at) \
	{ \
		(void)at; \
		return (double)(text); \
	}
#include "daemon/metrics.def"
#undef METRIC

static const struct metric metrics[] = {
#define METRIC(type, scope, name, value, help) {"ladderd_" #name, type, scope, value_of_##name, help},
#include "daemon/metrics.def"
#undef METRIC
};

/* ---- Totals ---- */

static void add_ledger(struct ledger_counts *sum, const struct ledger_counts *counts)
{
	sum->commits += counts->commits;
	sum->fenced += counts->fenced;
	sum->failed += counts->failed;
	sum->restarts += counts->restarts;
	sum->bytes_out += counts->bytes_out;
	sum->bytes_in += counts->bytes_in;
}

static void add_worker(struct metric_totals *totals, const struct status_view *view,
		       const struct worker_status *worker)
{
	add_ledger(&totals->ledger, &worker->ledger);
	for (size_t i = 0; i < worker->task_count; i++)
		totals->caught_up_count +=
			worker->tasks[i].is_caught_up && status_is_wanted(view, worker->tasks[i].number);
}

static void add_publisher(struct metric_totals *totals, const struct publisher_status *publisher)
{
	totals->is_kafka_up = publisher->is_kafka_up;
	totals->is_merging = publisher->is_merging;
	totals->rows_waiting = (double)publisher->rows_waiting;
	totals->dead_waiting = (double)publisher->dead_waiting;
	totals->dead_delivered = (double)publisher->topics[STATUS_TOPIC_DEAD].delivered;
	totals->unacknowledged = (double)publisher->unacknowledged;
}

static void add_instance(struct metric_totals *totals, const struct instance_status *instance)
{
	totals->wanted_count = (double)instance->wanted_count;
	totals->stream_time_s = instance->now_ms == TIME_NONE ? -1 : metric_seconds(instance->now_ms);
	totals->limit_bytes = (double)instance->memory_limit_bytes;
	totals->is_memory_full = instance->is_memory_full;
}

static struct metric_totals add_all(const struct status_view *view)
{
	struct metric_totals totals = {
		.is_ready = status_is_ready(view), .is_redis_up = status_is_redis_up(view),
		.resident_bytes = (double)memory_resident_bytes(), .stream_time_s = -1, .limit_bytes = -1,
		.rows_waiting = -1, .dead_waiting = -1, .dead_delivered = -1, .unacknowledged = -1,
	};
	if (view->instance)
		add_instance(&totals, view->instance);
	if (view->publisher)
		add_publisher(&totals, view->publisher);
	for (size_t i = 0; i < view->worker_count; i++)
		if (view->workers[i])
			add_worker(&totals, view, view->workers[i]);
	return totals;
}

/* ---- Lines ---- */

struct page {
	struct buffer *out;
	const struct metric *metric;
	bool has_head; /* of the metric */
};

static void put(struct page *page, const char *text)
{
	buffer_put(page->out, text, strlen(text));
}

static void put_head(struct page *page)
{
	if (page->has_head)
		return;
	page->has_head = true;
	put(page, "# HELP ");
	put(page, page->metric->name);
	put(page, " ");
	put(page, page->metric->help);
	put(page, "\n# TYPE ");
	put(page, page->metric->name);
	put(page, page->metric->type == COUNTER ? " counter\n" : " gauge\n");
}

/* Topics, classes, reasons and versions have no characters that would need an escape. */
static void put_labels(struct page *page, const struct metric_at *at)
{
	const char *topic = config_read_topic(at->view->config, at->input_number);
	char labels[512];
	switch (page->metric->scope) {
	case ONE:
		return;
	case VERSION:
		snprintf(labels, sizeof(labels), "{version=\"%s\"}", LADDER_VERSION);
		break;
	case OF_WORKER:
		snprintf(labels, sizeof(labels), "{worker=\"%zu\"}", at->worker->number);
		break;
	case OF_TASK:
		snprintf(labels, sizeof(labels), "{task=\"%" PRIu32 "\"}", at->task->number);
		break;
	case OF_INPUT:
		snprintf(labels, sizeof(labels), "{topic=\"%s\",partition=\"%" PRIu32 "\"}", topic,
			 at->task->number);
		break;
	case OF_CLASS:
		snprintf(labels, sizeof(labels), "{topic=\"%s\",partition=\"%" PRIu32 "\",class=\"%s\"}",
			 topic, at->task->number, class_name((enum verdict_class)at->number));
		break;
	case OF_REASON:
		snprintf(labels, sizeof(labels), "{topic=\"%s\",partition=\"%" PRIu32 "\",reason=\"%s\"}",
			 topic, at->task->number, reason_name((enum reason)at->number));
		break;
	case OF_TOPIC:
		snprintf(labels, sizeof(labels), "{topic=\"%s\"}", at->topic->name);
		break;
	}
	put(page, labels);
}

static void put_line(struct page *page, const struct metric_at *at)
{
	char number[40];
	double value = page->metric->value(at);
	if (value < 0)
		return;
	put_head(page);
	put(page, page->metric->name);
	put_labels(page, at);
	snprintf(number, sizeof(number), " %.15g\n", value);
	put(page, number);
}

static void put_topics(struct page *page, struct metric_at at)
{
	for (size_t i = 0; at.view->publisher && i < STATUS_TOPIC_DEAD; i++) {
		at.topic = &at.view->publisher->topics[i];
		put_line(page, &at);
	}
}

static void put_input(struct page *page, struct metric_at at)
{
	enum metric_scope scope = page->metric->scope;
	size_t count = scope == OF_CLASS ? CLASS_COUNT : scope == OF_REASON ? REASON_COUNT : 1;
	for (at.number = 0; at.number < count; at.number++)
		put_line(page, &at);
}

static void put_task(struct page *page, struct metric_at at, size_t place)
{
	at.task = &at.worker->tasks[place];
	if (!at.task->is_here)
		return;
	if (page->metric->scope == OF_TASK) {
		put_line(page, &at);
		return;
	}
	for (size_t i = 0; i < at.worker->input_count; i++) {
		at.input_number = i;
		at.input = &status_inputs(at.worker, place)[i];
		put_input(page, at);
	}
}

static void put_worker(struct page *page, struct metric_at at)
{
	if (page->metric->scope == OF_WORKER) {
		put_line(page, &at);
		return;
	}
	for (size_t i = 0; i < at.worker->task_count; i++)
		put_task(page, at, i);
}

static void put_metric(struct page *page, struct metric_at at)
{
	enum metric_scope scope = page->metric->scope;
	if (scope == ONE || scope == VERSION) {
		put_line(page, &at);
		return;
	}
	if (scope == OF_TOPIC) {
		put_topics(page, at);
		return;
	}
	for (size_t i = 0; i < at.view->worker_count; i++) {
		at.worker = at.view->workers[i];
		if (at.worker)
			put_worker(page, at);
	}
}

void metrics_put(const struct status_view *view, struct buffer *out)
{
	const struct metric_totals totals = add_all(view);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		struct page page = {.out = out, .metric = &metrics[i]};
		put_metric(&page, (struct metric_at){.view = view, .totals = &totals});
	}
}
