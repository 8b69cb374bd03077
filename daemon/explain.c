#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/commands.h"
#include "daemon/control.h"
#include "daemon/http_client.h"
#include "daemon/load_config.h"

enum { TIMEOUT_MS = 15000, LINE_BYTES = 4096 };
enum { OK = 200 };

struct explain {
	const char *config_path;
	const char *user; /* or */
	const char *row;
	bool is_json;
};

static const char help[] =
	"usage: ladderd explain -c FILE --user U [--json]\n"
	"       ladderd explain -c FILE --row KEY [--json]\n"
	"\n"
	"Asks the running ladderd what it keeps of a person: his events, which ad each was given and by\n"
	"which rule, what it counted, and the rungs that his conversations reached. Or of a row: what was\n"
	"published last, and what each task has behind it, by ad and by time, with the reports that its\n"
	"spend is from. It is asked over control.socket, so run this as its user or as root. With several\n"
	"instances ask the one that has the person's task, or that merges the rows.\n"
	"\n"
	"  -c FILE    the configuration of the instance\n"
	"  --user U   the person, as `user` in the events; - reads it from the first line of stdin, which\n"
	"             keeps it out of the list of processes\n"
	"  --row KEY  the row, as `key` in ladder.current or ladder.history:\n"
	"             rolling/cohort/28d/ad/ad_1, bucket/event/1h/account/act_1/2026-03-02T09:00:00Z\n"
	"  --json     one JSON document instead of text\n"
	"\n"
	"No id of a person, of a click or of an event is shown; clicks are numbered.\n"
	"\n"
	"Exit codes: 0; 1 nobody there knows the person or the row; 64 KEY is none; 69 no ladderd\n"
	"answers; 75 ask again; 77 the socket is another user's; 78 the configuration.\n";

static int say_unreachable(const char *path, const char *why)
{
	if (access(path, R_OK | W_OK) != 0 && errno == EACCES) {
		fprintf(stderr, "ladderd explain: control.socket: %s is another user's: run this as the user "
			"of ladderd, or as root\n", path);
		return EXIT_NO_PERMISSION;
	}
	fprintf(stderr, "ladderd explain: no ladderd answers at %s (control.socket): %s; start it with the "
		"same configuration (ladderd run -c FILE), or see its log for why it has no socket\n", path,
		why);
	return EXIT_UNAVAILABLE;
}

static int say_answer(unsigned status, const struct buffer *body)
{
	if (status == OK) {
		fwrite(body->data, 1, body->len, stdout);
		return EXIT_DONE;
	}
	fprintf(stderr, "ladderd explain: %.*s", (int)body->len, body->len ? body->data : "");
	return status == CONTROL_LATER ? EXIT_TEMPORARY : status == CONTROL_WRONG ? EXIT_USAGE : EXIT_FAILED;
}

static int ask(const struct explain *explain, const char *socket)
{
	const char *why;
	unsigned status;
	struct buffer path = {0}, body = {0};
	struct http_client *client = http_client_create(
		&(struct http_client_options){"http://ladderd", socket, TIMEOUT_MS});
	const char *what = explain->user ? "/explain/user?" : "/explain/row?";
	buffer_put(&path, what, strlen(what));
	http_client_put_argument(client, &path, explain->user ? "user" : "key",
				 explain->user ? explain->user : explain->row);
	if (explain->is_json)
		buffer_put(&path, "&format=json", strlen("&format=json"));
	buffer_put(&path, "", 1);
	int code = http_client_get(client, path.data, &status, &body, &why) ? say_answer(status, &body)
									    : say_unreachable(socket, why);
	http_client_destroy(client);
	buffer_destroy(&path);
	buffer_destroy(&body);
	return code;
}

static int explain_with(struct explain *explain, const struct config *config)
{
	char line[LINE_BYTES] = "";
	const char *socket = config->control.socket;
	if (strcmp(socket, "off") == 0) {
		fprintf(stderr, "ladderd explain: control.socket is `off` in %s: nobody can be asked; give "
			"it a path, and start ladderd again\n", explain->config_path);
		return EXIT_UNAVAILABLE;
	}
	if (explain->user && strcmp(explain->user, "-") == 0) {
		explain->user = fgets(line, sizeof(line), stdin) ? line : "";
		line[strcspn(line, "\n")] = '\0';
	}
	if (explain->user && !*explain->user)
		return command_usage("explain", "--user is empty");
	return ask(explain, socket);
}

static bool take_option(struct explain *explain, int option)
{
	switch (option) {
	case 'c':
		explain->config_path = optarg;
		return true;
	case 'u':
		explain->user = optarg;
		return true;
	case 'r':
		explain->row = optarg;
		return true;
	case 'j':
		explain->is_json = true;
		return true;
	default:
		return false;
	}
}

int command_explain(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"user", required_argument, NULL, 'u'},
						{"row", required_argument, NULL, 'r'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct explain explain = {0};
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (!take_option(&explain, option))
			return command_usage("explain", "unknown option, or one without its value: %s",
					     argv[optind - 1]);
	}
	bool is_one = (explain.user != NULL) != (explain.row != NULL);
	if (!explain.config_path || !is_one || optind < argc)
		return command_usage("explain",
				     optind < argc ? "what is %s for"
						   : "-c FILE and one of --user U and --row KEY are needed",
				     argv[optind]);
	struct config *config = load_config(explain.config_path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	int code = explain_with(&explain, config);
	config_destroy(config);
	return code;
}
