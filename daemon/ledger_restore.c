#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/ledger_private.h"

enum restore_phase { RESTORE_VECTOR, RESTORE_META, RESTORE_NAMES, RESTORE_PAGES, RESTORE_AGAIN };

struct restore {
	struct ledger_operation operation;
	struct ledger_reader reader;
	enum restore_phase phase; /* of the next reply */
	struct buffer vector;     /* with its stamp and count */
	struct buffer meta;       /* sealed */
	struct buffer names;      /* of the pages, each PAGE_NAME_MAX + 1 bytes with its NUL */
	size_t page_count;
	size_t sent;
	size_t answered;
	bool is_last_sent;
	uint64_t sum; /* of the versions, as the meta has it */
	char fault[LEDGER_ERROR_MAX]; /* what is wrong if the vector is still the same in the end, or "" */
	struct buffer plain;
};

enum { NAME_SIZE = PAGE_NAME_MAX + 1 };

static const char *restore_page_name(const struct restore *restore, size_t page)
{
	return restore->names.data + page * NAME_SIZE;
}

static const char *restore_key(const struct restore *restore, const char *name, char *key)
{
	snprintf(key, KEY_MAX, "%s%s", restore->operation.task->prefix, name);
	return key;
}

static void restore_send(struct restore *restore, const char *command, const char *name)
{
	char key[KEY_MAX];
	struct redis_link *link = ledger_link(&restore->operation);
	ledger_begin(&restore->operation, 2);
	redis_link_put(link, slice_from(command));
	redis_link_put(link, slice_from(restore_key(restore, name, key)));
}

/* Everything before the pages is asked at once: all of it lies between the two looks at the vector. */
static void restore_start(struct ledger_operation *operation)
{
	struct restore *restore = (struct restore *)operation;
	restore->phase = RESTORE_VECTOR;
	restore->vector.len = restore->meta.len = restore->names.len = 0;
	restore->page_count = restore->sent = restore->answered = 0;
	restore->is_last_sent = false;
	restore->sum = 0;
	restore->fault[0] = '\0';
	operation->task->is_restored = false;
	page_versions_clear(&operation->task->versions);
	restore_send(restore, "GET", "vector");
	restore_send(restore, "GET", "meta");
	restore_send(restore, "SMEMBERS", "names");
	redis_link_flush(ledger_link(operation));
}

static void restore_pump(struct ledger_operation *operation)
{
	struct restore *restore = (struct restore *)operation;
	if (restore->phase < RESTORE_PAGES || restore->is_last_sent)
		return;
	while (restore->sent < restore->page_count && restore->sent - restore->answered < IN_FLIGHT_GETS)
		restore_send(restore, "GET", restore_page_name(restore, restore->sent++));
	if (restore->sent == restore->page_count) {
		restore_send(restore, "GET", "vector");
		restore->is_last_sent = true;
	}
	redis_link_flush(ledger_link(operation));
}

static void restore_take_vector(struct restore *restore, struct slice vector)
{
	if (vector.len && !ledger_stored_vector(vector).data) {
		char key[KEY_MAX];
		ledger_fail(&restore->operation, "redis key %s was not written by this version of ladderd",
			    restore_key(restore, "vector", key));
		return;
	}
	buffer_put(&restore->vector, vector.data, vector.len);
}

/* A commit may have come in between. */
__attribute__((format(printf, 2, 3)))
static void restore_doubt(struct restore *restore, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(restore->fault, sizeof restore->fault, format, arguments);
	va_end(arguments);
}

static bool restore_open(struct restore *restore, struct slice seal_name, struct slice sealed)
{
	restore->plain.len = 0;
	char *plain = buffer_reserve(&restore->plain, sealed.len + 1);
	if (!sealer_open(restore->operation.task->ledger->sealer, seal_name, sealed, plain))
		return false;
	restore->plain.len = sealed.len - SEAL_OVERHEAD;
	return true;
}

static int restore_compare(const void *left, const void *right, void *ctx)
{
	const struct restore *restore = ctx;
	return restore->reader.compare(left, right);
}

static bool restore_open_meta(struct restore *restore)
{
	struct slice vector = {restore->vector.data, restore->vector.len - VECTOR_COUNT_LEN};
	struct buffer name = ledger_meta_seal_name(restore->operation.task->number, vector);
	bool is_open = restore_open(restore, buffer_slice(&name), buffer_slice(&restore->meta)) &&
		       restore->plain.len >= META_SUM_LEN;
	char key[KEY_MAX];
	if (!is_open)
		restore_doubt(restore, "redis key %s is sealed with another identity key "
			      "(identity.key_file), not of the vector beside it, or damaged",
			      restore_key(restore, "meta", key));
	buffer_destroy(&name);
	if (is_open)
		memcpy(&restore->sum, restore->plain.data, META_SUM_LEN);
	return is_open;
}

/* In the order of the reader; no name twice. */
static bool restore_sort_names(struct restore *restore)
{
	if (restore->page_count)
		qsort_r(restore->names.data, restore->page_count, NAME_SIZE, restore_compare, restore);
	for (size_t i = 1; i < restore->page_count; i++)
		if (strcmp(restore_page_name(restore, i - 1), restore_page_name(restore, i)) == 0)
			return false;
	return true;
}

static bool restore_put_names(struct restore *restore, const struct redis_reply *reply)
{
	char *to = buffer_reserve(&restore->names, reply->count * NAME_SIZE + 1);
	for (size_t i = 0; i < reply->count; i++, to += NAME_SIZE) {
		struct slice name = redis_reply_item(reply, i);
		if (name.len == 0 || name.len > PAGE_NAME_MAX || memchr(name.data, '\0', name.len))
			return false;
		memcpy(to, name.data, name.len);
		to[name.len] = '\0';
	}
	restore->names.len = reply->count * NAME_SIZE;
	restore->page_count = reply->count;
	return restore_sort_names(restore);
}

static bool restore_take_whole_names(struct restore *restore, const struct redis_reply *reply)
{
	char key[KEY_MAX];
	char digits[VECTOR_COUNT_LEN + 1] = "";
	memcpy(digits, restore->vector.data + restore->vector.len - VECTOR_COUNT_LEN, VECTOR_COUNT_LEN);
	size_t count = strtoul(digits, NULL, 16);
	restore_key(restore, "names", key);
	if (reply->count != count)
		restore_doubt(restore, "redis key %s names %zu pages of %zu though no commit took the others "
			      "out: does Redis evict (maxmemory-policy must not be allkeys-*)?",
			      key, reply->count, count);
	else if (!restore_put_names(restore, reply))
		restore_doubt(restore, "redis key %s was not written by ladderd", key);
	return !restore->fault[0];
}

/* Without a vector there is nothing: the script clears what may be left. */
static void restore_take_names(struct restore *restore, const struct redis_reply *reply)
{
	struct slice nothing = {NULL, 0}, vector = nothing, meta = nothing;
	bool is_whole = true;
	if (restore->vector.len > 0) {
		is_whole = restore_take_whole_names(restore, reply) && restore_open_meta(restore);
		vector = ledger_stored_vector(buffer_slice(&restore->vector));
		if (is_whole)
			meta = (struct slice){restore->plain.data + META_SUM_LEN,
					      restore->plain.len - META_SUM_LEN};
	}
	if (!is_whole)
		restore->page_count = 0;
	else if (!restore->operation.task->is_closed)
		restore->reader.begin(restore->reader.ctx, vector, meta, restore->page_count);
	restore->phase = RESTORE_PAGES;
	restore_pump(&restore->operation);
	if (restore->page_count == 0)
		restore->phase = RESTORE_AGAIN;
}

/* Its bytes lie in `plain`. */
static void restore_hand_out(struct restore *restore, const char *name)
{
	struct ledger_task *task = restore->operation.task;
	size_t len = restore->plain.len - PAGE_TAIL;
	uint64_t version;
	memcpy(&version, restore->plain.data + len, PAGE_TAIL);
	page_versions_set(&task->versions, slice_from(name), version);
	task->ledger->counts.pages_in++;
	task->ledger->counts.bytes_in += len;
	if (!task->is_closed)
		restore->reader.page(restore->reader.ctx, name, (struct slice){restore->plain.data, len});
}

static void restore_take_page(struct restore *restore, const struct redis_reply *reply)
{
	const char *name = restore_page_name(restore, restore->answered++);
	char key[KEY_MAX];
	char text[KEY_MAX];
	struct slice seal_name = ledger_seal_name(restore->operation.task, slice_from(name), text);
	restore_key(restore, name, key);
	if (reply->kind == REDIS_NIL) {
		restore_doubt(restore, "redis key %s is gone though no commit deleted it: does Redis evict "
			      "(maxmemory-policy must not be allkeys-*)?", key);
	} else if (!restore_open(restore, seal_name, reply->text) || restore->plain.len < PAGE_TAIL) {
		ledger_fail(&restore->operation, "redis key %s is sealed with another identity key "
			    "(identity.key_file), or damaged", key);
	} else {
		restore_hand_out(restore, name);
	}
	if (restore->answered == restore->page_count)
		restore->phase = RESTORE_AGAIN;
	if (!restore->operation.is_over && restore->sent - restore->answered < IN_FLIGHT_GETS / 2)
		restore_pump(&restore->operation);
}

static void restore_take_again(struct restore *restore, struct slice vector)
{
	struct ledger_operation *operation = &restore->operation;
	if (!slice_equal(vector, buffer_slice(&restore->vector))) {
		operation->task->ledger->counts.restarts++;
		restore_start(operation);
	} else if (restore->fault[0]) {
		ledger_fail(operation, "%s", restore->fault);
	} else if (operation->task->versions.sum != restore->sum) {
		ledger_fail(operation,
			    "redis keys %s*: some pages are of other commits than the last one, so Redis "
			    "came back with a mixture of what it had: put back a copy of one moment, or give "
			    "redis.namespace a new name, and everything is read from the beginning",
			    operation->task->prefix);
	} else {
		operation->task->stored.len = 0;
		buffer_put(&operation->task->stored, vector.data, vector.len);
		ledger_finish(operation, LEDGER_DONE);
	}
}

/* Of the reply that comes next. */
static const char *restore_asked_key(const struct restore *restore, char *key)
{
	static const char *const names[] = {"vector", "meta", "names", NULL, "vector"};
	const char *name = names[restore->phase];
	if (!name)
		name = restore_page_name(restore, restore->answered);
	return restore_key(restore, name, key);
}

static bool restore_fits(const struct restore *restore, const struct redis_reply *reply)
{
	if (restore->phase == RESTORE_NAMES)
		return reply->kind == REDIS_ARRAY;
	return reply->kind == REDIS_TEXT || reply->kind == REDIS_NIL;
}

static void restore_reply(struct ledger_operation *operation, const struct redis_reply *reply)
{
	struct restore *restore = (struct restore *)operation;
	char key[KEY_MAX];
	bool is_absent = reply->kind == REDIS_NIL || (reply->kind == REDIS_ARRAY && reply->count == 0);
	if (operation->is_asking && is_absent) {
		ledger_wait(operation);
	} else if (reply->kind == REDIS_ERROR) {
		ledger_take_error(operation, restore_asked_key(restore, key), reply->text);
	} else if (!restore_fits(restore, reply)) {
		ledger_fail(operation, "redis key %s: what Redis says is no reply to what was asked",
			    restore_asked_key(restore, key));
	} else if (restore->phase == RESTORE_VECTOR) {
		restore_take_vector(restore, reply->text);
		restore->phase = RESTORE_META;
	} else if (restore->phase == RESTORE_META) {
		buffer_put(&restore->meta, reply->text.data, reply->text.len);
		restore->phase = RESTORE_NAMES;
	} else if (restore->phase == RESTORE_NAMES) {
		restore_take_names(restore, reply);
	} else if (restore->phase == RESTORE_PAGES) {
		restore_take_page(restore, reply);
	} else {
		restore_take_again(restore, reply->text);
	}
}

static void restore_tell(struct restore *restore)
{
	const struct ledger_reader *reader = &restore->reader;
	bool has_failed = restore->operation.result == LEDGER_FAILED;
	reader->done(reader->ctx, restore->operation.result, has_failed ? restore->operation.error : NULL);
}

static void restore_end(struct ledger_operation *operation, bool tells_caller)
{
	struct restore *restore = (struct restore *)operation;
	if (tells_caller)
		restore_tell(restore);
	buffer_destroy(&restore->vector);
	buffer_destroy(&restore->meta);
	buffer_destroy(&restore->names);
	buffer_destroy(&restore->plain);
	free(restore);
}

void ledger_restore(struct ledger_task *task, const struct ledger_reader *reader)
{
	static const struct ledger_verbs verbs = {restore_start, restore_pump, restore_reply, restore_end,
						  true};
	struct restore *restore = calloc(1, sizeof *restore);
	CHECK(restore);
	*restore = (struct restore){.operation = {.verbs = &verbs, .task = task}, .reader = *reader};
	ledger_enqueue(&restore->operation);
}
