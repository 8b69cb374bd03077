/* What another instance sends is read to its end or refused, whatever its bytes are, and the merger stands
 * it. The input: edits of the notes of a genuine task (edits.h). */
#include "daemon/bulletin.h"
#include "tests/core/feed.h"
#include "tests/core/task_rows.h"
#include "tests/fuzz/edits.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1, EVENT_COUNT = 80, ROWS_MAX = 1 << 20 };

static struct fixture fixture;
static struct feed feed;
static struct bulletin *genuine;
static struct task_rows rows;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fixture_create(&fixture);
	feed_create(&feed, &(struct feed_shape){.seed = 1, .event_count = EVENT_COUNT, .span_ms = 3 * DAY_MS,
						.jitter_ms = DAY_MS, .group_people = 6});
	struct task *task = task_create(&fixture.options, fixture_key, 1);
	for (size_t i = 0; i < feed.count; i++)
		task_event(task, 0, &feed.events[i], TYPE_MASK, TIME_NONE);
	genuine = bulletin_create();
	bulletin_put_task(genuine, 0, 1);
	struct task_sink sink = bulletin_sink(genuine);
	task_collect(task, ~0u, true, &sink);
	bulletin_put_mark(genuine, NOTE_CAUGHT_UP);
	bulletin_put_activity(genuine, 0, EVENT_COUNT);
	struct activity_digest digest = {0};
	activity_digest_note(&digest, START_MS, EVENT_COUNT);
	bulletin_put_activity_before(genuine, 0, &digest);
	bulletin_put_covered(genuine, 1, 2);
	bulletin_put_confirmed(genuine, START_MS);
	task_destroy(task);
	return 0;
}

static void take_task(void *ctx, uint32_t task, uint64_t term)
{
	(void)ctx, (void)task, (void)term;
}

static void take_mark(void *ctx, enum note_kind kind)
{
	(void)ctx, (void)kind;
}

static void take_dead(void *ctx, const struct dead_letter *letter)
{
	(void)ctx, (void)letter;
}

static void take_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	(void)ctx, (void)ad, (void)parents;
}

static void take_confirmed(void *ctx, int64_t position_ms)
{
	(void)ctx, (void)position_ms;
}

static void take_covered(void *ctx, int64_t since_ms, int64_t time_ms)
{
	(void)ctx, (void)since_ms, (void)time_ms;
}

static void take_forward(void *ctx, const struct forward *forward)
{
	(void)ctx, (void)forward;
}

static void take_activity(void *ctx, size_t input, uint64_t event_count)
{
	(void)ctx, (void)input, (void)event_count;
}

static void take_activity_before(void *ctx, size_t input, const struct activity_digest *digest)
{
	static struct input_activity activity;
	(void)ctx, (void)input;
	input_activity_add(&activity, digest);
}

static bool take_row(void *ctx, struct slice key, struct slice value, bool is_history)
{
	(void)ctx, (void)is_history;
	return key.len > 0 && value.len > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice notes = edits_apply(buffer_slice(&genuine->notes), data, size / EDIT_BYTES);
	rows.merger = merger_create(&fixture.options, diagnose);
	const struct bulletin_reader reader = {
		take_task, task_rows_names, task_rows_reports, task_rows_window, task_rows_span,
		take_mark, take_dead, take_forward, take_parents, take_confirmed, take_activity,
		take_activity_before, take_covered, &rows};
	bool is_whole = bulletin_read_notes(notes, fixture.options.window_count, &reader);
	merger_advance(rows.merger, START_MS + 4 * DAY_MS);
	merger_publish(rows.merger, MERGER_AT_ONCE, is_whole ? ROWS_MAX : 1, 1, take_row, NULL);
	merger_destroy(rows.merger);
	buffer_destroy(&rows.moved);
	free((char *)notes.data);
	return 0;
}
