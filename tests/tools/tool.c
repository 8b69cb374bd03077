#include "tests/tools/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tool_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void *tool_allocate(void *memory, size_t len)
{
	memory = realloc(memory, len ? len : 1);
	if (!memory)
		tool_fail("out of memory");
	return memory;
}

void tool_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];
	if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
		tool_fail("%s", error);
}

rd_kafka_t *tool_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers)
{
	char error[256];
	if (!brokers)
		tool_fail("--brokers is missing");
	tool_conf_set(conf, "bootstrap.servers", brokers);
	rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
	if (!client)
		tool_fail("%s", error);
	return client;
}

void tool_split(const char *text, char separator, char **name, char **value)
{
	char *copy = strdup(text);
	char *found = copy ? strchr(copy, separator) : NULL;
	if (!found)
		tool_fail("%s: expected NAME%cVALUE", text, separator);
	*found = '\0';
	*name = copy;
	*value = found + 1;
}
