#include "daemon/status_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/json_text.h"
#include "daemon/memory.h"

enum { REASONS_MAX = 100, REASON_BYTES = 512 };

static const char *topic_of(const struct status_view *view, size_t input)
{
	return config_read_topic(view->config, input);
}

/* ---- Ready ---- */

/* `out` is NULL where only their number is asked for. */
struct reasons {
	struct buffer *out;
	size_t count;
};

__attribute__((format(printf, 2, 3)))
static void add_reason(struct reasons *reasons, const char *format, ...)
{
	char text[REASON_BYTES];
	va_list arguments;
	if (reasons->count++ >= REASONS_MAX || !reasons->out)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_text_put_text(reasons->out, NULL, text);
}

static void check_input(const struct task_status *task, const struct input_status *input, const char *topic,
			struct reasons *reasons)
{
	if (input->problem.kind != KAFKA_PROBLEM_NONE)
		add_reason(reasons, "task %" PRIu32 " cannot be read: %s", task->number, input->problem.text);
	else if (!task->is_caught_up)
		add_reason(reasons,
			   "task %" PRIu32 " has not caught up: %s/%" PRIu32 " is at %" PRId64 " of %" PRId64,
			   task->number, topic, task->number, input->offset, input->log_end);
}

static void check_task(const struct status_view *view, const struct worker_status *worker, size_t place,
		       struct reasons *reasons)
{
	const struct task_status *task = &worker->tasks[place];
	if (!task->is_reading) {
		add_reason(reasons, "task %" PRIu32 " is not read yet: it is %s", task->number, task->state);
		return;
	}
	for (size_t i = 0; i < worker->input_count; i++)
		check_input(task, &status_inputs(worker, place)[i], topic_of(view, i), reasons);
}

static void check_tasks(const struct status_view *view, struct reasons *reasons)
{
	size_t seen_count = 0;
	for (size_t i = 0; i < view->worker_count; i++)
		for (size_t j = 0; view->workers[i] && j < view->workers[i]->task_count; j++)
			if (status_is_wanted(view, view->workers[i]->tasks[j].number)) {
				check_task(view, view->workers[i], j, reasons);
				seen_count++;
			}
	if (seen_count < view->instance->wanted_count)
		add_reason(reasons, "the workers have only begun");
}

static void check_all(const struct status_view *view, struct reasons *reasons)
{
	if (!view->instance) {
		add_reason(reasons, "Kafka has not answered yet, or a topic is not as it must be: see log");
		return;
	}
	if (!view->instance->is_member)
		add_reason(reasons, "the group %s has not said yet what tasks are this instance's",
			   view->config->kafka.group);
	if (view->instance->is_memory_full)
		add_reason(reasons, "people and ads have filled the memory, or what waits for Redis: "
				    "raise limits.memory");
	if (!view->publisher || !view->publisher->is_kafka_up)
		add_reason(reasons, "Kafka does not answer");
	if (!status_is_redis_up(view))
		add_reason(reasons, "Redis does not answer");
	check_tasks(view, reasons);
}

bool status_is_ready(const struct status_view *view)
{
	struct reasons reasons = {0};
	check_all(view, &reasons);
	return reasons.count == 0;
}

void status_put_ready(const struct status_view *view, struct buffer *out)
{
	json_text_open(out, NULL, '{');
	json_text_put_bool(out, "ready", status_is_ready(view));
	json_text_open(out, "reasons", '[');
	check_all(view, &(struct reasons){.out = out});
	json_text_close(out, ']');
	json_text_close(out, '}');
	buffer_put(out, "\n", 1);
}

/* ---- Status ---- */

static void put_known(struct buffer *out, const char *name, int64_t number)
{
	if (number < 0)
		json_text_put_null(out, name);
	else
		json_text_put_integer(out, name, number);
}

static void put_gap(struct buffer *out, const struct input_gap *gap)
{
	if (gap->offset_count == 0 && gap->to == 0) {
		json_text_put_null(out, "gap");
		return;
	}
	json_text_open(out, "gap", '{');
	json_text_put_integer(out, "missing", (int64_t)gap->offset_count);
	json_text_put_integer(out, "last_from", gap->from);
	json_text_put_integer(out, "last_to", gap->to);
	json_text_close(out, '}');
}

static void put_input(const struct status_view *view, const struct input_status *input, size_t number,
		      struct buffer *out)
{
	bool has_lag = input->offset >= 0 && input->log_end >= 0;
	json_text_open(out, NULL, '{');
	json_text_put_text(out, "topic", topic_of(view, number));
	put_known(out, "offset", input->offset);
	put_known(out, "log_end", input->log_end);
	put_known(out, "lag", has_lag ? input->log_end - input->offset : -1);
	if (input->problem.kind == KAFKA_PROBLEM_NONE)
		json_text_put_null(out, "problem");
	else
		json_text_put_text(out, "problem", input->problem.text);
	put_gap(out, &input->gap);
	json_text_close(out, '}');
}

static void put_task(const struct status_view *view, const struct worker_status *worker, size_t place,
		     struct buffer *out)
{
	const struct task_status *task = &worker->tasks[place];
	bool is_wanted = status_is_wanted(view, task->number);
	if (!task->is_here && !is_wanted)
		return;
	json_text_open(out, NULL, '{');
	json_text_put_integer(out, "task", task->number);
	json_text_put_integer(out, "worker", (int64_t)worker->number);
	json_text_put_text(out, "state", task->state);
	json_text_put_bool(out, "wanted", is_wanted);
	json_text_put_bool(out, "caught_up", task->is_caught_up);
	json_text_put_integer(out, "people", (int64_t)task->people);
	put_known(out, "restore_ms", task->restore_ms);
	json_text_open(out, "inputs", '[');
	for (size_t i = 0; i < worker->input_count; i++)
		put_input(view, &status_inputs(worker, place)[i], i, out);
	json_text_close(out, ']');
	json_text_close(out, '}');
}

/* In the order of the workers, of each in the order of tasks. */
static void put_tasks(const struct status_view *view, struct buffer *out)
{
	json_text_open(out, "tasks", '[');
	for (size_t i = 0; i < view->worker_count; i++)
		for (size_t j = 0; view->workers[i] && j < view->workers[i]->task_count; j++)
			put_task(view, view->workers[i], j, out);
	json_text_close(out, ']');
}

static void put_memory(const struct status_view *view, struct buffer *out)
{
	json_text_open(out, "memory", '{');
	json_text_put_integer(out, "resident_bytes", (int64_t)memory_resident_bytes());
	if (view->instance) {
		json_text_put_integer(out, "limit_bytes", (int64_t)view->instance->memory_limit_bytes);
		json_text_put_bool(out, "full", view->instance->is_memory_full);
	}
	json_text_close(out, '}');
}

static void put_stream_time(const struct status_view *view, struct buffer *out)
{
	if (view->instance && view->instance->now_ms != TIME_NONE)
		json_text_put_integer(out, "stream_time_ms", view->instance->now_ms);
	else
		json_text_put_null(out, "stream_time_ms");
}

static void put_windows(const struct options *options, struct buffer *out)
{
	json_text_open(out, "windows", '[');
	for (size_t i = 0; i < options->window_count; i++) {
		json_text_open(out, NULL, '{');
		json_text_put_text(out, "window", options->windows[i].name);
		json_text_put_integer(out, "length_ms", options->windows[i].length_ms);
		json_text_put_integer(out, "slide_ms", options->windows[i].slide_ms);
		json_text_close(out, '}');
	}
	json_text_close(out, ']');
}

/* What the norm of accounts is; a rung without one is left out. */
static void put_norms(const struct options *options, struct buffer *out)
{
	json_text_open(out, "norms", '{');
	for (int i = 0; i < JUDGED_RUNG_COUNT; i++)
		if (options->diagnosis.norm_micros[i])
			json_text_put_micros(out, judged_rung_name((enum judged_rung)i),
					     options->diagnosis.norm_micros[i]);
	json_text_close(out, '}');
}

/* What those who look at rows have to know of the configuration. */
static void put_settings(const struct options *options, struct buffer *out)
{
	json_text_open(out, "settings", '{');
	put_windows(options, out);
	json_text_put_integer(out, "min_volume", options->diagnosis.min_volume);
	json_text_put_integer(out, "lateness_ms", options->lateness_ms);
	json_text_put_integer(out, "outcome_window_ms", options->outcome_window_ms);
	put_norms(options, out);
	json_text_close(out, '}');
}

void status_put_json(const struct status_view *view, struct buffer *out)
{
	const struct publisher_status *publisher = view->publisher;
	json_text_open(out, NULL, '{');
	json_text_put_text(out, "version", LADDER_VERSION);
	json_text_put_text(out, "group", view->config->kafka.group);
	json_text_put_bool(out, "ready", status_is_ready(view));
	json_text_put_bool(out, "kafka_up", publisher && publisher->is_kafka_up);
	json_text_put_bool(out, "redis_up", status_is_redis_up(view));
	json_text_put_bool(out, "merging", publisher && publisher->is_merging);
	put_known(out, "rows_waiting", publisher ? (int64_t)publisher->rows_waiting : -1);
	put_known(out, "dead_letters_waiting", publisher ? (int64_t)publisher->dead_waiting : -1);
	put_stream_time(view, out);
	put_settings(&view->config->options, out);
	put_memory(view, out);
	put_known(out, "partitions", view->instance ? (int64_t)view->instance->task_count : -1);
	put_tasks(view, out);
	json_text_close(out, '}');
	buffer_put(out, "\n", 1);
}
