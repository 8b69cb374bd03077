#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/model/level.h"
#include "core/model/step.h"
#include "daemon/commands.h"
#include "daemon/http_client.h"
#include "daemon/ladder_table.h"
#include "daemon/load_config.h"
#include "daemon/loop.h"
#include "daemon/plain_text.h"
#include "daemon/terminal.h"

enum { TIMEOUT_MS = 5000, REFRESH_MS = 1000, PAGE_LINES = 10 };
enum { OK = 200, UNAUTHORIZED = 401, UNAVAILABLE = 503 };

struct top {
	const char *config_path;
	const char *url; /* NULL: by control.socket */
	bool is_once;
	const char *window_name; /* NULL: the first one */
	size_t window;
	enum level level;
	enum basis basis;
	enum ladder_column sort;
	bool is_smallest_first;
	const struct config *config;
	struct http_client *client;
	struct ladder_table *table;
	struct terminal *terminal;
	struct buffer text;
	char problem[640]; /* why the last question had no answer, or "" */
	int exit_code;     /* that says the same */
	bool shows_help;
	bool is_ending;
};

static const char *const basis_names[BASIS_COUNT] = {"event", "cohort"};

static const char help[] =
	"usage: ladderd top -c FILE [--once] [--level L] [--window W] [--basis B] [--sort FIELD]\n"
	"       ladderd top --url URL [...]\n"
	"\n"
	"The newest rows of a running ladderd as a table, with the alerts that fire, once a second. Where\n"
	"standard output is no terminal, one table in plain text. It asks the instance that merges the\n"
	"rows: over control.socket of FILE, as its user or as root, or by HTTP.\n"
	"\n"
	"  -c FILE       the configuration of the instance\n"
	"  --url URL     where its http.listen answers, as http://127.0.0.1:9464; a name and a password\n"
	"                that it wants stand in ~/.netrc\n"
	"  --once        one table, also on a terminal\n"
	"  --level L     account, campaign, adset or ad (campaign)\n"
	"  --window W    as in the configuration: 5m, 1h, 24h, 7d, 28d (the shortest)\n"
	"  --basis B     event or cohort (event)\n"
	"  --sort FIELD  spend, or another field of rows that is a column (spend)\n"
	"\n"
	"Keys: left and right choose the column to sort by, r turns the order, w and W the window, l and L\n"
	"the level, b the basis, up, down and pages scroll, h shows this, q ends. NO_COLOR is heeded.\n"
	"\n"
	"Exit codes: 0; 69 no ladderd answers; 75 it has no rows yet, or merges none; 77 a right or a\n"
	"password is missing; 78 the configuration.\n";

static const char key_help[] =
	"\n"
	"  left, right   sort by the column beside: impressions to customers, rates, costs\n"
	"  r             turn the order\n"
	"  w, W          the next, the last window\n"
	"  l, L          the level below, above: account, campaign, adset, ad\n"
	"  b             the other basis: event, when it happened; cohort, when its conversation opened\n"
	"  up, down, page up, page down   scroll\n"
	"  h             back to the table\n"
	"  q             end\n"
	"\n"
	"  A rate is of the rung above; qualif% of conversations, close% customers of handoffs.\n"
	"  /conv. and /qualif. are what one costs. alerts: how many fire for that line; red.\n";

/* ---- Asking ---- */

static const struct window_options *window_of(const struct top *top)
{
	return &top->config->options.windows[top->window];
}

static void say_refused(struct top *top, unsigned status, const struct buffer *body)
{
	char why[512];
	if (status == UNAUTHORIZED) {
		snprintf(top->problem, sizeof(top->problem),
			 "%s wants a name and a password: write them to ~/.netrc", top->url);
		top->exit_code = EXIT_NO_PERMISSION;
		return;
	}
	ladder_refusal_parse(buffer_slice(body), why, sizeof(why));
	snprintf(top->problem, sizeof(top->problem), "%s", why);
	top->exit_code = status == UNAVAILABLE ? EXIT_TEMPORARY : EXIT_FAILED;
}

static void say_unreachable(struct top *top, const char *why)
{
	const char *path = top->config->control.socket;
	bool is_denied = !top->url && access(path, R_OK | W_OK) != 0 && errno == EACCES;
	if (is_denied)
		snprintf(top->problem, sizeof(top->problem),
			 "control.socket: %s is another user's: run this as the user of ladderd, or as root",
			 path);
	else
		snprintf(top->problem, sizeof(top->problem),
			 "no ladderd answers at %s%s: %s; start it (ladderd run -c FILE), or see its log",
			 top->url ? top->url : path, top->url ? "" : " (control.socket)", why);
	top->exit_code = is_denied ? EXIT_NO_PERMISSION : EXIT_UNAVAILABLE;
}

/* False: `problem` says why not. */
static bool get(struct top *top, const char *path, struct buffer *body)
{
	const char *why;
	unsigned status;
	body->len = 0;
	if (!http_client_get(top->client, path, &status, body, &why))
		say_unreachable(top, why);
	else if (status != OK)
		say_refused(top, status, body);
	else
		return true;
	return false;
}

static void refresh(struct top *top)
{
	char path[256];
	struct buffer body = {0};
	top->problem[0] = '\0';
	top->exit_code = EXIT_DONE;
	snprintf(path, sizeof(path), "/api/v1/rows?kind=rolling&basis=%s&window=%s&level=%s",
		 basis_names[top->basis], window_of(top)->name, level_name(top->level));
	if (get(top, path, &body)) {
		ladder_table_take_rows(top->table, buffer_slice(&body));
		/* They are judged a minute after the first rows: none are known until then. */
		body.len = 0;
		if (!get(top, "/api/v1/alerts", &body))
			body.len = 0;
		ladder_table_take_alerts(top->table, buffer_slice(&body));
		if (top->exit_code == EXIT_TEMPORARY) {
			top->problem[0] = '\0';
			top->exit_code = EXIT_DONE;
		}
	}
	buffer_destroy(&body);
}

/* ---- The picture ---- */

static void draw(struct top *top)
{
	char title[512];
	time_t now = time(NULL);
	struct tm local;
	struct ladder_paper paper = terminal_paper(top->terminal);
	bool is_screen = terminal_is_screen(top->terminal);
	localtime_r(&now, &local);
	snprintf(title, sizeof(title), "ladderd%s%s: %ss, %s, basis %s   %02d:%02d:%02d",
		 top->url ? " " : "", top->url ? top->url : "", level_name(top->level), window_of(top)->name,
		 basis_names[top->basis], local.tm_hour, local.tm_min, local.tm_sec);
	const char *keys = "left/right sort  r turn  w window  l level  b basis  h help  q end";
	top->text.len = 0;
	if (top->shows_help)
		plain_text_put(&top->text, "%s", key_help);
	else
		ladder_table_draw(top->table, &paper, title,
				  top->problem[0] ? top->problem : is_screen ? keys : "", &top->text);
	terminal_draw(top->terminal, buffer_slice(&top->text));
}

/* ---- Keys ---- */

static void move_sort(struct top *top, int step)
{
	top->sort = (top->sort + LADDER_COLUMN_COUNT + (unsigned)step) % LADDER_COLUMN_COUNT;
	ladder_table_sort(top->table, top->sort, top->is_smallest_first);
}

static void turn_order(struct top *top)
{
	top->is_smallest_first = !top->is_smallest_first;
	ladder_table_sort(top->table, top->sort, top->is_smallest_first);
}

static void move_window(struct top *top, size_t step)
{
	top->window = (top->window + step) % top->config->options.window_count;
}

/* Whether other rows are wanted now. */
static bool choose(struct top *top, int key)
{
	switch (key) {
	case 'w':
		move_window(top, 1);
		return true;
	case 'W':
		move_window(top, top->config->options.window_count - 1);
		return true;
	case 'l':
		top->level = (top->level + 1) % LEVEL_COUNT;
		return true;
	case 'L':
		top->level = (top->level + LEVEL_COUNT - 1) % LEVEL_COUNT;
		return true;
	case 'b':
		top->basis = (top->basis + 1) % BASIS_COUNT;
		return true;
	default:
		return false;
	}
}

static void scroll(struct top *top, int key)
{
	switch (key) {
	case TERMINAL_UP:
		ladder_table_scroll(top->table, -1);
		break;
	case TERMINAL_DOWN:
		ladder_table_scroll(top->table, 1);
		break;
	case TERMINAL_PAGE_UP:
		ladder_table_scroll(top->table, -PAGE_LINES);
		break;
	case TERMINAL_PAGE_DOWN:
		ladder_table_scroll(top->table, PAGE_LINES);
		break;
	default:
		break;
	}
}

/* Whether other rows are wanted now. */
static bool press(struct top *top, int key)
{
	switch (key) {
	case 'q':
		top->is_ending = true;
		return false;
	case 'h':
	case '?':
		top->shows_help = !top->shows_help;
		return false;
	case 'r':
		turn_order(top);
		return false;
	case TERMINAL_LEFT:
		move_sort(top, -1);
		return false;
	case TERMINAL_RIGHT:
		move_sort(top, 1);
		return false;
	default:
		scroll(top, key);
		return choose(top, key);
	}
}

/* ---- Its life ---- */

static void watch(struct top *top)
{
	int64_t due_ms = loop_now_ms() + REFRESH_MS;
	while (!top->is_ending && !terminal_is_ending(top->terminal)) {
		draw(top);
		int64_t left_ms = due_ms - loop_now_ms();
		bool is_other = press(top, terminal_wait_key(top->terminal, left_ms > 0 ? (int)left_ms : 0));
		if (!is_other && loop_now_ms() < due_ms)
			continue;
		refresh(top);
		due_ms = loop_now_ms() + REFRESH_MS;
	}
}

/* Nothing is drawn where there is nothing to begin with. */
static int show(struct top *top)
{
	refresh(top);
	if (top->exit_code != EXIT_DONE) {
		fprintf(stderr, "ladderd top: %s\n", top->problem);
		return top->exit_code;
	}
	bool is_live = !top->is_once && terminal_is_there();
	top->terminal = is_live ? terminal_open(&(struct terminal_options){.has_keys = true})
				: terminal_open_plain();
	if (is_live)
		watch(top);
	else
		draw(top);
	bool is_gone = terminal_is_gone(top->terminal) && !is_live;
	terminal_close(top->terminal);
	return is_gone ? EXIT_FAILED : EXIT_DONE;
}

static bool find_window(struct top *top)
{
	const struct options *options = &top->config->options;
	for (top->window = 0; top->window_name && top->window < options->window_count; top->window++)
		if (strcmp(options->windows[top->window].name, top->window_name) == 0)
			break;
	return top->window < options->window_count;
}

static int top_with(struct top *top)
{
	const char *socket = top->config->control.socket;
	if (!find_window(top))
		return command_usage("top", "the configuration has no window %s", top->window_name);
	if (!top->url && strcmp(socket, "off") == 0) {
		fprintf(stderr, "ladderd top: control.socket is `off` in %s: give it a path and start "
			"ladderd again, or use --url\n", top->config_path);
		return EXIT_UNAVAILABLE;
	}
	top->client = http_client_create(&(struct http_client_options){
		top->url ? top->url : "http://ladderd", top->url ? NULL : socket, TIMEOUT_MS});
	top->table = ladder_table_create();
	ladder_table_sort(top->table, top->sort, false);
	int code = show(top);
	ladder_table_destroy(top->table);
	http_client_destroy(top->client);
	buffer_destroy(&top->text);
	return code;
}

static bool take_level(struct top *top, const char *word)
{
	for (top->level = 0; top->level < LEVEL_COUNT; top->level++)
		if (strcmp(level_name(top->level), word) == 0)
			return true;
	return false;
}

static bool take_option(struct top *top, int option)
{
	switch (option) {
	case 'c':
		top->config_path = optarg;
		return true;
	case 'u':
		top->url = optarg;
		return true;
	case 'o':
		top->is_once = true;
		return true;
	case 'l':
		return take_level(top, optarg);
	case 'w':
		top->window_name = optarg;
		return true;
	case 'b':
		top->basis = strcmp(optarg, "cohort") == 0 ? BASIS_COHORT : BASIS_EVENT;
		return strcmp(optarg, basis_names[top->basis]) == 0;
	case 's':
		top->sort = ladder_column_find(optarg);
		return top->sort < LADDER_COLUMN_COUNT;
	default:
		return false;
	}
}

int command_top(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"url", required_argument, NULL, 'u'},
						{"once", no_argument, NULL, 'o'},
						{"level", required_argument, NULL, 'l'},
						{"window", required_argument, NULL, 'w'},
						{"basis", required_argument, NULL, 'b'},
						{"sort", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct top top = {.level = LEVEL_CAMPAIGN, .sort = LADDER_COLUMN_spend};
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (!take_option(&top, option))
			return command_usage("top", "unknown option, or one without a good value: %s",
					     argv[optind - 1]);
	}
	if ((!top.config_path && !top.url) || optind < argc)
		return command_usage("top", optind < argc ? "what is %s for"
							  : "-c FILE or --url URL is needed", argv[optind]);
	struct config *config = load_config(top.config_path, CONFIG_NEED_NOTHING);
	if (!config)
		return EXIT_CONFIG;
	top.config = config;
	int code = top_with(&top);
	config_destroy(config);
	return code;
}
