#include "daemon/generate_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/rfc3339.h"

#define DEFAULT_START "2026-03-02T00:00:00Z"
#define DAY_MS INT64_C(86400000)

enum { AD_EVENTS_PER_DAY = 360, EVENTS_PER_PERSON = 8 };
enum { PARTITIONS_MAX = 10000 };

/* OPTION(letter, name, argument, sentence) */
#define OPTIONS \
	OPTION('s', "seed", "N", "what the dice start from; the same seed gives the same bytes (1)") \
	OPTION('n', "events", "N", "how many") \
	OPTION('o', "out", "FILE", "where to; else standard output") \
	OPTION('p', "people", "N", "how many there are (an eighth of the events)") \
	OPTION('a', "ads", "N", "how many there are, four to a campaign (one for 10,000 events, 4 to 200)") \
	OPTION('c', "accounts", "N", "how many there are: act_1, act_2, ... (3)") \
	OPTION('t', "start", "TIME", "RFC 3339, or now: then event time is the wall clock's (" DEFAULT_START \
				    ")") \
	OPTION('S', "span", "DURATION", "such as 28d, the time they spread over (28d, or less if there " \
					"would be fewer than 360 a day for each ad)") \
	OPTION('r', "rate", "N", "so many a second, not as fast as it goes; with --start now on average") \
	OPTION('l', "late", "PERCENT", "so many arrive a minute to five hours late") \
	OPTION('d', "duplicates", "PERCENT", "so many arrive once more") \
	OPTION('x', "scenario", "NAME", "what breaks (healthy)") \
	OPTION('w', "well-run", NULL, "the business answers in minutes, day and night, says of chats " \
				      "what they are, is quiet on weekends: only the scenario is wrong") \
	OPTION('y', "haste", "N", "delays beyond five minutes are so many times shorter (1)") \
	OPTION('R', "report", "DURATION", "spend is reported in such periods (hours or days, by account)") \
	OPTION('k', "kafka", "BROKERS", "to Kafka, keyed by person and spend by ad, compressed with lz4") \
	OPTION('T', "topics", "LIST", "clicks=TOPIC,messages=TOPIC,outcomes=TOPIC,spend=TOPIC; opens go " \
				      "with clicks, and so does spend with outcomes if not given") \
	OPTION('P', "partitions", "N", "of topics that are absent and so created (4)") \
	OPTION('h', "help", NULL, "this")

void generate_options_print_help(void)
{
	puts("usage: ladderd generate --seed N --events N [OPTION...]\n\n"
	     "Writes events as feeds would carry them, one JSON object a line.\n");
#define OPTION(letter, name, argument, sentence) \
	printf("  --%s%s%s\n      %s\n", name, argument ? " " : "", argument ? argument : "", sentence);
	OPTIONS
#undef OPTION
	puts("\nscenarios:");
	scenario_print_all(stdout);
}

/* ---- Values ---- */

bool generate_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number)
{
	char *stop;
	errno = 0;
	unsigned long long value = strtoull(text, &stop, 10);
	if (errno || stop == text || *stop || *text < '0' || *text > '9' || value < low || value > high)
		return false;
	*number = value;
	return true;
}

bool generate_parse_duration(const char *text, int64_t *duration_ms)
{
	static const struct {
		const char *unit;
		int64_t unit_ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", DAY_MS}};
	char *unit;
	errno = 0;
	unsigned long long count = strtoull(text, &unit, 10);
	if (errno || unit == text || *text < '0' || *text > '9')
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strcmp(unit, units[i].unit) == 0 &&
		    count <= (unsigned long long)(GENERATE_SPAN_MAX_MS / units[i].unit_ms)) {
			*duration_ms = (int64_t)count * units[i].unit_ms;
			return true;
		}
	return false;
}

static bool parse_permille(const char *text, unsigned *permille)
{
	size_t len = strspn(text, "0123456789");
	bool has_tenth = text[len] == '.' && text[len + 1] >= '0' && text[len + 1] <= '9';
	if (len < 1 || len > 3 || text[len + 2 * has_tenth])
		return false;
	*permille = (unsigned)strtoul(text, NULL, 10) * 10;
	if (has_tenth)
		*permille += (unsigned)(text[len + 1] - '0');
	return *permille <= 1000;
}

static bool parse_start(struct generate_options *options, const char *text)
{
	options->is_live = strcmp(text, "now") == 0;
	if (options->is_live) {
		options->feed.start_ms = (int64_t)time(NULL) * 1000;
		return true;
	}
	static const int64_t year_2000_ms = INT64_C(946684800000);
	int64_t *start_ms = &options->feed.start_ms;
	return time_parse(slice_from(text), start_ms) && *start_ms >= year_2000_ms &&
	       *start_ms < TIME_MAX_MS - 4 * GENERATE_SPAN_MAX_MS;
}

static bool parse_topics(struct generate_options *options, const char *text)
{
	static char *const names[] = {"clicks", "messages", "outcomes", "spend", NULL};
	free(options->topics_text);
	options->topics_text = strdup(text);
	CHECK(options->topics_text);
	for (char *rest = options->topics_text; *rest;) {
		char *topic;
		int number = getsubopt(&rest, names, &topic);
		if (number < 0 || !topic || !*topic)
			return false;
		options->topics[number] = topic;
	}
	return true;
}

static bool parse_uint32(const char *text, uint64_t high, uint32_t *number)
{
	uint64_t parsed;
	if (!generate_parse_number(text, 1, high, &parsed))
		return false;
	*number = (uint32_t)parsed;
	return true;
}

static bool parse_seconds(const char *text, int64_t *duration_ms)
{
	return generate_parse_duration(text, duration_ms) && *duration_ms >= 1000;
}

static bool parse_option(struct generate_options *options, int letter, const char *text)
{
	uint32_t number;
	switch (letter) {
	case 's': return generate_parse_number(text, 0, UINT64_MAX, &options->feed.seed);
	case 'n': return generate_parse_number(text, 1, UINT32_MAX, &options->feed.event_count);
	case 'o': options->out = text; return true;
	case 'p': return parse_uint32(text, 1000000000, &options->feed.people_count);
	case 'a': return parse_uint32(text, 1000000, &options->feed.ad_count);
	case 'c': return parse_uint32(text, 1000000, &options->feed.account_count);
	case 't': return parse_start(options, text);
	case 'S': return parse_seconds(text, &options->feed.span_ms);
	case 'r': return generate_parse_number(text, 1, 100000000, &options->rate);
	case 'l': return parse_permille(text, &options->feed.late_permille);
	case 'd': return parse_permille(text, &options->feed.duplicate_permille);
	case 'x': return scenario_find(text, &options->feed.scenario);
	case 'w': options->feed.is_well_run = true; return true;
	case 'y': return parse_uint32(text, 1000000, &options->feed.haste);
	case 'R': return parse_seconds(text, &options->feed.report_ms);
	case 'k': options->brokers = text; return *text;
	case 'T': return parse_topics(options, text);
	default:
		if (!parse_uint32(text, PARTITIONS_MAX, &number))
			return false;
		options->partition_count = (int)number;
		return true;
	}
}

/* ---- The whole ---- */

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static int64_t usual_span_ms(const struct generate_options *options)
{
	uint64_t event_count = options->feed.event_count;
	if (options->rate)
		return (int64_t)clamp(event_count * 1000 / options->rate, 1000, GENERATE_SPAN_MAX_MS);
	uint64_t days_ms = event_count * DAY_MS / AD_EVENTS_PER_DAY / options->feed.ad_count;
	return (int64_t)clamp(days_ms, 1000, 28 * DAY_MS);
}

static void derive_what_is_missing(struct generate_options *options)
{
	struct generator_options *feed = &options->feed;
	feed->events_per_span = feed->event_count;
	if (!feed->people_count)
		feed->people_count = (uint32_t)clamp(feed->event_count / EVENTS_PER_PERSON, 1, UINT32_MAX);
	if (!feed->ad_count)
		feed->ad_count = (uint32_t)clamp(feed->event_count / 10000, 4, 200);
	if (!feed->span_ms)
		feed->span_ms = usual_span_ms(options);
	if (!options->topics[TOPIC_SPEND])
		options->topics[TOPIC_SPEND] = options->topics[TOPIC_OUTCOMES];
}

__attribute__((format(printf, 2, 3)))
static enum generate_parsed bad(struct generate_options *options, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(options->problem, sizeof options->problem, format, arguments);
	va_end(arguments);
	return GENERATE_BAD;
}

static enum generate_parsed check_whole(struct generate_options *options)
{
	const struct generator_options *feed = &options->feed;
	if (!feed->event_count)
		return bad(options, "--events N is missing");
	if (options->is_live && !options->rate)
		return bad(options, "--start now needs --rate");
	if (options->brokers && options->out)
		return bad(options, "--out and --kafka exclude each other");
	derive_what_is_missing(options);
	if ((uint64_t)feed->span_ms / feed->events_per_span > (uint64_t)GENERATE_GAP_MAX_MS)
		return bad(options, "the span is too long: it has less than one event a day");
	return GENERATE_GO;
}

static void set_defaults(struct generate_options *options)
{
	*options = (struct generate_options){
		.feed = {.seed = 1, .account_count = 3, .haste = 1, .scenario = SCENARIO_healthy},
		.topics = {"ladder.clicks", "ladder.messages", "ladder.outcomes", NULL},
		.partition_count = 4};
	CHECK(parse_start(options, DEFAULT_START));
}

enum generate_parsed generate_options_parse(int argc, char **argv, struct generate_options *options)
{
	static const struct option long_options[] = {
#define OPTION(letter, name, argument, sentence) {name, (argument) != NULL, NULL, letter},
		OPTIONS
#undef OPTION
		{NULL, 0, NULL, 0}};
	set_defaults(options);
	optind = 1;
	opterr = 0;
	for (int letter, which; (letter = getopt_long(argc, argv, ":", long_options, &which)) != -1;) {
		if (letter == 'h')
			return GENERATE_HELP;
		if (letter == '?')
			return bad(options, "unknown option %s", argv[optind - 1]);
		if (letter == ':')
			return bad(options, "%s needs a value", argv[optind - 1]);
		if (!parse_option(options, letter, optarg))
			return bad(options, "--%s cannot be %s", long_options[which].name, optarg);
	}
	return optind < argc ? bad(options, "what is %s for", argv[optind]) : check_whole(options);
}

void generate_options_destroy(struct generate_options *options)
{
	free(options->topics_text);
}
