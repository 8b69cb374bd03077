#include "daemon/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PLAIN_WIDTH = 141, WIDTH_MIN = 50, ROWS = 24, COLUMNS = 80 };

static const char take_text[] = "\033[?1049h\033[?25l\033[2J";
static const char give_back_text[] = "\033[0m\033[?25h\033[?1049l";

struct terminal {
	bool is_terminal;
	bool is_screen; /* it is taken */
	bool has_keys;
	bool is_gone;
	bool is_keyboard_gone;
	int error_fd; /* what standard error was, or -1 */
	struct termios before;
};

/* For the signal handlers, of the one terminal that has keys. */
static struct termios crash_termios;
static atomic_bool is_end_requested; /* licenses the caller to end */
static atomic_bool is_stop_requested; /* licenses terminal_wait_key to give the terminal back and stop */

/* ---- Writing ---- */

static void write_out(struct terminal *terminal, struct slice text)
{
	while (text.len && !terminal->is_gone) {
		ssize_t written = write(STDOUT_FILENO, text.data, text.len);
		if (written > 0)
			text = (struct slice){text.data + written, text.len - (size_t)written};
		terminal->is_gone = written < 0 && errno != EINTR && errno != EAGAIN;
	}
}

/* Every line ends what an older picture has left of it; there is no newline behind the last one. */
static void write_in_place(struct terminal *terminal, struct slice text)
{
	const char *at = text.data, *end = at + text.len;
	write_out(terminal, slice_from("\033[H"));
	for (const char *line; at < end; at = line + 1) {
		line = memchr(at, '\n', (size_t)(end - at));
		write_out(terminal, (struct slice){at, (size_t)(line - at)});
		write_out(terminal, slice_from(line + 1 < end ? "\033[K\r\n" : "\033[K"));
	}
	write_out(terminal, slice_from("\033[J"));
}

void terminal_draw(struct terminal *terminal, struct slice text)
{
	if (terminal->is_screen) {
		write_in_place(terminal, text);
		return;
	}
	write_out(terminal, text);
	write_out(terminal, slice_from("\n"));
}

bool terminal_is_there(void)
{
	const char *name = getenv("TERM");
	return isatty(STDOUT_FILENO) && (!name || (*name && strcmp(name, "dumb") != 0));
}

bool terminal_is_screen(const struct terminal *terminal)
{
	return terminal->is_screen;
}

bool terminal_is_gone(const struct terminal *terminal)
{
	return terminal->is_gone;
}

bool terminal_is_ending(const struct terminal *terminal)
{
	return terminal->is_gone || terminal->is_keyboard_gone || atomic_load(&is_end_requested);
}

struct ladder_paper terminal_paper(const struct terminal *terminal)
{
	struct winsize size = {0};
	const char *no_colour = getenv("NO_COLOR");
	if (!terminal->is_terminal)
		return (struct ladder_paper){.width = PLAIN_WIDTH, .is_plain = true};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row)
		size = (struct winsize){.ws_row = ROWS, .ws_col = COLUMNS};
	return (struct ladder_paper){
		.width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col,
		.height = size.ws_row,
		.is_colourless = no_colour && *no_colour,
	};
}

/* ---- Taking and giving back ---- */

static void take_log(struct terminal *terminal, const char *log_path)
{
	int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	fflush(stderr);
	if (log_fd < 0)
		return;
	terminal->error_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(log_fd, STDERR_FILENO);
	close(log_fd);
}

static void give_back_log(struct terminal *terminal)
{
	fflush(stderr);
	if (terminal->error_fd >= 0) {
		dup2(terminal->error_fd, STDERR_FILENO);
		close(terminal->error_fd);
	}
	terminal->error_fd = -1;
}

/* Letters come at once and are not shown; Ctrl-C and Ctrl-Z stay signals. */
static void take(struct terminal *terminal)
{
	struct termios now = terminal->before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	if (terminal->has_keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
	write_out(terminal, slice_from(take_text));
}

static void give_back(struct terminal *terminal)
{
	write_out(terminal, slice_from(give_back_text));
	if (terminal->has_keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
}

static void request_end(int number)
{
	(void)number;
	atomic_store(&is_end_requested, true);
}

static void request_stop(int number)
{
	(void)number;
	atomic_store(&is_stop_requested, true);
}

static void pass_over(int number)
{
	(void)number; /* the wait has ended by it */
}

/* The handler is gone by now: the signal comes again, and ends the program. */
static void crash(int number)
{
	ssize_t written = write(STDOUT_FILENO, give_back_text, sizeof(give_back_text) - 1);
	(void)written;
	tcsetattr(STDIN_FILENO, TCSANOW, &crash_termios);
	raise(number);
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

static void take_signals(struct terminal *terminal)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	crash_termios = terminal->before;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		handle(ends[i], request_end, 0);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		handle(crashes[i], crash, (int)SA_RESETHAND | SA_NODEFER);
	handle(SIGTSTP, request_stop, 0);
	handle(SIGWINCH, pass_over, 0);
	signal(SIGPIPE, SIG_IGN);
}

struct terminal *terminal_open_plain(void)
{
	struct terminal *terminal = calloc(1, sizeof(*terminal));
	CHECK(terminal);
	terminal->error_fd = -1;
	return terminal;
}

struct terminal *terminal_open(const struct terminal_options *options)
{
	struct terminal *terminal = terminal_open_plain();
	terminal->is_terminal = terminal->is_screen = terminal_is_there();
	if (!terminal->is_screen)
		return terminal;
	terminal->has_keys = options->has_keys && tcgetattr(STDIN_FILENO, &terminal->before) == 0;
	if (options->has_keys)
		take_signals(terminal);
	if (options->log_path)
		take_log(terminal, options->log_path);
	take(terminal);
	return terminal;
}

void terminal_leave(struct terminal *terminal)
{
	if (!terminal->is_screen)
		return;
	give_back(terminal);
	give_back_log(terminal);
	terminal->is_screen = false;
}

void terminal_close(struct terminal *terminal)
{
	if (!terminal)
		return;
	terminal_leave(terminal);
	free(terminal);
}

/* ---- Keys ---- */

static void stop(struct terminal *terminal)
{
	atomic_store(&is_stop_requested, false);
	give_back(terminal);
	raise(SIGSTOP);
	take(terminal);
}

/* What an arrow sends, and nothing else that begins with Escape. */
static int key_of(const char *bytes, size_t len)
{
	static const struct {
		const char *bytes;
		int key;
	} keys[] = {
		{"\033[A", TERMINAL_UP},      {"\033[B", TERMINAL_DOWN},     {"\033[C", TERMINAL_RIGHT},
		{"\033[D", TERMINAL_LEFT},    {"\033OA", TERMINAL_UP},       {"\033OB", TERMINAL_DOWN},
		{"\033OC", TERMINAL_RIGHT},   {"\033OD", TERMINAL_LEFT},     {"\033[5~", TERMINAL_PAGE_UP},
		{"\033[6~", TERMINAL_PAGE_DOWN},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (slice_equal(slice_from(keys[i].bytes), (struct slice){bytes, len}))
			return keys[i].key;
	return bytes[0] == '\033' ? TERMINAL_NO_KEY : (unsigned char)bytes[0];
}

/* A letter, or all that one key sends. */
static int read_key(struct terminal *terminal)
{
	char bytes[8];
	ssize_t len = read(STDIN_FILENO, bytes, 1);
	if (len == 1 && bytes[0] == '\033') {
		struct pollfd more = {.fd = STDIN_FILENO, .events = POLLIN};
		while (len < (ssize_t)sizeof(bytes) && poll(&more, 1, 0) == 1 &&
		       read(STDIN_FILENO, bytes + len, 1) == 1)
			if (len++ >= 2 && bytes[len - 1] >= '@')
				break;
	}
	terminal->is_keyboard_gone = len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN);
	return len > 0 ? key_of(bytes, (size_t)len) : TERMINAL_NO_KEY;
}

int terminal_wait_key(struct terminal *terminal, int timeout_ms)
{
	struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};
	int ready = poll(&keyboard, terminal->has_keys ? 1 : 0, timeout_ms);
	if (atomic_load(&is_stop_requested))
		stop(terminal);
	return ready > 0 ? read_key(terminal) : TERMINAL_NO_KEY;
}
