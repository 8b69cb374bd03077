/* Tool: what the two programs that read and write a broker for the tests share.
 * They are run by tests only, so every error is final: its text goes to stderr and the exit code is 1. */
#ifndef LADDER_TESTS_TOOLS_TOOL_H
#define LADDER_TESTS_TOOLS_TOOL_H

#include <librdkafka/rdkafka.h>

enum { TOOL_TIMEOUT_MS = 30000, TOOL_USAGE = 2 };

_Noreturn __attribute__((format(printf, 1, 2))) void tool_fail(const char *format, ...);

/* As malloc and realloc, but never NULL. */
void *tool_allocate(void *memory, size_t len);

/* Sets one property, or fails with librdkafka's own words. */
void tool_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* A handle for `brokers`. Takes `conf` over. The caller destroys the handle. */
rd_kafka_t *tool_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers);

/* Copies the halves of `text` before and after `separator` into one block that freeing *name frees.
 * Fails where the separator is missing. */
void tool_split(const char *text, char separator, char **name, char **value);

#endif
