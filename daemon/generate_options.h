/* Options of `ladderd generate`, from its command line. Spec section 9. */
#ifndef LADDER_DAEMON_GENERATE_OPTIONS_H
#define LADDER_DAEMON_GENERATE_OPTIONS_H

#include "daemon/generate_events.h"

enum generate_topic { TOPIC_CLICKS, TOPIC_MESSAGES, TOPIC_OUTCOMES, TOPIC_SPEND, TOPIC_COUNT };

struct generate_options {
	struct generator_options feed;
	const char *out;               /* a file, or NULL: stdout */
	const char *brokers;           /* NULL: not to Kafka */
	char *topics_text;             /* owned; what `topics` point into */
	const char *topics[TOPIC_COUNT];
	int partition_count;
	uint64_t rate;                 /* events a second; 0: as fast as it goes */
	bool is_live;                  /* event time is the wall clock's */
	char problem[160];             /* of GENERATE_BAD: what is wrong */
};

enum generate_parsed { GENERATE_GO, GENERATE_HELP, GENERATE_BAD };

enum generate_parsed generate_options_parse(int argc, char **argv, struct generate_options *options);
void generate_options_destroy(struct generate_options *options);
void generate_options_print_help(void);

/* The whole text as a number from low to high; as a whole number with ms, s, m, h or d behind it. */
bool generate_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *number);
bool generate_parse_duration(const char *text, int64_t *duration_ms);

#endif
