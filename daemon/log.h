/* Log: one event, one line, one write(2) on stderr. As log.format says, in logfmt or as a JSON object:
 *
 *   2026-01-01T00:00:00.000Z level=warn msg="redis is away" address=127.0.0.1:6379 why="connection refused"
 *   {"ts":"2026-01-01T00:00:00.000Z","level":"warn","msg":"redis is away","address":"127.0.0.1:6379",...}
 *
 * Where stderr is the journal (JOURNAL_STREAM), the line begins with its priority, <3> to <6>, which the
 * journal takes off.
 *
 * A place in the program that has said LOG_SITE_LINES within LOG_SITE_MS is not heard until that time is
 * over; its next line says how many were left out. So a fault that repeats itself neither fills a disk nor
 * hides the others.
 *
 * Any thread. A line is cut at LOG_LINE_MAX bytes; control characters in it become spaces, so it stays one.
 * Never log what belongs to a person: no ids, texts or values of events (promise P6); nor a password. */
#ifndef LADDER_DAEMON_LOG_H
#define LADDER_DAEMON_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum { LOG_LINE_MAX = 2048, LOG_SITE_LINES = 20, LOG_SITE_MS = 10000 };

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* From now on; until it is called, everything, in logfmt. */
void log_configure(enum log_level least, enum log_format format);

/* What a place has said lately: counts, which license nothing. Starts as {0}. */
struct log_site {
	_Atomic int64_t since_ms;
	_Atomic uint32_t said_count;
	_Atomic uint32_t left_out_count;
};

__attribute__((format(printf, 4, 5)))
void log_at(struct log_site *site, enum log_level level, const char *msg, const char *format, ...);

/* `msg` is a fixed text without quotes; `format` makes the `key=value` pairs behind it, "" for none. */
#define log_event(level, ...)                          \
	do {                                           \
		static struct log_site log_site_here;  \
		log_at(&log_site_here, level, __VA_ARGS__); \
	} while (0)

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
