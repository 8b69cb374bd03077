#include "daemon/replay_print.h"

#include <pthread.h>
#include <stdlib.h>

/* What is in memory at a time, as text. */
enum { PARTS_PER_ROUND = 64 };

struct print_round {
	const struct merger_print *print;
	size_t first;
	size_t count;
	size_t worker_count;
	struct buffer texts[PARTS_PER_ROUND];
};

struct print_worker {
	struct print_round *round;
	size_t number;
	pthread_t thread;
};

static bool put_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct buffer *text = ctx;
	(void)key, (void)is_history;
	buffer_put(text, value.data, value.len);
	buffer_put(text, "\n", 1);
	return true;
}

static void *print_share(void *argument)
{
	const struct print_worker *worker = argument;
	struct print_round *round = worker->round;
	for (size_t i = worker->number; i < round->count; i += round->worker_count)
		merger_print_part(round->print, round->first + i, put_row, &round->texts[i]);
	return NULL;
}

static void print_round(struct print_round *round, struct print_worker *workers, FILE *rows)
{
	for (size_t i = 1; i < round->worker_count; i++)
		CHECK(pthread_create(&workers[i].thread, NULL, print_share, &workers[i]) == 0);
	print_share(&workers[0]);
	for (size_t i = 1; i < round->worker_count; i++)
		pthread_join(workers[i].thread, NULL);
	for (size_t i = 0; i < round->count; i++) {
		if (round->texts[i].len)
			fwrite(round->texts[i].data, 1, round->texts[i].len, rows);
		round->texts[i].len = 0;
	}
}

void replay_print(const struct merger *merger, size_t worker_count, FILE *rows)
{
	struct merger_print *print = merger_print_create(merger);
	struct print_round round = {.print = print, .worker_count = worker_count};
	struct print_worker *workers = calloc(worker_count, sizeof(*workers));
	CHECK(workers);
	for (size_t i = 0; i < worker_count; i++)
		workers[i] = (struct print_worker){.round = &round, .number = i};
	for (size_t left = merger_print_parts(print); left > 0; left -= round.count) {
		round.count = left < PARTS_PER_ROUND ? left : PARTS_PER_ROUND;
		print_round(&round, workers, rows);
		round.first += round.count;
	}
	for (size_t i = 0; i < PARTS_PER_ROUND; i++)
		buffer_destroy(&round.texts[i]);
	free(workers);
	merger_print_destroy(print);
}
