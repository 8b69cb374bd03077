/* Gives users rights on a broker, for the integration tests. See USAGE. */
#include <stdio.h>
#include <string.h>

#include "tests/tools/tool.h"

static const char USAGE[] =
	"usage: kafka_rights BROKERS USER RIGHT TYPE NAME\n"
	"  RIGHT  describe, read, write, create, alter\n"
	"  TYPE   topic, group; NAME may end with *, for all that begin so\n";

static rd_kafka_AclOperation_t right_of(const char *text)
{
	static const struct {
		const char *name;
		rd_kafka_AclOperation_t right;
	} rights[] = {{"describe", RD_KAFKA_ACL_OPERATION_DESCRIBE}, {"read", RD_KAFKA_ACL_OPERATION_READ},
		      {"write", RD_KAFKA_ACL_OPERATION_WRITE}, {"create", RD_KAFKA_ACL_OPERATION_CREATE},
		      {"alter", RD_KAFKA_ACL_OPERATION_ALTER}};
	for (size_t i = 0; i < sizeof rights / sizeof *rights; i++)
		if (strcmp(rights[i].name, text) == 0)
			return rights[i].right;
	tool_fail("no such right: %s", text);
}

static rd_kafka_AclBinding_t *binding_of(char **words)
{
	char error[256], principal[128];
	char *name = words[3];
	size_t len = strlen(name);
	rd_kafka_ResourcePatternType_t pattern = RD_KAFKA_RESOURCE_PATTERN_LITERAL;
	if (len > 1 && name[len - 1] == '*') {
		pattern = RD_KAFKA_RESOURCE_PATTERN_PREFIXED;
		name[len - 1] = '\0';
	}
	snprintf(principal, sizeof principal, "User:%s", words[0]);
	rd_kafka_AclBinding_t *binding = rd_kafka_AclBinding_new(
		strcmp(words[2], "group") == 0 ? RD_KAFKA_RESOURCE_GROUP : RD_KAFKA_RESOURCE_TOPIC, name,
		pattern, principal, "*", right_of(words[1]), RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, error,
		sizeof error);
	if (!binding)
		tool_fail("%s", error);
	return binding;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs(USAGE, stderr);
		return TOOL_USAGE;
	}
	rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), argv[1]);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_AclBinding_t *binding = binding_of(argv + 2);
	rd_kafka_CreateAcls(client, &binding, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TOOL_TIMEOUT_MS);
	if (!event || rd_kafka_event_error(event))
		tool_fail("%s", event ? rd_kafka_event_error_string(event) : "no answer");
	size_t count;
	const rd_kafka_acl_result_t **results =
		rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count);
	if (count != 1 || rd_kafka_acl_result_error(results[0]))
		tool_fail("the right is not given");
	rd_kafka_event_destroy(event);
	rd_kafka_AclBinding_destroy(binding);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
	return 0;
}
