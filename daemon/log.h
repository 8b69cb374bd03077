/* Log: one event, one line, one write(2) on stderr, in logfmt:
 *
 *   2026-01-01T00:00:00.000Z level=warn msg="redis is away" address=127.0.0.1:6379 why="connection refused"
 *
 * Any thread. A line is cut at LOG_LINE_MAX bytes; control characters in it become spaces, so it stays one.
 * Never log what belongs to a person: no ids, texts or values of events (promise P6). */
#ifndef LADDER_DAEMON_LOG_H
#define LADDER_DAEMON_LOG_H

enum { LOG_LINE_MAX = 2048 };

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* `msg` is a fixed text without quotes; `format` makes the `key=value` pairs behind it, "" for none. */
__attribute__((format(printf, 3, 4)))
void log_event(enum log_level level, const char *msg, const char *format, ...);

#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)

struct log_text {
	char text[512];
};

/* A value that may hold spaces or quotes, as a logfmt string with its quotes; lives until the end of the
 * full expression: log_warn("redis is away", "why=%s", log_quoted(why).text). Cut where it is too long. */
struct log_text log_quoted(const char *value);

#endif
