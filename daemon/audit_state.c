#include "daemon/audit_state.h"

#include <inttypes.h>
#include <stdlib.h>

#include "daemon/commands.h"
#include "daemon/identity.h"
#include "daemon/redis_talk.h"
#include "daemon/shuffle.h"
#include "daemon/task_meta.h"
#include "daemon/task_trace.h"

/* The vector has the inputs in the order of the counts, and the shuffle topic behind them. */
enum { INPUTS_MAX = 256 };

static void create_state(struct audit_state *state, size_t task_count, size_t input_count)
{
	*state = (struct audit_state){calloc(task_count, sizeof(*state->tasks)), task_count, input_count};
	CHECK(state->tasks);
	for (size_t i = 0; i < task_count; i++) {
		state->tasks[i].inputs = calloc(input_count, sizeof(*state->tasks[i].inputs));
		CHECK(state->tasks[i].inputs);
		marks_create(&state->tasks[i].marks, input_count, task_count);
	}
}

void audit_state_destroy(struct audit_state *state)
{
	for (size_t i = 0; i < state->task_count; i++) {
		free(state->tasks[i].inputs);
		marks_destroy(&state->tasks[i].marks);
	}
	free(state->tasks);
	*state = (struct audit_state){.task_count = 0};
}

/* ---- What is stored ---- */

static size_t find_input(const struct config *config, struct slice topic)
{
	size_t input = 0;
	while (input < config->kafka.inputs.count &&
	       !slice_equal(slice_from(config->kafka.inputs.items[input].topic), topic))
		input++;
	return input;
}

/* NULL where the configuration has no such input. */
static struct audit_input *input_of(struct audit_task *task, const struct config *config, struct slice topic)
{
	size_t input = find_input(config, topic);
	return input < config->kafka.inputs.count ? &task->inputs[input] : NULL;
}

static void take_traces(struct audit_task *task, const struct config *config, struct reader *reader)
{
	(void)reader_signed(reader); /* when that was */
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		struct task_trace read = task_trace_read(reader);
		struct audit_input *input = input_of(task, config, read.topic);
		if (input)
			input->skipped_count = read.gap.offset_count;
	}
}

static void take_marks(struct audit_task *task, const struct config *config, struct reader *reader)
{
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		size_t input = find_input(config, reader_text(reader));
		bool is_known = input < config->kafka.inputs.count;
		uint64_t log = reader_unsigned(reader);
		if (is_known)
			task->inputs[input].log = log;
		marks_decode(&task->marks, is_known ? input : SIZE_MAX, reader);
	}
}

/* The offsets, and the counts, which stand in the same order. */
static bool take_counts(struct audit_task *task, const struct config *config, struct slice vector,
			struct slice page)
{
	struct reader reader = reader_of(vector);
	uint64_t count = reader_unsigned(&reader);
	if (reader.failed || count > INPUTS_MAX)
		return false;
	struct counts counts[count ? count : 1];
	if (!task_read_counts(page, counts, (size_t)count))
		return false;
	for (uint64_t i = 0; i < count && !reader.failed; i++) {
		struct audit_input *input = input_of(task, config, reader_text(&reader));
		int64_t offset = reader_signed(&reader);
		if (!input)
			continue;
		input->offset = offset > 0 ? offset : 0; /* below 0: where the log begins */
		input->counts = counts[i];
	}
	return !reader.failed;
}

bool audit_state_take(struct audit_state *state, size_t number, const struct config *config,
		      struct slice vector, struct slice meta)
{
	struct audit_task *task = &state->tasks[number];
	struct reader reader = reader_of(meta);
	(void)task_meta_read(&reader);
	take_traces(task, config, &reader);
	take_marks(task, config, &reader);
	struct slice page = {reader.at, (size_t)(reader.end - reader.at)};
	task->is_stored = !reader.failed && take_counts(task, config, vector, page);
	return task->is_stored;
}

/* ---- Redis ---- */

/* Whether what is stored was counted as the configuration would. */
static bool is_of_config(const struct config *config, size_t task_count, struct slice meta,
			 struct check_report *report)
{
	struct reader reader = reader_of(meta);
	struct task_meta head = task_meta_read(&reader);
	char why[TASK_FIT_MAX];
	if (!task_meta_fits(&head, config, task_count, why))
		check_report_error(report, EXIT_CONFIG, "redis: the state of a task: %s", why);
	return report->error_count == 0;
}

static bool read_task(struct audit_state *state, size_t task, const struct config *config,
		      const struct redis_talks *talks, const struct identity *identity,
		      struct check_report *report)
{
	struct buffer vector = {0}, meta = {0};
	enum redis_state found = redis_talks_get_state(talks, config->redis.namespace, task, identity,
						       &vector, &meta);
	if (found == REDIS_STATE_FOUND &&
	    is_of_config(config, state->task_count, buffer_slice(&meta), report) &&
	    !audit_state_take(state, task, config, buffer_slice(&vector), buffer_slice(&meta)))
		check_report_error(report, EXIT_FAILED, "redis: what is stored of task %zu is not ours",
				   task);
	buffer_destroy(&vector);
	buffer_destroy(&meta);
	return report->error_count == 0;
}

static bool load_identity(const struct config *config, struct identity *identity, struct check_report *report)
{
	char error[512];
	int code = identity_load(config->identity.key_file, identity, error, sizeof(error));
	if (code)
		check_report_error(report, code, "%s", error);
	return code == 0;
}

bool audit_state_read(struct audit_state *state, const struct config *config,
		      const struct connections *connections, size_t task_count, struct check_report *report)
{
	struct identity identity = {.person_key = {0}};
	struct redis_talks talks = {.count = 0};
	create_state(state, task_count, config->kafka.inputs.count);
	bool is_read = load_identity(config, &identity, report) &&
		       redis_talks_open(&talks, &connections->redis, report);
	for (size_t i = 0; i < task_count && is_read; i++)
		is_read = read_task(state, i, config, &talks, &identity, report);
	redis_talks_close(&talks);
	explicit_bzero(&identity, sizeof(identity));
	return is_read;
}
