#include "daemon/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/utf8.h"

static const char *const level_names[] = {"info", "warn", "error"};
static const char *const priorities[] = {"<6>", "<4>", "<3>"};

/* Read by all threads; they license nothing but how the next line is written. */
static _Atomic int least_level;
static _Atomic int line_format;
static bool is_journal;
static pthread_once_t is_looked_at = PTHREAD_ONCE_INIT;

void log_configure(enum log_level least, enum log_format format)
{
	atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
	atomic_store_explicit(&line_format, (int)format, memory_order_relaxed);
}

/* JOURNAL_STREAM is device:inode of the journal's socket; stderr may have been sent elsewhere since. */
static void look_at_stderr(void)
{
	struct stat status;
	char text[64];
	const char *stream = getenv("JOURNAL_STREAM");
	if (!stream || fstat(STDERR_FILENO, &status) != 0)
		return;
	snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	is_journal = strcmp(text, stream) == 0;
}

/* ---- A line ---- */

/* Two bytes at its end are kept for the brace and the newline. */
struct line {
	char text[LOG_LINE_MAX];
	size_t len;
};

static void line_put(struct line *line, const char *text, size_t len)
{
	size_t room = sizeof line->text - 2 - line->len;
	memcpy(line->text + line->len, text, len < room ? len : room);
	line->len += len < room ? len : room;
}

static void line_put_text(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

/* What does not fit whole is left out, so that what stands there stays JSON. */
static void line_put_whole(struct line *line, const struct line *part)
{
	if (line->len + part->len <= sizeof line->text - 2)
		line_put(line, part->text, part->len);
}

static void line_put_json_text(struct line *line, struct slice text)
{
	bool is_utf8 = utf8_is_valid(text);
	line_put(line, "\"", 1);
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		if (byte == '"' || byte == '\\')
			line_put(line, "\\", 1);
		line_put(line, byte >= 0 || is_utf8 ? &byte : "?", 1);
	}
	line_put(line, "\"", 1);
}

static bool is_json_number(struct slice text)
{
	size_t i = text.len > 1 && text.data[0] == '-';
	bool has_zero = text.len > i + 1 && text.data[i] == '0';
	if (text.len == 0 || text.len > 18 || has_zero)
		return false;
	for (; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return true;
}

/* The value at `pairs`, without its quotes and escapes, in `value`; what stands behind it. A text that was
 * cut has no end. */
static struct slice take_value(struct slice pairs, struct line *value)
{
	bool is_quoted = pairs.len && pairs.data[0] == '"';
	size_t at = is_quoted;
	value->len = 0;
	for (; at < pairs.len && pairs.data[at] != (is_quoted ? '"' : ' '); at++) {
		if (is_quoted && pairs.data[at] == '\\' && at + 1 < pairs.len)
			at++;
		line_put(value, pairs.data + at, 1);
	}
	at += is_quoted && at < pairs.len;
	return (struct slice){pairs.data + at, pairs.len - at};
}

static void line_put_json_pairs(struct line *line, struct slice pairs)
{
	struct line value, member;
	const char *equals;
	while (pairs.len && (equals = memchr(pairs.data, '=', pairs.len))) {
		size_t key_len = (size_t)(equals - pairs.data);
		struct slice key = {pairs.data, key_len};
		bool is_quoted = key_len + 1 < pairs.len && equals[1] == '"';
		pairs = take_value((struct slice){equals + 1, pairs.len - key_len - 1}, &value);
		struct slice text = {value.text, value.len};
		member.len = 0;
		line_put(&member, ",", 1);
		line_put_json_text(&member, key);
		line_put(&member, ":", 1);
		if (!is_quoted && is_json_number(text))
			line_put(&member, text.data, text.len);
		else
			line_put_json_text(&member, text);
		line_put_whole(line, &member);
		while (pairs.len && pairs.data[0] == ' ')
			pairs = (struct slice){pairs.data + 1, pairs.len - 1};
	}
}

static void line_put_time(struct line *line)
{
	struct timespec now;
	struct tm utc;
	char text[32], millis[8];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	line_put(line, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc));
	snprintf(millis, sizeof millis, ".%03dZ", (int)(now.tv_nsec / 1000000 % 1000));
	line_put_text(line, millis);
}

static void line_put_logfmt(struct line *line, enum log_level level, const char *msg, struct slice pairs)
{
	line_put_time(line);
	line_put_text(line, " level=");
	line_put_text(line, level_names[level]);
	line_put_text(line, " msg=\"");
	line_put_text(line, msg);
	line_put_text(line, pairs.len ? "\" " : "\"");
	line_put(line, pairs.data, pairs.len);
}

static void line_put_json(struct line *line, enum log_level level, const char *msg, struct slice pairs)
{
	line_put_text(line, "{\"ts\":\"");
	line_put_time(line);
	line_put_text(line, "\",\"level\":\"");
	line_put_text(line, level_names[level]);
	line_put_text(line, "\",\"msg\":");
	line_put_json_text(line, slice_from(msg));
	line_put_json_pairs(line, pairs);
	line->text[line->len++] = '}';
}

static void write_line(enum log_level level, const char *msg, struct slice pairs)
{
	struct line line = {.len = 0};
	pthread_once(&is_looked_at, look_at_stderr);
	if (is_journal)
		line_put_text(&line, priorities[level]);
	if (atomic_load_explicit(&line_format, memory_order_relaxed) == LOG_FORMAT_JSON)
		line_put_json(&line, level, msg, pairs);
	else
		line_put_logfmt(&line, level, msg, pairs);
	line.text[line.len++] = '\n';
	ssize_t written = write(STDERR_FILENO, line.text, line.len);
	(void)written; /* there is nowhere else to say it */
}

/* ---- What is said at all ---- */

/* Whether it may be said now, and how many were left out before it. */
static bool site_may_say(struct log_site *site, uint32_t *left_out)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	int64_t since_ms = atomic_load_explicit(&site->since_ms, memory_order_relaxed);
	bool is_over = since_ms == 0 || now_ms - since_ms >= LOG_SITE_MS;
	*left_out = 0;
	if (is_over && atomic_compare_exchange_strong(&site->since_ms, &since_ms, now_ms))
		atomic_store(&site->said_count, 0);
	if (atomic_fetch_add(&site->said_count, 1) < LOG_SITE_LINES) {
		*left_out = atomic_exchange(&site->left_out_count, 0);
		return true;
	}
	atomic_fetch_add(&site->left_out_count, 1);
	return false;
}

void log_at(struct log_site *site, enum log_level level, const char *msg, const char *format, ...)
{
	char pairs[LOG_LINE_MAX];
	uint32_t left_out;
	if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed) ||
	    !site_may_say(site, &left_out))
		return;
	va_list arguments;
	va_start(arguments, format);
	int made = vsnprintf(pairs, sizeof pairs, format, arguments);
	va_end(arguments);
	size_t len = made < 0 ? 0 : (size_t)made < sizeof pairs ? (size_t)made : sizeof pairs - 1;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)pairs[i] < ' ' || pairs[i] == 0x7f)
			pairs[i] = ' ';
	if (left_out && len < sizeof pairs - 1) {
		made = snprintf(pairs + len, sizeof pairs - len, "%ssuppressed=%u", len ? " " : "", left_out);
		len += (size_t)made < sizeof pairs - len ? (size_t)made : sizeof pairs - len - 1;
	}
	write_line(level, msg, (struct slice){pairs, len});
}

struct log_text log_quoted(const char *value)
{
	struct log_text quoted;
	size_t len = 0;
	quoted.text[len++] = '"';
	for (; *value && len < sizeof quoted.text - 3; value++) {
		if (*value == '"' || *value == '\\')
			quoted.text[len++] = '\\';
		quoted.text[len++] = *value;
	}
	quoted.text[len++] = '"';
	quoted.text[len] = '\0';
	return quoted;
}
