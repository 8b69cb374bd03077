#include "daemon/output_topics.h"

#include "daemon/exchange.h"

enum { EXCHANGE_RETENTION_MS = 3600000 };

void output_topics(const struct config *config, struct kafka_output topics[OUTPUT_TOPIC_COUNT])
{
	const struct kafka_output outputs[OUTPUT_TOPIC_COUNT] = {
		{config->kafka.outputs.current, true, KAFKA_ADMIN_DEFAULT, KAFKA_ADMIN_DEFAULT, 0, 0},
		{config->kafka.outputs.history, true, KAFKA_ADMIN_DEFAULT, KAFKA_ADMIN_DEFAULT, 0, 0},
		{config->kafka.outputs.alerts, true, KAFKA_ADMIN_DEFAULT, KAFKA_ADMIN_DEFAULT, 0, 0},
		{config->kafka.outputs.dead, false, KAFKA_ADMIN_DEFAULT, KAFKA_ADMIN_DEFAULT, 0, 0},
		{config->kafka.outputs.erased, true, 1, KAFKA_ADMIN_DEFAULT, 0, 0},
		{config->kafka.outputs.exchange, false, EXCHANGE_PARTITION_COUNT, KAFKA_ADMIN_DEFAULT,
		 EXCHANGE_RETENTION_MS, EXCHANGE_PARTITION_COUNT},
	};
	memcpy(topics, outputs, sizeof(outputs));
}
