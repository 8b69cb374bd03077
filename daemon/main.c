#include <stdio.h>
#include <string.h>

#include "daemon/commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *sentence;
} commands[] = {
#define COMMAND(name, arguments, sentence) {#name, command_##name, arguments, sentence},
#include "daemon/commands.def"
#undef COMMAND
};

static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

static void print_help(FILE *file)
{
	fputs("ladderd: what click-to-message ads really bring, rung by rung\n\nusage:\n", file);
	for (size_t i = 0; i < command_count; i++)
		fprintf(file, "  ladderd %s %s\n      %s\n", commands[i].name, commands[i].arguments,
			commands[i].sentence);
	fputs("\n`ladderd COMMAND --help` says more of each, `ladderd --version` which one it is.\n"
	      "Exit codes: 0, 1 failure, 64 usage, 69 unavailable, 75 temporary, 77 no permission,\n"
	      "78 configuration.\n",
	      file);
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("ladderd " LADDER_VERSION);
		return EXIT_DONE;
	}
	fprintf(stderr, "ladderd: there is no command %s; see ladderd --help\n", argv[1]);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int code = run(argc, argv);
	bool is_said = fflush(stdout) == 0 && !ferror(stdout);
	if (is_said || code != EXIT_DONE)
		return code;
	fputs("ladderd: stdout: not everything could be written; is the disk full?\n", stderr);
	return EXIT_FAILED;
}
