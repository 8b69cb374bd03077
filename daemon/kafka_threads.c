#include "daemon/kafka_threads.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KAFKA_THREADS_STAND_IN
#endif
#elif defined(__SANITIZE_THREAD__)
#define KAFKA_THREADS_STAND_IN
#endif

#ifdef KAFKA_THREADS_STAND_IN

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#include "core/base/check.h"

/* Asked for by the sanitizer, which does not see the atomics that librdkafka counts references with: what
 * one of its threads makes and another destroys looks like a race. Its locks still count, and so does all
 * that our code does where it is called back. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librdkafka.so\n"
	       "race:^mtx_init$\n"
	       "race:^pthread_rwlock_destroy$\n"
	       "race:^free$\n";
}

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "glibc's are the same");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "glibc's are the same");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "glibc's are the same");

static pthread_mutex_t *kafka_threads_mutex(mtx_t *mutex)
{
	return (pthread_mutex_t *)mutex;
}

static pthread_cond_t *kafka_threads_condition(cnd_t *condition)
{
	return (pthread_cond_t *)condition;
}

static int kafka_threads_result(int failure)
{
	return failure == 0 ? thrd_success : failure == ETIMEDOUT ? thrd_timedout : thrd_error;
}

struct kafka_threads_start {
	thrd_start_t run;
	void *argument;
};

static void *kafka_threads_run(void *argument)
{
	struct kafka_threads_start start = *(struct kafka_threads_start *)argument;
	free(argument);
	return (void *)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
	struct kafka_threads_start *start = malloc(sizeof *start);
	CHECK(start);
	*start = (struct kafka_threads_start){run, argument};
	int failure = pthread_create(thread, NULL, kafka_threads_run, start);
	if (failure)
		free(start);
	return kafka_threads_result(failure);
}

int thrd_join(thrd_t thread, int *result)
{
	void *returned = NULL;
	int failure = pthread_join(thread, &returned);
	if (result)
		*result = (int)(intptr_t)returned;
	return kafka_threads_result(failure);
}

int mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	if (type & mtx_recursive)
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	int failure = pthread_mutex_init(kafka_threads_mutex(mutex), &attributes);
	pthread_mutexattr_destroy(&attributes);
	return kafka_threads_result(failure);
}

void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy(kafka_threads_mutex(mutex));
}

int mtx_lock(mtx_t *mutex)
{
	return kafka_threads_result(pthread_mutex_lock(kafka_threads_mutex(mutex)));
}

int mtx_unlock(mtx_t *mutex)
{
	return kafka_threads_result(pthread_mutex_unlock(kafka_threads_mutex(mutex)));
}

int cnd_init(cnd_t *condition)
{
	return kafka_threads_result(pthread_cond_init(kafka_threads_condition(condition), NULL));
}

void cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy(kafka_threads_condition(condition));
}

int cnd_signal(cnd_t *condition)
{
	return kafka_threads_result(pthread_cond_signal(kafka_threads_condition(condition)));
}

int cnd_broadcast(cnd_t *condition)
{
	return kafka_threads_result(pthread_cond_broadcast(kafka_threads_condition(condition)));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return kafka_threads_result(
		pthread_cond_wait(kafka_threads_condition(condition), kafka_threads_mutex(mutex)));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return kafka_threads_result(
		pthread_cond_timedwait(kafka_threads_condition(condition), kafka_threads_mutex(mutex),
				       until));
}

#endif

void kafka_threads_use(void)
{
}
