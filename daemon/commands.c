#include "daemon/commands.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

int command_usage(const char *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "ladderd %s: ", command);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "; see ladderd %s --help\n", command);
	va_end(arguments);
	return EXIT_USAGE;
}

int command_code_of(const struct kafka_error *error, enum exit_code passing)
{
	return error->fault == KAFKA_FAULT_DENIED   ? EXIT_NO_PERMISSION
	       : error->fault == KAFKA_FAULT_CONFIG ? EXIT_CONFIG
						    : passing;
}

bool command_take_config(const char *command, const char *help, int argc, char **argv, const char **path,
			 int *exit_code)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	*path = NULL;
	*exit_code = EXIT_DONE;
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help, stdout);
			return false;
		}
		if (option != 'c') {
			*exit_code = command_usage(command, "unknown option, or one without its value: %s",
						   argv[optind - 1]);
			return false;
		}
		*path = optarg;
	}
	if (*path && optind >= argc)
		return true;
	*exit_code = command_usage(command, *path ? "what is %s for" : "-c FILE is missing", argv[optind]);
	return false;
}
