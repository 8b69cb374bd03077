/* Connections: what the configuration says of Kafka and Redis, with the secrets that stand in files of their
 * own (secret.h), as the clients take it. */
#ifndef LADDER_DAEMON_CONNECTIONS_H
#define LADDER_DAEMON_CONNECTIONS_H

#include "config/config.h"
#include "daemon/kafka_connection.h"
#include "daemon/redis_url.h"

/* CONNECTIONS_WITHOUT_SECRETS leaves the values of secret properties and the password unset: enough to judge
 * the rest. */
enum connections_need { CONNECTIONS_WITHOUT_SECRETS, CONNECTIONS_WITH_SECRETS };

struct connections {
	struct kafka_connection kafka;
	struct redis_url redis;
	struct kafka_property *properties; /* what kafka borrows */
};

/* 0, or an exit code with an English sentence that names the setting; nothing is to be closed then. Borrows
 * the configuration. */
must_check int connections_open(const struct config *config, enum connections_need need,
				struct connections *connections, char *error, size_t error_size);
/* Wipes the secrets. After whatever was opened with them. */
void connections_close(struct connections *connections);

#endif
