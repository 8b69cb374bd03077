#include "daemon/control_row.h"

#include <inttypes.h>

#include "daemon/explain_row.h"
#include "daemon/json_text.h"
#include "daemon/ladder_view_row.h"
#include "daemon/plain_text.h"

struct answer {
	const struct asked *asked;
	const struct row_scope *scope;
	const struct options *options;
	struct buffer published;     /* its JSON; empty: it is not here */
	bool is_publisher;           /* rows go out here */
	int64_t sums[COUNTER_COUNT]; /* of the tasks that are here */
	struct buffer *out;
};

static const enum counter rung_counters[LADDER_RUNG_COUNT] = {
#define RUNG(word, field, of, cause) [LADDER_##word] = COUNTER_##field,
	LADDER_RUNGS
#undef RUNG
};

/* When nothing can change a bucket any more: spec section 6.3, and cells.c. */
static int64_t settles_ms(const struct answer *answer, int64_t to_ms)
{
	int64_t settled_ms = to_ms + answer->options->lateness_ms;
	return answer->scope->basis == BASIS_COHORT ? settled_ms + answer->options->outcome_window_ms
						    : settled_ms;
}

static size_t count_tasks(const struct answer *answer, enum desk_task state)
{
	size_t count = 0;
	for (size_t i = 0; i < answer->asked->task_count; i++)
		count += answer->asked->tasks[i] == state;
	return count;
}

/* ---- In words ---- */

static void put_tasks(const struct answer *answer, enum desk_task state)
{
	const char *before = " ";
	for (size_t i = 0; i < answer->asked->task_count; i++) {
		if (answer->asked->tasks[i] != state)
			continue;
		plain_text_put(answer->out, "%s%zu", before, i);
		before = ", ";
	}
}

static void put_settling(const struct answer *answer, const struct ladder_row *row, bool is_settled)
{
	if (answer->scope->kind == ROW_ROLLING) {
		plain_text_put(answer->out, "it slides on: nothing of it is ever settled\n");
		return;
	}
	plain_text_put(answer->out, is_settled ? "it is settled: nothing changes it any more, since "
					       : "it is not settled: events may change it until ");
	plain_text_put_time(answer->out, settles_ms(answer, row->to_ms));
	plain_text_put(answer->out, " in the events' time\n");
}

static void put_published(const struct answer *answer, const struct ladder_row *row)
{
	int64_t counts[COUNTER_COUNT] = {0};
	for (size_t i = 0; i < LADDER_RUNG_COUNT; i++)
		counts[rung_counters[i]] = row->counts[i];
	counts[COUNTER_spend] = row->spend_micros;
	plain_text_put(answer->out, "published with revision %" PRId64 ", from ", row->revision);
	plain_text_put_time(answer->out, row->from_ms);
	plain_text_put(answer->out, " to ");
	plain_text_put_time(answer->out, row->to_ms);
	plain_text_put(answer->out, "\n    ");
	explain_row_put_counts(counts, answer->out);
	plain_text_put(answer->out, "\n");
	put_settling(answer, row, json_text_holds(buffer_slice(&answer->published),
						  slice_from("\"settled\":true")));
}

/* What comes from reports need not be the sum: row_parts.h. */
static bool is_same(const struct answer *answer, const struct ladder_row *row)
{
	bool is_same = true;
	for (size_t i = LADDER_click; i < LADDER_RUNG_COUNT; i++)
		is_same &= row->counts[i] == answer->sums[rung_counters[i]];
	return is_same;
}

static void put_comparison(const struct answer *answer, const struct ladder_row *row)
{
	if (count_tasks(answer, DESK_TASK_HERE) < answer->asked->task_count) {
		plain_text_put(answer->out, "tasks that are not here, or not yet, have the rest:");
		put_tasks(answer, DESK_TASK_ELSEWHERE);
		put_tasks(answer, DESK_TASK_COMING);
	} else if (is_same(answer, row)) {
		plain_text_put(answer->out, "the tasks have the same");
	} else {
		plain_text_put(answer->out, "the tasks have another sum by now, which goes out with the next "
			       "revision:\n    ");
		explain_row_put_counts(answer->sums, answer->out);
	}
	plain_text_put(answer->out, "\n");
}

static void put_text(const struct answer *answer)
{
	struct ladder_row row;
	plain_text_put_slice(answer->out, answer->scope->key);
	plain_text_put(answer->out, "\n");
	if (answer->published.len && ladder_row_parse(buffer_slice(&answer->published), &row)) {
		put_published(answer, &row);
		put_comparison(answer, &row);
	} else {
		plain_text_put(answer->out, "%s\n", answer->is_publisher
			       ? "it is not kept here: it has not changed for long, or goes out soon"
			       : "rows go out elsewhere: ask the instance whose /status says "
				 "\"merging\":true");
	}
	plain_text_put(answer->out, "\n");
	control_put_answers(answer->asked, answer->out);
}

/* ---- As JSON ---- */

static void put_elsewhere(const struct answer *answer)
{
	json_text_open(answer->out, "elsewhere", '[');
	for (size_t i = 0; i < answer->asked->task_count; i++)
		if (answer->asked->tasks[i] != DESK_TASK_HERE)
			json_text_put_integer(answer->out, NULL, (int64_t)i);
	json_text_close(answer->out, ']');
}

static void put_json(const struct answer *answer)
{
	struct ladder_row row;
	bool is_there = answer->published.len && ladder_row_parse(buffer_slice(&answer->published), &row);
	json_text_open(answer->out, NULL, '{');
	json_text_put_slice(answer->out, "key", answer->scope->key);
	if (is_there)
		json_text_put_document(answer->out, "published", buffer_slice(&answer->published));
	else
		json_text_put_null(answer->out, "published");
	if (is_there && answer->scope->kind == ROW_BUCKET)
		json_text_put_time(answer->out, "settles", settles_ms(answer, row.to_ms));
	else
		json_text_put_null(answer->out, "settles");
	explain_row_put_counts_json(answer->sums, "counts", answer->out);
	put_elsewhere(answer);
	json_text_open(answer->out, "tasks", '[');
	control_put_answers(answer->asked, answer->out);
	json_text_close(answer->out, ']');
	json_text_close(answer->out, '}');
	plain_text_put(answer->out, "\n");
}

bool control_put_row(const struct asked *asked, const struct row_scope *scope, const struct options *options,
		     struct row_shelf *shelf, struct buffer *out)
{
	struct answer answer = {.asked = asked, .scope = scope, .options = options, .out = out};
	size_t answer_count = 0;
	answer.is_publisher = shelf && row_shelf_get(shelf, scope->key, &answer.published) == ROW_FOUND;
	for (size_t i = 0; i < asked->worker_count; i++) {
		answer_count += asked->questions[i].answer_count;
		for (size_t j = 0; j < COUNTER_COUNT; j++)
			answer.sums[j] += asked->questions[i].sums[j];
	}
	bool is_any = answer_count > 0 || answer.published.len > 0;
	if (is_any && asked->is_json)
		put_json(&answer);
	else if (is_any)
		put_text(&answer);
	buffer_destroy(&answer.published);
	return is_any;
}
