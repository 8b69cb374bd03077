#include "daemon/kafka_in_place.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/log.h"

enum { KAFKA_IN_RETRY_MS = 5000, KAFKA_IN_LOOKUP_MS = 1000, KAFKA_IN_SEEK_MS = 5000 };

/* ---- Problems ---- */

static void kafka_in_place_set_retry(struct kafka_in *in, struct kafka_partition *partition, int64_t at_ms)
{
	if (partition->retry_at_ms)
		in->retry_count--;
	if (at_ms)
		in->retry_count++;
	partition->retry_at_ms = at_ms;
}

static void kafka_in_place_set_problem(struct kafka_partition *partition, enum kafka_problem_kind kind,
				       const char *what)
{
	struct kafka_problem *problem = &partition->problem;
	bool is_new = problem->kind != kind;
	*problem = (struct kafka_problem){.kind = kind, .wanted = partition->position};
	snprintf(problem->text, sizeof problem->text, "%s [%" PRId32 "]: %s", partition->topic,
		 partition->task,
		 what);
	if (is_new)
		log_error("a partition is not being read", "why=%s", log_quoted(problem->text).text);
}

void kafka_in_place_heal(struct kafka_in *in, struct kafka_partition *partition)
{
	if (partition->problem.kind)
		log_info("a partition is being read again", "topic=%s partition=%" PRId32 " client=%s",
			 partition->topic, partition->task, in->client.name);
	partition->problem = (struct kafka_problem){.kind = KAFKA_PROBLEM_NONE};
}

/* Whether the log [start, end) can be read at the partition's position; else that is its problem from now
 * on. */
static bool kafka_in_place_holds(struct kafka_partition *partition, int64_t start, int64_t end)
{
	char what[256];
	int64_t wanted = partition->position;
	if (start <= wanted && wanted <= end)
		return true;
	if (wanted < start)
		snprintf(what, sizeof what, "offset %" PRId64 " is wanted, but the log begins at %" PRId64
			 ": %" PRId64 " offsets were deleted before they were read; nothing is skipped "
			 "unasked; the topic's retention.ms is too short for such a pause",
			 wanted, start, start - wanted);
	else
		snprintf(what, sizeof what, "offset %" PRId64 " is wanted, but the log ends at %" PRId64
			 ": the topic was created anew, or its brokers lost records; the stored state "
			 "belongs to another log", wanted, end);
	kafka_in_place_set_problem(partition, KAFKA_PROBLEM_GAP, what);
	partition->problem.log_start = start;
	partition->problem.log_end = end;
	partition->is_held = true;
	return false;
}

static void kafka_in_place_hold(struct kafka_in *in, struct kafka_partition *partition, int64_t retry_at_ms)
{
	partition->is_held = true;
	partition->is_at_end = false;
	kafka_in_place_set_retry(in, partition, retry_at_ms);
}

static void kafka_in_place_stop_looking_back(struct kafka_partition *partition)
{
	if (partition->trace.offset >= 0)
		partition->position = partition->behind_trace;
	partition->trace.offset = -1;
}

static void kafka_in_place_miss(struct kafka_in *in, struct kafka_partition *partition)
{
	kafka_in_place_stop_looking_back(partition);
	kafka_in_place_set_problem(partition, KAFKA_PROBLEM_MISSING,
				   "there is no such topic or partition: create it");
	if (partition->is_held)
		kafka_in_place_hold(in, partition, kafka_now_ms() + KAFKA_IN_RETRY_MS);
}

bool kafka_in_place_doubts(struct kafka_in *in, struct kafka_partition *partition)
{
	if (partition->problem.kind != KAFKA_PROBLEM_MISSING || partition->known.offset < 0 ||
	    partition->trace.offset >= 0)
		return false;
	kafka_in_place_hold(in, partition, kafka_now_ms());
	return true;
}

void kafka_in_place_error(struct kafka_in *in, struct kafka_partition *partition,
			  const rd_kafka_message_t *message)
{
	switch ((int)message->err) {
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		if (partition->problem.kind != KAFKA_PROBLEM_GAP)
			kafka_in_place_hold(in, partition, kafka_now_ms());
		break;
	case RD_KAFKA_RESP_ERR__BAD_MSG:
		kafka_in_place_set_problem(partition, KAFKA_PROBLEM_DAMAGED,
					   rd_kafka_message_errstr(message));
		kafka_in_place_hold(in, partition, kafka_now_ms() + KAFKA_IN_RETRY_MS);
		break;
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		kafka_in_place_miss(in, partition);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		kafka_in_place_set_problem(partition, KAFKA_PROBLEM_DENIED,
					   "no right to read: grant READ and DESCRIBE on the topic");
		break;
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
		break;
	default:
		kafka_in_place_set_problem(partition, KAFKA_PROBLEM_OTHER, rd_kafka_message_errstr(message));
		break;
	}
}

bool kafka_in_place_check_trace(struct kafka_in *in, struct kafka_partition *partition, int64_t offset,
				const rd_kafka_message_t *message)
{
	struct kafka_trace trace = partition->trace;
	if (message && offset < trace.offset)
		return false; /* of before a seek */
	partition->trace.offset = -1;
	partition->position = partition->behind_trace;
	if (!message || offset > trace.offset)
		return true; /* deleted meanwhile: nothing to compare */
	const struct slice key = {message->key, message->key ? message->key_len : 0};
	const struct slice value = {message->payload, message->payload ? message->len : 0};
	if (kafka_in_print(key, value) == trace.print) {
		kafka_in_place_heal(in, partition);
		return false;
	}
	char what[256];
	snprintf(what, sizeof what, "the record at offset %" PRId64 " is another one than was read there: "
		 "the topic was created anew; nothing of it is read unasked, the stored state belongs to "
		 "another log", trace.offset);
	kafka_in_place_set_problem(partition, KAFKA_PROBLEM_FOREIGN, what);
	partition->problem.log_start = partition->log_start;
	partition->problem.log_end = partition->log_end;
	kafka_in_place_hold(in, partition, 0);
	return false;
}

/* ---- Moving ---- */

void kafka_in_place_wake(struct kafka_in *in)
{
	static const uint64_t one = 1;
	ssize_t written = write(in->fd, &one, sizeof one);
	(void)written; /* it can only be readable already */
}

static rd_kafka_topic_partition_list_t *kafka_in_place_list(const struct kafka_partition *partition)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, partition->topic,
					  partition->task)->offset = partition->position;
	return list;
}

static rd_kafka_resp_err_t kafka_in_place_settle(rd_kafka_error_t *failure)
{
	rd_kafka_resp_err_t code = failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_error_destroy(failure);
	return code;
}

static rd_kafka_resp_err_t kafka_in_place_assign(struct kafka_in *in, struct kafka_partition *partition)
{
	rd_kafka_t *handle = in->client.handle;
	rd_kafka_topic_partition_list_t *list = kafka_in_place_list(partition);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	if (partition->is_assigned)
		code = kafka_in_place_settle(rd_kafka_incremental_unassign(handle, list));
	if (!code)
		code = kafka_in_place_settle(rd_kafka_incremental_assign(handle, list));
	partition->is_assigned = partition->is_assigned || !code;
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

static rd_kafka_resp_err_t kafka_in_place_seek(struct kafka_in *in, struct kafka_partition *partition)
{
	rd_kafka_topic_partition_list_t *list = kafka_in_place_list(partition);
	rd_kafka_resp_err_t code =
		kafka_in_place_settle(rd_kafka_seek_partitions(in->client.handle, list, KAFKA_IN_SEEK_MS));
	if (!code)
		code = list->elems[0].err;
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/* Reads on at the partition's position. librdkafka numbers what it fetches by version, and a seek or an
 * assignment starts a new one, so what is queued or under way never comes out. It refuses to seek where
 * it has given up fetching. */
static rd_kafka_resp_err_t kafka_in_place_move(struct kafka_in *in, struct kafka_partition *partition)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__STATE;
	partition->is_held = true;
	partition->is_at_end = false;
	if (partition->is_assigned)
		code = kafka_in_place_seek(in, partition);
	if (code)
		code = kafka_in_place_assign(in, partition);
	partition->is_held = code != RD_KAFKA_RESP_ERR_NO_ERROR;
	kafka_in_place_wake(in);
	return code;
}

bool kafka_in_seek(struct kafka_in *in, size_t input, int32_t task, int64_t offset, struct kafka_error *error)
{
	CHECK(offset >= 0);
	struct kafka_partition *partition = &in->partitions[kafka_in_index(in, input, task)];
	partition->position = offset;
	partition->trace.offset = partition->known.offset = -1;
	partition->problem = (struct kafka_problem){.kind = KAFKA_PROBLEM_NONE};
	kafka_in_place_set_retry(in, partition, 0);
	rd_kafka_resp_err_t code = kafka_in_place_move(in, partition);
	if (code)
		kafka_error_set(error, KAFKA_FAULT_RETRY,
				"%s [%" PRId32 "]: cannot seek to offset %" PRId64 ": %s",
				partition->topic, task, offset, rd_kafka_err2str(code));
	return !code;
}

/* Where the log is at a time, or at one of librdkafka's logical offsets. Below 0: nowhere. */
static rd_kafka_resp_err_t kafka_in_place_offset_at(struct kafka_in *in,
						    const struct kafka_partition *partition, int64_t at,
						    int64_t *offset, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = kafka_in_place_list(partition);
	list->elems[0].offset = at;
	rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(in->client.handle, list, timeout_ms);
	if (!code)
		code = list->elems[0].err;
	*offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

bool kafka_in_ask_end(struct kafka_in *in, size_t input, int32_t task)
{
	struct kafka_partition *partition = &in->partitions[kafka_in_index(in, input, task)];
	int64_t end;
	if (kafka_in_place_offset_at(in, partition, RD_KAFKA_OFFSET_END, &end, KAFKA_IN_LOOKUP_MS) || end < 0)
		return false;
	partition->is_at_end &= end <= partition->position;
	return true;
}

static int kafka_in_place_left_ms(int64_t until_ms)
{
	int64_t left_ms = until_ms - kafka_now_ms();
	return left_ms > 1 ? (int)left_ms : 1;
}

/* Where the log begins and ends now. Not rd_kafka_query_watermark_offsets: after an error that passes, that
 * of librdkafka 2.0.2 may give the end as the beginning (test_kafka_faults). */
static rd_kafka_resp_err_t kafka_in_place_ends(struct kafka_in *in, const struct kafka_partition *partition,
					       int64_t until_ms, int64_t *start, int64_t *end)
{
	rd_kafka_resp_err_t code = kafka_in_place_offset_at(in, partition, RD_KAFKA_OFFSET_BEGINNING, start,
							    kafka_in_place_left_ms(until_ms));
	if (!code)
		code = kafka_in_place_offset_at(in, partition, RD_KAFKA_OFFSET_END, end,
						kafka_in_place_left_ms(until_ms));
	return !code && (*start < 0 || *end < 0) ? RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE : code;
}

/* Reads from the trace on, where the log still holds it. */
static void kafka_in_place_look_back(struct kafka_partition *partition, struct kafka_trace trace)
{
	partition->trace.offset = -1;
	if (trace.offset < partition->log_start || trace.offset < 0 || trace.offset >= partition->position)
		return;
	partition->trace = trace;
	partition->behind_trace = partition->position;
	partition->position = trace.offset;
}

static void kafka_in_place_look(struct kafka_in *in, struct kafka_partition *partition, int64_t now_ms)
{
	kafka_in_place_stop_looking_back(partition);
	kafka_in_place_set_retry(in, partition, now_ms + KAFKA_IN_RETRY_MS);
	if (kafka_in_place_ends(in, partition, now_ms + KAFKA_IN_LOOKUP_MS, &partition->log_start,
				&partition->log_end))
		return;
	if (!kafka_in_place_holds(partition, partition->log_start, partition->log_end)) {
		kafka_in_place_set_retry(in, partition, 0);
		return;
	}
	kafka_in_place_look_back(partition, partition->known);
	if (kafka_in_place_move(in, partition))
		return;
	kafka_in_place_set_retry(in, partition, 0);
	if (partition->problem.kind == KAFKA_PROBLEM_MISSING && partition->trace.offset < 0)
		kafka_in_place_heal(in, partition);
}

void kafka_in_place_retry(struct kafka_in *in, int64_t now_ms)
{
	for (size_t i = 0; i < in->partition_count; i++) {
		struct kafka_partition *partition = &in->partitions[i];
		if (partition->retry_at_ms && partition->retry_at_ms <= now_ms)
			kafka_in_place_look(in, partition, now_ms);
	}
}

/* ---- Starting ---- */

static void kafka_in_place_explain(const struct kafka_in *in, const struct kafka_partition *partition,
				   rd_kafka_resp_err_t code, struct kafka_error *error)
{
	enum kafka_fault fault = kafka_fault_of(code);
	if (fault == KAFKA_FAULT_RETRY && kafka_fault_of(in->client.why) == KAFKA_FAULT_DENIED)
		fault = KAFKA_FAULT_DENIED;
	const char *advice = fault == KAFKA_FAULT_DENIED ? "grant READ and DESCRIBE on the topic" :
			     fault == KAFKA_FAULT_CONFIG ? "create the topic, or correct kafka.inputs" :
			     "are the brokers up?";
	kafka_error_set(error, fault,
			"%s [%" PRId32 "]: cannot ask where the log begins and ends: %s%s%s: %s",
			partition->topic, partition->task, rd_kafka_err2str(code), in->client.why ? ": " : "",
			in->client.why ? in->client.why_text : "", advice);
}

static bool kafka_in_place_ask(struct kafka_in *in, size_t at, int64_t until_ms, struct kafka_error *error)
{
	const struct kafka_partition *partition = &in->partitions[at];
	rd_kafka_resp_err_t code = kafka_in_place_ends(in, partition, until_ms, &in->start_offsets[at],
						       &in->end_offsets[at]);
	kafka_in_poll(in);
	if (code)
		kafka_in_place_explain(in, partition, code, error);
	return !code;
}

/* The offset of the first record since then, where KAFKA_IN_SINCE asks for it. */
static bool kafka_in_place_find(struct kafka_in *in, size_t at, int64_t *offset, struct kafka_error *error)
{
	const struct kafka_partition *partition = &in->partitions[at];
	if (*offset > KAFKA_IN_SINCE(0))
		return true;
	rd_kafka_resp_err_t code = kafka_in_place_offset_at(in, partition, KAFKA_IN_SINCE(*offset), offset,
							    KAFKA_IN_SEEK_MS);
	if (*offset < 0)
		*offset = KAFKA_IN_END;
	if (code)
		kafka_in_place_explain(in, partition, code, error);
	return !code;
}

static bool kafka_in_place_begin(struct kafka_in *in, size_t at, int64_t offset, struct kafka_trace trace,
				 struct kafka_error *error)
{
	struct kafka_partition *partition = &in->partitions[at];
	if (!kafka_in_place_find(in, at, &offset, error))
		return false;
	CHECK(offset >= 0 || offset == KAFKA_IN_BEGINNING || offset == KAFKA_IN_END);
	partition->problem = (struct kafka_problem){.kind = KAFKA_PROBLEM_NONE};
	kafka_in_place_set_retry(in, partition, 0);
	partition->position = offset >= 0 ? offset :
			      offset == KAFKA_IN_END ? in->end_offsets[at] : in->start_offsets[at];
	partition->known = trace;
	partition->log_start = in->start_offsets[at];
	partition->log_end = in->end_offsets[at];
	if (!kafka_in_place_holds(partition, partition->log_start, partition->log_end))
		return true;
	kafka_in_place_look_back(partition, trace);
	rd_kafka_resp_err_t code = kafka_in_place_move(in, partition);
	if (code)
		kafka_in_place_explain(in, partition, code, error);
	return !code;
}

static const struct kafka_trace no_trace = {.offset = -1};

bool kafka_in_start(struct kafka_in *in, const int64_t *offsets, int timeout_ms, struct kafka_error *error)
{
	int64_t until_ms = kafka_now_ms() + timeout_ms;
	for (size_t i = 0; i < in->partition_count; i++)
		if (!kafka_in_place_ask(in, i, until_ms, error))
			return false;
	for (size_t i = 0; i < in->partition_count; i++)
		if (!kafka_in_place_begin(in, i, offsets[i], no_trace, error))
			return false;
	return true;
}

bool kafka_in_start_task(struct kafka_in *in, int32_t task, const int64_t *offsets,
			 const struct kafka_trace *traces, int timeout_ms, struct kafka_error *error)
{
	int64_t until_ms = kafka_now_ms() + timeout_ms;
	for (size_t i = 0; i < in->input_count; i++)
		if (!kafka_in_place_ask(in, kafka_in_index(in, i, task), until_ms, error))
			return false;
	for (size_t i = 0; i < in->input_count; i++)
		if (!kafka_in_place_begin(in, kafka_in_index(in, i, task), offsets[i],
					  traces ? traces[i] : no_trace, error))
			return false;
	return true;
}

void kafka_in_stop_task(struct kafka_in *in, int32_t task)
{
	for (size_t i = 0; i < in->input_count; i++) {
		struct kafka_partition *partition = &in->partitions[kafka_in_index(in, i, task)];
		kafka_in_place_hold(in, partition, 0);
		partition->problem = (struct kafka_problem){.kind = KAFKA_PROBLEM_NONE};
		if (!partition->is_assigned)
			continue;
		rd_kafka_topic_partition_list_t *list = kafka_in_place_list(partition);
		(void)kafka_in_place_settle(rd_kafka_incremental_unassign(in->client.handle, list));
		rd_kafka_topic_partition_list_destroy(list);
		partition->is_assigned = false;
	}
}
