/* Demo screen: the topic `current` as ladders on standard output: refreshed in place on a terminal, else a
 * block of plain lines every few seconds.
 *
 * On a terminal the picture has the alternate screen, and standard error goes to a file meanwhile, so that
 * log lines do not tear it; demo_screen_close gives both back and leaves the last picture behind.
 *
 * Thread: one. */
#ifndef LADDER_DAEMON_DEMO_SCREEN_H
#define LADDER_DAEMON_DEMO_SCREEN_H

#include "daemon/kafka_connection.h"

struct demo_screen;

struct demo_screen_options {
	const char *brokers;
	const char *topic;    /* has one partition */
	const char *window;   /* which rows to show: "1h" */
	const char *log_path; /* for standard error, while a terminal shows the picture */
};

/* Waits until the topic can be read. NULL with the error told. */
must_check struct demo_screen *demo_screen_open(const struct demo_screen_options *options,
						struct kafka_error *error);

/* NULL is fine. */
void demo_screen_close(struct demo_screen *screen);

/* Takes the rows that have come, waits up to 100 ms for some if there are none, and draws if it is time to.
 * False where standard output is gone. */
must_check bool demo_screen_refresh(struct demo_screen *screen, const char *title);

#endif
