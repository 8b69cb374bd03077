/* Check report: what `ladderd check` found, one line each on stdout, and the exit code that follows.
 *
 *   ok       redis 127.0.0.1:6379: answers, version 7.0.15
 *   warning  redis 127.0.0.1:6379: no append-only file: ...
 *   error    ladder.clicks: there is no such topic: ...
 *
 * One thread. Spec section 9. */
#ifndef LADDER_DAEMON_CHECK_REPORT_H
#define LADDER_DAEMON_CHECK_REPORT_H

/* Starts as {0}. */
struct check_report {
	int exit_code; /* of the first error; 0 while there is none */
	unsigned warning_count;
	unsigned error_count;
};

/* The format makes one line without its end. */
__attribute__((format(printf, 2, 3)))
void check_report_ok(struct check_report *report, const char *format, ...);
/* Works, but not as it should. */
__attribute__((format(printf, 2, 3)))
void check_report_warning(struct check_report *report, const char *format, ...);
/* `ladderd run` would end with this exit code, or wait. */
__attribute__((format(printf, 3, 4)))
void check_report_error(struct check_report *report, int exit_code, const char *format, ...);

#endif
