#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/rfc3339.h"
#include "core/join/join.h"
#include "daemon/commands.h"
#include "daemon/connections.h"
#include "daemon/erasures.h"
#include "daemon/identity.h"
#include "daemon/kafka_out.h"
#include "daemon/load_config.h"
#include "daemon/loop.h"

enum { DELIVERY_MS = 10000, ID_COUNT_MAX = 1000, QUEUE_BYTES = 1 << 20 };

struct erase {
	const char *config_path;
	const char *ids[ID_COUNT_MAX];
	bool is_click[ID_COUNT_MAX];
	size_t id_count;
	int64_t until_ms;
	struct identity identity;
	struct kafka_out *out;
	size_t sent_count;
	size_t failed_count;
	bool is_given_up; /* what follows is not sent */
	char why[256];
};

static const char help[] =
	"usage: ladderd erase -c FILE --user U [--user U...] [--click-id C...] [--until TIME]\n"
	"\n"
	"Has the running instances forget a person: what is kept of him, and of the clicks that he\n"
	"claimed, leaves memory at once and Redis with the commits that follow, and does not come back\n"
	"when events are read again. His part of the published numbers stays, which are about nobody.\n"
	"Needs the identity key; what is written to Kafka (kafka.outputs.erased) is its keyed hash.\n"
	"\n"
	"  -c FILE        the configuration of the instances\n"
	"  --user U       the person, as `user` in the events; - reads one from each line of stdin, which\n"
	"                 keeps it out of the list of processes\n"
	"  --click-id C   a click that nobody claimed, as `click_id` in the events\n"
	"  --until TIME   events after this time (RFC 3339, or milliseconds) count again (now)\n"
	"\n"
	"It does not touch the input topics, the dead letters, or old files of Redis (BGREWRITEAOF).\n";

static void report(void *ctx, const struct kafka_report *report)
{
	struct erase *erase = ctx;
	if (report->is_delivered)
		return;
	erase->failed_count++;
	snprintf(erase->why, sizeof(erase->why), "%s", report->why);
}

/* False: Kafka takes nothing more. */
static bool send_id(struct erase *erase, struct slice id, bool is_click)
{
	const int64_t until_ms = loop_now_ms() + DELIVERY_MS;
	char key[ERASURE_KEY_LEN + 1], value[ERASURE_VALUE_MAX];
	const unsigned char *identity_key = erase->identity.person_key;
	erasure_key(is_click ? join_key_of_click(identity_key, id) : join_key_of_user(identity_key, id), key);
	erasure_value(erase->until_ms, erase->identity.print, value);
	while (kafka_out_send_to(erase->out, 0, ERASURE_PARTITION, slice_from(key), slice_from(value),
				 NULL) != KAFKA_SENT) {
		if (loop_now_ms() > until_ms)
			return false;
		kafka_out_poll(erase->out, 100);
	}
	erase->sent_count++;
	return true;
}

static void send_lines(struct erase *erase, bool is_click)
{
	char *line = NULL;
	size_t size = 0;
	while (!erase->is_given_up && getline(&line, &size, stdin) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		erase->is_given_up = line[0] && !send_id(erase, slice_from(line), is_click);
	}
	free(line);
}

static void send_ids(struct erase *erase)
{
	for (size_t i = 0; i < erase->id_count && !erase->is_given_up; i++) {
		if (strcmp(erase->ids[i], "-") == 0)
			send_lines(erase, erase->is_click[i]);
		else
			erase->is_given_up = !send_id(erase, slice_from(erase->ids[i]), erase->is_click[i]);
	}
}

static int send_all(struct erase *erase)
{
	send_ids(erase);
	(void)kafka_out_flush(erase->out, erase->is_given_up ? 0 : DELIVERY_MS);
	if (erase->is_given_up || erase->failed_count) {
		fprintf(stderr, "ladderd erase: %zu of %zu could not be written%s: %s\n", erase->failed_count,
			erase->sent_count, erase->is_given_up ? ", and nobody behind them was tried" : "",
			erase->why);
		return EXIT_UNAVAILABLE;
	}
	if (ferror(stdin)) {
		fprintf(stderr, "ladderd erase: stdin cannot be read to its end; %zu before are erased\n",
			erase->sent_count);
		return EXIT_FAILED;
	}
	if (erase->sent_count == 0)
		return command_usage("erase", "nobody is named on stdin");
	printf("%zu erased: the running instances forget them within a second\n", erase->sent_count);
	return EXIT_DONE;
}

static int erase_with(struct erase *erase, const struct config *config)
{
	char error[512];
	struct kafka_error kafka_error;
	int code = identity_load(config->identity.key_file, &erase->identity, error, sizeof(error));
	if (code != 0) {
		fprintf(stderr, "ladderd erase: %s\n", error);
		return code;
	}
	struct connections connections;
	code = connections_open(config, CONNECTIONS_WITH_SECRETS, &connections, error, sizeof(error));
	if (code != EXIT_DONE) {
		fprintf(stderr, "ladderd erase: %s\n", error);
		return code;
	}
	erase->out = kafka_out_create(&(struct kafka_out_options){
		.connection = connections.kafka,
		.topics = &config->kafka.outputs.erased,
		.topic_count = 1,
		.queue_records = ID_COUNT_MAX,
		.queue_bytes = QUEUE_BYTES,
		.report = report,
		.ctx = erase,
	}, &kafka_error);
	connections_close(&connections);
	if (!erase->out) {
		fprintf(stderr, "ladderd erase: %s\n", kafka_error.text);
		return EXIT_CONFIG;
	}
	code = send_all(erase);
	kafka_out_destroy(erase->out);
	return code;
}

static bool take_option(struct erase *erase, int option)
{
	switch (option) {
	case 'c':
		erase->config_path = optarg;
		return true;
	case 'u':
	case 'k':
		if (erase->id_count == ID_COUNT_MAX || !*optarg)
			return false;
		erase->is_click[erase->id_count] = option == 'k';
		erase->ids[erase->id_count++] = optarg;
		return true;
	case 't':
		return time_parse(slice_from(optarg), &erase->until_ms);
	default:
		return false;
	}
}

int command_erase(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"user", required_argument, NULL, 'u'},
						{"click-id", required_argument, NULL, 'k'},
						{"until", required_argument, NULL, 't'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct erase erase = {.until_ms = (int64_t)time(NULL) * 1000};
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (!take_option(&erase, option))
			return command_usage("erase", "unknown option, or one without a good value: %s",
					     argv[optind - 1]);
	}
	if (!erase.config_path || erase.id_count == 0 || optind < argc)
		return command_usage("erase", optind < argc ? "what is %s for"
							    : "-c FILE and --user U are needed",
				     argv[optind]);
	struct config *config = load_config(erase.config_path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	int code = erase_with(&erase, config);
	config_destroy(config);
	return code;
}
