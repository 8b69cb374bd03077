/* Output topics: what `ladderd run` writes to, and how each is created where it is absent. */
#ifndef LADDER_DAEMON_OUTPUT_TOPICS_H
#define LADDER_DAEMON_OUTPUT_TOPICS_H

#include "config/config.h"
#include "daemon/kafka_admin.h"

enum { OUTPUT_TOPIC_COUNT = 6 };

/* Names are the configuration's. */
void output_topics(const struct config *config, struct kafka_output topics[OUTPUT_TOPIC_COUNT]);

#endif
