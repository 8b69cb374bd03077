#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/check_report.h"
#include "daemon/commands.h"
#include "daemon/connections.h"
#include "daemon/identity.h"
#include "daemon/kafka_admin.h"
#include "daemon/load_config.h"
#include "daemon/output_topics.h"
#include "daemon/redis_check.h"
#include "daemon/secret.h"
#include "daemon/task_meta.h"

enum { ASK_TIMEOUT_MS = 5000 };

static const char help[] =
	"usage: ladderd check -c FILE [--connect]\n"
	"\n"
	"Every problem of a configuration, one a line on stderr: file:line:column: what is wrong and\n"
	"what to write instead. With --connect it also asks Kafka and Redis what `ladderd run` would,\n"
	"and looks at the identity key: one line each, ok, warning or error in front. It creates and\n"
	"changes nothing.\n"
	"\n"
	"Exit codes: 0, also with warnings; of the first error: 69 Kafka or Redis does not answer,\n"
	"77 a right is missing, 78 something has to be set otherwise.\n";

/* What is asked of where, made from a configuration that stays. */
struct check {
	const struct config *config;
	struct connections connections;
	struct identity identity;
	bool has_identity;
	struct check_report report;
	int task_count; /* 0: not known */
};

/* ---- The configuration by itself ---- */

/* What only the libraries can judge; it has no line, because it is about values as a whole. Files that hold
 * secrets are not opened: who reloads may not be who runs. */
static bool check_values(const struct config *config, const char *path)
{
	struct config_problems problems = {.file = path};
	struct connections connections;
	struct kafka_error kafka_error;
	char error[512];
	if (connections_open(config, CONNECTIONS_WITHOUT_SECRETS, &connections, error, sizeof error) !=
	    EXIT_DONE) {
		config_problems_add(&problems, 0, 0, "%s", error);
	} else {
		if (!kafka_connection_check(&connections.kafka, &kafka_error))
			config_problems_add(&problems, 0, 0, "%s", kafka_error.text);
		connections_close(&connections);
	}
	bool is_valid = problems.count == 0;
	config_problems_print(&problems, stderr);
	config_problems_destroy(&problems);
	return is_valid;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void print_valid(const struct config *config, const char *path)
{
	const struct options *options = &config->options;
	printf("%s is valid: %zu input%s, %zu window%s, %zu account%s\n", path, config->kafka.inputs.count,
	       plural(config->kafka.inputs.count), options->window_count, plural(options->window_count),
	       options->account_count, plural(options->account_count));
}

/* ---- Kafka ---- */

static void report_kafka(struct check *check, const struct kafka_error *error)
{
	check_report_error(&check->report, command_code_of(error, EXIT_UNAVAILABLE), "kafka: %s",
			   error->text);
}

/* False: the brokers do not answer, so asking on is of no use. */
static bool check_each_input(struct check *check, struct kafka_admin *admin, const char *const *topics,
			     size_t count, bool *are_there)
{
	*are_there = true;
	for (size_t i = 0; i < count; i++) {
		struct kafka_error error;
		int partitions;
		if (kafka_admin_check_inputs(admin, &topics[i], 1, ASK_TIMEOUT_MS, &partitions, &error)) {
			check_report_ok(&check->report, "kafka: input %s: %d partition%s", topics[i],
					partitions, plural((size_t)partitions));
			continue;
		}
		report_kafka(check, &error);
		*are_there = false;
		if (error.is_silence)
			return false;
	}
	return true;
}

static void check_together(struct check *check, struct kafka_admin *admin, const char *const *topics,
			   size_t count)
{
	struct kafka_error error;
	char why[TASK_FIT_MAX];
	if (!kafka_admin_check_inputs(admin, topics, count, ASK_TIMEOUT_MS, &check->task_count, &error)) {
		check->task_count = 0;
		report_kafka(check, &error);
	} else if (!task_homes_fit(check->config, (size_t)check->task_count, why)) {
		check_report_error(&check->report, EXIT_CONFIG, "%s", why);
	} else if (check->config->workers > (uint32_t)check->task_count) {
		check_report_warning(&check->report,
				     "workers: %u, but the inputs have %d partition%s: the others do nothing",
				     check->config->workers, check->task_count,
				     plural((size_t)check->task_count));
	}
}

static void check_output(struct check *check, struct kafka_admin *admin, const struct kafka_output *output)
{
	struct kafka_error error;
	char text[384];
	int partitions;
	const char *topic = output->topic;
	bool is_there = kafka_admin_check_inputs(admin, &topic, 1, ASK_TIMEOUT_MS, &partitions, &error);
	if (is_there && !kafka_admin_check_count(output, partitions, &error))
		report_kafka(check, &error);
	else if (is_there)
		check_report_ok(&check->report, "kafka: output %s: %d partition%s", topic, partitions,
				plural((size_t)partitions));
	if (is_there && !kafka_admin_check_policy(admin, output, text, sizeof text))
		check_report_warning(&check->report, "kafka: output %s", text);
	if (is_there)
		return;
	if (error.fault == KAFKA_FAULT_CONFIG)
		check_report_ok(&check->report, "kafka: output %s: not there yet; `ladderd run` creates it",
				topic);
	else
		report_kafka(check, &error);
}

static void check_kafka(struct check *check)
{
	const struct config_inputs *inputs = &check->config->kafka.inputs;
	struct kafka_output outputs[OUTPUT_TOPIC_COUNT];
	output_topics(check->config, outputs);
	const char *topics[inputs->count];
	struct kafka_error error;
	struct kafka_admin *admin = kafka_admin_create(&check->connections.kafka, &error);
	if (!admin) {
		report_kafka(check, &error);
		return;
	}
	for (size_t i = 0; i < inputs->count; i++)
		topics[i] = inputs->items[i].topic;
	bool are_there;
	if (check_each_input(check, admin, topics, inputs->count, &are_there)) {
		if (are_there)
			check_together(check, admin, topics, inputs->count);
		for (size_t i = 0; i < OUTPUT_TOPIC_COUNT; i++)
			check_output(check, admin, &outputs[i]);
		if (config_shuffle(check->config).is_on)
			check_output(check, admin, &(struct kafka_output){
				.topic = check->config->kafka.outputs.shuffle});
	}
	kafka_admin_destroy(admin);
}

/* ---- The identity key ---- */

static void check_key_folder(struct check *check, const char *path)
{
	char *copy = strdup(path);
	CHECK(copy);
	const char *folder = dirname(copy);
	if (access(folder, W_OK | X_OK) == 0)
		check_report_ok(&check->report, "identity.key_file: %s is not there yet; `ladderd run` "
				"creates it: back it up then", path);
	else
		check_report_error(&check->report, errno == EACCES ? EXIT_NO_PERMISSION : EXIT_CONFIG,
				   "identity.key_file: %s cannot be created: %s: %s", path, folder,
				   strerror(errno));
	free(copy);
}

static void check_identity(struct check *check)
{
	struct secret_path where = secret_find(check->config->identity.key_file);
	const char *path = where.text;
	char error[512];
	if (!where.is_credential && access(path, F_OK) != 0 && errno == ENOENT) {
		check_key_folder(check, path);
		return;
	}
	int code = identity_load(check->config->identity.key_file, &check->identity, error, sizeof error);
	check->has_identity = code == 0;
	if (code == 0)
		check_report_ok(&check->report, "identity.key_file: %s holds a key", path);
	else
		check_report_error(&check->report, code, "%s", error);
}

/* What has to be there before anybody can be asked. */
static bool open_connections(struct check *check)
{
	char error[512];
	int code = connections_open(check->config, CONNECTIONS_WITH_SECRETS, &check->connections, error,
				    sizeof error);
	struct kafka_error kafka_error;
	if (code != EXIT_DONE)
		check_report_error(&check->report, code, "%s", error);
	else if (!kafka_connection_check(&check->connections.kafka, &kafka_error))
		report_kafka(check, &kafka_error);
	else
		return true;
	return false;
}

static int check_connected(struct check *check)
{
	check_identity(check);
	if (open_connections(check)) {
		check_kafka(check);
		redis_check(&check->connections.redis, &(struct redis_wanted){
			.config = check->config,
			.task_count = (size_t)check->task_count,
			.identity = check->has_identity ? &check->identity : NULL,
		}, &check->report);
	}
	explicit_bzero(&check->identity, sizeof check->identity);
	connections_close(&check->connections);
	const struct check_report *report = &check->report;
	printf("%u error%s, %u warning%s\n", report->error_count, plural(report->error_count),
	       report->warning_count, plural(report->warning_count));
	return report->exit_code;
}

static int check_file(const char *path, bool connects)
{
	struct config *config = load_config(path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	struct check check = {.config = config};
	int code = EXIT_CONFIG;
	if (check_values(config, path)) {
		print_valid(config, path);
		code = connects ? check_connected(&check) : EXIT_DONE;
	}
	config_destroy(config);
	return code;
}

int command_check(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"connect", no_argument, NULL, 'n'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *path = NULL;
	bool connects = false;
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'n':
			connects = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return command_usage("check", "unknown option, or one without its value: %s",
					     argv[optind - 1]);
		}
	}
	if (!path || optind < argc)
		return command_usage("check", "%s", path ? "one file only" : "-c FILE is missing");
	return check_file(path, connects);
}
