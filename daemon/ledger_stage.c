#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "daemon/crash_point.h"
#include "daemon/ledger_private.h"

struct stage {
	struct ledger_operation operation;
	struct commit *commit;
	ledger_committed *committed;
	void *ctx;
	uint64_t number;  /* 0 until it was started first: then part of all it writes */
	uint64_t version; /* of its pages, from then on */
	uint64_t sum;     /* of all versions under it */
	struct buffer to; /* the vector with its stamp, without the count */
	size_t sent;      /* pages */
	size_t answered;
	size_t in_flight_bytes;
	bool is_capped; /* waits until enough of that is answered */
	bool is_script_sent;
};

static size_t stage_put_prefix(const struct stage *stage, char *key)
{
	const struct ledger_task *task = stage->operation.task;
	return (size_t)snprintf(key, KEY_MAX, "%ss:%s:%" PRIx64 ":", task->prefix, task->ledger->owner,
				stage->number);
}

static struct slice stage_page_key(const struct stage *stage, size_t page, char *key)
{
	struct slice name = commit_page_name(stage->commit, page);
	size_t len = stage_put_prefix(stage, key);
	len += (size_t)snprintf(key + len, KEY_MAX - len, "%.*s", (int)name.len, name.data);
	return (struct slice){key, len};
}

static void stage_send_page(struct stage *stage)
{
	struct ledger *ledger = stage->operation.task->ledger;
	struct redis_link *link = ledger_link(&stage->operation);
	const struct commit_page *page = &stage->commit->pages[stage->sent];
	const size_t len = page->len + PAGE_TAIL;
	char ttl[12];
	char key[KEY_MAX];
	char name_text[KEY_MAX];
	snprintf(ttl, sizeof ttl, "%d", STAGED_TTL_S);
	ledger_begin(&stage->operation, 5);
	redis_link_put(link, slice_from("SET"));
	redis_link_put(link, stage_page_key(stage, stage->sent, key));
	char *sealed = redis_link_put_space(link, len + SEAL_OVERHEAD);
	struct slice name = commit_page_name(stage->commit, stage->sent);
	struct slice seal_name = ledger_seal_name(stage->operation.task, name, name_text);
	sealer_seal(ledger->sealer, seal_name, (struct slice){page->bytes, len}, sealed);
	redis_link_put(link, slice_from("EX"));
	redis_link_put(link, slice_from(ttl));
	stage->sent++;
	stage->in_flight_bytes += page->len;
	ledger->counts.pages_out++;
	ledger->counts.bytes_out += page->len;
}

static void stage_put_key(struct stage *stage, const char *name)
{
	char key[KEY_MAX];
	int len = snprintf(key, sizeof key, "%s%s", stage->operation.task->prefix, name);
	redis_link_put(ledger_link(&stage->operation), (struct slice){key, (size_t)len});
}

static void stage_put_meta(struct stage *stage)
{
	struct ledger_task *task = stage->operation.task;
	struct buffer meta = {0};
	buffer_put(&meta, &stage->sum, META_SUM_LEN);
	buffer_put(&meta, stage->commit->meta.data, stage->commit->meta.len);
	struct buffer seal_name = ledger_meta_seal_name(task->number, buffer_slice(&stage->to));
	char *sealed = redis_link_put_space(ledger_link(&stage->operation), meta.len + SEAL_OVERHEAD);
	sealer_seal(task->ledger->sealer, buffer_slice(&seal_name), buffer_slice(&meta), sealed);
	buffer_destroy(&seal_name);
	buffer_destroy(&meta);
}

/* KEYS and ARGV as ledger_script names them. */
static void stage_send_script(struct stage *stage)
{
	struct ledger_task *task = stage->operation.task;
	struct redis_link *link = ledger_link(&stage->operation);
	char staged[KEY_MAX];
	size_t staged_len = stage_put_prefix(stage, staged);
	ledger_begin(&stage->operation, 14);
	redis_link_put(link, slice_from("EVALSHA"));
	redis_link_put(link, slice_from(task->ledger->script_hash));
	redis_link_put(link, slice_from("3"));
	stage_put_key(stage, "vector");
	stage_put_key(stage, "names");
	stage_put_key(stage, "meta");
	redis_link_put(link, buffer_slice(&task->stored));
	redis_link_put(link, buffer_slice(&stage->to));
	stage_put_meta(stage);
	redis_link_put(link, (struct slice){staged, staged_len});
	redis_link_put(link, slice_from(task->prefix));
	redis_link_put(link, buffer_slice(&stage->commit->names));
	redis_link_put(link, buffer_slice(&stage->commit->deletions));
	redis_link_put(link, slice_from(task->ledger->is_cluster ? "1" : "0"));
	stage->is_script_sent = true;
}

/* A part of the pages, then the loop has its turn. The script goes out behind the last page without waiting
 * for the answers: it looks for itself. */
static void stage_pump(struct ledger_operation *operation)
{
	struct stage *stage = (struct stage *)operation;
	struct redis_link *link = ledger_link(operation);
	size_t goal = stage->in_flight_bytes + PUMP_BYTES;
	if (stage->is_script_sent)
		return;
	while (stage->sent < stage->commit->page_count && redis_link_has_room(link) &&
	       stage->in_flight_bytes < goal && stage->in_flight_bytes < IN_FLIGHT_BYTES)
		stage_send_page(stage);
	if (stage->sent == stage->commit->page_count)
		stage_send_script(stage);
	redis_link_flush(link);
	if (stage->is_script_sent)
		CRASH_POINT(commit_script_sent);
	else
		CRASH_POINT(commit_staging);
	stage->is_capped = stage->in_flight_bytes >= IN_FLIGHT_BYTES;
	if (!stage->is_script_sent && !stage->is_capped)
		redis_link_ask_room(link);
}

/* Only once: it is the same commit however often it is sent. */
static void stage_number(struct stage *stage)
{
	struct ledger_task *task = stage->operation.task;
	const struct commit *commit = stage->commit;
	char stamp[STAMP_LEN + 1];
	stage->number = ++task->ledger->number;
	snprintf(stamp, sizeof stamp, FORMAT " %s %016" PRIx64 " ", task->ledger->owner, stage->number);
	buffer_put(&stage->to, stamp, STAMP_LEN);
	buffer_put(&stage->to, commit->vector.data, commit->vector.len);
	stage->version = hash_text((struct slice){stamp, STAMP_LEN}) | 1;
	for (size_t i = 0; i < commit->page_count; i++) {
		memcpy(commit->pages[i].bytes + commit->pages[i].len, &stage->version, PAGE_TAIL);
		page_versions_set(&task->versions, commit_page_name(commit, i), stage->version);
	}
	for (size_t at = 0, len; at < commit->deletions.len; at += len + 1) {
		const char *name = commit->deletions.data + at;
		len = (size_t)((const char *)memchr(name, '\n', commit->deletions.len - at) - name);
		page_versions_set(&task->versions, (struct slice){name, len}, 0);
	}
	stage->sum = task->versions.sum;
}

static void stage_start(struct ledger_operation *operation)
{
	struct stage *stage = (struct stage *)operation;
	struct ledger_task *task = operation->task;
	if (!task->is_restored) {
		ledger_finish(operation, LEDGER_FENCED);
		return;
	}
	if (stage->number == 0)
		stage_number(stage);
	stage->sent = 0;
	stage->answered = 0;
	stage->in_flight_bytes = 0;
	stage->is_capped = false;
	stage->is_script_sent = false;
	stage_pump(operation);
}

static void stage_take_page_reply(struct stage *stage, const struct redis_reply *reply)
{
	size_t page = stage->answered++;
	stage->in_flight_bytes -= stage->commit->pages[page].len;
	CRASH_POINT(commit_page_staged);
	if (reply->kind == REDIS_ERROR) {
		char key[KEY_MAX];
		stage_page_key(stage, page, key);
		ledger_take_error(&stage->operation, key, reply->text);
	} else if (stage->is_capped && stage->in_flight_bytes < IN_FLIGHT_BYTES / 2) {
		stage_pump(&stage->operation);
	}
}

/* `said`: with the count behind it. */
static void stage_take_committed(struct stage *stage, struct slice said)
{
	struct ledger_task *task = stage->operation.task;
	CRASH_POINT(commit_in_redis);
	buffer_put(&stage->to, said.data + said.len - VECTOR_COUNT_LEN, VECTOR_COUNT_LEN);
	struct buffer stored = task->stored;
	task->stored = stage->to;
	stage->to = stored;
	task->ledger->counts.commits++;
	ledger_finish(&stage->operation, LEDGER_DONE);
}

static void stage_take_script_reply(struct stage *stage, const struct redis_reply *reply)
{
	struct ledger_operation *operation = &stage->operation;
	struct ledger_task *task = operation->task;
	if (reply->kind == REDIS_ERROR) {
		char key[KEY_MAX];
		snprintf(key, sizeof key, "%s*", task->prefix);
		ledger_take_error(operation, key, reply->text);
	} else if (reply->text.len == strlen("COMMITTED ") + VECTOR_COUNT_LEN &&
		   memcmp(reply->text.data, "COMMITTED ", strlen("COMMITTED ")) == 0) {
		stage_take_committed(stage, reply->text);
	} else if (slice_equal(reply->text, slice_from("LOST"))) {
		redis_link_drop(ledger_link(operation), "Redis lost staged pages, which are sent again");
	} else {
		ledger_finish(operation, LEDGER_FENCED);
	}
}

static void stage_reply(struct ledger_operation *operation, const struct redis_reply *reply)
{
	struct stage *stage = (struct stage *)operation;
	if (stage->answered < stage->commit->page_count)
		stage_take_page_reply(stage, reply);
	else
		stage_take_script_reply(stage, reply);
}

static void stage_end(struct ledger_operation *operation, bool tells_caller)
{
	struct stage *stage = (struct stage *)operation;
	commit_destroy(stage->commit);
	buffer_destroy(&stage->to);
	if (tells_caller)
		stage->committed(stage->ctx, operation->result,
				 operation->result == LEDGER_FAILED ? operation->error : NULL);
	free(stage);
}

void ledger_commit(struct ledger_task *task, struct commit *commit, ledger_committed *committed, void *ctx)
{
	static const struct ledger_verbs verbs = {stage_start, stage_pump, stage_reply, stage_end, false};
	CHECK(task->is_restored || task->first);
	struct stage *stage = calloc(1, sizeof *stage);
	CHECK(stage);
	*stage = (struct stage){.operation = {.verbs = &verbs, .task = task},
				.commit = commit, .committed = committed, .ctx = ctx};
	ledger_enqueue(&stage->operation);
}
