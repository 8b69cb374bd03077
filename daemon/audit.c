#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/diagnose/diagnose.h"
#include "daemon/audit_rows.h"
#include "daemon/audit_topics.h"
#include "daemon/commands.h"
#include "daemon/connections.h"
#include "daemon/load_config.h"
#include "daemon/replay_fold.h"

enum { SHOWN_DEFAULT = 100 };

/* A record that is dead, by the number of its input. */
struct dead_record {
	size_t input;
	int32_t partition;
	int64_t offset;
	bool is_late; /* or of the future: that only the run could know */
};

struct audit {
	const struct config *config;
	struct kafka_connection connection;
	const char **topics; /* of the inputs */
	struct buffer dead;  /* struct dead_record, sorted */
	bool is_dead_cut;    /* older letters are gone */
	struct gather *gather;
	struct audit_rows *rows;
	struct audit_result result;
	uint64_t *item_counts; /* by input */
	uint64_t record_count;
	uint64_t left_out_count;
	uint64_t gap_count;
	uint64_t fault_count;  /* of the balance */
	uint64_t erased_count;
	uint64_t shown;
	uint64_t shown_max;
};

static const char help[] =
	"usage: ladderd audit -c FILE [--max N]\n"
	"\n"
	"Reads the inputs and the published rows from Kafka, computes the rows anew, and says where they\n"
	"differ; and whether every record that was rejected is among the dead letters, and no other one.\n"
	"Run it while nothing is being fed, or rows on their way count as differences. Records that the\n"
	"run found late, or of the future, are left out as the dead letters name them, whole, also where\n"
	"only one of several events in them was; letters that were given up are missed. With clock: wall,\n"
	"rolling rows of another time than that of the last event are not compared, and it says how many.\n"
	"\n"
	"  -c FILE   the configuration of the instances\n"
	"  --max N   show at most so many differences (100)\n"
	"\n"
	"Exit codes: 0 nothing differs; 1 something does, or the log no longer holds everything; 69 Kafka\n"
	"does not answer; 78 the configuration.\n";

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
}

/* ---- Dead letters ---- */

static int compare_dead(const void *left, const void *right)
{
	const struct dead_record *a = left, *b = right;
	if (a->input != b->input)
		return a->input < b->input ? -1 : 1;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

struct letter {
	const struct audit *audit;
	struct dead_record dead;
	bool is_input;
};

static void take_header(void *ctx, const char *name, struct slice value)
{
	struct letter *letter = ctx;
	char text[256] = "";
	memcpy(text, value.data, value.len < sizeof(text) ? value.len : sizeof(text) - 1);
	const struct config_inputs *inputs = &letter->audit->config->kafka.inputs;
	if (strcmp(name, "ladderd.reason") == 0)
		letter->dead.is_late = strcmp(text, "late") == 0 || strcmp(text, "future") == 0;
	else if (strcmp(name, "ladderd.partition") == 0)
		letter->dead.partition = (int32_t)strtol(text, NULL, 10);
	else if (strcmp(name, "ladderd.offset") == 0)
		letter->dead.offset = strtoll(text, NULL, 10);
	else if (strcmp(name, "ladderd.topic") == 0)
		for (size_t i = 0; i < inputs->count; i++)
			if (strcmp(text, inputs->items[i].topic) == 0) {
				letter->dead.input = i;
				letter->is_input = true;
			}
}

static void take_letter(void *ctx, const struct audit_record *record)
{
	struct audit *audit = ctx;
	struct letter letter = {.audit = audit};
	kafka_in_headers(record->record->handle, take_header, &letter);
	if (letter.is_input)
		buffer_put(&audit->dead, &letter.dead, sizeof(letter.dead));
}

static void take_dead_gap(void *ctx, const char *topic, int32_t partition, int64_t end)
{
	struct audit *audit = ctx;
	(void)topic, (void)partition, (void)end;
	audit->is_dead_cut = true;
}

static const struct dead_record *find_dead(const struct audit *audit, const struct audit_record *record)
{
	const struct dead_record wanted = {record->topic, record->partition, record->record->offset, false};
	if (audit->dead.len == 0)
		return NULL;
	return bsearch(&wanted, audit->dead.data, audit->dead.len / sizeof(wanted), sizeof(wanted),
		       compare_dead);
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
	if (is_rejected == is_dead || (is_rejected && audit->is_dead_cut))
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
	const struct dead_record *dead = find_dead(audit, record);
	audit->record_count++;
	if (dead && dead->is_late) {
		audit->left_out_count++;
		return;
	}
	uint64_t items = count_items(gather), rejected = gather->counts.classes[CLASS_REJECTED];
	gather_record(gather, record->record->value, audit->config->kafka.inputs.items[record->topic].types);
	audit->item_counts[record->topic] += count_items(gather) - items;
	find_fault(audit, record, gather->counts.classes[CLASS_REJECTED] > rejected, dead != NULL);
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
	if (audit->dead.len)
		qsort(audit->dead.data, audit->dead.len / sizeof(struct dead_record),
		      sizeof(struct dead_record), compare_dead);
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
	for (size_t i = 0; i < audit->config->kafka.inputs.count; i++)
		printf("%s: decoded %" PRIu64 "\n", audit->topics[i], audit->item_counts[i]);
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

static int audit_all(struct audit *audit)
{
	unsigned char identity_key[16]; /* any: people are compared with nobody */
	struct kafka_error error;
	CHECK(getrandom(identity_key, sizeof(identity_key), 0) == sizeof(identity_key));
	audit->gather = gather_create(audit->config, identity_key);
	audit->rows = audit_rows_create();
	int code = EXIT_UNAVAILABLE;
	if (!read_everything(audit, &error)) {
		fprintf(stderr, "ladderd audit: %s\n", error.text);
		code = audit_is_interrupted()                 ? EXIT_FAILED
		       : error.fault == KAFKA_FAULT_CONFIG ? EXIT_CONFIG
		       : error.fault == KAFKA_FAULT_DENIED ? EXIT_NO_PERMISSION
							   : EXIT_UNAVAILABLE;
	} else {
		compute_rows(audit, identity_key);
		audit->result = audit_rows_compare(audit->rows, audit->config->clock == CONFIG_CLOCK_WALL,
						   show_difference, audit);
		code = say_result(audit);
	}
	gather_destroy(audit->gather);
	audit_rows_destroy(audit->rows);
	buffer_destroy(&audit->dead);
	return code;
}

static int audit_connected(const struct config *config, const struct connections *connections,
			   uint64_t shown_max)
{
	size_t input_count = config->kafka.inputs.count;
	const char *topics[input_count];
	uint64_t item_counts[input_count];
	memset(item_counts, 0, sizeof(item_counts));
	for (size_t i = 0; i < input_count; i++)
		topics[i] = config->kafka.inputs.items[i].topic;
	struct audit audit = {
		.config = config,
		.connection = connections->kafka,
		.topics = topics,
		.item_counts = item_counts,
		.shown_max = shown_max,
	};
	return audit_all(&audit);
}

static int audit_config(const struct config *config, uint64_t shown_max)
{
	char error[512];
	struct connections connections;
	int code = connections_open(config, CONNECTIONS_WITH_SECRETS, &connections, error, sizeof(error));
	if (code != EXIT_DONE) {
		fprintf(stderr, "ladderd audit: %s\n", error);
		return code;
	}
	code = audit_connected(config, &connections, shown_max);
	connections_close(&connections);
	return code;
}

static void handle_signal(int number)
{
	(void)number;
	audit_interrupt();
}

int command_audit(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"max", required_argument, NULL, 'm'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *path = NULL;
	uint64_t shown_max = SHOWN_DEFAULT;
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		char *end = "";
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (option == 'c')
			path = optarg;
		else if (option == 'm')
			shown_max = strtoull(optarg, &end, 10);
		if ((option != 'c' && option != 'm') || *end)
			return command_usage("audit", "unknown option, or one without a good value: %s",
					     argv[optind - 1]);
	}
	if (!path || optind < argc)
		return command_usage("audit", path ? "what is %s for" : "-c FILE is missing", argv[optind]);
	struct config *config = load_config(path, CONFIG_NEED_KAFKA);
	if (!config)
		return EXIT_CONFIG;
	struct sigaction action = {.sa_handler = handle_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int code = audit_config(config, shown_max);
	config_destroy(config);
	return code;
}
