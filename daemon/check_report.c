#include "daemon/check_report.h"

#include <stdarg.h>
#include <stdio.h>

static void print_line(const char *word, const char *format, va_list arguments)
{
	printf("%-8s ", word);
	vprintf(format, arguments);
	putchar('\n');
	fflush(stdout);
}

void check_report_ok(struct check_report *report, const char *format, ...)
{
	va_list arguments;
	(void)report;
	va_start(arguments, format);
	print_line("ok", format, arguments);
	va_end(arguments);
}

void check_report_warning(struct check_report *report, const char *format, ...)
{
	va_list arguments;
	report->warning_count++;
	va_start(arguments, format);
	print_line("warning", format, arguments);
	va_end(arguments);
}

void check_report_error(struct check_report *report, int exit_code, const char *format, ...)
{
	va_list arguments;
	if (report->error_count++ == 0)
		report->exit_code = exit_code;
	va_start(arguments, format);
	print_line("error", format, arguments);
	va_end(arguments);
}
