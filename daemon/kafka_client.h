/* Kafka client: what consumer, producer and admin have in common. Private to daemon/kafka_*.c.
 *
 * Opens a librdkafka handle from our settings and the user's properties; brings librdkafka's log lines
 * and errors to daemon/log.h, repeated ones collapsed; gives its error codes one of our four classes.
 *
 * Thread: one. Log lines and errors wait in the handle's main queue until its owner polls. */
#ifndef LADDER_DAEMON_KAFKA_CLIENT_H
#define LADDER_DAEMON_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "daemon/kafka_connection.h"

enum { KAFKA_HUSH_COUNT = 8, KAFKA_HUSH_MS = 30 * 1000, KAFKA_CLOSE_MS = 500 };

/* A kind of line is logged once in KAFKA_HUSH_MS; the next one says how many were left out. */
struct kafka_hush {
	char kind[24];
	int64_t logged_at_ms;
	uint64_t left_out;
};

/* Stays at one address while open: librdkafka points to it. */
struct kafka_client {
	rd_kafka_t *handle;
	const char *name; /* for log lines, static text */
	bool is_away;     /* no broker could be reached, and nothing has arrived since */
	rd_kafka_resp_err_t why; /* the last failure of a broker connection, 0 if there was none */
	char why_text[256];
	struct kafka_hush hushes[KAFKA_HUSH_COUNT];
};

/* A configuration with our settings (a NULL name ends them), then the user's properties; NULL with the error
 * told. The caller may add callbacks, and hands it to kafka_client_open or destroys it. */
must_check rd_kafka_conf_t *kafka_client_configure(const struct kafka_connection *connection,
						   const struct kafka_property *settings,
						   struct kafka_error *error);

/* Takes the configuration in any case. False where librdkafka refuses how its parts go together. */
must_check bool kafka_client_open(struct kafka_client *client, const char *name, rd_kafka_type_t type,
				  rd_kafka_conf_t *conf, struct kafka_error *error);

/* Destroys the handle. librdkafka waits in there for what is under way, for a minute where the brokers
 * are away: after KAFKA_CLOSE_MS it is left to itself, which only the end of a process should see.
 * False: that happened, and whatever the handle was opened with must stay. */
must_check bool kafka_client_close(rd_kafka_t *handle, int flags);

/* Logs that Kafka is back where it was away. To be called when something arrived from a broker. */
void kafka_client_arrived(struct kafka_client *client);

/* Whether a line of this kind may be logged now, and how many were left out since the last. */
bool kafka_client_may_log(struct kafka_client *client, const char *kind, uint64_t *left_out);

enum kafka_fault kafka_fault_of(rd_kafka_resp_err_t code);

/* Fills the error; the format makes its text. */
__attribute__((format(printf, 3, 4)))
void kafka_error_set(struct kafka_error *error, enum kafka_fault fault, const char *format, ...);

int64_t kafka_now_ms(void); /* monotonic */

#endif
