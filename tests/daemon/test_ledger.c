/* Goal: against a real redis-server, whatever happens to Redis or to other owners, a task's stored image is
 * always exactly one commit, and the caller is told the truth about which. Every case runs on both back
 * ends of the loop.
 * labels: waits */
#include "daemon/commands.h"
#include "daemon/reshard_state.h"
#include "tests/daemon/redis_fixture.h"

static int setup(void **state)
{
	(void)state;
	if (!redis_pid)
		redis_start();
	redis_wait();
	redis_do("CONFIG SET maxmemory 0");
	return redis_do("FLUSHALL") < 0;
}

static void test_round_trip(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	assert_int_equal(restore(side), LEDGER_DONE);
	expect_image(side, 0);
	for (unsigned n = 1; n <= 30; n++)
		assert_int_equal(commit(side, n), LEDGER_DONE);
	assert_int_equal(redis_do("KEYS *:s:*"), 0);
	assert_int_equal(redis_do("TTL {ladder:3}:p/1"), -1);
	assert_int_equal(redis_do("KEYS *"), redis_do("SCARD {ladder:3}:names") + 3);
	assert_int_equal(ledger_counts(side->ledger)->commits, 30);
	assert_int_equal(ledger_counts(side->ledger)->restarts, 0);
	side_close(side);
	expect_stored(30);
}

static void test_nothing_is_readable_in_redis(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	redisContext *redis = redis_open();
	redisReply *reply = redisCommand(redis, "GET {ladder:3}:p/17");
	assert_null(memmem(reply->str, reply->len, "xxxx", 4));
	freeReplyObject(reply);
	reply = redisCommand(redis, "GET {ladder:3}:meta");
	assert_null(memmem(reply->str, reply->len, "meta", 4));
	freeReplyObject(reply);
	redisFree(redis);
	side_close(side);
}

static void test_tasks_do_not_mix(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	struct side *other = calloc(1, sizeof *other);
	other->ledger = side->ledger;
	other->task = ledger_open_task(side->ledger, 33);
	start_restore(other);
	restore(side);
	run_until(&other->is_told);
	start_commit(side, 1);
	start_commit(other, 1);
	run_until(&other->is_told);
	assert_true(side->is_told);
	assert_int_equal(commit(other, 2), LEDGER_DONE);
	restore(other);
	expect_image(other, 2);
	ledger_close_task(side->task);
	side->task = ledger_open_task(side->ledger, 3);
	restore(side);
	expect_image(side, 1);
	side_close(side);
	free(other);
}

static void test_stale_owner_is_fenced(void **state)
{
	(void)state;
	struct side *old = side_open(3);
	struct side *young = side_open(3);
	restore(old);
	assert_int_equal(commit(old, 1), LEDGER_DONE);
	restore(young);
	assert_int_equal(commit(young, 2), LEDGER_DONE);
	assert_int_equal(commit(old, 9), LEDGER_FENCED);
	assert_int_equal(redis_do("KEYS *:s:*"), 0);
	expect_stored(2);
	restore(old);
	expect_image(old, 2);
	assert_int_equal(commit(old, 3), LEDGER_DONE);
	assert_int_equal(commit(young, 9), LEDGER_FENCED);
	expect_stored(3);
	side_close(old);
	side_close(young);
}

/* The same offsets stored by another owner are not the same commit. */
static void test_equal_vectors_of_two_owners_differ(void **state)
{
	(void)state;
	struct side *one = side_open(3);
	struct side *two = side_open(3);
	restore(one);
	restore(two);
	assert_int_equal(commit(one, 1), LEDGER_DONE);
	assert_int_equal(commit(two, 1), LEDGER_FENCED);
	restore(two);
	assert_int_equal(commit(two, 1), LEDGER_DONE);
	assert_int_equal(commit(one, 2), LEDGER_FENCED);
	side_close(one);
	side_close(two);
}

static void test_commit_behind_a_fenced_one_is_fenced(void **state)
{
	(void)state;
	struct side *old = side_open(3);
	struct side *young = side_open(3);
	struct side second = {0};
	restore(old);
	restore(young);
	assert_int_equal(commit(young, 1), LEDGER_DONE);
	start_commit(old, 8);
	ledger_commit(old->task, commit_number(9, 0), on_committed, &second);
	run_until(&second.is_told);
	assert_int_equal(old->result, LEDGER_FENCED);
	assert_int_equal(second.result, LEDGER_FENCED);
	expect_stored(1);
	side_close(old);
	side_close(young);
}

static void test_lost_staged_pages_are_staged_again(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	redisContext *redis = redis_open();
	redisReply *reply = redisCommand(redis, "INFO memory");
	long long used = atoll(strstr(reply->str, "used_memory:") + 12);
	freeReplyObject(reply);
	redisFree(redis);
	redis_do("CONFIG SET maxmemory-policy volatile-random");
	redis_do("CONFIG SET maxmemory %lld", used + (3 << 20));
	side->is_told = false;
	ledger_commit(side->task, commit_number(1, 30000), on_committed, side);
	while (ledger_counts(side->ledger)->restarts < 2 && !side->is_told)
		run_for_ms(10);
	assert_false(side->is_told);
	assert_int_equal(redis_do("EXISTS {ladder:3}:vector"), 0);
	redis_do("CONFIG SET maxmemory 0");
	run_until(&side->is_told);
	assert_int_equal(side->result, LEDGER_DONE);
	redis_do("CONFIG SET maxmemory-policy noeviction");
	assert_int_equal(redis_do("SCARD {ladder:3}:names"), PAGES);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	side_close(side);
	expect_stored(1);
}

static void test_killed_and_restarted_in_the_middle(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	unsigned seed = 1;
	unsigned n = 0;
	restore(side);
	for (int round = 0; round < 12; round++) {
		for (int i = 0; i < 5; i++)
			assert_int_equal(commit(side, ++n), LEDGER_DONE);
		start_commit(side, ++n);
		for (int i = rand_r(&seed) % 12; i > 0 && !side->is_told; i--)
			loop_run_once(loop, 5);
		redis_kill();
		run_for_ms(round % 3 * 50);
		redis_start();
		run_until(&side->is_told);
		assert_int_equal(side->result, LEDGER_DONE);
	}
	assert_true(ledger_counts(side->ledger)->restarts > 0);
	side_close(side);
	expect_stored(n);
}

static void test_redis_that_lost_its_last_writes(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	for (unsigned n = 1; n <= 5; n++)
		assert_int_equal(commit(side, n), LEDGER_DONE);
	redis_wait_rewritten();
	run("cp -a %s/appendonlydir %s/old", directory, directory);
	for (unsigned n = 6; n <= 8; n++)
		assert_int_equal(commit(side, n), LEDGER_DONE);
	redis_kill();
	run("rm -rf %s/appendonlydir && cd %s && mv old appendonlydir", directory, directory);
	redis_start();
	assert_int_equal(commit(side, 9), LEDGER_FENCED);
	restore(side);
	expect_image(side, 5);
	assert_int_equal(commit(side, 6), LEDGER_DONE);
	expect_stored(6);
	side_close(side);
}

static void test_flushed_redis_fences(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	redis_do("FLUSHALL");
	assert_int_equal(commit(side, 2), LEDGER_FENCED);
	assert_int_equal(redis_do("DBSIZE"), 0);
	restore(side);
	expect_image(side, 0);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	redis_do("DEL {ladder:3}:vector");
	restore(side);
	expect_image(side, 0);
	assert_int_equal(commit(side, 2), LEDGER_DONE);
	restore(side);
	for (unsigned page = 0; page < PAGES; page++)
		assert_true((side->pages[page][0] != '\0') == touches(2, page));
	side_close(side);
}

static void test_wrong_type_names_the_key(void **state)
{
	(void)state;
	static const char *const keys[] = {"vector", "meta", "names", "p/17"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char key[64];
		struct side *side = side_open(3);
		snprintf(key, sizeof key, "{ladder:3}:%s", keys[i]);
		redis_do("FLUSHALL");
		restore(side);
		assert_int_equal(commit(side, 1), LEDGER_DONE);
		redis_do("DEL %s", key);
		redis_do("LPUSH %s x", key);
		if (i == 0 || i == 2) {
			assert_int_equal(commit(side, 2), LEDGER_FAILED);
			assert_non_null(strstr(side->error, "WRONGTYPE"));
			assert_non_null(strstr(side->error, key));
		}
		assert_int_equal(restore(side), LEDGER_FAILED);
		assert_non_null(strstr(side->error, "WRONGTYPE"));
		assert_non_null(strstr(side->error, key));
		assert_int_equal(redis_do("LLEN %s", key), 1);
		redis_do("DEL %s", key);
		assert_int_equal(ledger_counts(side->ledger)->restarts, 0);
		side_close(side);
	}
}

static void test_missing_page_is_told(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	redis_do("DEL {ladder:3}:p/17");
	assert_int_equal(restore(side), LEDGER_FAILED);
	assert_non_null(strstr(side->error, "{ladder:3}:p/17"));
	side_close(side);
}

/* Whichever way the names, the meta or the vector came to be others than the commit left there, nothing of it
 * is taken, and no commit goes on from what is not whole. */
static void test_an_image_that_is_not_whole_is_told(void **state)
{
	static const struct {
		const char *what, *key, *said;
		bool fails_commit;
	} faults[] = {
		{"DEL {ladder:3}:names", "{ladder:3}:names", "names 0 pages of 400", true},
		{"SREM {ladder:3}:names p/17", "{ladder:3}:names", "names 399 pages of 400", true},
		{"SADD {ladder:3}:names p/999", "{ladder:3}:names", "names 401 pages of 400", true},
		{"EVAL redis.call('SREM',KEYS[1],'p/17')redis.call('SADD',KEYS[1],'p/999') 1 "
		 "{ladder:3}:names", "{ladder:3}:p/999", "is gone", false},
		{"EVAL redis.call('SREM',KEYS[1],'p/17')redis.call('SADD',KEYS[1],'p/18\\0') 1 "
		 "{ladder:3}:names", "{ladder:3}:names", "not written by ladderd", false},
		{"DEL {ladder:3}:meta", "{ladder:3}:meta", "damaged", false},
		{"SETRANGE {ladder:3}:meta 30 damaged", "{ladder:3}:meta", "damaged", false},
		{"SETRANGE {ladder:3}:vector 36 2", "{ladder:3}:meta", "the vector beside it", false},
		{"SETRANGE {ladder:3}:p/17 30 damaged", "{ladder:3}:p/17", "damaged", false},
		{"COPY {ladder:3}:p/18 {ladder:3}:p/17 REPLACE", "{ladder:3}:p/17", "damaged", false},
	};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		setup(state);
		struct side *side = side_open(3);
		restore(side);
		assert_int_equal(commit(side, 1), LEDGER_DONE);
		redisContext *redis = redis_open();
		redisReply *reply = redisCommand(redis, faults[i].what);
		assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
		freeReplyObject(reply);
		redisFree(redis);
		if (faults[i].fails_commit) {
			assert_int_equal(commit(side, 2), LEDGER_FAILED);
			assert_non_null(strstr(side->error, "{ladder:3}:names is not whole"));
		}
		assert_int_equal(restore(side), LEDGER_FAILED);
		assert_non_null(strstr(side->error, faults[i].key));
		assert_non_null(strstr(side->error, faults[i].said));
		side_close(side);
	}
}

/* Each page opens, and all are there, but one is that of the commit before. */
static void test_pages_of_two_commits_are_told(void **state)
{
	(void)state;
	unsigned page = 0;
	while (!touches(1, page) || !touches(2, page))
		page++;
	struct side *side = side_open(3);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	redis_do("COPY {ladder:3}:p/%u {ladder:3}:before", page);
	assert_int_equal(commit(side, 2), LEDGER_DONE);
	assert_int_equal(restore(side), LEDGER_DONE);
	redis_do("COPY {ladder:3}:p/%u {ladder:3}:now", page);
	redis_do("COPY {ladder:3}:before {ladder:3}:p/%u REPLACE", page);
	assert_int_equal(restore(side), LEDGER_FAILED);
	assert_non_null(strstr(side->error, "{ladder:3}:*: some pages are of other commits"));
	redis_do("COPY {ladder:3}:now {ladder:3}:p/%u REPLACE", page);
	assert_int_equal(restore(side), LEDGER_DONE);
	assert_int_equal(commit(side, 3), LEDGER_DONE);
	side_close(side);
}

static void test_another_identity_is_told(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	side_close(side);
	identity.seal_key[5] ^= 1;
	side = side_open(3);
	identity.seal_key[5] ^= 1;
	assert_int_equal(restore(side), LEDGER_FAILED);
	assert_non_null(strstr(side->error, "another identity key"));
	side_close(side);
	expect_stored(1);
}

static void test_waits_for_a_redis_that_is_away(void **state)
{
	(void)state;
	redis_kill();
	struct side *side = side_open(3);
	start_restore(side);
	run_for_ms(400);
	assert_false(side->is_told);
	assert_false(ledger_is_up(side->ledger));
	redis_start();
	run_until(&side->is_told);
	assert_true(ledger_is_up(side->ledger));
	expect_image(side, 0);
	redis_kill();
	start_commit(side, 1);
	run_for_ms(300);
	assert_false(side->is_told);
	redis_start();
	run_until(&side->is_told);
	assert_int_equal(side->result, LEDGER_DONE);
	side_close(side);
	expect_stored(1);
}

static void test_full_redis_is_waited_out(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	redis_do("CONFIG SET maxmemory 1");
	start_commit(side, 2);
	run_for_ms(600);
	assert_false(side->is_told);
	assert_in_range(ledger_counts(side->ledger)->restarts, 1, 8);
	redis_do("CONFIG SET maxmemory 0");
	run_until(&side->is_told);
	assert_int_equal(side->result, LEDGER_DONE);
	side_close(side);
	expect_stored(2);
}

static void test_password_and_database(void **state)
{
	(void)state;
	char text[128];
	char error[128];
	struct side *refused = side_open(3);
	restore(refused);
	redisContext *redis = redis_open();
	freeReplyObject(redisCommand(redis, "CONFIG SET requirepass s3@cret"));
	freeReplyObject(redisCommand(redis, "CLIENT KILL TYPE normal"));
	assert_int_equal(commit(refused, 1), LEDGER_FAILED);
	assert_non_null(strstr(refused->error, "NOAUTH"));
	snprintf(text, sizeof text, "unix://:s3%%40cret@%s", socket_path);
	struct redis_url saved = url;
	assert_true(redis_url_parse(text, &url, error, sizeof error));
	snprintf(url.database, sizeof url.database, "2");
	struct side *side = side_open(3);
	url = saved;
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	freeReplyObject(redisCommand(redis, "CONFIG SET requirepass %s", ""));
	redisReply *reply = redisCommand(redis, "DBSIZE");
	assert_int_equal(reply->integer, 0);
	freeReplyObject(reply);
	redisFree(redis);
	side_close(side);
	side_close(refused);
}

/* Between the ledger and Redis: passes everything on, but closes both ends in place of the first
 * +COMMITTED. */
struct proxy {
	char path[80];
	int listener;
	unsigned cuts;
	pthread_t thread;
};

static int proxy_dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static bool proxy_pass(struct proxy *proxy, int from, int to, bool is_reply)
{
	char bytes[65536];
	ssize_t got = read(from, bytes, sizeof bytes);
	if (got <= 0)
		return false;
	if (is_reply && proxy->cuts > 0 && memmem(bytes, (size_t)got, "+COMMITTED", 10)) {
		proxy->cuts--;
		return false;
	}
	for (ssize_t at = 0; at < got;) {
		ssize_t put = write(to, bytes + at, (size_t)(got - at));
		if (put <= 0)
			return false;
		at += put;
	}
	return true;
}

static void *proxy_run(void *ctx)
{
	struct proxy *proxy = ctx;
	int client;
	while ((client = accept(proxy->listener, NULL, NULL)) >= 0) {
		int redis = proxy_dial();
		struct pollfd fds[2] = {{client, POLLIN, 0}, {redis, POLLIN, 0}};
		bool is_open = true;
		while (is_open && poll(fds, 2, -1) > 0) {
			if (fds[0].revents)
				is_open = proxy_pass(proxy, client, redis, false);
			if (is_open && fds[1].revents)
				is_open = proxy_pass(proxy, redis, client, true);
		}
		close(client);
		close(redis);
	}
	return NULL;
}

static void proxy_start(struct proxy *proxy)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(proxy->path, sizeof proxy->path, "%s/proxy", directory);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", proxy->path);
	unlink(proxy->path);
	proxy->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(proxy->listener, 8), 0);
	assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
}

static void proxy_stop(struct proxy *proxy)
{
	shutdown(proxy->listener, SHUT_RDWR);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
	unlink(proxy->path);
}

/* A commit that happened, but whose answer never came, is a success when it is tried again, not a fence. */
static void test_lost_answer_is_a_success(void **state)
{
	(void)state;
	struct proxy proxy = {.cuts = 3};
	struct redis_url saved = url;
	proxy_start(&proxy);
	snprintf(url.places[0].host, sizeof url.places[0].host, "%s", proxy.path);
	struct side *side = side_open(3);
	url = saved;
	restore(side);
	for (unsigned n = 1; n <= 5; n++)
		assert_int_equal(commit(side, n), LEDGER_DONE);
	assert_int_equal(ledger_counts(side->ledger)->restarts, 3);
	side_close(side);
	proxy_stop(&proxy);
	expect_stored(5);
}

/* A commit between two looks at the vector makes the restore begin again, and never shows in parts. */
static void test_image_that_changes_is_read_again(void **state)
{
	(void)state;
	struct side *writer = side_open(3);
	struct side *reader = side_open(3);
	unsigned begins = 0;
	unsigned n = 1;
	restore(writer);
	assert_int_equal(commit(writer, n), LEDGER_DONE);
	restore(reader);
	for (int round = 0; round < 30; round++) {
		reader->begins = 0;
		start_restore(reader);
		for (int i = 0; i < round % 5; i++)
			loop_run_once(loop, 5);
		start_commit(writer, ++n);
		run_until(&writer->is_told);
		run_until(&reader->is_told);
		begins += reader->begins;
		unsigned long stored = strtoul(reader->vector, NULL, 10);
		expect_image(reader, (unsigned)stored);
		assert_in_range(stored, n - 1, n);
	}
	assert_true(begins > 30);
	side_close(writer);
	side_close(reader);
}

static void test_closed_tasks_are_silent(void **state)
{
	(void)state;
	struct side *side = side_open(3);
	restore(side);
	for (int i = 0; i < 6; i++) {
		start_commit(side, 1);
		start_restore(side);
		for (int j = 0; j < i; j++)
			loop_run_once(loop, 5);
		bool was_told = side->is_told;
		ledger_close_task(side->task);
		side->is_told = was_told;
		run_for_ms(50);
		assert_true(side->is_told == was_told);
		side->task = ledger_open_task(side->ledger, 3);
		assert_int_equal(restore(side), LEDGER_DONE);
	}
	start_commit(side, 1);
	loop_run_once(loop, 5);
	side_close(side);
}

static struct reshard_state *read_four(void)
{
	struct reshard_state *reshard = reshard_state_create(&url, "ladder", &identity);
	const struct stored_task *stored = NULL;
	char error[256];
	int code;
	for (int i = 0; i < 4; i++) {
		stored = reshard_state_read(reshard, error, sizeof error, &code);
		assert_true(stored && (i == 3) == (stored->vector.len > 0));
	}
	assert_int_equal(stored->head.partition_count, 't'); /* of "meta 1", where it stands third */
	return reshard;
}

static void test_meta_is_written_anew(void **state)
{
	static const struct task_meta head = {.revision = 'M', .term = 'E', .partition_count = 'T',
					      .shuffle_mode = 'A', .shuffle_stamp = '_'};
	(void)state;
	struct side *side = side_open(3);
	char error[256];
	int code;
	restore(side);
	commit(side, 1);
	struct reshard_state *late = read_four(), *reshard = read_four();
	assert_true(reshard_state_write(reshard, 3, &head, error, sizeof error, &code));
	assert_false(reshard_state_write(late, 3, &head, error, sizeof error, &code));
	assert_int_equal(code, EXIT_TEMPORARY);
	assert_int_equal(commit(side, 2), LEDGER_FENCED);
	restore(side);
	assert_string_equal(side->meta, "META_1");
	memcpy(side->meta, "meta ", 5);
	expect_image(side, 1);
	assert_true(reshard_state_clear(reshard, 3, error, sizeof error, &code));
	restore(side);
	expect_image(side, 0);
	assert_int_equal(redis_do("KEYS *:p/*"), 0);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	reshard_state_destroy(reshard);
	reshard_state_destroy(late);
	side_close(side);
	expect_stored(1);
}

static int run_group(const char *backend)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round_trip, setup),
		cmocka_unit_test_setup(test_nothing_is_readable_in_redis, setup),
		cmocka_unit_test_setup(test_tasks_do_not_mix, setup),
		cmocka_unit_test_setup(test_stale_owner_is_fenced, setup),
		cmocka_unit_test_setup(test_equal_vectors_of_two_owners_differ, setup),
		cmocka_unit_test_setup(test_commit_behind_a_fenced_one_is_fenced, setup),
		cmocka_unit_test_setup(test_lost_staged_pages_are_staged_again, setup),
		cmocka_unit_test_setup(test_killed_and_restarted_in_the_middle, setup),
		cmocka_unit_test_setup(test_redis_that_lost_its_last_writes, setup),
		cmocka_unit_test_setup(test_flushed_redis_fences, setup),
		cmocka_unit_test_setup(test_wrong_type_names_the_key, setup),
		cmocka_unit_test_setup(test_missing_page_is_told, setup),
		cmocka_unit_test(test_an_image_that_is_not_whole_is_told),
		cmocka_unit_test_setup(test_pages_of_two_commits_are_told, setup),
		cmocka_unit_test_setup(test_another_identity_is_told, setup),
		cmocka_unit_test_setup(test_waits_for_a_redis_that_is_away, setup),
		cmocka_unit_test_setup(test_full_redis_is_waited_out, setup),
		cmocka_unit_test_setup(test_password_and_database, setup),
		cmocka_unit_test_setup(test_lost_answer_is_a_success, setup),
		cmocka_unit_test_setup(test_image_that_changes_is_read_again, setup),
		cmocka_unit_test_setup(test_closed_tasks_are_silent, setup),
		cmocka_unit_test_setup(test_meta_is_written_anew, setup),
	};
	setenv("LADDER_IO", backend, 1);
	loop = loop_create();
	if (!loop) {
		fprintf(stderr, "SKIPPED on %s: %s\n", backend, strerror(errno));
		return 0;
	}
	int failed = cmocka_run_group_tests_name(backend, tests, NULL, NULL);
	loop_destroy(loop);
	return failed;
}

int main(void)
{
	char text[80];
	char error[256];
	if (system("command -v redis-server >/dev/null") != 0) {
		fprintf(stderr, "SKIPPED: redis-server is not installed\n");
		return 77;
	}
	if (!mkdtemp(directory))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	snprintf(socket_path, sizeof socket_path, "%s/redis.sock", directory);
	snprintf(text, sizeof text, "unix://%s", socket_path);
	if (!redis_url_parse(text, &url, error, sizeof error))
		return 1;
	memset(&identity, 7, sizeof identity);
	int failed = run_group("epoll") + run_group("io_uring");
	if (redis_pid)
		redis_kill();
	snprintf(text, sizeof text, "rm -rf %s", directory);
	return system(text) != 0 || failed;
}
