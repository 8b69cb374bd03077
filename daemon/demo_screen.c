#include "daemon/demo_screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/kafka_in.h"
#include "daemon/ladder_view.h"
#include "daemon/loop.h"

enum { OPEN_TIMEOUT_MS = 10000, WAIT_MS = 100, BATCH = 1000, PREFETCH_BYTES = 4 << 20 };
enum { TERMINAL_EVERY_MS = 250, PLAIN_EVERY_MS = 5000, PLAIN_WIDTH = 141, WIDTH_MIN = 50 };

struct demo_screen {
	struct kafka_in *in;
	struct ladder_view *view;
	bool is_terminal;
	bool is_gone;        /* nobody reads standard output any more */
	int error_fd;        /* what standard error was, or -1 */
	int64_t drawn_at_ms;
	char title[256];     /* of the last picture */
	struct buffer text;
};

/* ---- Standard output and error ---- */

static void write_out(struct demo_screen *screen, struct slice text)
{
	while (text.len && !screen->is_gone) {
		ssize_t written = write(STDOUT_FILENO, text.data, text.len);
		if (written > 0)
			text = (struct slice){text.data + written, text.len - (size_t)written};
		screen->is_gone = written < 0 && errno != EINTR && errno != EAGAIN;
	}
}

static void terminal_take(struct demo_screen *screen, const char *log_path)
{
	int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	fflush(stderr);
	if (log_fd >= 0) {
		screen->error_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(log_fd, STDERR_FILENO);
		close(log_fd);
	}
	write_out(screen, slice_from("\033[?1049h\033[?25l\033[2J"));
}

static void terminal_give_back(struct demo_screen *screen)
{
	write_out(screen, slice_from("\033[0m\033[?25h\033[?1049l"));
	fflush(stderr);
	if (screen->error_fd >= 0) {
		dup2(screen->error_fd, STDERR_FILENO);
		close(screen->error_fd);
	}
	screen->error_fd = -1;
}

/* ---- The picture ---- */

static struct ladder_paper paper_now(const struct demo_screen *screen)
{
	struct winsize size = {0};
	if (!screen->is_terminal)
		return (struct ladder_paper){PLAIN_WIDTH, 0, true};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	unsigned width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
	return (struct ladder_paper){width, size.ws_row - 1u, false};
}

/* Every line ends what an older picture has left of it. */
static void write_in_place(struct demo_screen *screen)
{
	const char *at = screen->text.data, *end = at + screen->text.len;
	write_out(screen, slice_from("\033[H"));
	for (const char *line; at < end; at = line + 1) {
		line = memchr(at, '\n', (size_t)(end - at));
		write_out(screen, (struct slice){at, (size_t)(line - at)});
		write_out(screen, slice_from("\033[K\r\n"));
	}
	write_out(screen, slice_from("\033[J"));
}

static void draw(struct demo_screen *screen, bool is_in_place)
{
	struct ladder_paper paper = paper_now(screen);
	screen->text.len = 0;
	ladder_view_draw(screen->view, &paper, screen->title, &screen->text);
	if (is_in_place) {
		write_in_place(screen);
		return;
	}
	write_out(screen, buffer_slice(&screen->text));
	write_out(screen, slice_from("\n"));
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
	if (now_ms < screen->drawn_at_ms + (screen->is_terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS))
		return !screen->is_gone;
	snprintf(screen->title, sizeof screen->title, "%s", title);
	draw(screen, screen->is_terminal);
	screen->drawn_at_ms = now_ms;
	return !screen->is_gone;
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
	screen->error_fd = -1;
	screen->drawn_at_ms = loop_now_ms();
	if (!open_topic(screen, options, error)) {
		kafka_in_destroy(screen->in);
		free(screen);
		return NULL;
	}
	struct ladder_view_options shown = {"campaign", options->window, "cohort"};
	screen->view = ladder_view_create(&shown);
	screen->is_terminal = isatty(STDOUT_FILENO);
	if (screen->is_terminal)
		terminal_take(screen, options->log_path);
	return screen;
}

void demo_screen_close(struct demo_screen *screen)
{
	if (!screen)
		return;
	take_rows(screen);
	if (screen->is_terminal)
		terminal_give_back(screen);
	draw(screen, false);
	kafka_in_destroy(screen->in);
	ladder_view_destroy(screen->view);
	buffer_destroy(&screen->text);
	free(screen);
}
