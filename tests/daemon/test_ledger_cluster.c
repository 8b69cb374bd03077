/* Goal: against a genuine Redis Cluster whose slots move, a task's stored image is always exactly one commit,
 * and each operation ends as it would without a cluster. Two nodes; what `redis-cli --cluster reshard` does
 * is done step by step, with the ledger in between.
 * labels: waits */
#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/ledger_private.h"
#include "daemon/redis_cluster.h"
#include "tests/daemon/ledger_fixture.h"

enum { TASK = 3, NODES = 2, ID_LEN = 40 };

static struct node {
	int port;
	pid_t pid;
	char id[ID_LEN + 1];
	redisContext *redis;
} nodes[NODES];

static char directory[] = "/tmp/ladder-cluster-XXXXXX";
static unsigned slot; /* of TASK */

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* The caller frees it. */
__attribute__((format(printf, 2, 3)))
static redisReply *ask(struct node *node, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redisvCommand(node->redis, format, arguments);
	va_end(arguments);
	assert_non_null(reply);
	return reply;
}

/* Whose answer must not be an error. Returns its integer, or the length of its text. */
__attribute__((format(printf, 2, 3)))
static long long tell(struct node *node, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	redisReply *reply = redisvCommand(node->redis, format, arguments);
	va_end(arguments);
	assert_non_null(reply);
	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", format, reply->str);
	long long result = reply->type == REDIS_REPLY_INTEGER ? reply->integer : (long long)reply->len;
	freeReplyObject(reply);
	return result;
}

static void node_start(struct node *node, const char *name)
{
	char port[8], bus_port[8], config[16];
	node->port = free_port();
	snprintf(port, sizeof port, "%d", node->port);
	snprintf(bus_port, sizeof bus_port, "%d", free_port());
	snprintf(config, sizeof config, "%s.conf", name);
	node->pid = fork();
	if (node->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
		dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
		execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port,
		       "--cluster-port", bus_port, "--cluster-enabled", "yes", "--cluster-config-file",
		       config, "--dir", directory, "--save", "", "--appendonly", "no", NULL);
		_exit(127);
	}
	for (int i = 0; i < PATIENCE_MS / 10 && !node->redis; i++) {
		node->redis = redisConnect("127.0.0.1", node->port);
		if (node->redis->err) {
			redisFree(node->redis);
			node->redis = NULL;
			usleep(10000);
		}
	}
	assert_non_null(node->redis);
	redisReply *reply = ask(node, "CLUSTER MYID");
	snprintf(node->id, sizeof node->id, "%s", reply->str);
	freeReplyObject(reply);
	tell(node, "CLUSTER SET-CONFIG-EPOCH %d", (int)(node - nodes) + 1);
	tell(&nodes[0], "CLUSTER MEET 127.0.0.1 %s %s", port, bus_port);
}

static bool is_whole(struct node *node)
{
	redisReply *reply = ask(node, "CLUSTER INFO");
	bool is_ok = strstr(reply->str, "cluster_state:ok") && strstr(reply->str, "cluster_known_nodes:2");
	freeReplyObject(reply);
	return is_ok;
}

static int start_nodes(void **state)
{
	(void)state;
	node_start(&nodes[0], "first");
	node_start(&nodes[1], "second");
	slot = redis_key_slot(slice_from("{ladder:3}:vector"));
	tell(&nodes[0], "CLUSTER ADDSLOTSRANGE 5000 16383");
	tell(&nodes[1], "CLUSTER ADDSLOTSRANGE 0 4999");
	for (int i = 0; i < PATIENCE_MS / 10 && !(is_whole(&nodes[0]) && is_whole(&nodes[1])); i++)
		usleep(10000);
	return !is_whole(&nodes[0]) || !is_whole(&nodes[1]);
}

static int stop_nodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NODES; i++) {
		redisFree(nodes[i].redis);
		kill(nodes[i].pid, SIGKILL);
		waitpid(nodes[i].pid, NULL, 0);
	}
	return 0;
}

static long long epoch_at(struct node *node)
{
	redisReply *reply = ask(node, "CLUSTER INFO");
	const char *at = strstr(reply->str, "cluster_current_epoch:");
	assert_non_null(at);
	long long epoch = strtoll(strchr(at, ':') + 1, NULL, 10);
	freeReplyObject(reply);
	return epoch;
}

/* Who imports says so to the other, in a greater epoch. Until the other has heard it, what was said before of
 * the slot may still be on its way and take it back. */
static void give_slot(struct node *to)
{
	struct node *from = to == &nodes[0] ? &nodes[1] : &nodes[0];
	freeReplyObject(ask(to, "CLUSTER SETSLOT %u IMPORTING %s", slot, from->id)); /* an error: it has it */
	tell(to, "CLUSTER SETSLOT %u NODE %s", slot, to->id);
	tell(from, "CLUSTER SETSLOT %u NODE %s", slot, to->id);
	for (int i = 0; i < PATIENCE_MS && epoch_at(to) != epoch_at(from); i++)
		usleep(1000);
	assert_int_equal(epoch_at(to), epoch_at(from));
}

/* The slot of TASK is at the first node, with nothing in it. */
static int setup(void **state)
{
	(void)state;
	char text[64], error[128];
	for (size_t i = 0; i < NODES; i++)
		tell(&nodes[i], "FLUSHALL");
	give_slot(&nodes[0]);
	snprintf(text, sizeof text, "redis://127.0.0.1:%d", nodes[1].port);
	return !redis_url_parse(text, &url, error, sizeof error);
}

static void begin_move(void)
{
	tell(&nodes[1], "CLUSTER SETSLOT %u IMPORTING %s", slot, nodes[0].id);
	tell(&nodes[0], "CLUSTER SETSLOT %u MIGRATING %s", slot, nodes[1].id);
}

static void move_key(const char *key)
{
	tell(&nodes[0], "MIGRATE 127.0.0.1 %d %s 0 5000", nodes[1].port, key);
}

/* Those that `matches` names, "" for all. Nothing may be in their way. */
static size_t move_keys(const char *matches)
{
	redisReply *keys = ask(&nodes[0], "CLUSTER GETKEYSINSLOT %u 100000", slot);
	size_t moved = 0;
	for (size_t i = 0; i < keys->elements; i++) {
		if (!strstr(keys->element[i]->str, matches))
			continue;
		move_key(keys->element[i]->str);
		moved++;
	}
	freeReplyObject(keys);
	return moved;
}

static void end_move(void)
{
	give_slot(&nodes[1]);
}

static void test_tasks_of_two_nodes(void **state)
{
	(void)state;
	struct side *side = side_open(TASK);
	struct side *other = calloc(1, sizeof *other);
	other->ledger = side->ledger;
	other->task = ledger_open_task(side->ledger, 0);
	start_restore(other);
	restore(side);
	run_until(&other->is_told);
	expect_image(side, 0);
	start_commit(other, 1);
	for (unsigned n = 1; n <= 3; n++)
		assert_int_equal(commit(side, n), LEDGER_DONE);
	run_until(&other->is_told);
	assert_int_equal(tell(&nodes[0], "EXISTS {ladder:3}:vector"), 1);
	assert_int_equal(tell(&nodes[1], "EXISTS {ladder:0}:vector"), 1);
	assert_int_equal(ledger_counts(side->ledger)->commits, 4);
	assert_int_equal(ledger_counts(side->ledger)->restarts, 0);
	assert_true(ledger_is_up(side->ledger));
	restore(other);
	expect_image(other, 1);
	side_close(side);
	free(other);
	expect_stored(3);
}

static void test_moved_is_followed(void **state)
{
	(void)state;
	struct side *side = side_open(TASK);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	begin_move();
	assert_true(move_keys("") > PAGES);
	end_move();
	assert_int_equal(commit(side, 2), LEDGER_DONE);
	assert_int_equal(ledger_counts(side->ledger)->restarts, 1);
	assert_int_equal(tell(&nodes[1], "EXISTS {ladder:3}:vector"), 1);
	assert_int_equal(commit(side, 3), LEDGER_DONE);
	assert_int_equal(ledger_counts(side->ledger)->restarts, 1);
	expect_stored(3);
	side_close(side);
}

/* Whichever keys have gone already, nothing is changed until all have. */
static void test_commit_waits_for_a_moving_slot(void **state)
{
	static const char *const gone[] = {"", ":p/1", ":vector", ":names", ":meta", "none of them"};
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
		setup(state);
		struct side *side = side_open(TASK);
		struct side second = {0};
		restore(side);
		assert_int_equal(commit(side, 1), LEDGER_DONE);
		begin_move();
		move_keys(gone[i]);
		start_commit(side, 2);
		ledger_commit(side->task, commit_number(3, 0), on_committed, &second);
		run_for_ms(500);
		assert_false(side->is_told || second.is_told);
		move_keys("");
		run_for_ms(300);
		end_move();
		run_until(&second.is_told);
		assert_int_equal(side->result, LEDGER_DONE);
		assert_int_equal(second.result, LEDGER_DONE);
		side_close(side);
		expect_stored(3);
	}
}

/* The pages are staged already, as by an earlier attempt, and are where the vector is: nothing but the script
 * meets the slot that moves, and must not do the half of it that can be done there. */
static void test_no_half_of_a_commit(void **state)
{
	(void)state;
	struct side *side = side_open(TASK);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	for (unsigned page = 0; page < PAGES; page++)
		tell(&nodes[0], "SET {ladder:3}:s:%s:2:p/%u x EX 60", side->ledger->owner, page);
	begin_move();
	for (unsigned page = 0; page < PAGES; page += 2) {
		char key[64];
		snprintf(key, sizeof key, "{ladder:3}:p/%u", page);
		move_key(key);
	}
	start_commit(side, 2);
	run_for_ms(700);
	assert_false(side->is_told);
	assert_true(ledger_counts(side->ledger)->restarts > 0);
	side_close(side);
	move_keys("");
	end_move();
	expect_stored(1);
}

static void test_fenced_in_a_moving_slot(void **state)
{
	(void)state;
	struct side *old = side_open(TASK);
	struct side *young = side_open(TASK);
	restore(old);
	restore(young);
	assert_int_equal(commit(young, 1), LEDGER_DONE);
	for (unsigned page = 0; page < PAGES; page += 2)
		tell(&nodes[0], "SET {ladder:3}:s:%s:1:p/%u x EX 60", old->ledger->owner, page);
	begin_move();
	start_commit(old, 1);
	run_for_ms(300);
	move_keys("");
	end_move();
	run_until(&old->is_told);
	assert_int_equal(old->result, LEDGER_FENCED);
	expect_stored(1);
	side_close(old);
	side_close(young);
}

static void test_restore_asks_where_the_keys_have_gone(void **state)
{
	(void)state;
	struct side *side = side_open(TASK);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	begin_move();
	move_keys("");
	expect_stored(1);
	end_move();
	expect_stored(1);
	side_close(side);
}

/* An absent key may be on its way: the task is not empty, nor is a page lost. */
static void test_restore_waits_for_keys_on_their_way(void **state)
{
	static const char *const gone[] = {":p/1", ":vector", ":names", ":meta"};
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
		setup(state);
		struct side *writer = side_open(TASK);
		struct side *reader = side_open(TASK);
		restore(writer);
		assert_int_equal(commit(writer, 1), LEDGER_DONE);
		begin_move();
		move_keys(gone[i]);
		start_restore(reader);
		run_for_ms(500);
		assert_false(reader->is_told);
		move_keys("");
		run_until(&reader->is_told);
		expect_image(reader, 1);
		end_move();
		side_close(writer);
		side_close(reader);
	}
}

/* Then MOVED tells that it is a cluster. */
static void test_without_the_right_to_info(void **state)
{
	(void)state;
	for (size_t i = 0; i < NODES; i++)
		tell(&nodes[i], "ACL SETUSER narrow on >secret ~{ladder:*}:* -@all +ping +get +set "
		     "+smembers +scard +sadd +srem +exists +rename +persist +unlink +evalsha +script|load "
		     "+cluster|slots");
	snprintf(url.user, sizeof url.user, "narrow");
	snprintf(url.password, sizeof url.password, "secret");
	struct side *side = side_open(TASK);
	assert_int_equal(restore(side), LEDGER_DONE);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	side_close(side);
	for (size_t i = 0; i < NODES; i++)
		tell(&nodes[i], "ACL SETUSER narrow -cluster|slots");
	side = side_open(TASK);
	assert_int_equal(restore(side), LEDGER_FAILED);
	assert_non_null(strstr(side->error, "CLUSTER SLOTS: NOPERM"));
	side_close(side);
	setup(state);
}

static void test_closed_tasks_are_silent(void **state)
{
	(void)state;
	struct side *side = side_open(TASK);
	restore(side);
	assert_int_equal(commit(side, 1), LEDGER_DONE);
	begin_move();
	move_keys(":p/1");
	for (int rounds = 0; rounds < 12; rounds++) {
		start_restore(side);
		for (int i = 0; i < rounds; i++)
			loop_run_once(loop, 20);
		ledger_close_task(side->task);
		side->task = ledger_open_task(side->ledger, TASK);
	}
	run_for_ms(100);
	assert_false(side->is_told);
	start_restore(side);
	run_for_ms(100);
	side_close(side);
	move_keys("");
	end_move();
	expect_stored(1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_tasks_of_two_nodes, setup),
		cmocka_unit_test_setup(test_moved_is_followed, setup),
		cmocka_unit_test(test_commit_waits_for_a_moving_slot),
		cmocka_unit_test_setup(test_no_half_of_a_commit, setup),
		cmocka_unit_test_setup(test_fenced_in_a_moving_slot, setup),
		cmocka_unit_test_setup(test_restore_asks_where_the_keys_have_gone, setup),
		cmocka_unit_test(test_restore_waits_for_keys_on_their_way),
		cmocka_unit_test_setup(test_without_the_right_to_info, setup),
		cmocka_unit_test_setup(test_closed_tasks_are_silent, setup),
	};
	char text[80];
	if (system("command -v redis-server >/dev/null") != 0) {
		fprintf(stderr, "SKIPPED: redis-server is not installed\n");
		return 77;
	}
	if (!mkdtemp(directory))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	memset(&identity, 7, sizeof identity);
	loop = loop_create();
	int failed = loop ? cmocka_run_group_tests(tests, start_nodes, stop_nodes) : 1;
	loop_destroy(loop);
	snprintf(text, sizeof text, "rm -rf %s", directory);
	return system(text) != 0 || failed;
}
