#include "daemon/kafka_admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kafka_client.h"
#include "daemon/log.h"

enum { KAFKA_ADMIN_POLICY_MS = 2000 };

struct kafka_admin {
	struct kafka_client client;
	rd_kafka_queue_t *replies;
};

/* A consumer's handle: its metadata requests never create what they ask about. */
struct kafka_admin *kafka_admin_create(const struct kafka_connection *connection, struct kafka_error *error)
{
	static const struct kafka_property settings[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
	rd_kafka_conf_t *conf = kafka_client_configure(connection, settings, error);
	if (!conf)
		return NULL;
	struct kafka_admin *admin = calloc(1, sizeof *admin);
	CHECK(admin);
	if (!kafka_client_open(&admin->client, "admin", RD_KAFKA_CONSUMER, conf, error)) {
		free(admin);
		return NULL;
	}
	admin->replies = rd_kafka_queue_new(admin->client.handle);
	return admin;
}

void kafka_admin_destroy(struct kafka_admin *admin)
{
	if (!admin)
		return;
	rd_kafka_queue_destroy(admin->replies);
	rd_kafka_destroy(admin->client.handle);
	free(admin);
}

/* ---- Metadata ---- */

/* The brokers did not answer: says what the connections failed of, if that is known. */
static void kafka_admin_explain_silence(struct kafka_admin *admin, const char *topic,
					rd_kafka_resp_err_t code,
					struct kafka_error *error)
{
	rd_kafka_poll(admin->client.handle, 0);
	rd_kafka_resp_err_t why = admin->client.why;
	enum kafka_fault fault = kafka_fault_of(code);
	if (kafka_fault_of(why) == KAFKA_FAULT_DENIED)
		fault = KAFKA_FAULT_DENIED;
	const char *advice = fault == KAFKA_FAULT_DENIED ? "check the credentials in kafka.properties" :
			     "check kafka.brokers, and that they are up";
	kafka_error_set(error, fault, "%s: the brokers do not answer: %s%s%s: %s", topic,
			rd_kafka_err2str(code),
			why ? ": " : "", why ? admin->client.why_text : "", advice);
	error->is_silence = true;
}

static void kafka_admin_explain_topic(const char *topic, rd_kafka_resp_err_t code, struct kafka_error *error)
{
	switch ((int)code) {
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		kafka_error_set(error, KAFKA_FAULT_CONFIG,
				"%s: there is no such topic: create it, or correct its name in the config",
				topic);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		kafka_error_set(error, KAFKA_FAULT_CONFIG, "%s: this is no valid name for a topic", topic);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		kafka_error_set(error, KAFKA_FAULT_DENIED,
				"%s: no right to see this topic: grant DESCRIBE on it", topic);
		break;
	default:
		kafka_error_set(error, kafka_fault_of(code), "%s: %s", topic, rd_kafka_err2str(code));
		break;
	}
}

static rd_kafka_resp_err_t kafka_admin_ask(struct kafka_admin *admin, const char *topic, int timeout_ms,
					   rd_kafka_resp_err_t *topic_code, int *partition_count)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(admin->client.handle, topic, NULL);
	if (!handle) {
		*topic_code = RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	rd_kafka_resp_err_t code = rd_kafka_metadata(admin->client.handle, 0, handle, &metadata, timeout_ms);
	rd_kafka_topic_destroy(handle);
	if (code)
		return code;
	CHECK(metadata->topic_cnt == 1);
	*topic_code = metadata->topics[0].err;
	*partition_count = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int kafka_admin_left_ms(int64_t until_ms)
{
	int64_t left_ms = until_ms - kafka_now_ms();
	return left_ms > 1 ? (int)left_ms : 1;
}

static void kafka_admin_explain_counts(const char *const *topics, const int *counts, size_t topic_count,
				       struct kafka_error *error)
{
	int most = 0;
	char list[384] = "";
	size_t len = 0;
	for (size_t i = 0; i < topic_count && len < sizeof list; i++) {
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s has %d partitions",
					i ? ", " : "",
					topics[i], counts[i]);
		most = counts[i] > most ? counts[i] : most;
	}
	kafka_error_set(error, KAFKA_FAULT_CONFIG,
			"%s: all inputs need the same number, because partition p of each belongs to the "
			"same people: create the smaller ones anew with %d partitions, keyed in the same way",
			list, most);
}

bool kafka_admin_check_inputs(struct kafka_admin *admin, const char *const *topics, size_t topic_count,
			      int timeout_ms, int *partition_count, struct kafka_error *error)
{
	int64_t until_ms = kafka_now_ms() + timeout_ms;
	int counts[topic_count];
	bool is_equal = true;
	for (size_t i = 0; i < topic_count; i++) {
		rd_kafka_resp_err_t topic_code = RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_resp_err_t code = kafka_admin_ask(admin, topics[i], kafka_admin_left_ms(until_ms),
							   &topic_code, &counts[i]);
		if (code) {
			kafka_admin_explain_silence(admin, topics[i], code, error);
			return false;
		}
		if (topic_code) {
			kafka_admin_explain_topic(topics[i], topic_code, error);
			return false;
		}
		is_equal = is_equal && counts[i] == counts[0];
	}
	if (!is_equal) {
		kafka_admin_explain_counts(topics, counts, topic_count, error);
		return false;
	}
	*partition_count = counts[0];
	return true;
}

bool kafka_admin_count_partitions(struct kafka_admin *admin, const char *topic, int timeout_ms,
				  int *partition_count, struct kafka_error *error)
{
	return kafka_admin_check_inputs(admin, &topic, 1, timeout_ms, partition_count, error);
}

/* ---- Creating ---- */

static rd_kafka_AdminOptions_t *kafka_admin_options(struct kafka_admin *admin, rd_kafka_admin_op_t op,
						    int timeout_ms)
{
	char text[128];
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client.handle, op);
	CHECK(!rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof text));
	return options;
}

static rd_kafka_NewTopic_t *kafka_admin_new_topic(const struct kafka_output *output,
						  struct kafka_error *error)
{
	char text[256];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(output->topic, output->partition_count,
							   output->replication_factor, text, sizeof text);
	if (!topic) {
		kafka_error_set(error, KAFKA_FAULT_CONFIG, "%s: cannot be created: %s", output->topic, text);
		return NULL;
	}
	CHECK(!rd_kafka_NewTopic_set_config(topic, "cleanup.policy",
					    output->is_compacted ? "compact" : "delete"));
	char number[24];
	snprintf(number, sizeof number, "%" PRId64, output->retention_ms);
	if (output->retention_ms) {
		CHECK(!rd_kafka_NewTopic_set_config(topic, "retention.ms", number));
		CHECK(!rd_kafka_NewTopic_set_config(topic, "segment.ms", number));
	}
	return topic;
}

/* What the broker said of the one topic, or of the whole request. */
static rd_kafka_resp_err_t kafka_admin_created(rd_kafka_event_t *event, char *why, size_t why_size)
{
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const char *text = rd_kafka_event_error_string(event);
	if (!code && result) {
		size_t topic_count;
		const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result,
											     &topic_count);
		CHECK(topic_count == 1);
		code = rd_kafka_topic_result_error(topics[0]);
		text = rd_kafka_topic_result_error_string(topics[0]);
	}
	snprintf(why, why_size, "%s", text ? text : rd_kafka_err2str(code));
	return code;
}

static rd_kafka_resp_err_t kafka_admin_create_topic(struct kafka_admin *admin, rd_kafka_NewTopic_t *topic,
						    int timeout_ms, char *why, size_t why_size)
{
	rd_kafka_AdminOptions_t *options =
		kafka_admin_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
	rd_kafka_CreateTopics(admin->client.handle, &topic, 1, options, admin->replies);
	rd_kafka_event_t *event = rd_kafka_queue_poll(admin->replies, -1); /* the request itself times out */
	rd_kafka_resp_err_t code = kafka_admin_created(event, why, why_size);
	rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	return code;
}

static bool kafka_admin_create_output(struct kafka_admin *admin, const struct kafka_output *output,
				      int timeout_ms, struct kafka_error *error)
{
	char why[256];
	rd_kafka_NewTopic_t *topic = kafka_admin_new_topic(output, error);
	if (!topic)
		return false;
	rd_kafka_resp_err_t code = kafka_admin_create_topic(admin, topic, timeout_ms, why, sizeof why);
	rd_kafka_NewTopic_destroy(topic);
	if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
		enum kafka_fault fault = kafka_fault_of(code);
		kafka_error_set(error, fault, "%s: cannot be created: %s%s%s%s", output->topic, why,
				fault == KAFKA_FAULT_DENIED ? ": grant CREATE on it, or" :
				fault == KAFKA_FAULT_CONFIG ? ":" : "",
				fault == KAFKA_FAULT_RETRY ? "" : " create it by hand with cleanup.policy=",
				fault == KAFKA_FAULT_RETRY ? "" :
				output->is_compacted ? "compact" : "delete");
		return false;
	}
	if (!code)
		log_info("topic created", "topic=%s cleanup_policy=%s", output->topic,
			 output->is_compacted ? "compact" : "delete");
	return true;
}

/* ---- Looking at what is there ---- */

/* The value belongs to the event; NULL where the broker does not tell. */
static const char *kafka_admin_find_policy(rd_kafka_event_t *event)
{
	const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
	size_t resource_count = 0, entry_count = 0;
	if (rd_kafka_event_error(event) || !result)
		return NULL;
	const rd_kafka_ConfigResource_t **resources =
		rd_kafka_DescribeConfigs_result_resources(result, &resource_count);
	if (resource_count != 1 || rd_kafka_ConfigResource_error(resources[0]))
		return NULL;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &entry_count);
	for (size_t i = 0; i < entry_count; i++)
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0)
			return rd_kafka_ConfigEntry_value(entries[i]);
	return NULL;
}

bool kafka_admin_check_policy(struct kafka_admin *admin, const struct kafka_output *output, char *text,
			      size_t text_size)
{
	rd_kafka_AdminOptions_t *options =
		kafka_admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, KAFKA_ADMIN_POLICY_MS);
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
									  output->topic);
	rd_kafka_DescribeConfigs(admin->client.handle, &resource, 1, options, admin->replies);
	rd_kafka_event_t *event = rd_kafka_queue_poll(admin->replies, -1);
	const char *policy = kafka_admin_find_policy(event);
	bool is_compacted = policy && strstr(policy, "compact");
	bool is_right = policy && (output->is_compacted ? strcmp(policy, "compact") == 0 : !is_compacted);
	if (!policy)
		snprintf(text, text_size, "%s: its cleanup.policy is not known: grant DESCRIBE_CONFIGS "
			 "on it", output->topic);
	else if (output->is_compacted)
		snprintf(text, text_size, "%s: its cleanup.policy is %s, so rows %s: set it to compact",
			 output->topic, policy, is_compacted ? "vanish after a time" : "are kept by age");
	else
		snprintf(text, text_size, "%s: its cleanup.policy is %s, so records of one key replace each "
			 "other: set it to delete", output->topic, policy);
	rd_kafka_event_destroy(event);
	rd_kafka_ConfigResource_destroy(resource);
	rd_kafka_AdminOptions_destroy(options);
	return is_right;
}

bool kafka_admin_check_count(const struct kafka_output *output, int partition_count,
			     struct kafka_error *error)
{
	if (partition_count >= output->least_partitions)
		return true;
	kafka_error_set(error, KAFKA_FAULT_CONFIG, "%s: has %d partition%s and needs %d: give it more, or "
			"remove it, and `ladderd run` creates it", output->topic, partition_count,
			partition_count == 1 ? "" : "s", output->least_partitions);
	return false;
}

bool kafka_admin_ensure_outputs(struct kafka_admin *admin, const struct kafka_output *outputs,
				size_t output_count, int timeout_ms, struct kafka_error *error)
{
	int64_t until_ms = kafka_now_ms() + timeout_ms;
	for (size_t i = 0; i < output_count; i++) {
		const char *topic = outputs[i].topic;
		rd_kafka_resp_err_t topic_code = RD_KAFKA_RESP_ERR_NO_ERROR;
		int partition_count;
		rd_kafka_resp_err_t code = kafka_admin_ask(admin, topic, kafka_admin_left_ms(until_ms),
							   &topic_code,
							   &partition_count);
		if (code) {
			kafka_admin_explain_silence(admin, topic, code, error);
			return false;
		}
		if (!topic_code) {
			char text[384];
			if (!kafka_admin_check_count(&outputs[i], partition_count, error))
				return false;
			if (!kafka_admin_check_policy(admin, &outputs[i], text, sizeof text))
				log_warn("an output topic is not as it should be", "why=%s",
					 log_quoted(text).text);
		} else if (topic_code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
			kafka_admin_explain_topic(topic, topic_code, error);
			return false;
		} else if (!kafka_admin_create_output(admin, &outputs[i], kafka_admin_left_ms(until_ms),
						      error)) {
			return false;
		}
	}
	return true;
}

/* ---- Growing ---- */

static rd_kafka_resp_err_t kafka_admin_grown(rd_kafka_event_t *event, char *why, size_t why_size)
{
	const rd_kafka_CreatePartitions_result_t *result = rd_kafka_event_CreatePartitions_result(event);
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	const char *text = rd_kafka_event_error_string(event);
	size_t topic_count = 0;
	if (!code && result) {
		const rd_kafka_topic_result_t **topics =
			rd_kafka_CreatePartitions_result_topics(result, &topic_count);
		CHECK(topic_count == 1);
		code = rd_kafka_topic_result_error(topics[0]);
		text = rd_kafka_topic_result_error_string(topics[0]);
	}
	snprintf(why, why_size, "%s", text ? text : rd_kafka_err2str(code));
	return code;
}

bool kafka_admin_grow_topic(struct kafka_admin *admin, const char *topic, int partition_count, int timeout_ms,
			    struct kafka_error *error)
{
	char why[256];
	rd_kafka_NewPartitions_t *partitions =
		rd_kafka_NewPartitions_new(topic, (size_t)partition_count, why, sizeof why);
	if (!partitions) {
		kafka_error_set(error, KAFKA_FAULT_CONFIG, "%s: cannot be grown: %s", topic, why);
		return false;
	}
	rd_kafka_AdminOptions_t *options =
		kafka_admin_options(admin, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, timeout_ms);
	rd_kafka_CreatePartitions(admin->client.handle, &partitions, 1, options, admin->replies);
	rd_kafka_event_t *event = rd_kafka_queue_poll(admin->replies, -1);
	rd_kafka_resp_err_t code = kafka_admin_grown(event, why, sizeof why);
	rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewPartitions_destroy(partitions);
	if (code)
		kafka_error_set(error, kafka_fault_of(code),
				"%s: cannot be given %d partitions: %s: grant ALTER on it, or do it by hand",
				topic, partition_count, why);
	return !code;
}

/* ---- Members of a group ---- */

static rd_kafka_resp_err_t kafka_admin_take_members(rd_kafka_event_t *event, size_t *count, char *member,
						    size_t member_size)
{
	const rd_kafka_DescribeConsumerGroups_result_t *result =
		rd_kafka_event_DescribeConsumerGroups_result(event);
	size_t group_count = 0;
	if (rd_kafka_event_error(event) || !result)
		return rd_kafka_event_error(event);
	const rd_kafka_ConsumerGroupDescription_t **groups =
		rd_kafka_DescribeConsumerGroups_result_groups(result, &group_count);
	CHECK(group_count == 1);
	const rd_kafka_error_t *fault = rd_kafka_ConsumerGroupDescription_error(groups[0]);
	if (fault)
		return rd_kafka_error_code(fault);
	*count = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
	if (*count == 0)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	const rd_kafka_MemberDescription_t *first = rd_kafka_ConsumerGroupDescription_member(groups[0], 0);
	const char *instance = rd_kafka_MemberDescription_group_instance_id(first);
	snprintf(member, member_size, "%s at %s",
		 instance ? instance : rd_kafka_MemberDescription_client_id(first),
		 rd_kafka_MemberDescription_host(first));
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kafka_admin_count_members(struct kafka_admin *admin, const char *group, int timeout_ms, size_t *count,
			       char *member, size_t member_size, struct kafka_error *error)
{
	rd_kafka_AdminOptions_t *options =
		kafka_admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms);
	*count = 0;
	rd_kafka_DescribeConsumerGroups(admin->client.handle, &group, 1, options, admin->replies);
	rd_kafka_event_t *event = rd_kafka_queue_poll(admin->replies, -1);
	rd_kafka_resp_err_t code = kafka_admin_take_members(event, count, member, member_size);
	rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	if (code && code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
		kafka_error_set(error, kafka_fault_of(code), "group %s: its members cannot be asked for: %s",
				group, rd_kafka_err2str(code));
		return false;
	}
	return true;
}
