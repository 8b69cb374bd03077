#include <stdio.h>
#include <stdlib.h>

#include "daemon/ledger_private.h"

enum restore_phase { RESTORE_VECTOR, RESTORE_META, RESTORE_NAMES, RESTORE_PAGES, RESTORE_AGAIN };

struct restore {
	struct ledger_operation operation;
	struct ledger_reader reader;
	enum restore_phase phase; /* of the next reply */
	struct buffer vector;     /* with its stamp */
	struct buffer meta;       /* sealed */
	struct buffer names;      /* of the pages, each PAGE_NAME_MAX + 1 bytes with its NUL */
	size_t page_count;
	size_t sent;
	size_t answered;
	bool is_last_sent;
	char missing[KEY_MAX];    /* a page that the set names and that is not there, or "" */
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
	restore->missing[0] = '\0';
	operation->task->is_restored = false;
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
	bool is_known = vector.len == 0 || (vector.len >= STAMP_LEN && memcmp(vector.data, "2 ", 2) == 0);
	if (!is_known) {
		char key[KEY_MAX];
		ledger_fail(&restore->operation, "redis key %s was not written by this version of ladderd",
			    restore_key(restore, "vector", key));
		return;
	}
	buffer_put(&restore->vector, vector.data, vector.len);
}

static bool restore_open(struct restore *restore, const char *name, struct slice sealed)
{
	struct ledger_task *task = restore->operation.task;
	char text[KEY_MAX];
	char key[KEY_MAX];
	restore->plain.len = 0;
	char *plain = buffer_reserve(&restore->plain, sealed.len + 1);
	struct slice seal_name = ledger_seal_name(task, slice_from(name), text);
	if (!sealer_open(task->ledger->sealer, seal_name, sealed, plain)) {
		ledger_fail(&restore->operation, "redis key %s is sealed with another identity key "
			    "(identity.key_file), or damaged", restore_key(restore, name, key));
		return false;
	}
	restore->plain.len = sealed.len - SEAL_OVERHEAD;
	return true;
}

static int restore_compare(const void *left, const void *right, void *ctx)
{
	const struct restore *restore = ctx;
	return restore->reader.compare(left, right);
}

/* Vector and meta are known, and what pages there are. */
static void restore_begin(struct restore *restore)
{
	struct slice nothing = {NULL, 0}, vector = nothing, meta = nothing;
	if (restore->page_count)
		qsort_r(restore->names.data, restore->page_count, NAME_SIZE, restore_compare, restore);
	if (restore->vector.len) {
		if (!restore_open(restore, "meta", buffer_slice(&restore->meta)))
			return;
		vector = (struct slice){restore->vector.data + STAMP_LEN, restore->vector.len - STAMP_LEN};
		meta = buffer_slice(&restore->plain);
	}
	if (!restore->operation.task->is_closed)
		restore->reader.begin(restore->reader.ctx, vector, meta, restore->page_count);
}

static void restore_take_names(struct restore *restore, const struct redis_reply *reply)
{
	bool is_empty = restore->vector.len == 0; /* then the script clears what may be left */
	restore->page_count = is_empty ? 0 : reply->count;
	char *to = buffer_reserve(&restore->names, restore->page_count * NAME_SIZE + 1);
	for (size_t i = 0; i < restore->page_count; i++, to += NAME_SIZE) {
		struct slice name = redis_reply_item(reply, i);
		if (name.len == 0 || name.len > PAGE_NAME_MAX) {
			char key[KEY_MAX];
			ledger_fail(&restore->operation, "redis key %s was not written by ladderd",
				    restore_key(restore, "names", key));
			return;
		}
		memcpy(to, name.data, name.len);
		to[name.len] = '\0';
	}
	restore->names.len = restore->page_count * NAME_SIZE;
	restore->phase = RESTORE_PAGES;
	restore_begin(restore);
	if (restore->operation.is_over)
		return;
	restore_pump(&restore->operation);
	if (restore->page_count == 0)
		restore->phase = RESTORE_AGAIN;
}

static void restore_take_page(struct restore *restore, const struct redis_reply *reply)
{
	struct ledger *ledger = restore->operation.task->ledger;
	const char *name = restore_page_name(restore, restore->answered++);
	if (reply->kind == REDIS_NIL) {
		restore_key(restore, name, restore->missing);
	} else if (restore_open(restore, name, reply->text)) {
		ledger->counts.pages_in++;
		ledger->counts.bytes_in += restore->plain.len;
		if (!restore->operation.task->is_closed)
			restore->reader.page(restore->reader.ctx, name, buffer_slice(&restore->plain));
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
	} else if (restore->missing[0]) {
		ledger_fail(operation, "redis key %s is gone though no commit deleted it: does Redis evict "
			    "(maxmemory-policy must not be allkeys-*)?", restore->missing);
	} else {
		operation->task->stored.len = 0;
		buffer_put(&operation->task->stored, vector.data, vector.len);
		ledger_finish(operation, LEDGER_DONE);
	}
}

static void restore_take_error(struct restore *restore, struct slice error)
{
	static const char *const names[] = {"vector", "meta", "names", NULL, "vector"};
	const char *name = names[restore->phase];
	char key[KEY_MAX];
	if (!name)
		name = restore_page_name(restore, restore->answered);
	ledger_take_error(&restore->operation, restore_key(restore, name, key), error);
}

static void restore_reply(struct ledger_operation *operation, const struct redis_reply *reply)
{
	struct restore *restore = (struct restore *)operation;
	bool is_absent = reply->kind == REDIS_NIL || (reply->kind == REDIS_ARRAY && reply->count == 0);
	if (operation->is_asking && is_absent) {
		ledger_wait(operation);
	} else if (reply->kind == REDIS_ERROR) {
		restore_take_error(restore, reply->text);
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
