#include "daemon/in_threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/check.h"

struct share {
	void (*work)(void *ctx, size_t number);
	void *ctx;
	size_t number;
	pthread_t thread;
};

static void *run_share(void *argument)
{
	const struct share *share = argument;
	share->work(share->ctx, share->number);
	return NULL;
}

void in_threads(size_t count, void (*work)(void *ctx, size_t number), void *ctx)
{
	struct share *shares = calloc(count, sizeof(*shares));
	CHECK(shares);
	for (size_t i = 1; i < count; i++) {
		shares[i] = (struct share){.work = work, .ctx = ctx, .number = i};
		CHECK(pthread_create(&shares[i].thread, NULL, run_share, &shares[i]) == 0);
	}
	work(ctx, 0);
	for (size_t i = 1; i < count; i++)
		pthread_join(shares[i].thread, NULL);
	free(shares);
}
