#include "daemon/kafka_group.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/crash_point.h"
#include "daemon/kafka_client.h"
#include "daemon/log.h"

enum { KAFKA_GROUP_LEAVE_STEP_MS = 50, KAFKA_GROUP_COMMIT_MS = 1000 };

struct kafka_group {
	struct kafka_client client; /* first: librdkafka's opaque pointer is both */
	struct kafka_group_options options;
	int session_ms;
	bool is_member;         /* has been given tasks, and has not lost them */
	bool is_commit_failing;
	int64_t commit_due_ms;
	int64_t opened_ms;
	pthread_mutex_t mutex;  /* of what follows */
	rd_kafka_topic_partition_list_t *offsets; /* to be told */
};
_Static_assert(offsetof(struct kafka_group, client) == 0, "the opaque pointer is both");

static void kafka_group_committed(rd_kafka_t *handle, rd_kafka_resp_err_t code,
				  rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
	struct kafka_group *group = opaque;
	(void)handle;
	(void)offsets;
	/* Between two members' terms a commit may be refused: the next one tells as much. */
	bool is_failing = code && code != RD_KAFKA_RESP_ERR__NO_OFFSET &&
			  code != RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION &&
			  code != RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID &&
			  code != RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
	if (is_failing && !group->is_commit_failing)
		log_warn("the group's offsets cannot be committed, lag tools will show too much", "why=%s",
			 log_quoted(rd_kafka_err2str(code)).text);
	group->is_commit_failing = is_failing;
}

/* Nothing is to be read here: each partition waits at its end, paused. */
static void kafka_group_assign(struct kafka_group *group, rd_kafka_topic_partition_list_t *partitions)
{
	for (int i = 0; i < partitions->cnt; i++)
		partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
	rd_kafka_error_t *failure = rd_kafka_incremental_assign(group->client.handle, partitions);
	if (failure)
		log_warn("partitions could not be taken", "why=%s",
			 log_quoted(rd_kafka_error_string(failure)).text);
	rd_kafka_error_destroy(failure);
	(void)rd_kafka_pause_partitions(group->client.handle, partitions);
}

static void kafka_group_unassign(struct kafka_group *group, rd_kafka_topic_partition_list_t *partitions)
{
	rd_kafka_error_t *failure = rd_kafka_incremental_unassign(group->client.handle, partitions);
	if (failure)
		log_warn("partitions could not be given back", "why=%s",
			 log_quoted(rd_kafka_error_string(failure)).text);
	rd_kafka_error_destroy(failure);
}

static void kafka_group_rebalance(rd_kafka_t *handle, rd_kafka_resp_err_t code,
				  rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
	struct kafka_group *group = opaque;
	const struct kafka_group_options *options = &group->options;
	size_t count = (size_t)partitions->cnt;
	int32_t tasks[count ? count : 1];
	for (size_t i = 0; i < count; i++)
		tasks[i] = partitions->elems[i].partition;
	bool is_lost = rd_kafka_assignment_lost(handle);
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		log_info("the group gives tasks", "count=%zu", count);
		group->is_member = true;
		kafka_group_assign(group, partitions);
		options->take(options->ctx, tasks, count);
		return;
	}
	log_info("the group takes tasks away", "count=%zu lost=%s", count, is_lost ? "yes" : "no");
	group->is_member = !is_lost;
	CRASH_POINT(leave_asked);
	options->leave(options->ctx, tasks, count, is_lost);
	kafka_group_unassign(group, partitions);
	CRASH_POINT(tasks_given_back);
}

static rd_kafka_conf_t *kafka_group_configure(const struct kafka_group_options *options,
					      struct kafka_error *error)
{
	char session[16];
	snprintf(session, sizeof session, "%d", KAFKA_GROUP_SESSION_MS);
	const struct kafka_property settings[] = {
		{"group.id", options->group},
		{"session.timeout.ms", session},
		{"heartbeat.interval.ms", "1000"},
		{"partition.assignment.strategy", "cooperative-sticky"},
		{"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"},
		{"auto.offset.reset", "latest"},
		{"allow.auto.create.topics", "false"},
		{"queued.min.messages", "1"},
		{"queued.max.messages.kbytes", "1"},
		{NULL, NULL},
	};
	rd_kafka_conf_t *conf = kafka_client_configure(&options->connection, settings, error);
	if (!conf)
		return NULL;
	rd_kafka_conf_set_rebalance_cb(conf, kafka_group_rebalance);
	rd_kafka_conf_set_offset_commit_cb(conf, kafka_group_committed);
	return conf;
}

static int kafka_group_read_session(rd_kafka_conf_t *conf)
{
	char text[24];
	size_t size = sizeof text;
	CHECK(rd_kafka_conf_get(conf, "session.timeout.ms", text, &size) == RD_KAFKA_CONF_OK);
	return (int)strtol(text, NULL, 10);
}

static bool kafka_group_subscribe(struct kafka_group *group, struct kafka_error *error)
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, group->options.topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(group->client.handle, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (code)
		kafka_error_set(error, kafka_fault_of(code), "kafka.group: %s: cannot subscribe to %s: %s",
				group->options.group, group->options.topic, rd_kafka_err2str(code));
	return !code;
}

static bool kafka_group_open(struct kafka_group *group, struct kafka_error *error)
{
	rd_kafka_conf_t *conf = kafka_group_configure(&group->options, error);
	if (!conf)
		return false;
	group->session_ms = kafka_group_read_session(conf);
	group->opened_ms = kafka_now_ms();
	if (!kafka_client_open(&group->client, "group", RD_KAFKA_CONSUMER, conf, error))
		return false;
	rd_kafka_poll_set_consumer(group->client.handle);
	return kafka_group_subscribe(group, error);
}

struct kafka_group *kafka_group_create(const struct kafka_group_options *options, struct kafka_error *error)
{
	struct kafka_group *group = calloc(1, sizeof *group);
	CHECK(group && pthread_mutex_init(&group->mutex, NULL) == 0);
	group->options = *options;
	group->offsets = rd_kafka_topic_partition_list_new(1);
	if (kafka_group_open(group, error))
		return group;
	kafka_group_destroy(group);
	return NULL;
}

int kafka_group_session_ms(const struct kafka_group *group)
{
	return group->session_ms;
}

/* Whatever tasks it had are others' by now. */
static void kafka_group_forget(struct kafka_group *group)
{
	rd_kafka_topic_partition_list_t *partitions;
	if (rd_kafka_assignment(group->client.handle, &partitions))
		return;
	int32_t tasks[partitions->cnt + 1];
	for (int i = 0; i < partitions->cnt; i++)
		tasks[i] = partitions->elems[i].partition;
	group->options.leave(group->options.ctx, tasks, (size_t)partitions->cnt, true);
	rd_kafka_topic_partition_list_destroy(partitions);
	group->is_member = false;
}

/* A static member that comes back after its session, with a request of before still under way, is told that
 * another one has its place: then it joins as a new one. Again and again only where there is another one. */
static bool kafka_group_reopen(struct kafka_group *group, const char *why, struct kafka_error *error)
{
	if (kafka_now_ms() - group->opened_ms < group->session_ms) {
		kafka_error_set(error, KAFKA_FAULT_CONFIG,
				"kafka.group: %s: %s: is group.instance.id another instance's, too?",
				group->options.group, why);
		return false;
	}
	log_warn("this instance joins its group anew", "why=%s", log_quoted(why).text);
	kafka_group_forget(group);
	if (!kafka_client_close(group->client.handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
		log_warn("librdkafka takes its time to end", "client=%s", group->client.name);
	return kafka_group_open(group, error);
}

/* What a member hears beside its partitions. False: it is none any more. */
static bool kafka_group_hear(struct kafka_group *group, const rd_kafka_message_t *message,
			     struct kafka_error *error)
{
	if (kafka_fault_of(message->err) == KAFKA_FAULT_DENIED) {
		kafka_error_set(error, KAFKA_FAULT_DENIED, "kafka.group: %s: %s: grant READ on the group",
				group->options.group, rd_kafka_message_errstr(message));
		return false;
	}
	uint64_t left_out;
	if (message->err && kafka_client_may_log(&group->client, "group", &left_out))
		log_warn("kafka group", "why=%s left_out=%" PRIu64,
			 log_quoted(rd_kafka_message_errstr(message)).text, left_out);
	return true;
}

static void kafka_group_tell(struct kafka_group *group)
{
	int64_t now_ms = kafka_now_ms();
	if (now_ms < group->commit_due_ms)
		return;
	group->commit_due_ms = now_ms + KAFKA_GROUP_COMMIT_MS;
	pthread_mutex_lock(&group->mutex);
	rd_kafka_topic_partition_list_t *offsets = group->offsets;
	group->offsets = rd_kafka_topic_partition_list_new(1);
	pthread_mutex_unlock(&group->mutex);
	if (group->is_member && !group->client.is_away && offsets->cnt > 0)
		(void)rd_kafka_commit(group->client.handle, offsets, 1);
	CRASH_POINT(offsets_told);
	rd_kafka_topic_partition_list_destroy(offsets);
}

bool kafka_group_poll(struct kafka_group *group, int wait_ms, struct kafka_error *error)
{
	char why[256];
	bool is_member = true;
	rd_kafka_message_t *message;
	while (is_member && (message = rd_kafka_consumer_poll(group->client.handle, wait_ms))) {
		wait_ms = 0;
		is_member = kafka_group_hear(group, message, error);
		rd_kafka_message_destroy(message);
	}
	if (is_member && rd_kafka_fatal_error(group->client.handle, why, sizeof why))
		return kafka_group_reopen(group, why, error);
	kafka_group_tell(group);
	return is_member;
}

void kafka_group_commit(struct kafka_group *group, const char *topic, int32_t task, int64_t offset)
{
	pthread_mutex_lock(&group->mutex);
	rd_kafka_topic_partition_t *known = rd_kafka_topic_partition_list_find(group->offsets, topic, task);
	if (!known)
		known = rd_kafka_topic_partition_list_add(group->offsets, topic, task);
	known->offset = offset;
	pthread_mutex_unlock(&group->mutex);
}

/* Not rd_kafka_consumer_close, which waits for brokers that are away. */
void kafka_group_leave(struct kafka_group *group, int timeout_ms)
{
	group->commit_due_ms = 0;
	kafka_group_tell(group);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(group->client.handle);
	rd_kafka_error_destroy(rd_kafka_consumer_close_queue(group->client.handle, queue));
	int64_t until_ms = kafka_now_ms() + timeout_ms;
	while (!rd_kafka_consumer_closed(group->client.handle) && kafka_now_ms() < until_ms) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_GROUP_LEAVE_STEP_MS);
		if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
			kafka_group_rebalance(group->client.handle, rd_kafka_event_error(event),
					      rd_kafka_event_topic_partition_list(event), group);
		if (event)
			rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
}

/* librdkafka 2.0.2 aborts where a handle is destroyed that is about to join (the state of its assignor is not
 * there yet): that one is left to the end of the process. */
void kafka_group_destroy(struct kafka_group *group)
{
	bool is_joining = group && group->client.handle && !group->is_member;
	if (!group || is_joining ||
	    (group->client.handle &&
	     !kafka_client_close(group->client.handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)))
		return;
	rd_kafka_topic_partition_list_destroy(group->offsets);
	pthread_mutex_destroy(&group->mutex);
	free(group);
}
