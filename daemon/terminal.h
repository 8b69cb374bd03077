/* Terminal: text on standard output, refreshed in place where that is a terminal, and what keys are pressed.
 *
 * The picture has the alternate screen; terminal_close gives back what was there before. With keys also every
 * signal that would end or stop the program: a request to end is told (terminal_is_ending), Ctrl-Z gives the
 * terminal back and takes it again when the program goes on, and a crash gives it back first. Without keys
 * signals are the caller's.
 *
 * Thread: one, and one terminal at a time. */
#ifndef LADDER_DAEMON_TERMINAL_H
#define LADDER_DAEMON_TERMINAL_H

#include "core/base/check.h"
#include "daemon/ladder_text.h"

struct terminal;

struct terminal_options {
	const char *log_path; /* where standard error goes meanwhile, so that it does not tear the picture */
	bool has_keys;        /* takes the keyboard, too, if standard input is a terminal; no log_path then */
};

enum terminal_key { /* what is no letter */
	TERMINAL_NO_KEY = 0,
	TERMINAL_UP = 256,
	TERMINAL_DOWN,
	TERMINAL_LEFT,
	TERMINAL_RIGHT,
	TERMINAL_PAGE_UP,
	TERMINAL_PAGE_DOWN
};

/* Whether standard output is a terminal that can show a picture. */
bool terminal_is_there(void);

/* Takes the screen, if terminal_is_there; else it only writes. The second never takes it. */
struct terminal *terminal_open(const struct terminal_options *options);
struct terminal *terminal_open_plain(void);
void terminal_close(struct terminal *terminal); /* NULL is fine */

/* Gives the screen back already; what is written from now on stays. */
void terminal_leave(struct terminal *terminal);

bool terminal_is_screen(const struct terminal *terminal);
/* What there is to write on: the size as it is now; plain and endless where there is no terminal. */
struct ladder_paper terminal_paper(const struct terminal *terminal);

/* Lines, each with its newline: in place of those before on a screen, else behind them with an empty line. */
void terminal_draw(struct terminal *terminal, struct slice text);

/* Nobody reads standard output any more. */
bool terminal_is_gone(const struct terminal *terminal);
/* With keys: a signal has asked to end, or the keyboard is gone. */
bool terminal_is_ending(const struct terminal *terminal);

/* Waits for a key for so long: its letter, or enum terminal_key. A change of size ends the wait, too. */
int terminal_wait_key(struct terminal *terminal, int timeout_ms);

#endif
