#include "daemon/replay_print.h"

#include "core/publish/row_connect.h"
#include "daemon/in_threads.h"

/* What is in memory at a time, as text. */
enum { PARTS_PER_ROUND = 64 };

struct print_round {
	const struct merger_print *print;
	size_t first;
	size_t count;
	size_t worker_count;
	struct buffer envelope; /* what stands before a row; empty: none does */
	struct buffer texts[PARTS_PER_ROUND];
};

struct print_part {
	const struct buffer *envelope;
	struct buffer *text;
};

static bool put_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	const struct print_part *part = ctx;
	(void)key, (void)is_history;
	buffer_put(part->text, part->envelope->data, part->envelope->len);
	buffer_put(part->text, value.data, value.len);
	buffer_put(part->text, "}", part->envelope->len ? 1 : 0);
	buffer_put(part->text, "\n", 1);
	return true;
}

static void print_share(void *ctx, size_t number)
{
	struct print_round *round = ctx;
	for (size_t i = number; i < round->count; i += round->worker_count) {
		struct print_part part = {&round->envelope, &round->texts[i]};
		merger_print_part(round->print, round->first + i, put_row, &part);
	}
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

void replay_print(struct merger *merger, size_t worker_count, bool is_enveloped, FILE *rows)
{
	struct merger_print *print = merger_print_create(merger);
	struct print_round round = {.print = print, .worker_count = worker_count};
	if (is_enveloped)
		row_put_connect_head(&round.envelope);
	for (size_t left = merger_print_parts(print); left > 0; left -= round.count) {
		round.count = left < PARTS_PER_ROUND ? left : PARTS_PER_ROUND;
		print_round(&round, rows);
		round.first += round.count;
	}
	for (size_t i = 0; i < PARTS_PER_ROUND; i++)
		buffer_destroy(&round.texts[i]);
	buffer_destroy(&round.envelope);
	merger_print_destroy(print);
}
