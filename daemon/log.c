#include "daemon/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static size_t log_put_head(char *line, size_t size, enum log_level level, const char *msg)
{
	static const char *const names[] = {"info", "warn", "error"};
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	int more = snprintf(line + len, size - len, ".%03dZ level=%s msg=\"%s\"",
			    (int)(now.tv_nsec / 1000000), names[level], msg);
	len += more > 0 ? (size_t)more : 0;
	return len < size ? len : size - 1;
}

void log_event(enum log_level level, const char *msg, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	size_t size = sizeof line - 1; /* the newline has its place */
	size_t len = log_put_head(line, size, level, msg);
	if (format[0] && len + 1 < size) {
		line[len++] = ' ';
		va_list arguments;
		va_start(arguments, format);
		int more = vsnprintf(line + len, size - len, format, arguments);
		va_end(arguments);
		len += more > 0 ? (size_t)more : 0;
		len = len < size ? len : size - 1;
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[len++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, len);
	(void)written; /* there is nowhere else to say it */
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
