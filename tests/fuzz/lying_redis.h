/* A Redis that does what the ledger asks of it, the script of a commit by the genuine script (sim_lua.c), and
 * lies as the fuzzer's input says: a byte is how many replies are true, the next how the one behind them is
 * not. When the input is used up all are true.
 *
 * It may be a cluster of two nodes, with a slot on its way from one to the other. Included by one fuzzer,
 * behind wire.h. */
#ifndef LADDER_TESTS_FUZZ_LYING_REDIS_H
#define LADDER_TESTS_FUZZ_LYING_REDIS_H

#include <stdio.h>

#include "daemon/redis_cluster.h"
#include "tests/fuzz/edits.h"
#include "tests/sim/sim_store.h"

enum { ENTRIES_MAX = 512, COMMAND_MAX = 32, RAW_MAX = 64, FIRST_PORT = 7001, NODE_COUNT = 2 };

/* What is told instead of the truth, or done beside it. */
enum lie {
	LIE_NONE,
	/* A Redis that is as it may be: */
	LIE_ERROR,    /* an error of the table */
	LIE_CUT,      /* the reply is lost with its connection */
	LIE_CUT_PART, /* so is a part of it */
	LIE_CUT_ALL,  /* every connection, behind the reply */
	LIE_AWAY,     /* and nobody is let in for a while */
	LIE_MOVE,     /* the slot begins to move, a key goes, it has moved */
	LIE_MOVE_KEY,
	/* One that is not: */
	LIE_MIXED,    /* an error of the table with bytes changed */
	LIE_EDITED,   /* the reply with bytes changed */
	LIE_TWICE,
	LIE_SILENT,
	LIE_RAW,      /* bytes of the input */
	LIE_KIND,     /* a reply of another kind */
	LIE_NESTED,   /* the reply as the only item of a list */
	LIE_OTHER,    /* the reply before this one */
	LIE_GONE,     /* a key is */
	LIE_DAMAGED,  /* a stored value has bytes changed */
	LIE_STALE,    /* a key is again what it was before the last commit */
	LIE_FORGETS,  /* the last commit is lost, as by a Redis that crashed */
	LIE_COUNT,
	LIE_FIRST_WRONG = LIE_MIXED,
};

static struct {
	const uint8_t *input;
	size_t input_len;
	unsigned truth_count; /* before the next lie */
	struct sim_store store;
	struct sim_store before; /* the last commit */
	bool is_cluster;
	unsigned owner;   /* of every slot of ours */
	bool is_moving;   /* to the other node */
	struct buffer last_reply;
	unsigned lie_count;
	unsigned wrong_count; /* of those from LIE_FIRST_WRONG on */
} redis;

/* ---- The input ---- */

static uint8_t draw(void)
{
	if (redis.input_len == 0)
		return 0;
	redis.input_len--;
	return *redis.input++;
}

static struct slice draw_bytes(size_t len)
{
	len = len < redis.input_len ? len : redis.input_len;
	struct slice bytes = {(const char *)redis.input, len};
	redis.input += len;
	redis.input_len -= len;
	return bytes;
}

/* To be freed. */
static struct slice draw_edits(struct slice genuine)
{
	size_t count = 1 + draw() % 4;
	struct slice edits = draw_bytes(count * EDIT_BYTES);
	return edits_apply(genuine, (const uint8_t *)edits.data, edits.len / EDIT_BYTES);
}

/* ---- Commands ---- */

/* What is renamed the script has looked for. */
struct sim_answer sim_redis_do(const struct slice *arguments, size_t count)
{
	CHECK(redis.store.count < ENTRIES_MAX);
	struct sim_answer answer = sim_store_do(&redis.store, arguments, count);
	CHECK(!slice_equal(arguments[0], slice_from("RENAME")) || answer.kind == SIM_STATUS);
	return answer;
}

static struct sim_answer do_script(const struct slice *arguments, size_t count)
{
	struct sim_store before = {.count = 0};
	sim_store_copy(&before, &redis.store);
	struct sim_answer answer = sim_lua_run(arguments + 3, 3, arguments + 6, count - 6);
	if (answer.kind == SIM_STATUS && answer.text.data[0] == 'C') {
		sim_store_clear(&redis.before);
		redis.before = before;
	} else {
		sim_store_clear(&before);
	}
	return answer;
}

/* ---- The cluster ---- */

static struct sim_answer answer_redirect(const char *kind, struct slice key, unsigned node)
{
	char text[64];
	snprintf(text, sizeof text, "%s %u 127.0.0.1:%u", kind, redis_key_slot(key), FIRST_PORT + node);
	return sim_answer_text(SIM_ERROR, slice_from(text));
}

/* False, and what to say, where the node does not do it. A script meets keys on their way only as a whole. */
static bool is_served(const struct wire_socket *socket, struct slice key, bool is_script,
		      struct sim_answer *answer)
{
	if (!redis.is_cluster)
		return true;
	if (redis.store.node != redis.owner) {
		if (redis.is_moving && socket->is_asking)
			return true;
		*answer = answer_redirect("MOVED", key, redis.owner);
		return false;
	}
	if (!redis.is_moving || (!is_script && sim_store_find(&redis.store, key)))
		return true;
	if (is_script)
		*answer = sim_answer_text(SIM_ERROR, slice_from("TRYAGAIN Multiple keys request"));
	else
		*answer = answer_redirect("ASK", key, !redis.owner);
	return false;
}

static void move_slot(void)
{
	redis.is_moving = !redis.is_moving;
	if (redis.is_moving)
		return;
	redis.owner = !redis.owner;
	for (size_t i = 0; i < redis.store.count; i++)
		redis.store.entries[i].node = redis.owner;
}

static void move_key(void)
{
	size_t number = draw();
	if (redis.is_moving && redis.store.count > 0)
		redis.store.entries[number % redis.store.count].node = !redis.owner;
}

/* ---- Replies ---- */

static void put_head(struct buffer *out, char kind, long long number)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%c%lld\r\n", kind, number);
	buffer_put(out, text, (size_t)len);
}

static void put_bulk(struct buffer *out, struct slice text)
{
	put_head(out, '$', (long long)text.len);
	buffer_put(out, text.data, text.len);
	buffer_put(out, "\r\n", 2);
}

static void put_line(struct buffer *out, const char *kind, struct slice text)
{
	buffer_put(out, kind, 1);
	buffer_put(out, text.data, text.len);
	buffer_put(out, "\r\n", 2);
}

static void put_answer(struct buffer *out, const struct sim_answer *answer)
{
	struct slice text = buffer_slice(&answer->text);
	struct reader reader = reader_of(text);
	switch (answer->kind) {
	case SIM_NIL:
		put_head(out, '$', -1);
		return;
	case SIM_STATUS:
	case SIM_ERROR:
		put_line(out, answer->kind == SIM_ERROR ? "-" : "+", text);
		return;
	case SIM_TEXT:
		put_bulk(out, text);
		return;
	case SIM_INTEGER:
		put_head(out, ':', answer->integer);
		return;
	case SIM_LIST:
		put_head(out, '*', (long long)answer->count);
		while (!reader_at_end(&reader))
			put_bulk(out, reader_text(&reader));
		return;
	case SIM_SLOTS: /* put_slots says them */
		CHECK(false);
	}
}

static void put_slots(struct buffer *out)
{
	put_head(out, '*', 1);
	put_head(out, '*', 3);
	put_head(out, ':', 0);
	put_head(out, ':', SLOT_COUNT - 1);
	put_head(out, '*', 2);
	put_bulk(out, slice_from("127.0.0.1"));
	put_head(out, ':', FIRST_PORT + redis.owner);
}

#define LOADED_LOG \
	"aof_enabled:1\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n" \
	"aof_last_rewrite_time_sec:-1\r\n"

/* What is true. */
static void put_reply(struct wire_socket *socket, const struct slice *arguments, size_t count,
		      struct buffer *out)
{
	struct slice name = arguments[0];
	bool is_script = slice_equal(name, slice_from("EVALSHA"));
	struct sim_answer answer = {.kind = SIM_STATUS};
	redis.store.node = redis.is_cluster && socket->port == FIRST_PORT + 1;
	if (slice_equal(name, slice_from("INFO"))) {
		const char *info = redis.is_cluster ? LOADED_LOG "role:master\r\ncluster_enabled:1\r\n"
						    : LOADED_LOG "role:master\r\ncluster_enabled:0\r\n";
		put_bulk(out, slice_from(info));
	} else if (slice_equal(name, slice_from("SCRIPT"))) {
		put_bulk(out, slice_from("0123456789abcdef0123456789abcdef01234567"));
	} else if (slice_equal(name, slice_from("CLUSTER"))) {
		put_slots(out);
	} else if (slice_equal(name, slice_from("PING")) || slice_equal(name, slice_from("ASKING")) ||
		   slice_equal(name, slice_from("BGREWRITEAOF"))) {
		put_line(out, "+", slice_from("OK"));
	} else {
		if (is_served(socket, arguments[is_script ? 3 : 1], is_script, &answer))
			answer = is_script ? do_script(arguments, count) : sim_redis_do(arguments, count);
		put_answer(out, &answer);
		sim_answer_destroy(&answer);
	}
	socket->is_asking = slice_equal(name, slice_from("ASKING"));
}

/* ---- Lies ---- */

static struct slice draw_error(void)
{
	static const char *const errors[] = {
		"LOADING Redis is loading the dataset in memory", "MISCONF Redis is configured to save",
		"OOM command not allowed", "READONLY You can't write against a read only replica.",
		"BUSY Redis is busy", "NOSCRIPT No matching script.", "MASTERDOWN Link with MASTER is down",
		"WRONGTYPE Operation against a key", "NOAUTH Authentication required.", "NOPERM this user",
		"TRYAGAIN Multiple keys request", "CLUSTERDOWN Hash slot not served", "MOVED 1 127.0.0.1:9",
		"ASK 1 127.0.0.1:7002", "MOVED 1 127.0.0.1:7001", "ASK 1 127.0.0.1:7001", "ASK 16384 :7002",
		"MOVED 16383 :7001", "MOVED 5 ::1:0", "MOVED 7 ?:7001", "MOVED", "ASK 1 nowhere:99999", "",
		"ERR max number of clients reached",
	};
	return slice_from(errors[draw() % (sizeof errors / sizeof *errors)]);
}

static enum lie draw_lie(void)
{
	if (redis.truth_count > 0) {
		redis.truth_count--;
		return LIE_NONE;
	}
	enum lie lie = draw() % LIE_COUNT;
	redis.truth_count = draw();
	return lie;
}

/* Whole, but of another moment than the rest. */
static void make_stale(void)
{
	size_t number = draw();
	if (redis.before.count == 0)
		return;
	const struct sim_entry *before = &redis.before.entries[number % redis.before.count];
	struct sim_entry *now = sim_store_find(&redis.store, buffer_slice(&before->key));
	if (!now)
		return;
	now->text.len = 0;
	buffer_put(&now->text, before->text.data, before->text.len);
}

static void damage_store(enum lie lie)
{
	if (lie == LIE_FORGETS) {
		sim_store_copy(&redis.store, &redis.before);
		redis.is_moving = false;
		for (size_t i = 0; i < redis.store.count; i++)
			redis.store.entries[i].node = redis.owner;
		return;
	}
	if (lie == LIE_STALE) {
		make_stale();
		return;
	}
	size_t number = draw();
	if (redis.store.count == 0)
		return;
	struct sim_entry *entry = &redis.store.entries[number % redis.store.count];
	if (lie == LIE_GONE) {
		sim_store_remove(&redis.store, entry);
		return;
	}
	struct slice damaged = draw_edits(buffer_slice(&entry->text));
	entry->text.len = 0;
	buffer_put(&entry->text, damaged.data, damaged.len);
	free((char *)damaged.data);
}

static void put_other_kind(struct buffer *out)
{
	static const char *const replies[] = {
		"$-1\r\n", "*0\r\n", "*-1\r\n", ":1\r\n", "+OK\r\n", "$0\r\n\r\n", "*2\r\n:1\r\n$-1\r\n",
		"+COMMITTED\r\n", "+FENCED\r\n", "+LOST\r\n", "$1\r\nx\r\n", "-\r\n",
	};
	struct slice reply = slice_from(replies[draw() % (sizeof replies / sizeof *replies)]);
	buffer_put(out, reply.data, reply.len);
}

/* Puts what is told instead of `reply`. */
static void put_lie(enum lie lie, struct slice reply, struct buffer *out)
{
	struct slice changed = {NULL, 0};
	if (lie == LIE_ERROR) {
		put_line(out, "-", draw_error());
	} else if (lie == LIE_MIXED) {
		changed = draw_edits(draw_error());
		put_line(out, "-", changed);
	} else if (lie == LIE_EDITED) {
		changed = draw_edits(reply);
		buffer_put(out, changed.data, changed.len);
	} else if (lie == LIE_RAW) {
		struct slice raw = draw_bytes(draw() % RAW_MAX);
		buffer_put(out, raw.data, raw.len);
	} else if (lie == LIE_KIND) {
		put_other_kind(out);
	} else if (lie == LIE_OTHER) {
		buffer_put(out, redis.last_reply.data, redis.last_reply.len);
	} else if (lie == LIE_CUT_PART) {
		buffer_put(out, reply.data, reply.len * draw() / 256);
	} else if (lie != LIE_CUT && lie != LIE_SILENT) {
		if (lie == LIE_NESTED)
			put_head(out, '*', 1);
		for (int i = 0; i < (lie == LIE_TWICE ? 2 : 1); i++)
			buffer_put(out, reply.data, reply.len);
	}
	free((char *)changed.data);
}

static void do_lie(struct wire_socket *socket, enum lie lie)
{
	if (lie == LIE_CUT || lie == LIE_CUT_PART)
		socket->is_cut = true;
	else if (lie == LIE_CUT_ALL || lie == LIE_AWAY || lie == LIE_FORGETS)
		wire_cut_all();
	if (lie == LIE_AWAY)
		wire.down_until_ms = wire.now_ms + draw() * 100;
	else if (lie == LIE_MOVE && redis.is_cluster)
		move_slot();
	else if (lie == LIE_MOVE_KEY)
		move_key();
	else if (lie >= LIE_GONE)
		damage_store(lie);
}

static void tell(struct wire_socket *socket, struct buffer *reply)
{
	enum lie lie = draw_lie();
	redis.lie_count += lie != LIE_NONE;
	redis.wrong_count += lie >= LIE_FIRST_WRONG;
	put_lie(lie, buffer_slice(reply), &socket->back);
	do_lie(socket, lie);
	buffer_destroy(&redis.last_reply);
	redis.last_reply = *reply;
}

/* ---- The wire ---- */

/* The number behind `kind`; false where the line is not all there yet. */
static bool take_head(struct slice *from, char kind, size_t *number)
{
	const char *end = from->len ? memchr(from->data, '\n', from->len) : NULL;
	if (!end)
		return false;
	CHECK(from->data[0] == kind);
	*number = (size_t)sim_number((struct slice){from->data + 1, (size_t)(end - from->data) - 2});
	from->len -= (size_t)(end + 1 - from->data);
	from->data = end + 1;
	return true;
}

static bool take_command(struct slice *from, struct slice *arguments, size_t *count)
{
	if (!take_head(from, '*', count))
		return false;
	CHECK(*count <= COMMAND_MAX);
	for (size_t i = 0; i < *count; i++) {
		size_t len;
		if (!take_head(from, '$', &len) || from->len < len + 2)
			return false;
		arguments[i] = (struct slice){from->data, len};
		from->data += len + 2;
		from->len -= len + 2;
	}
	return true;
}

static void wire_serve(struct wire_socket *socket)
{
	struct slice arguments[COMMAND_MAX];
	size_t count;
	struct slice left = buffer_slice(&socket->sent);
	struct slice next = left;
	while (!socket->is_cut && take_command(&next, arguments, &count)) {
		struct buffer reply = {0};
		put_reply(socket, arguments, count, &reply);
		tell(socket, &reply);
		left = next;
	}
	if (left.len > 0)
		memmove(socket->sent.data, left.data, left.len);
	socket->sent.len = left.len;
}

static void redis_begin(struct slice input, bool is_cluster)
{
	redis.input = (const uint8_t *)input.data;
	redis.input_len = input.len;
	redis.is_cluster = is_cluster;
	redis.owner = redis.store.node = redis.lie_count = redis.wrong_count = 0;
	redis.is_moving = false;
	redis.truth_count = draw();
}

static void redis_end(void)
{
	sim_store_clear(&redis.store);
	sim_store_clear(&redis.before);
	buffer_destroy(&redis.last_reply);
}

#endif
