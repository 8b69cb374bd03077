#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/commands.h"
#include "daemon/demo_feed.h"
#include "daemon/demo_folder.h"
#include "daemon/demo_redis.h"
#include "daemon/demo_screen.h"
#include "daemon/exchange.h"
#include "daemon/kafka_mock.h"
#include "daemon/load_config.h"
#include "daemon/loop.h"
#include "daemon/run.h"

enum { PARTITION_COUNT = 4, AD_COUNT = 16, ACCOUNT_COUNT = 2, PEOPLE_COUNT = 200000 };
enum { HASTE = 100, REPORT_MS = 3 * 60 * 1000, SPAN_HOURS = 12, HOUR_MS = 3600 * 1000 };
enum { SECONDS_MIN = 10, SECONDS_MAX = 1000000, LAP_SECONDS = 180, DEFAULT_RATE = 1000, RATE_MAX = 20000 };

/* 2026-03-02T08:00:00Z */
#define START_MS INT64_C(1772438400000)

static const char help[] =
	"usage: ladderd demo [--seconds N] [--rate N] [--scenario NAME]\n"
	"\n"
	"Everything in one process, nothing to set up: a broker, a private redis-server, made-up people who\n"
	"click, write and buy, and the ladders of their campaigns as ladderd publishes them. Event time is\n"
	"faster than ours: twelve hours pass in N seconds, or in three minutes, and it begins again.\n"
	"\n"
	"  --seconds N      end after so many; else with Ctrl-C\n"
	"  --rate N         events a second (1000)\n"
	"  --scenario NAME  what breaks (broken_response)\n"
	"\n"
	"scenarios:\n";

static const char config_form[] =
	"kafka:\n"
	"  brokers: \"%s\"\n"
	"  inputs: [{topic: ladder.clicks}, {topic: ladder.messages}, {topic: ladder.outcomes}]\n"
	"redis: {url: \"unix://%s\", namespace: demo}\n"
	"identity: {key_file: \"%s/identity.key\"}\n"
	"http: {listen: \"off\"}\n"
	"workers: 2\n"
	"clock: event\n"
	"windows: [{length: 1h, slide: 1m, emit: 500ms}, {length: 24h, slide: 1h, emit: 5s}]\n"
	"commit: {interval: 2s}\n";

struct demo_options {
	int64_t seconds; /* 0: until Ctrl-C */
	uint64_t rate;
	enum scenario scenario;
};

/* What has been started, in this order; what has not is zero. */
struct demo {
	struct demo_options options;
	char folder[DEMO_PATH_BYTES];
	struct demo_redis redis;
	struct kafka_mock *mock;
	struct config *config;
	struct demo_screen *screen;
	struct demo_feed *feed;
	bool is_running;
	pthread_t run_thread;
	atomic_bool has_run_ended; /* after run_code was set */
	int run_code;
};

static const char *const topics[TOPIC_COUNT] = {"ladder.clicks", "ladder.messages", "ladder.outcomes",
						"ladder.outcomes"};

static volatile sig_atomic_t is_interrupted;

static void note_signal(int number)
{
	(void)number;
	is_interrupted = 1;
}

static int demo_fail(int code, const char *what)
{
	fprintf(stderr, "ladderd demo: %s\n", what);
	return code;
}

/* ---- Starting ---- */

static int start_redis(struct demo *demo)
{
	char error[256];
	if (!demo_folder_create(demo->folder, sizeof demo->folder)) {
		demo->folder[0] = '\0';
		snprintf(error, sizeof error, "no temporary folder can be made: %s", strerror(errno));
		return demo_fail(EXIT_FAILED, error);
	}
	if (!demo_redis_start(&demo->redis, demo->folder, error, sizeof error))
		return demo_fail(EXIT_UNAVAILABLE, error);
	return EXIT_DONE;
}

static int start_broker(struct demo *demo)
{
	static const char *const outputs[] = {"ladder.current", "ladder.history", "ladder.alerts",
					      "ladder.dead"};
	struct kafka_error error;
	demo->mock = kafka_mock_create(1, &error);
	if (!demo->mock)
		return demo_fail(EXIT_FAILED, error.text);
	for (size_t i = 0; i < TOPIC_SPEND; i++)
		kafka_mock_create_topic(demo->mock, topics[i], PARTITION_COUNT);
	for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
		kafka_mock_create_topic(demo->mock, outputs[i], 1);
	kafka_mock_create_topic(demo->mock, "ladder.exchange", EXCHANGE_PARTITION_COUNT);
	kafka_mock_create_topic(demo->mock, "ladder.erased", 1);
	return EXIT_DONE;
}

static int make_config(struct demo *demo)
{
	char text[2048];
	int len = snprintf(text, sizeof text, config_form, kafka_mock_brokers(demo->mock),
			   demo->redis.socket_path, demo->folder);
	CHECK(len > 0 && (size_t)len < sizeof text);
	struct config_problems problems = {.file = "demo"};
	demo->config = config_load_text((struct slice){text, (size_t)len}, CONFIG_NEED_KAFKA, &problems);
	if (!demo->config)
		config_problems_print(&problems, stderr);
	config_problems_destroy(&problems);
	return demo->config ? EXIT_DONE : EXIT_CONFIG;
}

static int open_screen(struct demo *demo)
{
	char log_path[DEMO_PATH_BYTES + 16];
	snprintf(log_path, sizeof log_path, "%s/ladderd.log", demo->folder);
	struct kafka_error error;
	struct demo_screen_options options = {.brokers = kafka_mock_brokers(demo->mock),
					      .topic = "ladder.current", .window = "1h",
					      .log_path = log_path};
	demo->screen = demo_screen_open(&options, &error);
	return demo->screen ? EXIT_DONE : demo_fail(EXIT_FAILED, error.text);
}

static void *run_in_thread(void *argument)
{
	struct demo *demo = argument;
	demo->run_code = run_daemon(demo->config, NULL, RUN_OUTPUTS_EXIST);
	atomic_store(&demo->has_run_ended, true);
	return NULL;
}

static int start_run(struct demo *demo)
{
	demo->is_running = pthread_create(&demo->run_thread, NULL, run_in_thread, demo) == 0;
	return demo->is_running ? EXIT_DONE : demo_fail(EXIT_FAILED, "no thread can be had");
}

static int start_feed(struct demo *demo)
{
	int64_t lap_s = demo->options.seconds ? demo->options.seconds : LAP_SECONDS;
	uint64_t events_per_lap = demo->options.rate * (uint64_t)lap_s;
	struct demo_feed_options options = {
		.events = {.seed = 1, .event_count = UINT64_MAX, .events_per_span = events_per_lap,
			   .span_ms = SPAN_HOURS * HOUR_MS, .start_ms = START_MS,
			   .people_count = PEOPLE_COUNT, .ad_count = AD_COUNT,
			   .account_count = ACCOUNT_COUNT, .report_ms = REPORT_MS,
			   .is_steady = true, .haste = HASTE, .scenario = demo->options.scenario},
		.lap_ms = lap_s * 1000, .brokers = kafka_mock_brokers(demo->mock), .topics = topics};
	struct kafka_error error;
	demo->feed = demo_feed_start(&options, &error);
	return demo->feed ? EXIT_DONE : demo_fail(EXIT_FAILED, error.text);
}

static int demo_start(struct demo *demo)
{
	static int (*const steps[])(struct demo *demo) = {start_redis, start_broker, make_config,
							  open_screen, start_run, start_feed};
	int code = EXIT_DONE;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && code == EXIT_DONE && !is_interrupted; i++)
		code = steps[i](demo);
	return code;
}

/* ---- Going on ---- */

static void write_title(const struct demo *demo, char *title, size_t size)
{
	int64_t passed_ms = demo_feed_time_ms(demo->feed) - START_MS;
	int64_t place_percent = passed_ms % (SPAN_HOURS * HOUR_MS) * 100 / (SPAN_HOURS * HOUR_MS);
	snprintf(title, size, "demo at %d %% of %s: %s. %" PRIu64 " events", (int)place_percent,
		 scenario_name(demo->options.scenario), scenario_sentence(demo->options.scenario),
		 demo_feed_count(demo->feed));
}

static void demo_go_on(struct demo *demo)
{
	int64_t end_ms = demo->options.seconds ? loop_now_ms() + demo->options.seconds * 1000 : INT64_MAX;
	bool is_seen = true;
	while (is_seen && !is_interrupted && !atomic_load(&demo->has_run_ended) && loop_now_ms() < end_ms) {
		char title[256];
		write_title(demo, title, sizeof title);
		is_seen = demo_screen_refresh(demo->screen, title);
	}
}

/* ---- Ending ---- */

/* Asked again until it ends: what comes before run has begun is forgotten by it. */
static int stop_run(struct demo *demo)
{
	if (!demo->is_running)
		return EXIT_DONE;
	bool has_failed = atomic_load(&demo->has_run_ended);
	while (!atomic_load(&demo->has_run_ended)) {
		run_request_stop();
		struct timespec pause = {0, 50 * 1000000};
		nanosleep(&pause, NULL);
	}
	pthread_join(demo->run_thread, NULL);
	return has_failed ? demo->run_code : EXIT_DONE;
}

static int demo_end(struct demo *demo)
{
	demo_feed_stop(demo->feed);
	int code = stop_run(demo);
	demo_screen_close(demo->screen);
	config_destroy(demo->config);
	if (demo->mock)
		kafka_mock_destroy(demo->mock);
	demo_redis_stop(&demo->redis);
	if (code != EXIT_DONE)
		demo_folder_show_end(demo->folder, "ladderd.log");
	if (*demo->folder)
		demo_folder_remove(demo->folder);
	return code;
}

static int run_demo(const struct demo_options *options)
{
	struct sigaction stop = {.sa_handler = note_signal}, ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	struct demo demo = {.options = *options};
	int code = demo_start(&demo);
	if (code == EXIT_DONE && demo.feed)
		demo_go_on(&demo);
	int end_code = demo_end(&demo);
	return code != EXIT_DONE ? code : end_code;
}

/* ---- The command line ---- */

static bool take_option(struct demo_options *options, int letter, const char *text)
{
	uint64_t number;
	switch (letter) {
	case 's':
		if (!generate_parse_number(text, SECONDS_MIN, SECONDS_MAX, &number))
			return false;
		options->seconds = (int64_t)number;
		return true;
	case 'r':
		return generate_parse_number(text, 1, RATE_MAX, &options->rate);
	default:
		return scenario_find(text, &options->scenario);
	}
}

int command_demo(int argc, char **argv)
{
	static const struct option long_options[] = {{"seconds", required_argument, NULL, 's'},
						     {"rate", required_argument, NULL, 'r'},
						     {"scenario", required_argument, NULL, 'x'},
						     {"help", no_argument, NULL, 'h'},
						     {NULL, 0, NULL, 0}};
	struct demo_options options = {.rate = DEFAULT_RATE, .scenario = SCENARIO_broken_response};
	opterr = 0;
	for (int letter, which; (letter = getopt_long(argc, argv, ":", long_options, &which)) != -1;) {
		if (letter == 'h') {
			fputs(help, stdout);
			scenario_print_all(stdout);
			return EXIT_DONE;
		}
		if (letter == '?' || letter == ':')
			return command_usage("demo", letter == '?' ? "unknown option %s" : "%s needs a value",
					     argv[optind - 1]);
		if (!take_option(&options, letter, optarg))
			return command_usage("demo", "--%s cannot be %s", long_options[which].name, optarg);
	}
	if (optind < argc)
		return command_usage("demo", "what is %s for", argv[optind]);
	return run_demo(&options);
}
