#include "daemon/worker_private.h"
#include "daemon/desk.h"
#include "daemon/explain_person.h"
#include "daemon/explain_row.h"

static bool explain_person(const struct worker_task *task, struct question *question)
{
	const struct fold_context ctx = {task->task->options, &task->task->series};
	struct slice blob = people_find(task->task->people, question->person);
	if (blob.len == 0)
		return false;
	struct story *story = story_tell(&ctx, blob);
	if (question->is_json)
		explain_person_as_json(story, &ctx, task->number, &question->answer);
	else
		explain_person_as_text(story, &ctx, task->number, &question->answer);
	story_destroy(story);
	return true;
}

static bool explain_row(const struct worker_task *task, struct question *question)
{
	struct row_parts *parts = row_parts_collect(task->task, question->row);
	if (!parts)
		return false;
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		question->sums[i] += parts->sums[i];
	if (question->is_json)
		explain_row_as_json(parts, task->number, &question->answer);
	else
		explain_row_as_text(parts, task->number, &question->answer);
	row_parts_destroy(parts);
	return true;
}

static void answer_of_task(const struct worker_task *task, struct question *question)
{
	bool is_here = task->task && (task->state == TASK_READING || task->state == TASK_CLAIMED ||
				      task->state == TASK_LEAVING);
	size_t len = question->answer.len;
	if (task->state != TASK_ABSENT)
		question->tasks[task->number] = is_here ? DESK_TASK_HERE : DESK_TASK_COMING;
	if (!is_here)
		return;
	if (question->answer_count)
		buffer_put(&question->answer, "\n", question->is_json ? 0 : 1);
	if (question->row ? explain_row(task, question) : explain_person(task, question))
		question->answer_count++;
	else
		question->answer.len = len;
}

void worker_answer(struct worker *worker)
{
	struct desk *desk = worker->options.desk;
	struct question *question = desk ? desk_take(desk, worker->options.number) : NULL;
	if (!question)
		return;
	for (size_t i = 0; i < worker->options.task_count; i++)
		answer_of_task(&worker->tasks[i], question);
	desk_answer(desk, worker->options.number);
}
