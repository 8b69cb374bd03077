#include <stdio.h>
#include <string.h>

#include "daemon/commands.h"
#include "config/config.h"

static const char help[] = "usage: ladderd config [--defaults|--reference|--schema|--man]\n"
			   "\n"
			   "  --defaults   a complete configuration with every default (YAML; the default)\n"
			   "  --reference  every setting with its type, default, range and what to think\n"
			   "               (Markdown)\n"
			   "  --schema     the same for editors and programs (JSON Schema)\n"
			   "  --man        the same as the manual page ladderd.yaml(5) (roff)\n";

int command_config(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "--defaults";
	if (argc > 2)
		return command_usage("config", "one option at a time");
	if (strcmp(what, "--defaults") == 0)
		config_print_defaults(stdout);
	else if (strcmp(what, "--reference") == 0)
		config_print_reference(stdout);
	else if (strcmp(what, "--schema") == 0)
		config_print_schema(stdout);
	else if (strcmp(what, "--man") == 0)
		config_print_man(stdout, LADDER_VERSION, LADDER_DAY);
	else if (strcmp(what, "--help") == 0)
		fputs(help, stdout);
	else
		return command_usage("config", "unknown option %s", what);
	return EXIT_DONE;
}
