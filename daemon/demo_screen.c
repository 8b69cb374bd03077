#include "daemon/demo_screen.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/kafka_in.h"
#include "daemon/ladder_view.h"
#include "daemon/loop.h"
#include "daemon/terminal.h"

enum { OPEN_TIMEOUT_MS = 10000, WAIT_MS = 100, BATCH = 1000, PREFETCH_BYTES = 4 << 20 };
enum { TERMINAL_EVERY_MS = 250, PLAIN_EVERY_MS = 5000 };

struct demo_screen {
	struct kafka_in *in;
	struct ladder_view *view;
	struct terminal *terminal;
	int64_t drawn_at_ms;
	char title[256];     /* of the last picture */
	struct buffer text;
};

static void draw(struct demo_screen *screen)
{
	struct ladder_paper paper = terminal_paper(screen->terminal);
	screen->text.len = 0;
	ladder_view_draw(screen->view, &paper, screen->title, &screen->text);
	terminal_draw(screen->terminal, buffer_slice(&screen->text));
}

/* ---- Rows ---- */

static void take_record(void *ctx, const struct kafka_record *record)
{
	struct demo_screen *screen = ctx;
	struct ladder_row row;
	if (record->value.data && ladder_row_parse(record->value, &row))
		ladder_view_take(screen->view, &row);
}

/* The broker in this process forgets the oldest rows: newer ones of their keys follow. */
static void mend_gap(struct demo_screen *screen)
{
	struct kafka_error error;
	const struct kafka_problem *problem = kafka_in_problem(screen->in, 0, 0);
	if (problem->kind == KAFKA_PROBLEM_GAP &&
	    !kafka_in_seek(screen->in, 0, 0, problem->log_start, &error))
		fprintf(stderr, "ladderd demo: %s\n", error.text);
}

static void take_rows(struct demo_screen *screen)
{
	struct pollfd ready = {.fd = kafka_in_fd(screen->in), .events = POLLIN};
	poll(&ready, 1, WAIT_MS);
	kafka_in_poll(screen->in);
	mend_gap(screen);
	while (kafka_in_consume(screen->in, 0, 0, BATCH, take_record, screen) == BATCH)
		;
}

bool demo_screen_refresh(struct demo_screen *screen, const char *title)
{
	take_rows(screen);
	int64_t now_ms = loop_now_ms();
	int every_ms = terminal_is_screen(screen->terminal) ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS;
	if (now_ms < screen->drawn_at_ms + every_ms)
		return !terminal_is_gone(screen->terminal);
	snprintf(screen->title, sizeof screen->title, "%s", title);
	draw(screen);
	screen->drawn_at_ms = now_ms;
	return !terminal_is_gone(screen->terminal);
}

/* ---- Its life ---- */

static bool open_topic(struct demo_screen *screen, const struct demo_screen_options *options,
		       struct kafka_error *error)
{
	static const int32_t only_partition = 0;
	static const int64_t beginning = KAFKA_IN_BEGINNING;
	const struct kafka_in_options in = {
		.connection = {.brokers = options->brokers}, .name = "screen", .group = "ladderd-demo",
		.topics = &options->topic, .topic_count = 1, .tasks = &only_partition, .task_count = 1,
		.prefetch_bytes = PREFETCH_BYTES};
	screen->in = kafka_in_create(&in, error);
	return screen->in && kafka_in_start(screen->in, &beginning, OPEN_TIMEOUT_MS, error);
}

struct demo_screen *demo_screen_open(const struct demo_screen_options *options, struct kafka_error *error)
{
	struct demo_screen *screen = calloc(1, sizeof *screen);
	CHECK(screen);
	screen->drawn_at_ms = loop_now_ms();
	if (!open_topic(screen, options, error)) {
		kafka_in_destroy(screen->in);
		free(screen);
		return NULL;
	}
	struct ladder_view_options shown = {"campaign", options->window, "cohort"};
	screen->view = ladder_view_create(&shown);
	screen->terminal = terminal_open(&(struct terminal_options){.log_path = options->log_path});
	return screen;
}

void demo_screen_close(struct demo_screen *screen)
{
	if (!screen)
		return;
	take_rows(screen);
	terminal_leave(screen->terminal);
	draw(screen);
	terminal_close(screen->terminal);
	kafka_in_destroy(screen->in);
	ladder_view_destroy(screen->view);
	buffer_destroy(&screen->text);
	free(screen);
}
