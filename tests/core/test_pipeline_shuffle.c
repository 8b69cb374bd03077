/* Goal: the same set of events gives the same rows, and the same counts, whether one task has all people or
 * several tasks share them, in whatever partition each event lies; also where tasks crash, and begin again
 * from their last commit, and send again what they had sent since; and where there are more and more tasks,
 * while people are kept in the first ones.
 *
 * Each task has a log that others write to, as its partition of the shuffle topic, and reads its own events
 * and that log at its own pace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/pipeline.h"
#include "core/state/marks.h"
#include "tests/core/feed.h"
#include "tests/core/page_store.h"
#include "tests/core/publish/row_topic.h"
#include "tests/core/task_rows.h"

enum { TYPE_MASK = (1 << EVENT_TYPE_COUNT) - 1, INPUT = 0, BY = 1, INPUT_COUNT, ROUNDS = 48 };

struct message {
	size_t event; /* SIZE_MAX: a note */
	uint32_t from;
	struct slice note;
	int64_t sent_ms;
};

/* A task, its log, how far it has read, and how far it had when it committed last. */
struct member {
	struct world *world;
	uint32_t number;
	struct message *log;
	size_t log_count;
	size_t log_at, log_committed;
	size_t event_at, event_committed;
	struct marks marks;
	struct page_store pages;
	struct buffer marks_committed;
};

/* How people and events lie. Where tasks are added, the first events lie in the home tasks; by_key where
 * their people are, and nothing is forwarded until then. */
struct layout {
	uint32_t task_count;
	uint32_t home_count;
	size_t added_at; /* 0: all tasks are there from the beginning */
	bool is_by_key;
	bool with_crashes;
};

struct world {
	struct layout layout;
	bool has_all_tasks;
	size_t event_count; /* that may be read by now */
	struct task_rows rows;
	const struct options *options;
	const struct feed *feed;
	uint32_t *places; /* by event: the task that reads it */
	struct random random;
	uint64_t seed;
	uint64_t note_count;
	struct member members[TASK_ROWS_MAX];
};

static struct task *task_of(const struct member *member)
{
	return member->world->rows.tasks[member->number];
}

static void send(const struct member *member, uint32_t to, struct message message)
{
	struct member *target = &member->world->members[to];
	assert_int_not_equal(member->number, to);
	message.from = member->number;
	message.sent_ms = task_of(member)->max_ms;
	target->log = realloc(target->log, (target->log_count + 1) * sizeof(message));
	assert_non_null(target->log);
	target->log[target->log_count++] = message;
}

static void send_note(void *ctx, uint32_t task, struct slice note)
{
	const struct member *member = ctx;
	member->world->note_count++;
	send(member, task,
	     (struct message){.event = SIZE_MAX, .note = {page_store_copy(note), note.len}});
}

static void begin_task(struct member *member)
{
	struct world *world = member->world;
	const struct layout *layout = &world->layout;
	const struct task_place place = {
		.task = member->number,
		.home_count = layout->home_count,
		.is_by_key = layout->is_by_key,
		.users = (enum partitioner)(world->seed % 3),
		.clicks = (enum partitioner)(world->seed % 2),
	};
	world->rows.tasks[member->number] = task_create(world->options, fixture_key, INPUT_COUNT);
	if (layout->is_by_key ? world->has_all_tasks : layout->task_count > 1)
		task_set_place(task_of(member), &place, send_note, member);
}

/* As if the keys of records said it. */
static uint32_t key_home(const struct world *world, size_t at)
{
	const struct event *event = &world->feed->events[at];
	uint32_t home_count = world->layout.home_count;
	return event->type == EVENT_SPEND ? partition_of_key(PARTITIONER_CRC32, event->ad, home_count)
					  : world->feed->groups[at] % home_count;
}

static bool read_event(struct member *member)
{
	const struct world *world = member->world;
	while (member->event_at < world->event_count && world->places[member->event_at] != member->number)
		member->event_at++;
	if (member->event_at == world->event_count)
		return false;
	const struct event *event = &world->feed->events[member->event_at];
	task_set_record_home(task_of(member), key_home(world, member->event_at));
	struct verdict verdict = task_event(task_of(member), INPUT, event, TYPE_MASK, TIME_NONE);
	if (verdict.class == CLASS_FORWARDED)
		send(member, verdict.task, (struct message){.event = member->event_at});
	member->event_at++;
	return true;
}

static bool read_log(struct member *member)
{
	struct verdict verdict;
	if (member->log_at == member->log_count)
		return false;
	const struct message message = member->log[member->log_at++];
	if (message.event == SIZE_MAX) {
		assert_true(task_take_note(task_of(member), BY, message.note, message.sent_ms));
		return true;
	}
	const struct event *event = &member->world->feed->events[message.event];
	if (marks_take(&member->marks, INPUT, message.from, 0,
		       (struct mark_place){(int64_t)message.event, 0}) &&
	    !task_add_received(task_of(member), INPUT, BY, event, &verdict))
		task_flush(task_of(member), &verdict);
	return true;
}

static void commit(struct member *member)
{
	task_commit(task_of(member), page_store_replace, &member->pages);
	member->log_committed = member->log_at;
	member->event_committed = member->event_at;
	member->marks_committed.len = 0;
	marks_encode(&member->marks, INPUT, &member->marks_committed);
}

static void tell_parents(void *ctx, struct slice ad, const struct parents *parents)
{
	struct member *member = ctx;
	const struct ad_parents change = {ad, *parents};
	struct task_sink sink = task_rows_sink(&member->world->rows);
	member->world->rows.speaking = member->number;
	task_put_parents(task_of(member), &change, 1, &sink);
}

/* As publisher_merge.c has it: what was said before is void, and everything is said and told again. */
static void crash(struct member *member)
{
	struct merger *merger = member->world->rows.merger;
	struct reader reader = reader_of(buffer_slice(&member->marks_committed));
	task_destroy(task_of(member));
	begin_task(member);
	if (member->pages.count)
		assert_null(page_store_restore(&member->pages, task_of(member)));
	marks_clear(&member->marks);
	if (member->marks_committed.len)
		marks_decode(&member->marks, INPUT, &reader);
	assert_false(reader.failed);
	member->log_at = member->log_committed;
	member->event_at = member->event_committed;
	merger_drop_task(merger, member->number);
	task_say_again(task_of(member));
	merger_each_parents(merger, tell_parents, member);
}

/* False: nobody has anything left to read. */
static bool step(struct world *world)
{
	uint32_t first = (uint32_t)random_below(&world->random, world->rows.task_count);
	for (uint32_t i = 0; i < world->rows.task_count; i++) {
		struct member *member = &world->members[(first + i) % world->rows.task_count];
		int64_t chance = random_below(&world->random, 300);
		bool is_log_first = random_below(&world->random, 2 + 8 * (int64_t)(world->seed % 4)) == 0;
		if (world->layout.with_crashes && chance < 6)
			commit(member);
		else if (world->layout.with_crashes && chance < 9)
			crash(member);
		if ((is_log_first && read_log(member)) || read_event(member) || read_log(member))
			return true;
	}
	return false;
}

static uint32_t place_of(struct world *world, size_t event)
{
	const struct layout *layout = &world->layout;
	if (event >= layout->added_at)
		return (uint32_t)random_below(&world->random, layout->task_count);
	return layout->is_by_key ? key_home(world, event)
				 : (uint32_t)random_below(&world->random, layout->home_count);
}

static void begin(struct world *world)
{
	uint32_t task_count = world->layout.task_count;
	world->has_all_tasks = world->layout.added_at == 0;
	world->event_count = world->has_all_tasks ? world->feed->count : world->layout.added_at;
	world->rows = (struct task_rows){.task_count = task_count,
					 .merger = merger_create(world->options, diagnose)};
	world->places = calloc(world->feed->count, sizeof(*world->places));
	assert_non_null(world->places);
	for (size_t i = 0; i < world->feed->count; i++)
		world->places[i] = place_of(world, i);
	for (uint32_t i = 0; i < task_count; i++) {
		world->members[i] = (struct member){.world = world, .number = i};
		marks_create(&world->members[i].marks, INPUT_COUNT, task_count);
		begin_task(&world->members[i]);
	}
}

/* What was there is committed, what was sent is maybe not read yet, and all go on from there. */
static void add_tasks(struct world *world)
{
	world->has_all_tasks = true;
	world->event_count = world->feed->count;
	for (uint32_t i = 0; i < world->layout.home_count; i++)
		commit(&world->members[i]);
	for (uint32_t i = 0; i < world->layout.task_count; i++)
		crash(&world->members[i]);
}

static void end(struct world *world)
{
	for (uint32_t i = 0; i < world->rows.task_count; i++) {
		struct member *member = &world->members[i];
		task_destroy(task_of(member));
		for (size_t j = 0; j < member->log_count; j++)
			free((char *)member->log[j].note.data);
		free(member->log);
		marks_destroy(&member->marks);
		page_store_destroy(&member->pages);
		buffer_destroy(&member->marks_committed);
	}
	merger_destroy(world->rows.merger);
	buffer_destroy(&world->rows.moved);
	free(world->places);
}

static struct counts sum_counts(const struct world *world)
{
	struct counts sum = {.classes = {0}};
	for (uint32_t i = 0; i < world->rows.task_count; i++) {
		const struct counts *counts = &world->rows.tasks[i]->inputs[INPUT];
		for (int class = 0; class < CLASS_COUNT; class++)
			sum.classes[class] += counts->classes[class];
		sum.forwarded += counts->forwarded;
		sum.received += counts->received;
	}
	return sum;
}

static void read_some(struct world *world)
{
	while (step(world))
		if (random_below(&world->random, 60) == 0)
			task_rows_collect(&world->rows);
}

static struct buffer rows_of(const struct options *options, const struct feed *feed,
			     const struct layout *layout, uint64_t seed, struct counts *counts)
{
	struct world world = {.layout = *layout, .options = options, .feed = feed, .random = {seed},
			      .seed = seed};
	begin(&world);
	read_some(&world);
	if (!world.has_all_tasks) {
		add_tasks(&world);
		read_some(&world);
	}
	*counts = sum_counts(&world);
	assert_int_equal(world.note_count > 0, layout->home_count > 1 && !layout->is_by_key);
	struct buffer text = task_rows_print(&world.rows);
	end(&world);
	return text;
}

static void check_counts(const struct counts *want, const struct counts *got)
{
	uint64_t count = 0;
	for (int class = 0; class < CLASS_COUNT; class++) {
		assert_int_equal(got->classes[class], want->classes[class]);
		count += got->classes[class];
	}
	assert_int_equal(got->forwarded, got->received);
	assert_in_range(got->forwarded, count / 5, count);
}

/* The layout of a round. */
typedef struct layout layout_of(uint64_t seed, const struct feed *feed);

static void check_rounds(layout_of *layout_of)
{
	static const struct layout alone = {.task_count = 1, .home_count = 1};
	struct fixture fixture;
	fixture_create(&fixture);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct feed feed;
		struct counts want, got;
		char what[40];
		snprintf(what, sizeof(what), "seed %d", (int)seed);
		feed_create(&feed, &(struct feed_shape){.seed = seed, .event_count = 600,
							.span_ms = 5 * DAY_MS, .jitter_ms = DAY_MS,
							.group_people = 1 + (int)(seed % 3)});
		const struct layout layout = layout_of(seed, &feed);
		struct buffer single = rows_of(&fixture.options, &feed, &alone, seed, &want);
		struct buffer several = rows_of(&fixture.options, &feed, &layout, seed, &got);
		fixture_assert_same_rows(buffer_slice(&several), buffer_slice(&single), what);
		check_counts(&want, &got);
		buffer_destroy(&single);
		buffer_destroy(&several);
		feed_destroy(&feed);
	}
	fixture_destroy(&fixture);
}

static struct layout any_partition(uint64_t seed, const struct feed *feed)
{
	uint32_t task_count = 2 + (uint32_t)(seed % 3);
	(void)feed;
	return (struct layout){.task_count = task_count, .home_count = task_count};
}

static struct layout with_crashes(uint64_t seed, const struct feed *feed)
{
	struct layout layout = any_partition(seed, feed);
	layout.with_crashes = true;
	return layout;
}

/* From one task to two to four, or from two or three to three or four; every other round by_key. */
static struct layout with_more_tasks(uint64_t seed, const struct feed *feed)
{
	uint32_t home_count = 1 + (uint32_t)(seed / 2 % 3);
	return (struct layout){
		.task_count = home_count == 3 ? 4 : home_count + 1 + (uint32_t)(seed / 6 % 2),
		.home_count = home_count,
		.added_at = feed->count / 3,
		.is_by_key = seed % 2,
		.with_crashes = seed % 4 < 2,
	};
}

static void test_any_partition(void **state)
{
	(void)state;
	check_rounds(any_partition);
}

static void test_crashes(void **state)
{
	(void)state;
	check_rounds(with_crashes);
}

static void test_more_tasks(void **state)
{
	(void)state;
	check_rounds(with_more_tasks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_partition),
					   cmocka_unit_test(test_crashes),
					   cmocka_unit_test(test_more_tasks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
