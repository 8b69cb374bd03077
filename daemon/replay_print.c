#include "daemon/replay_print.h"

#include "daemon/in_threads.h"

/* What is in memory at a time, as text. */
enum { PARTS_PER_ROUND = 64 };

struct print_round {
	const struct merger_print *print;
	size_t first;
	size_t count;
	size_t worker_count;
	struct buffer texts[PARTS_PER_ROUND];
};

static bool put_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	struct buffer *text = ctx;
	(void)key, (void)is_history;
	buffer_put(text, value.data, value.len);
	buffer_put(text, "\n", 1);
	return true;
}

static void print_share(void *ctx, size_t number)
{
	struct print_round *round = ctx;
	for (size_t i = number; i < round->count; i += round->worker_count)
		merger_print_part(round->print, round->first + i, put_row, &round->texts[i]);
}

static void print_round(struct print_round *round, FILE *rows)
{
	in_threads(round->worker_count, print_share, round);
	for (size_t i = 0; i < round->count; i++) {
		if (round->texts[i].len)
			fwrite(round->texts[i].data, 1, round->texts[i].len, rows);
		round->texts[i].len = 0;
	}
}

void replay_print(struct merger *merger, size_t worker_count, FILE *rows)
{
	struct merger_print *print = merger_print_create(merger);
	struct print_round round = {.print = print, .worker_count = worker_count};
	for (size_t left = merger_print_parts(print); left > 0; left -= round.count) {
		round.count = left < PARTS_PER_ROUND ? left : PARTS_PER_ROUND;
		print_round(&round, rows);
		round.first += round.count;
	}
	for (size_t i = 0; i < PARTS_PER_ROUND; i++)
		buffer_destroy(&round.texts[i]);
	merger_print_destroy(print);
}
