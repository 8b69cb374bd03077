/* Whatever Redis replies, the ledger stands it: what a restore hands out for good is the image of one commit,
 * all of it; every operation comes to an end once Redis tells the truth again; and while it was only away,
 * slow or full, nothing that was told to be committed is lost.
 *
 * The input: how the connections behave, then what is done with the ledger and what Redis replies
 * (lying_redis.h). */
#include "daemon/ledger.h"
#include "daemon/ledger_private.h"
#include "daemon/log.h"
#include "tests/fuzz/wire.h"

#include "tests/fuzz/lying_redis.h"

enum { PAGES_MAX = 70, FEW_PAGES = 4, COMMITS_MAX = 8, TASK = 3, TEXT_MAX = 80 };
enum { ROUNDS_MAX = 8000, MOVING_ROUNDS = 100 };

/* By page, the commit that wrote it last; 0: it is not there. */
struct image {
	uint8_t writers[PAGES_MAX];
};

/* A ledger and what it told. */
struct side {
	struct ledger *ledger;
	struct ledger_task *task;
	bool is_under_way;
	enum ledger_result result;
	unsigned base;   /* the commit that it goes on from */
	unsigned number; /* of the commit under way */
	/* What was handed out: */
	char vector[TEXT_MAX];
	char meta[TEXT_MAX];
	size_t page_total;
	size_t page_count;
	int last_page;
	struct image pages;
};

static struct identity identity;
static struct redis_url url;
static struct image images[COMMITS_MAX + 1];
static unsigned page_count;
static unsigned commit_count;
static unsigned told; /* the last commit that was told to be done */

/* ---- Images ---- */

static bool touches(unsigned number, unsigned page)
{
	return number == 1 || (page * 7 + number * 11) % 3 == 0;
}

static bool deletes(unsigned number, unsigned page)
{
	return !touches(number, page) && (page + number) % 5 == 0;
}

static size_t page_text(unsigned number, unsigned page, char *text)
{
	return (size_t)snprintf(text, TEXT_MAX, "%u %u %.*s", page, number, (int)(page % 40),
				"........................................");
}

static struct commit *commit_make(unsigned number, unsigned base)
{
	struct commit *commit = commit_create();
	struct image *image = &images[number];
	char name[16], text[TEXT_MAX];
	*image = images[base];
	for (unsigned page = 0; page < page_count; page++) {
		snprintf(name, sizeof name, "p/%u", page);
		if (touches(number, page)) {
			size_t len = page_text(number, page, text);
			memcpy(commit_put_page(commit, slice_from(name), len), text, len);
			image->writers[page] = (uint8_t)number;
		} else if (deletes(number, page)) {
			commit_put_deletion(commit, slice_from(name));
			image->writers[page] = 0;
		}
	}
	snprintf(text, sizeof text, "%u", number);
	commit_set_vector(commit, slice_from(text));
	snprintf(text, sizeof text, "meta %u", number);
	commit_set_meta(commit, slice_from(text));
	return commit;
}

/* ---- What is handed out ---- */

static int compare(const char *left, const char *right)
{
	bool are_pages = strncmp(left, "p/", 2) == 0 && strncmp(right, "p/", 2) == 0;
	long order = are_pages ? strtol(left + 2, NULL, 10) - strtol(right + 2, NULL, 10) : 0;
	return order ? (order > 0) - (order < 0) : strcmp(left, right);
}

static void on_begin(void *ctx, struct slice vector, struct slice meta, size_t total)
{
	struct side *side = ctx;
	snprintf(side->vector, sizeof side->vector, "%.*s", (int)vector.len, vector.len ? vector.data : "");
	snprintf(side->meta, sizeof side->meta, "%.*s", (int)meta.len, meta.len ? meta.data : "");
	side->page_total = total;
	side->page_count = 0;
	side->last_page = -1;
	side->pages = (struct image){{0}};
}

static void on_page(void *ctx, const char *name, struct slice bytes)
{
	struct side *side = ctx;
	char text[TEXT_MAX];
	unsigned page, number, said_page;
	snprintf(text, sizeof text, "%.*s", (int)bytes.len, bytes.data);
	CHECK(sscanf(name, "p/%u", &page) == 1 && page < page_count);
	CHECK(sscanf(text, "%u %u ", &said_page, &number) == 2 && said_page == page);
	CHECK(side->last_page < (int)page);
	side->last_page = (int)page;
	side->pages.writers[page] = (uint8_t)number;
	side->page_count++;
}

static void check_whole(struct side *side)
{
	unsigned long number = strtoul(side->vector, NULL, 10);
	char text[TEXT_MAX] = "";
	CHECK(number <= commit_count);
	CHECK((number == 0) == (side->vector[0] == '\0'));
	if (number)
		snprintf(text, sizeof text, "meta %lu", number);
	CHECK(strcmp(side->meta, text) == 0);
	CHECK(side->page_count == side->page_total);
	CHECK(memcmp(&side->pages, &images[number], sizeof side->pages) == 0);
	side->base = (unsigned)number;
}

static void on_result(struct side *side, enum ledger_result result, const char *error)
{
	CHECK(side->is_under_way && (result == LEDGER_FAILED) == (error != NULL));
	CHECK(result != LEDGER_FAILED || redis.lie_count > 0);
	side->is_under_way = false;
	side->result = result;
}

static void on_restored(void *ctx, enum ledger_result result, const char *error)
{
	struct side *side = ctx;
	CHECK(result != LEDGER_FENCED);
	if (result == LEDGER_DONE)
		check_whole(side);
	on_result(side, result, error);
}

static void on_committed(void *ctx, enum ledger_result result, const char *error)
{
	struct side *side = ctx;
	if (result == LEDGER_DONE)
		side->base = told = side->number;
	on_result(side, result, error);
}

/* ---- What is done ---- */

static void side_restore(struct side *side)
{
	struct ledger_reader reader = {compare, on_begin, on_page, on_restored, side};
	side->is_under_way = true;
	ledger_restore(side->task, &reader);
}

static void side_commit(struct side *side)
{
	if (commit_count == COMMITS_MAX)
		return;
	side->number = ++commit_count;
	side->is_under_way = true;
	ledger_commit(side->task, commit_make(side->number, side->base), on_committed, side);
}

static void side_reopen(struct side *side)
{
	ledger_close_task(side->task);
	side->task = ledger_open_task(side->ledger, TASK);
	side->result = LEDGER_FAILED;
	side->is_under_way = false;
}

static void side_open(struct side *side)
{
	*side = (struct side){.ledger = ledger_create(&wire, &url, "ladder", &identity),
			      .result = LEDGER_FAILED};
	side->task = ledger_open_task(side->ledger, TASK);
}

/* A slot that is on its way for long arrives. */
static void run_to_end(const struct side *side)
{
	for (int i = 0; side->is_under_way && i < ROUNDS_MAX; i++) {
		if (i >= MOVING_ROUNDS && redis.is_moving)
			move_slot();
		loop_run_once(&wire, -1);
	}
	CHECK(!side->is_under_way);
}

/* A step of one of the two; what goes on is waited for, or cut short, or left to go on beside the other. */
static void step(struct side *sides)
{
	uint8_t drawn = draw();
	struct side *side = &sides[drawn % 4 == 0];
	unsigned rounds = drawn / 16;
	if (side->is_under_way && drawn % 8 == 5)
		side_reopen(side);
	else if (side->is_under_way)
		run_to_end(side);
	if (side->result == LEDGER_DONE && drawn % 8 != 6)
		side_commit(side);
	else
		side_restore(side);
	for (unsigned i = 0; i < rounds; i++)
		loop_run_once(&wire, -1);
	if (drawn % 8 != 7)
		run_to_end(side);
}

/* Redis tells the truth, and everybody comes to an end. */
static void check_end(struct side *sides)
{
	redis.input_len = 0;
	run_to_end(&sides[0]);
	run_to_end(&sides[1]);
	side_restore(&sides[0]);
	run_to_end(&sides[0]);
	if (redis.wrong_count > 0)
		return;
	CHECK(sides[0].result == LEDGER_DONE);
	CHECK(sides[0].base >= told);
	side_commit(&sides[0]);
	run_to_end(&sides[0]);
	CHECK(sides[0].result == LEDGER_DONE);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	char error[128];
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
	memset(&identity, 7, sizeof identity);
	CHECK(redis_url_parse("redis://127.0.0.1:7001,127.0.0.1:7002", &url, error, sizeof error));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = {1 << 20, 4096, 256, 50};
	struct side sides[2];
	if (size < 3)
		return 0;
	sim_lua_begin(ledger_script);
	wire_begin(sizes[data[0] % 4], sizes[data[0] / 4 % 4]);
	redis_begin((struct slice){(const char *)data + 2, size - 2}, data[1] & 1);
	page_count = data[1] & 2 ? PAGES_MAX : FEW_PAGES;
	commit_count = told = 0;
	side_open(&sides[0]);
	side_open(&sides[1]);
	for (int i = 0; i < 2 * COMMITS_MAX && redis.input_len > 0; i++)
		step(sides);
	check_end(sides);
	ledger_destroy(sides[0].ledger);
	ledger_destroy(sides[1].ledger);
	wire_end();
	redis_end();
	sim_lua_end();
	return 0;
}
