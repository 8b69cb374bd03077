/* Kafka connection: what every Kafka client of the daemon is opened with, and how its failures are told.
 *
 * The librdkafka header is included by daemon/kafka_*.[ch] only; this header and kafka_in.h, kafka_out.h,
 * kafka_admin.h and kafka_mock.h do without it. Spec sections 9 (exit codes) and 10 (kafka:). */
#ifndef LADDER_DAEMON_KAFKA_CONNECTION_H
#define LADDER_DAEMON_KAFKA_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/check.h"

/* One entry of kafka.properties or kafka.secrets, in the order of the file. */
struct kafka_property {
	const char *name;
	const char *value; /* NULL: a secret that is not known; only kafka_connection_check takes that */
};

/* Borrowed by whatever is opened with it, and only during that call. */
struct kafka_connection {
	const char *brokers; /* kafka.brokers: host:port,host:port */
	const struct kafka_property *properties;
	size_t property_count;
	size_t secret_count; /* of them, the last ones: of kafka.secrets, whose values are never told */
};

enum kafka_fault {
	KAFKA_FAULT_NONE,
	KAFKA_FAULT_RETRY,  /* brokers away, slow or busy: try again later, exit code 75 */
	KAFKA_FAULT_DENIED, /* a right or a password is missing: 77 */
	KAFKA_FAULT_CONFIG  /* a setting or a topic has to be changed by somebody: 78 */
};

/* Filled by a function that returns failure, and only then. `text` is one English sentence that names the
 * topic, partition, broker or setting, and says what to do where something can be done. */
struct kafka_error {
	enum kafka_fault fault;
	bool is_silence; /* no broker answers, or lets us in: asking for something else is of no use */
	char text[768];
};

/* Judges brokers and properties without talking to anybody: names that librdkafka does not know, values
 * it refuses, and properties that are not the user's to set; where all values are known, how they go
 * together, too. */
must_check bool kafka_connection_check(const struct kafka_connection *connection, struct kafka_error *error);

#endif
