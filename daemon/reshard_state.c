#include "daemon/reshard_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/commands.h"
#include "daemon/ledger.h"
#include "daemon/loop.h"

enum { TURN_MS = 100, SILENCE_MS = 30000, PROGRESS_MS = 500, ERROR_BYTES = 512 };

struct state_task {
	struct stored_task stored;
	struct reshard_state *state;
	struct ledger_task *ledger;
	size_t seen_count; /* pages */
};

struct reshard_state {
	struct loop *loop;
	struct ledger *ledger;
	struct state_task **tasks;
	size_t task_count;
	bool is_over;                /* the operation under way */
	enum ledger_result result;
	char error[ERROR_BYTES];
	int64_t heard_ms;
	int64_t progress_ms;
};

struct reshard_state *reshard_state_create(const struct redis_url *url, const char *name_space,
					   const struct identity *identity)
{
	struct reshard_state *state = calloc(1, sizeof(*state));
	CHECK(state);
	state->loop = loop_create();
	CHECK(state->loop);
	state->ledger = ledger_create(state->loop, url, name_space, identity);
	return state;
}

void reshard_state_destroy(struct reshard_state *state)
{
	if (!state)
		return;
	ledger_destroy(state->ledger);
	loop_destroy(state->loop);
	for (size_t i = 0; i < state->task_count; i++) {
		buffer_destroy(&state->tasks[i]->stored.rest);
		buffer_destroy(&state->tasks[i]->stored.vector);
		buffer_destroy(&state->tasks[i]->stored.names);
		free(state->tasks[i]);
	}
	free(state->tasks);
	free(state);
}

static void show_progress(struct state_task *task, bool is_last)
{
	struct reshard_state *state = task->state;
	int64_t now_ms = loop_now_ms();
	if (!isatty(STDERR_FILENO) || (!is_last && now_ms - state->progress_ms < PROGRESS_MS))
		return;
	state->progress_ms = now_ms;
	fprintf(stderr, "\rreading task %zu: %zu of %zu pages %s", state->task_count - 1, task->seen_count,
		task->stored.page_count, is_last ? "\r\033[K" : "");
}

static void end_operation(struct reshard_state *state, enum ledger_result result, const char *error)
{
	state->is_over = true;
	state->result = result;
	snprintf(state->error, sizeof(state->error), "%s", error ? error : "");
}

/* False: it failed, or nothing was heard of it for long. */
static bool wait_for_end(struct reshard_state *state, char *error, size_t error_size, int *exit_code)
{
	state->is_over = false;
	state->heard_ms = loop_now_ms();
	while (!state->is_over && loop_now_ms() - state->heard_ms < SILENCE_MS)
		loop_run_once(state->loop, TURN_MS);
	*exit_code = EXIT_DONE;
	if (!state->is_over) {
		*exit_code = EXIT_UNAVAILABLE;
		snprintf(error, error_size, "redis does not answer: check redis.url, and that it is up");
	} else if (state->result == LEDGER_FENCED) {
		*exit_code = EXIT_TEMPORARY;
		snprintf(error, error_size, "an instance has written meanwhile: stop all of them, and begin "
			 "again");
	} else if (state->result == LEDGER_FAILED) {
		*exit_code = EXIT_FAILED;
		snprintf(error, error_size, "%s", state->error);
	}
	return *exit_code == EXIT_DONE;
}

/* ---- Reading ---- */

static void begin(void *ctx, struct slice vector, struct slice meta, size_t page_count)
{
	struct state_task *task = ctx;
	struct stored_task *stored = &task->stored;
	struct reader reader = reader_of(meta);
	stored->head = task_meta_read(&reader);
	stored->rest.len = stored->vector.len = stored->names.len = 0;
	buffer_put(&stored->rest, reader.at, (size_t)(reader.end - reader.at));
	buffer_put(&stored->vector, vector.data, vector.len);
	stored->page_count = page_count;
	task->seen_count = 0;
	task->state->heard_ms = loop_now_ms();
}

static void see_page(void *ctx, const char *name, struct slice bytes)
{
	struct state_task *task = ctx;
	(void)bytes;
	buffer_put(&task->stored.names, name, strlen(name) + 1);
	task->seen_count++;
	task->state->heard_ms = loop_now_ms();
	show_progress(task, false);
}

static void end_reading(void *ctx, enum ledger_result result, const char *error)
{
	struct state_task *task = ctx;
	show_progress(task, true);
	end_operation(task->state, result, error);
}

const struct stored_task *reshard_state_read(struct reshard_state *state, char *error, size_t error_size,
					     int *exit_code)
{
	struct state_task *task = calloc(1, sizeof(*task));
	state->tasks = realloc(state->tasks, (state->task_count + 1) * sizeof(*state->tasks));
	CHECK(task && state->tasks);
	task->state = state;
	task->ledger = ledger_open_task(state->ledger, (uint32_t)state->task_count);
	state->tasks[state->task_count++] = task;
	ledger_restore(task->ledger, &(struct ledger_reader){strcmp, begin, see_page, end_reading, task});
	return wait_for_end(state, error, error_size, exit_code) ? &task->stored : NULL;
}

/* ---- Writing ---- */

static void end_writing(void *ctx, enum ledger_result result, const char *error)
{
	end_operation(ctx, result, error);
}

static bool give_commit(struct reshard_state *state, size_t task, struct commit *commit, char *error,
			size_t error_size, int *exit_code)
{
	ledger_commit(state->tasks[task]->ledger, commit, end_writing, state);
	return wait_for_end(state, error, error_size, exit_code);
}

bool reshard_state_write(struct reshard_state *state, size_t task, const struct task_meta *head, char *error,
			 size_t error_size, int *exit_code)
{
	const struct stored_task *stored = &state->tasks[task]->stored;
	struct commit *commit = commit_create();
	struct buffer meta = {0};
	task_meta_put(&meta, head);
	buffer_put(&meta, stored->rest.data, stored->rest.len);
	commit_set_meta(commit, buffer_slice(&meta));
	commit_set_vector(commit, buffer_slice(&stored->vector));
	buffer_destroy(&meta);
	return give_commit(state, task, commit, error, error_size, exit_code);
}

bool reshard_state_clear(struct reshard_state *state, size_t task, char *error, size_t error_size,
			 int *exit_code)
{
	const struct buffer *names = &state->tasks[task]->stored.names;
	struct commit *commit = commit_create();
	for (size_t at = 0; at < names->len; at += strlen(names->data + at) + 1)
		commit_put_deletion(commit, slice_from(names->data + at));
	return give_commit(state, task, commit, error, error_size, exit_code);
}
