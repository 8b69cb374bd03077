#include <stdlib.h>

#include "config/load.h"
#include "config/value.h"

enum { NAMESPACE_BYTES_MAX = 64 };

#define add_problem_at(load, place, ...) \
	config_problems_add((load)->problems, (place).line, (place).column, __VA_ARGS__)

static struct place place_of_path(const struct load *load, const char *path)
{
	size_t count;
	const struct setting *settings = settings_all(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(settings[i].path, path) == 0)
			return load->places[i];
	BUG("no such setting");
}

struct topic_use {
	const char *topic;
	const char *path;
	struct place place;
};

static size_t list_topics(const struct load *load, struct topic_use *uses)
{
	const struct config *config = load->config;
	size_t count = 0;
	for (size_t i = 0; i < config->kafka.inputs.count; i++)
		uses[count++] = (struct topic_use){config->kafka.inputs.items[i].topic, "kafka.inputs",
						   load->topics[i]};
	const struct topic_use outputs[] = {
		{config->kafka.outputs.current, "kafka.outputs.current", {0, 0}},
		{config->kafka.outputs.history, "kafka.outputs.history", {0, 0}},
		{config->kafka.outputs.alerts, "kafka.outputs.alerts", {0, 0}},
		{config->kafka.outputs.dead, "kafka.outputs.dead", {0, 0}},
		{config->kafka.outputs.exchange, "kafka.outputs.exchange", {0, 0}},
		{config->kafka.outputs.shuffle, "kafka.outputs.shuffle", {0, 0}},
		{config->kafka.outputs.erased, "kafka.outputs.erased", {0, 0}},
	};
	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
		uses[count] = outputs[i];
		uses[count++].place = place_of_path(load, outputs[i].path);
	}
	return count;
}

static void add_topic_problem(struct load *load, const struct topic_use *a, const struct topic_use *b)
{
	struct place place = b->place.line > 0 ? b->place : a->place;
	if (strcmp(a->path, b->path) == 0)
		add_problem_at(load, place, "the topic `%s` is read twice, first on line %u: remove one",
			       a->topic, a->place.line);
	else
		add_problem_at(load, place, "the topic `%s` is in `%s` and in `%s`: give each its own",
			       a->topic, a->path, b->path);
}

static void check_topics(struct load *load)
{
	struct topic_use uses[INPUT_COUNT_MAX + 7];
	size_t count = list_topics(load, uses);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!uses[i].topic || !uses[j].topic || strcmp(uses[i].topic, uses[j].topic) != 0)
				continue;
			add_topic_problem(load, &uses[j], &uses[i]);
		}
	}
}

static void check_retention(struct load *load)
{
	const struct options *options = &load->config->options;
	const struct {
		const char *path;
		int64_t value_ms;
	} shorter[] = {
		{"ladder.gap", options->gap_ms},
		{"ladder.attribution", options->attribution_ms},
		{"ladder.outcome_window", options->outcome_window_ms},
		{"ladder.lateness", options->lateness_ms},
	};
	for (size_t i = 0; i < sizeof shorter / sizeof *shorter; i++) {
		struct place place = place_of_path(load, shorter[i].path);
		if (shorter[i].value_ms <= options->retention_ms)
			continue;
		if (place.line == 0)
			place = place_of_path(load, "ladder.retention");
		add_problem_at(load, place, "`%s` is longer than `ladder.retention`, after which people are "
			       "forgotten: raise retention to at least as much", shorter[i].path);
	}
}

/* The namespace stands in every key as {namespace:task}, and keys in lists with one a line. */
static void check_namespace(struct load *load)
{
	const char *name = load->config->redis.namespace;
	struct place place = place_of_path(load, "redis.namespace");
	if (name && strpbrk(name, "{}\n"))
		add_problem_at(load, place, "`redis.namespace` must not hold a brace or the end of a line: "
			       "write a plain word, such as ladder");
	else if (name && strlen(name) > NAMESPACE_BYTES_MAX)
		add_problem_at(load, place, "`redis.namespace` has more than %d bytes: shorten it",
			       NAMESPACE_BYTES_MAX);
}

/* "$2y$10$" and 53 characters. */
static bool is_bcrypt(const char *hash)
{
	static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	return strlen(hash) == 60 && strncmp(hash, "$2", 2) == 0 && strchr("aby", hash[2]) &&
	       hash[3] == '$' && strspn(hash + 4, "0123456789") == 2 && hash[6] == '$' &&
	       strspn(hash + 7, letters) == 53;
}

/* As long as the address of a UNIX socket may be, with room for the name that it has at first. */
static void check_control(struct load *load)
{
	enum { PATH_BYTES_MAX = 90 };
	const char *path = load->config->control.socket;
	if (path && strcmp(path, "off") != 0 && (path[0] != '/' || strlen(path) > PATH_BYTES_MAX))
		add_problem_at(load, place_of_path(load, "control.socket"),
			       "`control.socket` is `%s`: give a path that begins with / and has at most %d "
			       "bytes, or `off`", path, PATH_BYTES_MAX);
}

/* Nothing of a hash is shown: it might be a password that somebody wrote in its place. */
static void check_http(struct load *load)
{
	const struct config_properties *users = &load->config->http.basic_auth_users;
	struct place place = place_of_path(load, "http.basic_auth_users");
	for (size_t i = 0; i < users->count; i++)
		if (!is_bcrypt(users->items[i].value))
			add_problem_at(load, place, "`http.basic_auth_users`: what `%s` has is no bcrypt "
				       "hash: write what `htpasswd -nBC 10 %s` prints behind the colon",
				       users->items[i].name, users->items[i].name);
	const char *cert = load->config->http.tls_server_config.cert_file;
	const char *key = load->config->http.tls_server_config.key_file;
	bool has_cert = cert && *cert, has_key = key && *key;
	if (has_cert != has_key)
		add_problem_at(load, place_of_path(load, "http.tls_server_config"),
			       "`http.tls_server_config` has no `%s`: give both files, or none",
			       has_cert ? "key_file" : "cert_file");
}

static void check_secrets(struct load *load)
{
	const struct config_properties *plain = &load->config->kafka.properties;
	const struct config_properties *secret = &load->config->kafka.secrets;
	for (size_t i = 0; i < secret->count; i++)
		for (size_t j = 0; j < plain->count; j++)
			if (strcmp(secret->items[i].name, plain->items[j].name) == 0)
				add_problem_at(load, place_of_path(load, "kafka.secrets"), "`%s` is in "
					       "`kafka.properties` and in `kafka.secrets`: keep one",
					       secret->items[i].name);
}

static int64_t default_emit_ms(int64_t slide_ms)
{
	return slide_ms <= 10000 ? 1000 : slide_ms <= 60000 ? 5000 : 60000;
}

static void sort_windows(struct load *load)
{
	struct options *options = &load->config->options;
	for (size_t i = 1; i < options->window_count; i++) {
		struct window_options window = options->windows[i];
		struct place slide = load->slides[i], length = load->lengths[i];
		size_t at = i;
		for (; at > 0 && options->windows[at - 1].length_ms > window.length_ms; at--) {
			options->windows[at] = options->windows[at - 1];
			load->slides[at] = load->slides[at - 1];
			load->lengths[at] = load->lengths[at - 1];
		}
		options->windows[at] = window;
		load->slides[at] = slide;
		load->lengths[at] = length;
	}
}

static void check_window(struct load *load, size_t at)
{
	const struct options *options = &load->config->options;
	const struct window_options *window = &options->windows[at];
	if (at > 0 && window[-1].length_ms == window->length_ms)
		add_problem_at(load, load->lengths[at], "the window %s is there twice, first on line %u: "
			       "remove one", window->name, load->lengths[at - 1].line);
	if (window->length_ms % window->slide_ms != 0) {
		add_problem_at(load, load->slides[at], "the slide of window %s does not divide its length: "
			       "take one that does, such as a tenth", window->name);
		return;
	}
	for (size_t i = at + 1; i < options->window_count; i++) {
		if (options->windows[i].slide_ms % window->slide_ms == 0)
			continue;
		add_problem_at(load, load->slides[at], "the slide of window %s does not divide that of the "
			       "longer window %s (line %u): make one a multiple of the other", window->name,
			       options->windows[i].name, load->slides[i].line);
		return;
	}
}

static void check_windows(struct load *load)
{
	struct options *options = &load->config->options;
	if (!load->windows_are_sound)
		return;
	sort_windows(load);
	for (size_t i = 0; i < options->window_count; i++) {
		struct window_options *window = &options->windows[i];
		if (window->emit_ms < 0)
			window->emit_ms = default_emit_ms(window->slide_ms);
		check_window(load, i);
	}
}

static int account_order(const void *a, const void *b)
{
	const struct account_options *left = a, *right = b;
	return slice_compare(left->id, right->id);
}

static void complete_accounts(struct options *options)
{
	for (size_t i = 0; i < options->account_count; i++)
		if (options->accounts[i].currency.len == 0)
			options->accounts[i].currency = options->default_currency;
	if (options->account_count > 0)
		qsort(options->accounts, options->account_count, sizeof *options->accounts, account_order);
}

void load_check(struct load *load)
{
	check_topics(load);
	check_namespace(load);
	check_http(load);
	check_control(load);
	check_secrets(load);
	check_retention(load);
	check_windows(load);
	complete_accounts(&load->config->options);
}
