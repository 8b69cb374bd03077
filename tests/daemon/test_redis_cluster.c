/* Goal: slots are those that Redis computes, and what Redis says of its slots is understood as it is meant,
 * or refused as a whole. */
#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/redis_cluster.h"

static const struct redis_place asked = {"seed", "7000"};
static const struct redis_place asked_socket = {"/run/redis.sock", ""};

/* As CLUSTER KEYSLOT of Redis 7.0 answers. */
static void test_slots(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		unsigned slot;
	} cases[] = {
		{"123456789", 12739}, {"foo", 12182}, {"", 0}, {"{ladder:3}:vector", 8582},
		{"{ladder:3}:p/17", 8582}, {"{ladder:0}:p/17", 4581}, {"a{b}c{d}", 3300}, {"b", 3300},
		{"{}x", 10595}, {"{x", 11068}, {"x}{y}", 12222}, {"a{{b}}c", 6215},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(redis_key_slot(slice_from(cases[i].key)), cases[i].slot);
}

static void test_redirects(void **state)
{
	(void)state;
	static const struct {
		const char *error;
		const char *want; /* "" where it is no redirect */
	} cases[] = {
		{"MOVED 3999 127.0.0.1:6381", "moved 3999 127.0.0.1:6381"},
		{"ASK 16383 10.0.0.1:1", "ask 16383 10.0.0.1:1"},
		{"MOVED 0 redis-2.internal:65535", "moved 0 redis-2.internal:65535"},
		{"MOVED 5 :6381", "moved 5 seed:6381"},
		{"MOVED 5 ::1:6381", "moved 5 [::1]:6381"},
		{"MOVED 16384 h:1", ""}, {"MOVED x h:1", ""}, {"MOVED 5 h", ""}, {"MOVED 5", ""},
		{"MOVED 5 h:", ""}, {"MOVED 5 h:1x", ""}, {"MOVED 5 h:70000", ""}, {"MOVED 5 ?:1", ""},
		{"MOVED", ""}, {"ASK ", ""}, {"MOVED 5 ", ""}, {"ASKING 5 h:1", ""}, {"ERR MOVED 5 h:1", ""},
		{"TRYAGAIN Multiple keys request during rehashing of slot", ""}, {"", ""},
		{"MOVED 99999999999999999999 h:1", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct redis_redirect redirect;
		char got[400] = "";
		if (redis_redirect_parse(slice_from(cases[i].error), &asked, &redirect))
			snprintf(got, sizeof got, "%s %u %s", redirect.is_ask ? "ask" : "moved",
				 redirect.slot, redis_place_address(&redirect.place).text);
		assert_string_equal(got, cases[i].want);
	}
}

static void test_redirect_of_a_socket_without_host(void **state)
{
	(void)state;
	struct redis_redirect redirect;
	assert_true(redis_redirect_parse(slice_from("MOVED 5 :6381"), &asked_socket, &redirect));
	assert_string_equal(redis_place_address(&redirect.place).text, "127.0.0.1:6381");
}

#define NODE(len, host, port) "*3\r\n$" len "\r\n" host "\r\n:" port "\r\n$2\r\nid\r\n"
#define RANGE(count, first, last) "*" count "\r\n:" first "\r\n:" last "\r\n"

/* What a reply in RESP makes of the map: "first-last=owner" for each run of slots, then all nodes. */
static const struct {
	const char *reply;
	const char *want; /* NULL: refused */
} slot_cases[] = {
	{"*0\r\n", "| "},
	{"*1\r\n" RANGE("3", "0", "16383") NODE("1", "a", "1"), "0-16383=a:1 | a:1 "},
	{"*2\r\n" RANGE("4", "0", "99") NODE("1", "a", "1") NODE("1", "b", "2")
	 RANGE("3", "200", "200") NODE("1", "b", "2"),
	 "0-99=a:1 200-200=b:2 | a:1 b:2 "},
	{"*1\r\n" RANGE("3", "0", "1") "*2\r\n$-1\r\n:9\r\n", "0-1=seed:9 | seed:9 "},
	{"*1\r\n" RANGE("3", "0", "1") NODE("0", "", "9"), "0-1=seed:9 | seed:9 "},
	{"*1\r\n" RANGE("4", "0", "1") NODE("1", "?", "9") NODE("1", "b", "2"), "| b:2 "},
	{"*1\r\n" RANGE("3", "0", "1") "*4\r\n$1\r\na\r\n:9\r\n$2\r\nid\r\n"
	 "*2\r\n$8\r\nhostname\r\n$1\r\nx\r\n",
	 "0-1=a:9 | a:9 "},
	{"*1\r\n" RANGE("3", "0", "16384") NODE("1", "a", "1"), NULL},
	{"*1\r\n" RANGE("3", "-1", "5") NODE("1", "a", "1"), NULL},
	{"*1\r\n" RANGE("2", "0", "5"), NULL},
	{"*1\r\n*3\r\n$1\r\nx\r\n:5\r\n" NODE("1", "a", "1"), NULL},
	{"*1\r\n:5\r\n", NULL},
	{"-ERR This instance has cluster support disabled\r\n", NULL},
	{"$2\r\nOK\r\n", NULL},
	{"$-1\r\n", NULL},
};

static void describe(const struct slot_map *map, char *text, size_t size)
{
	size_t len = 0, count;
	text[0] = '\0';
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		const struct redis_place *owner = slot_map_owner(map, slot);
		unsigned first = slot;
		while (owner && slot + 1 < SLOT_COUNT && slot_map_owner(map, slot + 1) == owner)
			slot++;
		if (owner)
			len += (size_t)snprintf(text + len, size - len, "%u-%u=%s ", first, slot,
						redis_place_address(owner).text);
	}
	len += (size_t)snprintf(text + len, size - len, "| ");
	const struct redis_place *places = slot_map_places(map, &count);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s ", redis_place_address(&places[i]).text);
}

static bool take(struct slot_map *map, const char *resp)
{
	void *raw = NULL;
	redisReader *reader = redisReaderCreate();
	redisReaderFeed(reader, resp, strlen(resp));
	assert_int_equal(redisReaderGetReply(reader, &raw), REDIS_OK);
	assert_non_null(raw);
	struct redis_reply reply = redis_reply_of(raw);
	bool is_good = slot_map_take(map, &reply, &asked);
	freeReplyObject(raw);
	redisReaderFree(reader);
	return is_good;
}

/* Each onto a map that knows something else: a refused reply leaves that as it is. */
static void test_slot_maps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof slot_cases / sizeof *slot_cases; i++) {
		char got[1024];
		struct slot_map *map = slot_map_create();
		assert_true(take(map, "*1\r\n" RANGE("3", "7", "8") NODE("3", "old", "7")));
		assert_true(take(map, slot_cases[i].reply) == (slot_cases[i].want != NULL));
		describe(map, got, sizeof got);
		assert_string_equal(got, slot_cases[i].want ? slot_cases[i].want : "7-8=old:7 | old:7 ");
		slot_map_destroy(map);
	}
}

static void test_one_slot_moves(void **state)
{
	(void)state;
	char got[1024];
	const struct redis_place fresh = {"b", "2"};
	struct slot_map *map = slot_map_create();
	assert_null(slot_map_owner(map, 0));
	assert_int_equal(slot_map_owned_count(map), 0);
	assert_true(take(map, "*1\r\n" RANGE("3", "10", "14") NODE("1", "a", "1")));
	slot_map_move(map, 12, &fresh);
	slot_map_move(map, 16383, &fresh);
	describe(map, got, sizeof got);
	assert_string_equal(got, "10-11=a:1 12-12=b:2 13-14=a:1 16383-16383=b:2 | a:1 b:2 ");
	assert_int_equal(slot_map_owned_count(map), 6);
	slot_map_destroy(map);
}

/* No genuine cluster has so many, and a reply must not fill the memory, nor the stack of who copies them. */
static void test_nodes_beyond_the_limit(void **state)
{
	(void)state;
	struct slot_map *map = slot_map_create();
	size_t count;
	for (int nodes = CLUSTER_NODES_MAX; nodes <= CLUSTER_NODES_MAX + 1; nodes++) {
		size_t size = 64 + (size_t)nodes * 32;
		char *text = malloc(size);
		int len = snprintf(text, size, "*1\r\n*%d\r\n:0\r\n:16383\r\n", nodes + 2);
		for (int i = 0; i < nodes; i++)
			len += snprintf(text + len, size - (size_t)len,
					"*2\r\n$5\r\n%05d\r\n:7\r\n", i);
		assert_true(take(map, text) == (nodes == CLUSTER_NODES_MAX));
		free(text);
	}
	slot_map_move(map, 12, &asked);
	slot_map_places(map, &count);
	assert_int_equal(count, CLUSTER_NODES_MAX);
	assert_null(slot_map_owner(map, 12));
	assert_int_equal(slot_map_owned_count(map), SLOT_COUNT - 1);
	slot_map_destroy(map);
}

static void test_info(void **state)
{
	(void)state;
	static const char info[] = "# Replication\r\nrole:slave\r\nmaster_host:h\r\n\r\n# Cluster\r\n"
				   "cluster_enabled:1\r\nempty:\r\nlast:x";
	static const char *const cases[][2] = {
		{"role", "slave"}, {"cluster_enabled", "1"}, {"empty", ""}, {"last", "x"}, {"host", ""},
		{"# Cluster", ""}, {"rol", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_true(slice_equal(redis_info_value(slice_from(info), cases[i][0]),
					slice_from(cases[i][1])));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_redirect_of_a_socket_without_host),
		cmocka_unit_test(test_slot_maps),
		cmocka_unit_test(test_one_slot_moves),
		cmocka_unit_test(test_nodes_beyond_the_limit),
		cmocka_unit_test(test_info),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
