#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/diagnose/diagnose.h"
#include "daemon/audit_letters.h"
#include "daemon/audit_rows.h"
#include "daemon/audit_state.h"
#include "daemon/audit_sums.h"
#include "daemon/commands.h"
#include "daemon/connections.h"
#include "daemon/load_config.h"
#include "daemon/replay_fold.h"

enum { SHOWN_DEFAULT = 100 };

struct audit {
	const struct config *config;
	struct kafka_connection connection;
	const char **topics; /* of the inputs */
	struct audit_letters letters;
	struct gather *gather;
	struct audit_state state;
	struct audit_sums *sums; /* NULL: rows only */
	struct audit_rows *rows;
	struct audit_result result;
	uint64_t record_count;
	uint64_t left_out_count;
	uint64_t gap_count;
	uint64_t fault_count;  /* of the balance */
	uint64_t erased_count;
	uint64_t shown;
	uint64_t shown_max;
};

struct audit_options {
	const char *config_path;
	uint64_t shown_max;
	bool is_rows_only;
};

static const char help[] =
	"usage: ladderd audit -c FILE [--max N] [--rows-only]\n"
	"\n"
	"Reads the inputs and the published rows from Kafka, computes the rows anew, and says where they\n"
	"differ; and whether every record that was rejected is among the dead letters, and no other one.\n"
	"Reads from Redis how many events of each input and partition are stored as applied, duplicate,\n"
	"late, rejected and ignored, counts the records up to the stored offset anew, and says where these\n"
	"sums differ. It changes nothing.\n"
	"Run it while nothing is being fed, or rows on their way count as differences; the sums may be\n"
	"behind, and it says up to which offset they were compared. Records that the run found late, or\n"
	"of the future, are left out of the rows as the dead letters name them, whole, also where only one\n"
	"of several events in them was; letters that were given up are missed. With clock: wall, rolling\n"
	"rows of another time than that of the last event are not compared, and it says how many.\n"
	"\n"
	"  -c FILE      the configuration of the instances\n"
	"  --max N      show at most so many differences (100)\n"
	"  --rows-only  leave out the stored sums: needs neither Redis nor the identity key\n"
	"\n"
	"Exit codes: 0 nothing differs; 1 something does, or the log no longer holds everything, or what\n"
	"is stored cannot be read; 69 Kafka or Redis does not answer; 77 a right is missing; 78 the\n"
	"configuration, or what is stored is of another one.\n";

static int say_kafka_error(const struct kafka_error *error)
{
	fprintf(stderr, "ladderd audit: %s\n", error->text);
	return audit_is_interrupted() ? EXIT_FAILED : command_code_of(error, EXIT_UNAVAILABLE);
}

/* One line of a finding, as long as there is room for it. */
static bool may_show(struct audit *audit)
{
	return audit->shown++ < audit->shown_max;
}

static void take_gap(void *ctx, const char *topic, int32_t partition, int64_t end)
{
	struct audit *audit = ctx;
	audit->gap_count++;
	if (may_show(audit))
		printf("%s [%" PRId32 "]: offsets before %" PRId64
		       " are gone: what was there cannot be proved\n", topic, partition, end);
	for (size_t i = 0; i < audit->config->kafka.inputs.count && audit->sums; i++)
		if (strcmp(audit->topics[i], topic) == 0)
			audit_sums_note_gap(audit->sums, i, (uint32_t)partition);
}

static void take_letter(void *ctx, const struct audit_record *record)
{
	struct audit *audit = ctx;
	audit_letters_take(&audit->letters, &audit->config->kafka.inputs, record);
}

static void take_dead_gap(void *ctx, const char *topic, int32_t partition, int64_t end)
{
	struct audit *audit = ctx;
	(void)topic, (void)partition, (void)end;
	audit->letters.is_cut = true;
}

/* ---- Inputs ---- */

static uint64_t count_items(const struct gather *gather)
{
	uint64_t count = 0;
	for (int i = 0; i < CLASS_COUNT; i++)
		count += gather->counts.classes[i];
	return count;
}

static void find_fault(struct audit *audit, const struct audit_record *record, bool is_rejected,
		       bool is_dead)
{
	if (is_rejected == is_dead || (is_rejected && audit->letters.is_cut))
		return;
	audit->fault_count++;
	if (may_show(audit))
		printf("%s [%" PRId32 "] offset %" PRId64 ": %s\n", audit->topics[record->topic],
		       record->partition, record->record->offset,
		       is_dead ? "it is among the dead letters, but nothing is wrong with it"
			       : "it is rejected, but not among the dead letters");
}

static void take_input(void *ctx, const struct audit_record *record)
{
	struct audit *audit = ctx;
	struct gather *gather = audit->gather;
	size_t letter_count;
	const struct audit_letter *letters = audit_letters_find(&audit->letters, record, &letter_count);
	audit->record_count++;
	if (audit->sums)
		audit_sums_take(audit->sums, record, letters, letter_count);
	for (size_t i = 0; i < letter_count; i++)
		if (audit_letter_is_of_time(&letters[i])) {
			audit->left_out_count++;
			return;
		}
	uint64_t rejected = gather->counts.classes[CLASS_REJECTED];
	gather_record(gather, record->record->value, audit->config->kafka.inputs.items[record->topic].types);
	find_fault(audit, record, gather->counts.classes[CLASS_REJECTED] > rejected, letter_count > 0);
}

/* ---- Sums ---- */

static void show_sum(void *ctx, const char *text)
{
	struct audit *audit = ctx;
	audit->fault_count++;
	if (may_show(audit))
		printf("%s\n", text);
}

static void show_note(void *ctx, const char *text)
{
	(void)ctx;
	printf("%s\n", text);
}

static void compare_sums(struct audit *audit)
{
	if (audit->sums)
		audit_sums_compare(audit->sums, audit->letters.is_cut, audit->erased_count > 0,
				   &(struct audit_sums_sink){show_sum, show_note, audit});
	else
		printf("the stored sums were left out (--rows-only)\n");
}

/* An exit code, 0 where there is something to compare with. Before the topics are read: what is stored is of
 * no more than they hold then. */
static int read_state(struct audit *audit, const struct connections *connections)
{
	struct check_report report = {.exit_code = EXIT_DONE};
	struct kafka_error error;
	int32_t partition_count;
	const struct audit_reading inputs = {.connection = audit->connection, .topics = audit->topics,
					     .topic_count = audit->config->kafka.inputs.count};
	if (!audit_count_partitions(&inputs, &partition_count, &error))
		return say_kafka_error(&error);
	if (audit_state_read(&audit->state, audit->config, connections, (size_t)partition_count, &report)) {
		audit->sums = audit_sums_create(audit->config, &audit->state);
		return EXIT_DONE;
	}
	fprintf(stderr, "ladderd audit: what is stored cannot be read; --rows-only leaves it out\n");
	return report.exit_code;
}

/* ---- Rows ---- */

static void take_published(void *ctx, const struct audit_record *record)
{
	struct audit *audit = ctx;
	if (audit_rows_put_published(audit->rows, record->record->key, record->record->value))
		return;
	audit->fault_count++;
	if (may_show(audit))
		printf("offset %" PRId64 " of partition %" PRId32 " of the rows: it is no row\n",
		       record->record->offset, record->partition);
}

static void take_published_gap(void *ctx, const char *topic, int32_t partition, int64_t end)
{
	(void)ctx, (void)topic, (void)partition, (void)end; /* a compacted topic begins where it will */
}

static bool take_computed(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct audit *audit = ctx;
	(void)is_history;
	audit_rows_put_computed(audit->rows, key, value);
	return true;
}

static void show_difference(void *ctx, struct slice key, struct slice field, struct slice published,
			    struct slice computed)
{
	struct audit *audit = ctx;
	if (may_show(audit))
		printf("%.*s%s%.*s: published %.*s, recomputed %.*s\n", (int)key.len, key.data,
		       field.len ? " " : "", (int)field.len, field.data, (int)published.len, published.data,
		       (int)computed.len, computed.data);
}

static void compute_rows(struct audit *audit, const unsigned char identity_key[16])
{
	struct merger *merger = merger_create(&audit->config->options, diagnose);
	struct counts counts = {.classes = {0}};
	uint64_t frozen_count = 0;
	replay_fold(&audit->gather, 1, audit->config->workers, audit->config, identity_key, merger, &counts,
		    &frozen_count);
	merger_print(merger, take_computed, audit);
	merger_destroy(merger);
}

/* ---- The whole ---- */

static void take_erased(void *ctx, const struct audit_record *record)
{
	struct audit *audit = ctx;
	audit->erased_count += record->record->value.data != NULL;
}

static bool read_topics(struct audit *audit, const char *const *topics, size_t count,
			audit_record_callback *record, audit_gap_callback *gap, struct kafka_error *error)
{
	return audit_read(&(struct audit_reading){audit->connection, audit->config->kafka.group, topics,
						  count, record, gap, audit}, error);
}

static bool read_everything(struct audit *audit, struct kafka_error *error)
{
	const struct config *config = audit->config;
	if (!read_topics(audit, &config->kafka.outputs.dead, 1, take_letter, take_dead_gap, error))
		return false;
	audit_letters_sort(&audit->letters);
	const char *const *erased = &config->kafka.outputs.erased;
	const char *const *current = &config->kafka.outputs.current;
	const char *const *history = &config->kafka.outputs.history;
	return read_topics(audit, erased, 1, take_erased, take_published_gap, error) &&
	       read_topics(audit, audit->topics, config->kafka.inputs.count, take_input, take_gap, error) &&
	       read_topics(audit, current, 1, take_published, take_published_gap, error) &&
	       read_topics(audit, history, 1, take_published, take_published_gap, error);
}

static void say_balance(const struct audit *audit)
{
	const struct counts *counts = &audit->gather->counts;
	printf("%" PRIu64 " records: %" PRIu64 " items, of them rejected %" PRIu64 ", ignored %" PRIu64
	       "; %" PRIu64 " records late or of the future\n",
	       audit->record_count, count_items(audit->gather), counts->classes[CLASS_REJECTED],
	       counts->classes[CLASS_IGNORED], audit->left_out_count);
}

static int say_result(const struct audit *audit)
{
	const struct audit_result *result = &audit->result;
	if (audit->shown > audit->shown_max)
		printf("and %" PRIu64 " more\n", audit->shown - audit->shown_max);
	say_balance(audit);
	if (audit->erased_count)
		printf("%" PRIu64 " people are erased: rows that were published before may still have their "
		       "part\n", audit->erased_count);
	if (result->moved_count)
		printf("%" PRIu64 " rolling rows are of another time and were not compared\n",
		       result->moved_count);
	printf("%" PRIu64 " rows compared: %" PRIu64 " differences, %" PRIu64 " faults of the balance, %"
	       PRIu64 " gaps\n", result->row_count, result->difference_count, audit->fault_count,
	       audit->gap_count);
	return result->difference_count || audit->fault_count || audit->gap_count ? EXIT_FAILED : EXIT_DONE;
}

static int compare_all(struct audit *audit)
{
	unsigned char identity_key[16]; /* any: people are compared with nobody */
	struct kafka_error error;
	CHECK(getrandom(identity_key, sizeof(identity_key), 0) == sizeof(identity_key));
	audit->gather = gather_create(audit->config, identity_key);
	audit->rows = audit_rows_create();
	int code;
	if (!read_everything(audit, &error)) {
		code = say_kafka_error(&error);
	} else {
		compute_rows(audit, identity_key);
		audit->result = audit_rows_compare(audit->rows, audit->config->clock == CONFIG_CLOCK_WALL,
						   show_difference, audit);
		compare_sums(audit);
		code = say_result(audit);
	}
	gather_destroy(audit->gather);
	audit_rows_destroy(audit->rows);
	return code;
}

static int audit_connected(const struct config *config, const struct connections *connections,
			   const struct audit_options *options)
{
	size_t input_count = config->kafka.inputs.count;
	const char *topics[input_count];
	for (size_t i = 0; i < input_count; i++)
		topics[i] = config->kafka.inputs.items[i].topic;
	struct audit audit = {
		.config = config,
		.connection = connections->kafka,
		.topics = topics,
		.shown_max = options->shown_max,
	};
	int code = options->is_rows_only ? EXIT_DONE : read_state(&audit, connections);
	if (code == EXIT_DONE)
		code = compare_all(&audit);
	if (audit.sums)
		audit_sums_destroy(audit.sums);
	audit_state_destroy(&audit.state);
	audit_letters_destroy(&audit.letters);
	return code;
}

static int audit_config(const struct config *config, const struct audit_options *options)
{
	char error[512];
	struct connections connections;
	int code = connections_open(config, CONNECTIONS_WITH_SECRETS, &connections, error, sizeof(error));
	if (code != EXIT_DONE) {
		fprintf(stderr, "ladderd audit: %s\n", error);
		return code;
	}
	code = audit_connected(config, &connections, options);
	connections_close(&connections);
	return code;
}

static void handle_signal(int number)
{
	(void)number;
	audit_interrupt();
}

static bool take_option(struct audit_options *options, int option)
{
	char *end = "";
	if (option == 'c')
		options->config_path = optarg;
	else if (option == 'm')
		options->shown_max = strtoull(optarg, &end, 10);
	else if (option == 'r')
		options->is_rows_only = true;
	else
		return false;
	return !*end;
}

int command_audit(int argc, char **argv)
{
	static const struct option names[] = {{"config", required_argument, NULL, 'c'},
					      {"max", required_argument, NULL, 'm'},
					      {"rows-only", no_argument, NULL, 'r'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	struct audit_options options = {.shown_max = SHOWN_DEFAULT};
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", names, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (!take_option(&options, option))
			return command_usage("audit", "unknown option, or one without a good value: %s",
					     argv[optind - 1]);
	}
	if (!options.config_path || optind < argc)
		return command_usage("audit", options.config_path ? "what is %s for" : "-c FILE is missing",
				     argv[optind]);
	struct config *config = load_config(options.config_path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	struct sigaction action = {.sa_handler = handle_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int code = audit_config(config, &options);
	config_destroy(config);
	return code;
}
