/* Pipeline: a task, from an event to what its rows are made of.
 *
 *     event --join--> steps --window--> panes --collect--> merger (core/publish)
 *
 * A task is partition p of every input topic with the state of all people in it; one worker owns
 * it. Nothing here reads a clock or does I/O. What a task knows is committed as pages (task_commit)
 * and comes back from them (task_restore); the offsets belong to whoever reads the log. */
#ifndef LADDER_PIPELINE_H
#define LADDER_PIPELINE_H

#include "core/base/partition.h"
#include "core/join/abroad.h"
#include "core/publish/merger.h"
#include "core/state/names.h"
#include "core/state/reports.h"
#include "core/window/window.h"

/* The classes of spec section 7, in which every decoded event ends. */
enum verdict_class {
	CLASS_APPLIED,
	CLASS_DUPLICATE,
	CLASS_LATE,
	CLASS_REJECTED,
	CLASS_IGNORED,
	CLASS_COUNT,
	CLASS_FORWARDED = CLASS_COUNT /* none of them: it ends in another task, and is to be sent there */
};

const char *class_name(enum verdict_class class);

/* Of one input in one task. What another task read and forwarded is counted in a class here, as if it had
 * been read here: events decoded here = the sum of the classes + forwarded - received. */
struct counts {
	uint64_t classes[CLASS_COUNT];
	uint64_t reasons[REASON_COUNT];
	uint64_t forwarded; /* to other tasks */
	uint64_t received;  /* from them */
};
void counts_add(struct counts *sum, const struct counts *counts);

struct verdict {
	enum verdict_class class;
	enum reason reason; /* of CLASS_REJECTED */
	uint32_t task;      /* of CLASS_FORWARDED */
};

/* Which task this is, and in how many, the first ones, people are kept, where events may be read in others
 * than their people's. by_key: the record says where (task_set_record_home), and clicks are with those who
 * claim them. */
struct task_place {
	uint32_t task;
	uint32_t home_count; /* 0: every event is read where it belongs */
	bool is_by_key;
	enum partitioner users;
	enum partitioner clicks;
};

/* What a task knows of an ad beside its numbers. */
struct ad_facts {
	struct names names;
	struct reports reports;
	bool are_reports_changed; /* since they were made known */
	bool is_dirty;            /* since they were committed */
	bool is_due;              /* in the commit under way */
};

struct forgotten_day {
	uint32_t series;
	int64_t utc_day;
};

/* Stored pages (pipeline_pages.c). Names: "p/<chunk>" people, "s/<series>" a series,
 * "h/<series>/<day>" a UTC day of its history, "a/<series>" names and reports of an ad, "m" the
 * rest. A page replaces the one of its name, but chunks are a log: of a person the newest counts. Bytes
 * without data: the page is to be deleted, and may not be there. */
typedef void task_page_sink(void *ctx, struct slice name, struct slice bytes);

/* A commit under way. */
struct task_commit {
	bool is_open;
	task_page_sink *sink;
	void *ctx;
	uint32_t next_series;
	size_t said_bytes;
	size_t series_count; /* said by now */
	size_t series_bytes;
};

/* Events that wait for their people: see task_add. */
enum { TASK_BATCH_MAX = 257 };

struct task_entry {
	struct join_event event;
	int64_t cause_ms; /* stream time when it came */
	size_t step_end;  /* in task.steps: where its steps end, when it has been joined */
	uint32_t input;
};

struct task {
	const struct options *options;
	const struct erased *erased; /* borrowed; NULL: nobody */
	struct people *people;
	struct series_table series;
	struct task_place place;
	uint32_t record_home;
	struct abroad abroad; /* used with a place, but by_key */
	struct join join;
	struct window window;
	struct step_list steps;
	struct ad_facts *ads; /* by series; only those of ads are used */
	size_t ad_capacity;
	struct counts *inputs; /* by input */
	size_t input_count;
	int64_t *input_max_ms; /* by input: the greatest ts seen in it, TIME_NONE before the first */
	int64_t max_ms;        /* the greatest of them, in this life and those before */
	int64_t others_ms;     /* task_align */
	int64_t aligned_ms;    /* what is older than this by more than `lateness` is late; never goes back */
	int64_t confirmed_ms; /* INT64_MAX: the task is alone, or everybody has read everything */
	int64_t arrived_ms;   /* INT64_MAX: nothing comes from other tasks */
	bool are_names_changed; /* of an ad, since they were made known */
	bool are_reports_changed;
	int64_t forgotten_ms; /* T when people and history were last forgotten */
	struct buffer forgotten_days; /* struct forgotten_day: pages to delete with the next commit */
	struct buffer page;
	struct buffer chunk; /* people who were said, not yet handed to the sink */
	struct task_commit commit;
	size_t series_bytes; /* of one, with its history, on average in the last commit that had some */
	size_t batch_count;
	struct task_entry batch[TASK_BATCH_MAX];
};

struct task *task_create(const struct options *options, const unsigned char identity_key[16],
			 size_t input_count);
void task_destroy(struct task *task);

/* The facts of an ad's series; made if they are not there. Valid until the next call. */
struct ad_facts *task_ad(struct task *task, uint32_t series);

/* Takes an event in and says how it ended. `type_mask` has the bits of the types that the input takes;
 * wall_ms is the wall clock, TIME_NONE with clock: event (then nothing is `future`). */
struct verdict task_event(struct task *task, size_t input, const struct event *event, unsigned type_mask,
			  int64_t wall_ms);

/* The same for many at once, faster: what their people's memory holds is fetched side by side. task_add
 * says how an event ended, or false where that needs its person: then it waits until task_flush, as the
 * next of at most TASK_BATCH_MAX, and its id must last as long. task_flush says how those that waited
 * ended, in the order in which they came, and returns their number. Every other call on the task wants an
 * empty batch. */
bool task_add(struct task *task, size_t input, const struct event *event, unsigned type_mask, int64_t wall_ms,
	      struct verdict *verdict);
size_t task_flush(struct task *task, struct verdict *verdicts);
/* Its two halves, for those who measure them. */
void task_join(struct task *task, struct verdict *verdicts);
void task_window(struct task *task);

/* From now on events of people of other tasks are CLASS_FORWARDED, and notes about clicks go to other tasks
 * by `send`, from within task_flush and task_take_note. To be called before the first event. */
void task_set_place(struct task *task, const struct task_place *place,
		    void (*send)(void *ctx, uint32_t task, struct slice note), void *ctx);
/* An event that was CLASS_FORWARDED just now cannot be sent: it ends here, rejected. */
void task_refuse_forward(struct task *task, size_t input, enum reason reason);
/* by_key: where the events that come next belong, until it is said anew. */
static inline void task_set_record_home(struct task *task, uint32_t home)
{
	task->record_home = home;
}
/* Where an event belongs: with its user; without one, with its click; spend with its ad. */
uint32_t task_home(const struct task_place *place, const struct event *event);

/* task_add of an event that another task judged and forwarded. It was read in `input` there, and has come
 * here by the input `by`. */
bool task_add_received(struct task *task, size_t input, size_t by, const struct event *event,
		       struct verdict *verdict);
/* A note about a click, sent by another task when its greatest ts was sent_ms. False: it is none. */
must_check bool task_take_note(struct task *task, size_t by, struct slice note, int64_t sent_ms);

/* How far the other inputs have been read, in event time, while one is: INT64_MAX where they have nothing
 * more. Events are late as if all inputs had been read side by side, so a backlog in one makes nothing
 * late in another. */
void task_align(struct task *task, int64_t others_ms);

/* Counts what never became an event. */
void task_count_rejected(struct task *task, size_t input, enum reason reason);

/* The event's own faults: everything that does not depend on what came before. True if it is rejected. */
bool event_is_rejected(const struct options *options, const struct event *event, int64_t wall_ms,
		       enum reason *reason);

/* Stream time T, as the greatest of all tasks; never back. */
void task_advance(struct task *task, int64_t now_ms);

/* Everything that any task knows of ads up to this stream time has come back by task_put_parents.
 * Until then tails are kept, so that people can still be moved; a task that is alone need not say
 * it. */
void task_confirm(struct task *task, int64_t confirmed_ms);

/* What other tasks forward up to this stream time, and all that it has them say, has come. Until then tails
 * are kept, too; where nothing is forwarded it need not be said. */
void task_note_arrived(struct task *task, int64_t arrived_ms);
/* How far the task's own inputs and the names are, which is how far others may be by now. */
int64_t task_known_ms(const struct task *task);

/* The parents of some ads, as the merger found them among all tasks (pipeline_parents.c). The people of the
 * ads are counted there from now on, those of tails from the beginning. What has ads in accounts of several
 * time zones counts people in the days of one of these accounts, the first by id. Days that end to exist are
 * said to be empty, and all days of the ads are said again: the merger may have refused them while it did
 * not know the ad's account. False: the parents were those already. */
struct ad_parents {
	struct slice ad;
	struct parents parents;
};
struct task_sink;
bool task_put_parents(struct task *task, const struct ad_parents *changes, size_t change_count,
		      const struct task_sink *sink);

/* What changed since it was last said, ready for the merger_put_* functions. Reports are said with
 * the history: before they may be forgotten. */
struct task_sink {
	void (*names)(void *ctx, struct slice ad, const struct names *names);
	void (*reports)(void *ctx, struct slice ad, const struct reports *reports);
	void (*window)(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
		       int64_t people);
	void (*span)(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		     const struct pane *pane, int64_t people);
	void *ctx;
};
void task_collect(struct task *task, uint32_t window_mask, bool with_history, const struct task_sink *sink);

/* Everything counts as changed since it was last said. */
void task_say_again(struct task *task);

/* What is older than `retention`, and a while more, is forgotten (pipeline_forget.c): everything by
 * task_collect with history, which has said it by then, once a day of T; history alone at a restore. */
void task_forget_sometimes(struct task *task);
/* What is forgotten at a stream time: later than `retention`, so that an event which is not late yet still
 * finds what it changes. */
int64_t task_forget_before_ms(const struct task *task, int64_t now_ms);
void task_forget_history(struct task *task);

/* Names alone: they are wanted sooner. */
void task_collect_names(struct task *task, const struct task_sink *sink);

/* Reports alone. Of every ad with a new one all are said, which is much: not as often as windows. */
void task_collect_reports(struct task *task, const struct task_sink *sink);

/* Every page that is dirty; nothing is dirty afterwards. What a commit says is the task as it was when it
 * began, however long it is under way: what changes meanwhile is said first, as it was. */
void task_commit(struct task *task, task_page_sink *sink, void *ctx);
/* The same in parts: begun, then about so many bytes at a time, until it returns false. The sink may be
 * called by every other call on the task meanwhile. */
void task_begin_commit(struct task *task, task_page_sink *sink, void *ctx);
bool task_step_commit(struct task *task, size_t byte_count);
/* A commit that begins settles what waits in every series; most of it can be settled before, about so many
 * steps at a time, until this returns false. */
bool task_prepare_commit(struct task *task, size_t step_count);
void task_finish_commit(struct task *task);
/* About how many bytes commits have still to say: of the one under way, and of the next as it is now. */
size_t task_unsaid_bytes(const struct task *task);
/* An ad's page, before its names or reports change. */
void task_say_ad(struct task *task, uint32_t series);

/* From now on the events of these people are ignored, up to their times, and what a restore brings back of
 * them is left out. Those who are there go, and the clicks that they claimed; everything that is stored is
 * written again by the commits that follow (task_is_rewriting), so that nothing of them stays there. Their
 * part of the numbers stays. `erased` is borrowed. Returns how many went. */
size_t task_set_erased(struct task *task, const struct erased *erased);
bool task_is_erased(const struct task *task, const struct join_event *event);
/* Whether a commit is wanted though nothing has changed. */
static inline bool task_is_rewriting(const struct task *task)
{
	return people_is_rewriting(task->people);
}

/* Fills a new task with its pages: each by task_restore_page, in the order of task_compare_pages (of names
 * that end with NUL), then task_end_restore. False: a page cannot be, because it was written for other
 * windows than the configuration has, or is not our bytes; so is, at the end, that of a series, if one is
 * returned instead of SERIES_NONE. What is older than `retention` is forgotten at once; everything else
 * counts as changed afterwards, nothing as dirty. */
int task_compare_pages(const char *left, const char *right);
/* The counts of the inputs in page "m", the first `input_count` of them, zeros where it has fewer. False: it
 * is not our bytes. */
must_check bool task_read_counts(struct slice page, struct counts *inputs, size_t input_count);
must_check bool task_restore_page(struct task *task, const char *name, struct slice bytes);
must_check uint32_t task_end_restore(struct task *task);

#endif
