#include "daemon/control.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/base/partition.h"
#include "core/join/join.h"
#include "daemon/control_row.h"
#include "daemon/control_socket.h"
#include "daemon/json_text.h"
#include "daemon/log.h"
#include "daemon/plain_text.h"

enum { ANSWER_MS = 10000 };

struct control {
	struct control_options options;
	struct control_socket socket;
	struct http *http;
};

static void refuse(struct http_answer *answer, unsigned status, const char *why)
{
	answer->status = status;
	answer->body.len = 0;
	plain_text_put(&answer->body, "%s\n", why);
}

static void begin(const struct control *control, struct asked *asked, const struct http_request *request)
{
	const char *format = http_argument(request, "format");
	*asked = (struct asked){
		.worker_count = desk_worker_count(control->options.desk),
		.task_count = control->options.shared->task_count,
		.is_json = format && strcmp(format, "json") == 0,
	};
	asked->questions = calloc(asked->worker_count, sizeof(*asked->questions));
	asked->tasks = calloc(asked->task_count, 1);
	CHECK(asked->questions && asked->tasks);
	for (size_t i = 0; i < asked->worker_count; i++) {
		asked->questions[i].is_json = asked->is_json;
		asked->questions[i].tasks = asked->tasks;
	}
}

static void end(struct asked *asked)
{
	for (size_t i = 0; i < asked->worker_count; i++)
		buffer_destroy(&asked->questions[i].answer);
	free(asked->questions);
	free(asked->tasks);
}

static size_t answer_count(const struct asked *asked)
{
	size_t count = 0;
	for (size_t i = 0; i < asked->worker_count; i++)
		count += asked->questions[i].answer_count;
	return count;
}

void control_put_answers(const struct asked *asked, struct buffer *out)
{
	const char *between = "";
	for (size_t i = 0; i < asked->worker_count; i++) {
		const struct question *question = &asked->questions[i];
		if (question->answer_count == 0)
			continue;
		plain_text_put(out, "%s", between);
		buffer_put(out, question->answer.data, question->answer.len);
		between = asked->is_json ? ",\n" : "\n";
	}
}

/* ---- A person ---- */

/* Where he is kept if everything is keyed as the configuration says. */
static uint32_t home_of(const struct control *control, struct slice user)
{
	const struct config *config = control->options.config;
	return partition_of_key(config_shuffle(config).users, user,
				config_home_count(config, control->options.shared->task_count));
}

/* No task that is here knows him. */
static void refuse_person(const struct asked *asked, uint32_t home, struct http_answer *answer)
{
	struct buffer why = {0};
	size_t elsewhere = 0;
	for (size_t i = 0; i < asked->task_count; i++)
		elsewhere += asked->tasks[i] == DESK_TASK_ELSEWHERE;
	unsigned status = CONTROL_NOT_FOUND;
	if (asked->tasks[home] == DESK_TASK_COMING) {
		status = CONTROL_LATER;
		plain_text_put(&why, "task %" PRIu32 ", where this person is kept, is being read back: ask "
			       "again in a moment", home);
	} else if (asked->tasks[home] == DESK_TASK_ELSEWHERE) {
		status = CONTROL_ELSEWHERE;
		plain_text_put(&why, "task %" PRIu32 ", where this person is kept, is with another instance: "
			       "ask there (its /status lists its tasks)", home);
	} else {
		plain_text_put(&why, "nobody here knows this person: no event with this `user` has come that "
			       "counts, or he was silent for longer than ladder.retention%s",
			       elsewhere ? " (or his events are not keyed by him, and in a task of another "
					   "instance)" : "");
	}
	buffer_put(&why, "", 1);
	refuse(answer, status, why.data);
	buffer_destroy(&why);
}

static void answer_person(const struct asked *asked, struct http_answer *answer)
{
	if (!asked->is_json) {
		control_put_answers(asked, &answer->body);
		return;
	}
	answer->type = "application/json";
	plain_text_put(&answer->body, "{\"tasks\":[");
	control_put_answers(asked, &answer->body);
	plain_text_put(&answer->body, "]}\n");
}

static void answer_user(struct control *control, const struct http_request *request,
			struct http_answer *answer)
{
	struct asked asked;
	const char *text = http_argument(request, "user");
	if (!text || !*text) {
		refuse(answer, CONTROL_WRONG, "?user= is missing");
		return;
	}
	struct slice user = slice_from(text);
	begin(control, &asked, request);
	for (size_t i = 0; i < asked.worker_count; i++)
		asked.questions[i].person =
			join_key_of_user(control->options.identity->person_key, user);
	if (!desk_ask(control->options.desk, asked.questions, ANSWER_MS))
		refuse(answer, CONTROL_LATER, "a worker did not answer within 10 seconds: ask again");
	else if (answer_count(&asked) == 0)
		refuse_person(&asked, home_of(control, user), answer);
	else
		answer_person(&asked, answer);
	end(&asked);
}

/* ---- A row ---- */

static void answer_row(struct control *control, const struct http_request *request,
		       struct http_answer *answer)
{
	struct asked asked;
	struct row_scope scope;
	const struct control_options *options = &control->options;
	const char *key = http_argument(request, "key");
	const char *problem = row_scope_create(&scope, slice_from(key ? key : ""), &options->config->options);
	if (problem) {
		refuse(answer, CONTROL_WRONG, problem);
		return;
	}
	begin(control, &asked, request);
	for (size_t i = 0; i < asked.worker_count; i++)
		asked.questions[i].row = &scope;
	if (!desk_ask(options->desk, asked.questions, ANSWER_MS))
		refuse(answer, CONTROL_LATER, "a worker did not answer within 10 seconds: ask again");
	else if (!control_put_row(&asked, &scope, &options->config->options, watch_shelf(options->watch),
				  &answer->body))
		refuse(answer, CONTROL_NOT_FOUND, "no such row was published here, and no task that is here "
		       "has anything for it");
	else if (asked.is_json)
		answer->type = "application/json";
	end(&asked);
	row_scope_destroy(&scope);
}

/* ---- Its life ---- */

static void answer(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	struct control *control = ctx;
	if (strcmp(http_path(request), "/explain/user") == 0)
		answer_user(control, request, answer);
	else if (strcmp(http_path(request), "/explain/row") == 0)
		answer_row(control, request, answer);
	else if (!watch_answer(control->options.watch, request, answer))
		refuse(answer, CONTROL_NOT_FOUND, "there are /explain/user, /explain/row, /api/v1/rows and "
		       "/api/v1/alerts");
}

struct control *control_start(const struct control_options *options)
{
	char why[512];
	struct http_error error;
	const char *path = options->config->control.socket;
	if (strcmp(path, "off") == 0)
		return NULL;
	struct control *control = calloc(1, sizeof(*control));
	CHECK(control);
	control->options = *options;
	if (!control_socket_open(&control->socket, path, why, sizeof(why))) {
		log_warn("`ladderd explain` and `ladderd top` cannot ask this instance", "why=%s",
			 log_quoted(why).text);
		free(control);
		return NULL;
	}
	control->http = http_start(&(struct http_options){
		.listen_fd = control->socket.fd,
		.answer = answer,
		.ctx = control,
	}, &error);
	CHECK(control->http);
	return control;
}

void control_stop(struct control *control)
{
	if (!control)
		return;
	control_socket_remove(&control->socket);
	http_stop(control->http);
	free(control);
}
