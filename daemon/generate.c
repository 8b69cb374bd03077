#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/commands.h"
#include "daemon/generate_kafka.h"
#include "daemon/generate_options.h"

enum { OUT_BYTES = 1 << 20, PROGRESS_EVENTS = 1 << 16, FLUSH_TIMEOUT_MS = 600000 };

struct sink {
	struct generate_kafka *kafka; /* or NULL: to fd */
	int fd;
	const char *name;
	size_t len;
	char *bytes;                  /* owned */
};

struct pace {
	const struct generate_options *options;
	int64_t begin_ns;
	uint64_t count;
	bool is_watched;              /* somebody looks at the progress */
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- Where to ---- */

static bool sink_flush(struct sink *sink)
{
	for (size_t done = 0; done < sink->len;) {
		ssize_t written = write(sink->fd, sink->bytes + done, sink->len - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			fprintf(stderr, "ladderd generate: cannot write to %s: %s\n", sink->name,
				strerror(errno));
			sink->len = 0;
			return false;
		}
		done += (size_t)written;
	}
	sink->len = 0;
	return true;
}

static bool sink_put(struct sink *sink, const struct generated *generated)
{
	if (sink->kafka) {
		generate_kafka_send(sink->kafka, generated);
		return true;
	}
	if (sink->len + generated->json.len + 1 > OUT_BYTES && !sink_flush(sink))
		return false;
	memcpy(sink->bytes + sink->len, generated->json.data, generated->json.len);
	sink->len += generated->json.len;
	sink->bytes[sink->len++] = '\n';
	return true;
}

static int sink_open_kafka(struct sink *sink, const struct generate_options *options)
{
	struct kafka_error error;
	sink->kafka = generate_kafka_open(options->brokers, options->topics, options->partition_count, true,
					  &error);
	if (sink->kafka)
		return EXIT_DONE;
	fprintf(stderr, "ladderd generate: %s\n", error.text);
	return command_code_of(&error, EXIT_UNAVAILABLE);
}

static int sink_open(struct sink *sink, const struct generate_options *options)
{
	*sink = (struct sink){.fd = STDOUT_FILENO, .name = "standard output"};
	if (options->brokers)
		return sink_open_kafka(sink, options);
	if (options->out) {
		sink->name = options->out;
		sink->fd = open(options->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	if (sink->fd < 0) {
		fprintf(stderr, "ladderd generate: cannot create %s: %s\n", options->out, strerror(errno));
		return EXIT_FAILED;
	}
	sink->bytes = malloc(OUT_BYTES);
	CHECK(sink->bytes);
	return EXIT_DONE;
}

static bool sink_close(struct sink *sink)
{
	if (sink->kafka)
		return generate_kafka_close(sink->kafka, FLUSH_TIMEOUT_MS) == 0;
	bool is_whole = sink_flush(sink);
	free(sink->bytes);
	if (sink->fd != STDOUT_FILENO && close(sink->fd) != 0 && is_whole) {
		fprintf(stderr, "ladderd generate: cannot write to %s: %s\n", sink->name, strerror(errno));
		return false;
	}
	return is_whole;
}

/* ---- When ---- */

static void sleep_ns(int64_t wait_ns)
{
	struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
	nanosleep(&wait, NULL);
}

/* How long until an event is due. */
static int64_t pace_wait_ns(const struct pace *pace, const struct generated *generated)
{
	if (pace->options->is_live)
		return generated->arrives_ms * 1000000 - clock_ns(CLOCK_REALTIME);
	uint64_t rate = pace->options->rate;
	int64_t due_ns = (int64_t)(pace->count / rate * 1000000000 + pace->count % rate * 1000000000 / rate);
	return pace->begin_ns + due_ns - clock_ns(CLOCK_MONOTONIC);
}

static bool pace_wait(const struct pace *pace, struct sink *sink, const struct generated *generated)
{
	static const int64_t slack_ns = 1000000;
	int64_t wait_ns = pace_wait_ns(pace, generated);
	if (wait_ns < slack_ns)
		return true;
	if (!sink->kafka && !sink_flush(sink))
		return false;
	for (; wait_ns >= slack_ns; wait_ns = pace_wait_ns(pace, generated)) {
		if (sink->kafka)
			generate_kafka_poll(sink->kafka, 0);
		sleep_ns(wait_ns < 100 * slack_ns ? wait_ns : 100 * slack_ns);
	}
	return true;
}

static void pace_show(const struct pace *pace, bool is_end)
{
	int64_t passed_ms = (clock_ns(CLOCK_MONOTONIC) - pace->begin_ns) / 1000000;
	uint64_t per_second = pace->count * 1000 / (uint64_t)(passed_ms + 1);
	fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " events, %" PRIu64 " a second%s", pace->count,
		pace->options->feed.event_count, per_second, is_end ? "\n" : " ");
}

/* ---- All of them ---- */

static bool generate_all(const struct generate_options *options, struct sink *sink)
{
	struct generator *generator = generator_create(&options->feed);
	struct pace pace = {.options = options, .begin_ns = clock_ns(CLOCK_MONOTONIC),
			    .is_watched = isatty(STDERR_FILENO)};
	struct generated generated;
	bool is_going = true;
	while (is_going && generator_next(generator, &generated)) {
		if (options->rate)
			is_going = pace_wait(&pace, sink, &generated);
		is_going = is_going && sink_put(sink, &generated);
		if (++pace.count % PROGRESS_EVENTS)
			continue;
		if (sink->kafka)
			generate_kafka_poll(sink->kafka, 0);
		if (pace.is_watched)
			pace_show(&pace, false);
	}
	if (pace.is_watched)
		pace_show(&pace, true);
	generator_destroy(generator);
	return is_going;
}

static int generate(const struct generate_options *options)
{
	struct sink sink;
	int code = sink_open(&sink, options);
	if (code != EXIT_DONE)
		return code;
	bool is_generated = generate_all(options, &sink);
	return sink_close(&sink) && is_generated ? EXIT_DONE : EXIT_FAILED;
}

int command_generate(int argc, char **argv)
{
	struct generate_options options;
	int code = EXIT_DONE;
	switch (generate_options_parse(argc, argv, &options)) {
	case GENERATE_GO:
		code = generate(&options);
		break;
	case GENERATE_HELP:
		generate_options_print_help();
		break;
	case GENERATE_BAD:
		code = command_usage("generate", "%s", options.problem);
		break;
	}
	generate_options_destroy(&options);
	return code;
}
