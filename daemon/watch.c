#include "daemon/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/json_text.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/metrics.h"
#include "daemon/page_files.h"
#include "daemon/passwords.h"
#include "daemon/status_json.h"

enum { ROWS_MAX = 10000, SHELF_SHARE = 16, SHELF_BYTES_MAX = 256 << 20, ALERTS_SHARE = 16 };
enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, UNAVAILABLE = 503 };

static const char json_type[] = "application/json";

struct watch {
	struct http *http;
	struct status_board *board;
	struct row_shelf *shelf;
	struct alert_shelf *alerts;
	struct passwords *passwords; /* NULL: anybody may ask */
};

typedef void answer_function(struct watch *watch, const struct http_request *request,
			     struct http_answer *answer);

static void put(struct http_answer *answer, const char *text)
{
	buffer_put(&answer->body, text, strlen(text));
}

static void refuse(struct http_answer *answer, unsigned status, const char *why)
{
	answer->status = status;
	answer->type = json_type;
	json_text_open(&answer->body, NULL, '{');
	json_text_put_text(&answer->body, "error", why);
	json_text_close(&answer->body, '}');
	put(answer, "\n");
}

/* status_look with the counts of the shelf. */
static struct status_view look(struct watch *watch)
{
	struct status_view view = *status_look(watch->board);
	view.shelf = row_shelf_counts(watch->shelf);
	return view;
}

static void answer_metrics(struct watch *watch, const struct http_request *request,
			   struct http_answer *answer)
{
	(void)request;
	struct status_view view = look(watch);
	answer->type = METRICS_TYPE;
	metrics_put(&view, &answer->body);
}

static void answer_health(struct watch *watch, const struct http_request *request, struct http_answer *answer)
{
	(void)watch, (void)request;
	put(answer, "ok\n");
}

static void answer_ready(struct watch *watch, const struct http_request *request, struct http_answer *answer)
{
	(void)request;
	struct status_view view = look(watch);
	answer->type = json_type;
	answer->status = status_is_ready(&view) ? OK : UNAVAILABLE;
	status_put_ready(&view, &answer->body);
}

static void answer_status(struct watch *watch, const struct http_request *request, struct http_answer *answer)
{
	(void)request;
	struct status_view view = look(watch);
	answer->type = json_type;
	status_put_json(&view, &answer->body);
}

/* ---- Rows ---- */

/* True where it is not there, too. */
static bool take_number(const struct http_request *request, const char *name, int64_t low, int64_t high,
			int64_t *number)
{
	char *end;
	const char *text = http_argument(request, name);
	if (!text)
		return true;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return end != text && !*end && !errno && *number >= low && *number <= high;
}

static void refuse_many(struct http_answer *answer, int64_t row_max)
{
	char why[256];
	snprintf(why, sizeof(why),
		 "more than %" PRId64 " rows: name more of level, id, account, campaign, adset, window, "
		 "basis, kind, from_ms and to_ms, as in /api/v1/rows?"
		 "level=campaign&window=1h&basis=event&kind=rolling", row_max);
	refuse(answer, BAD_REQUEST, why);
}

static void put_rows(struct watch *watch, const struct row_query *query, int64_t row_max,
		     struct http_answer *answer)
{
	answer->type = json_type;
	switch (row_shelf_find(watch->shelf, query, (size_t)row_max, &answer->body)) {
	case ROW_FOUND:
		if (!row_shelf_counts(watch->shelf).is_complete)
			answer->note = "rows that had not changed for long were dropped: read the topics";
		break;
	case ROW_FOUND_CLOSED:
		refuse(answer, UNAVAILABLE,
		       "this instance publishes no rows, or not yet: ask the one whose /status says "
		       "\"merging\":true, when it is ready");
		break;
	case ROW_FOUND_TOO_MANY:
		refuse_many(answer, row_max);
		break;
	}
}

static void answer_rows(struct watch *watch, const struct http_request *request, struct http_answer *answer)
{
	int64_t row_max = ROWS_MAX;
	struct row_query query = {
		.kind = http_argument(request, "kind"),
		.basis = http_argument(request, "basis"),
		.window = http_argument(request, "window"),
		.level = http_argument(request, "level"),
		.id = http_argument(request, "id"),
		.account = http_argument(request, "account"),
		.campaign = http_argument(request, "campaign"),
		.adset = http_argument(request, "adset"),
	};
	if (!take_number(request, "from_ms", 0, INT64_MAX, &query.from_ms) ||
	    !take_number(request, "to_ms", 0, INT64_MAX, &query.to_ms))
		refuse(answer, BAD_REQUEST, "from_ms and to_ms are times in milliseconds since 1970");
	else if (!take_number(request, "limit", 1, ROWS_MAX, &row_max))
		refuse(answer, BAD_REQUEST, "limit is from 1 to 10000");
	else
		put_rows(watch, &query, row_max, answer);
}

static void answer_alerts(struct watch *watch, const struct http_request *request,
			  struct http_answer *answer)
{
	const struct alert_query query = {
		.name = http_argument(request, "alertname"),
		.level = http_argument(request, "level"),
		.id = http_argument(request, "id"),
	};
	answer->type = json_type;
	switch (alert_shelf_find(watch->alerts, &query, &answer->body)) {
	case ALERT_FOUND:
		break;
	case ALERT_FOUND_SOME:
		answer->note = "more alerts fire than are kept here: read the topic";
		break;
	case ALERT_FOUND_CLOSED:
		refuse(answer, UNAVAILABLE,
		       "this instance judges no alerts, or not yet: ask the one whose /status says "
		       "\"merging\":true, when it is ready");
		break;
	}
}

static const struct {
	const char *path;
	answer_function *answer;
} shelf_routes[] = {
	{"/api/v1/rows", answer_rows}, {"/api/v1/alerts", answer_alerts},
}, routes[] = {
	{"/metrics", answer_metrics}, {"/healthz", answer_health},
	{"/readyz", answer_ready},    {"/status", answer_status},
};

bool watch_answer(struct watch *watch, const struct http_request *request, struct http_answer *answer)
{
	for (size_t i = 0; i < sizeof(shelf_routes) / sizeof(shelf_routes[0]); i++)
		if (strcmp(http_path(request), shelf_routes[i].path) == 0) {
			shelf_routes[i].answer(watch, request, answer);
			return true;
		}
	return false;
}

static bool answer_page(const struct http_request *request, struct http_answer *answer)
{
	for (size_t i = 0; i < page_file_count; i++)
		if (strcmp(http_path(request), page_files[i].path) == 0) {
			answer->type = page_files[i].type;
			buffer_put(&answer->body, page_files[i].bytes, page_files[i].byte_count);
			return true;
		}
	return false;
}

static void answer(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(http_path(request), routes[i].path) == 0) {
			routes[i].answer(ctx, request, answer);
			return;
		}
	if (!watch_answer(ctx, request, answer) && !answer_page(request, answer))
		refuse(answer, NOT_FOUND,
		       "there are /, /metrics, /healthz, /readyz, /status, /api/v1/rows and /api/v1/alerts");
}

/* What the shelf may take of the memory; it counts as what people and ads may. */
static size_t shelf_bytes(const struct config *config)
{
	uint64_t memory_bytes = config->limits.memory_bytes ? (uint64_t)config->limits.memory_bytes
							    : memory_machine_bytes();
	uint64_t share = memory_bytes / SHELF_SHARE;
	return share < SHELF_BYTES_MAX ? (size_t)share : SHELF_BYTES_MAX;
}

static bool admit(void *ctx, const char *user, const char *password)
{
	struct watch *watch = ctx;
	return passwords_fit(watch->passwords, user, password);
}

static struct watch *create(const struct config *config)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	CHECK(watch);
	watch->board = status_board_create(config, config->workers);
	watch->shelf = row_shelf_create(shelf_bytes(config));
	watch->alerts = alert_shelf_create(shelf_bytes(config) / ALERTS_SHARE);
	if (config->http.basic_auth_users.count)
		watch->passwords = passwords_create(&config->http.basic_auth_users);
	return watch;
}

bool watch_start(const struct config *config, struct watch **watch, int *exit_code)
{
	struct http_error error;
	bool is_off = strcmp(config->http.listen, "off") == 0;
	*watch = NULL;
	if (is_off && strcmp(config->control.socket, "off") == 0)
		return true;
	struct watch *made = create(config);
	if (is_off) {
		*watch = made;
		return true;
	}
	const char *cert_file = config->http.tls_server_config.cert_file;
	made->http = http_start(&(struct http_options){
		.listen = config->http.listen,
		.cert_file = cert_file,
		.key_file = config->http.tls_server_config.key_file,
		.answer = answer,
		.admit = made->passwords ? admit : NULL,
		.ctx = made,
	}, &error);
	if (made->http) {
		log_info("answers by http", "url=http%s://%s password=%s", cert_file[0] ? "s" : "",
			 config->http.listen, made->passwords ? "yes" : "no");
		*watch = made;
		return true;
	}
	*exit_code = error.exit_code;
	log_error("nothing can be answered by http", "why=%s", log_quoted(error.text).text);
	watch_stop(made);
	return false;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	http_stop(watch->http);
	passwords_destroy(watch->passwords);
	alert_shelf_destroy(watch->alerts);
	row_shelf_destroy(watch->shelf);
	status_board_destroy(watch->board);
	free(watch);
}

struct status_board *watch_board(struct watch *watch)
{
	return watch ? watch->board : NULL;
}

struct row_shelf *watch_shelf(struct watch *watch)
{
	return watch ? watch->shelf : NULL;
}

struct alert_shelf *watch_alert_shelf(struct watch *watch)
{
	return watch ? watch->alerts : NULL;
}
