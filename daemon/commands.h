/* Commands: the subcommands of ladderd. Spec section 9.
 *
 * Each is called with its own name as argv[0], prints its own help on --help, and returns the exit code. */
#ifndef LADDER_DAEMON_COMMANDS_H
#define LADDER_DAEMON_COMMANDS_H

#include <stdbool.h>

#include "daemon/kafka_connection.h"

/* The exit codes of spec section 9, by their names in sysexits.h. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69,
	EXIT_TEMPORARY = 75,
	EXIT_NO_PERMISSION = 77,
	EXIT_CONFIG = 78
};

#define COMMAND(name, arguments, sentence) int command_##name(int argc, char **argv);
#include "daemon/commands.def"
#undef COMMAND

/* "ladderd replay: unknown option --evnts; see ladderd replay --help" on stderr; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int command_usage(const char *command, const char *format, ...);

/* What a command ends with where Kafka fails it; `passing` where it may be as it should be later. */
int command_code_of(const struct kafka_error *error, enum exit_code passing);

/* Of a command that takes -c FILE and nothing else: the file. False: it ends with *exit_code. */
bool command_take_config(const char *command, const char *help, int argc, char **argv, const char **path,
			 int *exit_code);

#endif
