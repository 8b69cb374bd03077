#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/diagnose/diagnose.h"
#include "daemon/commands.h"
#include "daemon/load_config.h"
#include "daemon/replay_arrival.h"
#include "daemon/replay_fold.h"
#include "daemon/replay_print.h"

enum { PATH_COUNT_MAX = 4096, PROGRESS_EVERY_MS = 500, BATCH_EVENTS = 64 };

struct replay {
	const char *config_path;
	const char *rows_path;
	const char *alerts_path;
	char *paths[PATH_COUNT_MAX];
	size_t path_count;
	bool is_in_arrival_order;
	bool is_enveloped;
	size_t batch_size;
	struct config *config;
	unsigned char identity_key[16];
	struct merger *merger;
	struct counts counts;
	uint64_t frozen_count;
	uint64_t folded_early_count;
	FILE *rows;
	FILE *alerts; /* NULL: nobody wants them */
};

static const char help[] =
	"usage: ladderd replay -c FILE --events FILE... [--rows FILE] [--alerts FILE]\n"
	"                      [--format ladder|connect] [--arrival-order]\n"
	"\n"
	"Computes from files what `ladderd run` computes from Kafka: the final row of each key that\n"
	"holds anything, sorted by key, one JSON object a line, and on stderr the counts of how every\n"
	"event ended, as one JSON line. The same events in any order, however often repeated, print\n"
	"the same rows. Needs neither Kafka nor Redis.\n"
	"\n"
	"  -c FILE            the configuration; its settings kafka, redis and identity are not used\n"
	"  --events FILE...   one event, or array of events, a line; - is stdin\n"
	"  --rows FILE        write the rows there, not to stdout\n"
	"  --format FORMAT    ladder: a row is plain JSON; connect: in Kafka Connect's schema envelope, as\n"
	"                     kafka.outputs.format has them written to Kafka (ladder)\n"
	"  --alerts FILE      write every alert there as it fires and as it is resolved, one JSON object a\n"
	"                     line, judged at each full minute of the events' time. Without\n"
	"                     --arrival-order events are taken in the order of their times for it, so the\n"
	"                     same set gives the same alerts; stdin cannot be read then\n"
	"  --arrival-order    take the events as the files have them, as `run` would: events that\n"
	"                     come more than `lateness` after newer ones are late then, and do\n"
	"                     not count\n"
	"  --batch N          with it: take so many events at a time, 1 to 257 (64); no number depends\n"
	"                     on it\n";

/* One file's lines, divided among the gathers. */
struct gather_job {
	struct gather *gather;
	pthread_t thread;
	const char *path;
	uint64_t begin;
	uint64_t end;
	bool is_done;
};

static void *run_gather(void *argument)
{
	struct gather_job *job = argument;
	job->is_done = gather_file(job->gather, job->path, job->begin, job->end);
	return NULL;
}

/* The size of a file that can be divided, else 0. */
static uint64_t divisible_bytes(const char *path)
{
	struct stat status;
	bool is_file = strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
	return is_file ? (uint64_t)status.st_size : 0;
}

static void show_progress(struct gather_job *jobs, size_t job_count, const char *path, uint64_t total_bytes)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < job_count; i++)
		bytes += __atomic_load_n(&jobs[i].gather->bytes_read, __ATOMIC_RELAXED);
	fprintf(stderr, "\rreading %s: %" PRIu64 " of %" PRIu64 " MB ", path, bytes >> 20, total_bytes >> 20);
}

static void wait_for(struct gather_job *jobs, size_t job_count, uint64_t total_bytes)
{
	bool is_shown = isatty(STDERR_FILENO) && total_bytes;
	for (size_t i = 0; i < job_count; i++) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		do {
			until.tv_nsec += PROGRESS_EVERY_MS * 1000000L;
			until.tv_sec += until.tv_nsec / 1000000000L;
			until.tv_nsec %= 1000000000L;
			if (is_shown)
				show_progress(jobs, job_count, jobs[i].path, total_bytes);
		} while (pthread_timedjoin_np(jobs[i].thread, NULL, &until) == ETIMEDOUT);
	}
	if (is_shown)
		fputs("\r\033[K", stderr);
}

/* Every gather reads its part of the file; a pipe is read by the first alone. */
static bool gather_path(struct gather **gathers, size_t count, const char *path)
{
	uint64_t bytes = divisible_bytes(path);
	size_t job_count = bytes ? count : 1;
	struct gather_job *jobs = calloc(job_count, sizeof(*jobs));
	CHECK(jobs);
	for (size_t i = 0; i < job_count; i++) {
		gathers[i]->bytes_read = 0;
		jobs[i] = (struct gather_job){.gather = gathers[i], .path = path};
		jobs[i].begin = bytes * i / job_count;
		jobs[i].end = bytes * (i + 1) / job_count;
		CHECK(pthread_create(&jobs[i].thread, NULL, run_gather, &jobs[i]) == 0);
	}
	wait_for(jobs, job_count, bytes);
	bool is_done = true;
	for (size_t i = 0; i < job_count; i++)
		is_done &= jobs[i].is_done;
	free(jobs);
	return is_done;
}

static bool replay_set(struct replay *replay)
{
	size_t count = replay->config->workers;
	struct gather **gathers = calloc(count, sizeof(*gathers));
	CHECK(gathers);
	for (size_t i = 0; i < count; i++)
		gathers[i] = gather_create(replay->config, replay->identity_key);
	bool is_read = true;
	for (size_t i = 0; i < replay->path_count && is_read; i++)
		is_read = gather_path(gathers, count, replay->paths[i]);
	for (size_t i = 0; i < count; i++)
		if (gathers[i]->error[0])
			fprintf(stderr, "ladderd replay: %s\n", gathers[i]->error);
	if (is_read)
		replay_fold(gathers, count, count, replay->config, replay->identity_key, replay->merger,
			    &replay->counts, &replay->frozen_count);
	for (size_t i = 0; i < count; i++)
		gather_destroy(gathers[i]);
	free(gathers);
	return is_read;
}

static bool replay_as_arrived(struct replay *replay)
{
	char error[512] = "";
	struct replay_arrival_counts counts = {0};
	const struct replay_arrival_options options = {replay->identity_key, replay->paths,
						       replay->path_count, replay->batch_size,
						       replay->alerts};
	bool is_read = replay_arrival(replay->config, &options, replay->merger, &counts, error,
				      sizeof(error));
	replay->counts = counts.counts;
	replay->frozen_count = counts.frozen;
	replay->folded_early_count = counts.folded_early;
	if (!is_read)
		fprintf(stderr, "ladderd replay: %s\n", error);
	return is_read;
}

static bool replay_sorted_alerts(struct replay *replay)
{
	char error[512] = "";
	const struct replay_arrival_options options = {replay->identity_key, replay->paths,
						       replay->path_count, replay->batch_size,
						       replay->alerts};
	bool is_read = replay_arrival_sorted(replay->config, &options, error, sizeof(error));
	if (!is_read)
		fprintf(stderr, "ladderd replay: %s\n", error);
	return is_read;
}

static bool replay_all(struct replay *replay)
{
	if (replay->is_in_arrival_order)
		return replay_as_arrived(replay);
	return replay_set(replay) && (!replay->alerts || replay_sorted_alerts(replay));
}

/* Whether all that was written is there. */
static bool is_written(FILE *file, const char *path)
{
	if (!file || (fflush(file) == 0 && !ferror(file)))
		return true;
	fprintf(stderr, "ladderd replay: %s: %s\n", path ? path : "stdout", strerror(errno));
	return false;
}

static void print_counts(const struct replay *replay, FILE *file)
{
	uint64_t decoded = 0;
	for (int i = 0; i < CLASS_COUNT; i++)
		decoded += replay->counts.classes[i];
	fprintf(file, "{\"decoded\":%" PRIu64, decoded);
	for (int i = 0; i < CLASS_COUNT; i++)
		fprintf(file, ",\"%s\":%" PRIu64, class_name((enum verdict_class)i),
			replay->counts.classes[i]);
	fputs(",\"reasons\":{", file);
	for (int i = 0; i < REASON_COUNT; i++)
		fprintf(file, "%s\"%s\":%" PRIu64, i ? "," : "", reason_name((enum reason)i),
			replay->counts.reasons[i]);
	fprintf(file, "},\"folded_early\":%" PRIu64 ",\"frozen\":%" PRIu64 "}\n", replay->folded_early_count,
		replay->frozen_count);
}

static int replay_and_print(struct replay *replay)
{
	CHECK(getrandom(replay->identity_key, sizeof(replay->identity_key), 0) ==
	      (ssize_t)sizeof(replay->identity_key));
	replay->merger = merger_create(&replay->config->options, diagnose);
	int code = EXIT_FAILED;
	if (replay_all(replay)) {
		replay_print(replay->merger, replay->config->workers, replay->is_enveloped,
			     replay->rows);
		print_counts(replay, stderr);
		bool are_rows_there = is_written(replay->rows, replay->rows_path);
		if (is_written(replay->alerts, replay->alerts_path) && are_rows_there)
			code = EXIT_DONE;
	}
	merger_destroy(replay->merger);
	return code;
}

static bool add_paths(struct replay *replay, int argc, char **argv)
{
	for (; optind < argc; optind++) {
		if (replay->path_count == PATH_COUNT_MAX)
			return false;
		replay->paths[replay->path_count++] = argv[optind];
	}
	return true;
}

static int check_whole(const struct replay *replay)
{
	if (replay->batch_size < 1 || replay->batch_size > TASK_BATCH_MAX)
		return command_usage("replay", "--batch is a number from 1 to %d", TASK_BATCH_MAX);
	if (!replay->config_path)
		return command_usage("replay", "-c FILE is missing");
	for (size_t i = 0; i < replay->path_count; i++)
		if (replay->alerts_path && !replay->is_in_arrival_order &&
		    strcmp(replay->paths[i], "-") == 0)
			return command_usage("replay", "--alerts reads files twice, and stdin cannot be: "
						       "add --arrival-order");
	return replay->path_count ? EXIT_DONE : command_usage("replay", "--events FILE is missing");
}

/* getopt_long moves what is no option to the end: the files after the first behind --events. */
static int parse(struct replay *replay, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"events", required_argument, NULL, 'e'},
		{"rows", required_argument, NULL, 'r'},   {"arrival-order", no_argument, NULL, 'a'},
		{"batch", required_argument, NULL, 'b'},  {"alerts", required_argument, NULL, 'A'},
		{"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			replay->config_path = optarg;
			break;
		case 'e':
			replay->paths[replay->path_count++] = optarg;
			break;
		case 'r':
			replay->rows_path = optarg;
			break;
		case 'A':
			replay->alerts_path = optarg;
			break;
		case 'a':
			replay->is_in_arrival_order = true;
			break;
		case 'b':
			replay->batch_size = strtoul(optarg, NULL, 10);
			break;
		case 'f':
			replay->is_enveloped = strcmp(optarg, "connect") == 0;
			if (!replay->is_enveloped && strcmp(optarg, "ladder") != 0)
				return command_usage("replay", "--format is ladder or connect, not %s",
						     optarg);
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_DONE);
		default:
			return command_usage("replay", "unknown option, or one without its value: %s",
					     argv[optind - 1]);
		}
		if (replay->path_count == PATH_COUNT_MAX)
			break;
	}
	if (!add_paths(replay, argc, argv))
		return command_usage("replay", "more than %d files", PATH_COUNT_MAX);
	return check_whole(replay);
}

static FILE *open_to_write(const char *path)
{
	FILE *file = fopen(path, "w");
	if (!file)
		fprintf(stderr, "ladderd replay: %s: %s\n", path, strerror(errno));
	return file;
}

static int open_and_replay(struct replay *replay)
{
	int code = EXIT_FAILED;
	replay->rows = replay->rows_path ? open_to_write(replay->rows_path) : stdout;
	replay->alerts = replay->alerts_path ? open_to_write(replay->alerts_path) : NULL;
	if (replay->rows && (replay->alerts || !replay->alerts_path))
		code = replay_and_print(replay);
	if (replay->rows_path && replay->rows)
		fclose(replay->rows);
	if (replay->alerts)
		fclose(replay->alerts);
	return code;
}

int command_replay(int argc, char **argv)
{
	static struct replay replay = {.batch_size = BATCH_EVENTS};
	int code = parse(&replay, argc, argv);
	if (code != EXIT_DONE)
		return code;
	replay.config = load_config(replay.config_path, CONFIG_NEED_NOTHING);
	if (!replay.config)
		return EXIT_CONFIG;
	code = open_and_replay(&replay);
	config_destroy(replay.config);
	return code;
}
