/* Goal: a question goes to every worker and back, once; one that no worker takes comes back unanswered, and
 * none is lost between one that is late and the asker who gives up.
 * Method: threads that answer at once, late, or never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "daemon/desk.h"

enum { WORKER_COUNT = 3, ROUNDS = 200 };

struct answerer {
	struct desk *desk;
	size_t worker;
	int answer_us;
	atomic_bool is_ending;
	pthread_t thread;
};

static void *answer_all(void *ctx)
{
	struct answerer *answerer = ctx;
	while (!atomic_load(&answerer->is_ending)) {
		struct question *question = desk_take(answerer->desk, answerer->worker);
		if (!question) {
			sched_yield();
			continue;
		}
		usleep((useconds_t)answerer->answer_us);
		question->answer_count++;
		desk_answer(answerer->desk, answerer->worker);
	}
	return NULL;
}

static void start(struct answerer *answerers, size_t count, struct desk *desk, int answer_us)
{
	for (size_t i = 0; i < count; i++) {
		answerers[i] = (struct answerer){.desk = desk, .worker = i, .answer_us = answer_us};
		assert_int_equal(pthread_create(&answerers[i].thread, NULL, answer_all, &answerers[i]), 0);
	}
}

static void stop(struct answerer *answerers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		atomic_store(&answerers[i].is_ending, true);
		pthread_join(answerers[i].thread, NULL);
	}
}

static void test_everybody_answers_once(void **state)
{
	(void)state;
	struct desk *desk = desk_create(WORKER_COUNT);
	struct answerer answerers[WORKER_COUNT];
	start(answerers, WORKER_COUNT, desk, 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct question questions[WORKER_COUNT] = {0};
		assert_true(desk_ask(desk, questions, 30000));
		for (size_t i = 0; i < WORKER_COUNT; i++)
			assert_int_equal(questions[i].answer_count, 1);
	}
	stop(answerers, WORKER_COUNT);
	desk_destroy(desk);
}

static void test_one_is_silent(void **state)
{
	(void)state;
	struct desk *desk = desk_create(WORKER_COUNT);
	struct answerer answerers[WORKER_COUNT - 1];
	start(answerers, WORKER_COUNT - 1, desk, 0);
	struct question questions[WORKER_COUNT] = {0};
	assert_false(desk_ask(desk, questions, 1000));
	assert_int_equal(questions[0].answer_count, 1);
	assert_int_equal(questions[WORKER_COUNT - 1].answer_count, 0);
	assert_null(desk_take(desk, WORKER_COUNT - 1));
	stop(answerers, WORKER_COUNT - 1);
	desk_destroy(desk);
}

/* Who gives up at once meets workers before, while and after they take the question. */
static void test_giving_up(void **state)
{
	(void)state;
	struct desk *desk = desk_create(WORKER_COUNT);
	struct answerer answerers[WORKER_COUNT];
	start(answerers, WORKER_COUNT, desk, 100);
	for (int round = 0; round < ROUNDS; round++) {
		struct question *questions = calloc(WORKER_COUNT, sizeof(*questions));
		size_t answer_count = 0;
		bool is_answered = desk_ask(desk, questions, 0);
		for (size_t i = 0; i < WORKER_COUNT; i++)
			answer_count += questions[i].answer_count;
		assert_true(is_answered == (answer_count == WORKER_COUNT));
		free(questions);
	}
	stop(answerers, WORKER_COUNT);
	desk_destroy(desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_answers_once),
		cmocka_unit_test(test_one_is_silent),
		cmocka_unit_test(test_giving_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
