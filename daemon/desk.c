#include "daemon/desk.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct place {
	/* Written by the asker with a question, taken by the worker, or back by the asker, with NULL: who
	 * gets the question by that may write to it. */
	_Atomic(struct question *) question;
	sem_t is_answered;
};

struct desk {
	size_t worker_count;
	struct place places[];
};

struct desk *desk_create(size_t worker_count)
{
	struct desk *desk = calloc(1, sizeof(*desk) + worker_count * sizeof(struct place));
	CHECK(desk);
	desk->worker_count = worker_count;
	for (size_t i = 0; i < worker_count; i++)
		CHECK(sem_init(&desk->places[i].is_answered, 0, 0) == 0);
	return desk;
}

void desk_destroy(struct desk *desk)
{
	if (!desk)
		return;
	for (size_t i = 0; i < desk->worker_count; i++)
		sem_destroy(&desk->places[i].is_answered);
	free(desk);
}

size_t desk_worker_count(const struct desk *desk)
{
	return desk->worker_count;
}

static bool wait_until(sem_t *semaphore, const struct timespec *until)
{
	while (sem_timedwait(semaphore, until) != 0)
		if (errno != EINTR)
			return false;
	return true;
}

/* A worker that has the question already answers it soon. */
static bool wait_for(struct place *place, const struct timespec *until)
{
	if (wait_until(&place->is_answered, until))
		return true;
	if (atomic_exchange(&place->question, NULL))
		return false;
	while (sem_wait(&place->is_answered) != 0)
		continue;
	return true;
}

bool desk_ask(struct desk *desk, struct question *questions, int timeout_ms)
{
	struct timespec until;
	bool is_answered = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout_ms / 1000;
	for (size_t i = 0; i < desk->worker_count; i++)
		atomic_store_explicit(&desk->places[i].question, &questions[i], memory_order_release);
	for (size_t i = 0; i < desk->worker_count; i++)
		is_answered &= wait_for(&desk->places[i], &until);
	return is_answered;
}

struct question *desk_take(struct desk *desk, size_t worker)
{
	_Atomic(struct question *) *place = &desk->places[worker].question;
	if (!atomic_load_explicit(place, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(place, NULL, memory_order_acq_rel);
}

void desk_answer(struct desk *desk, size_t worker)
{
	sem_post(&desk->places[worker].is_answered);
}
