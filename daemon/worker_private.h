/* Worker, private: what the files worker*.c share. */
#ifndef LADDER_DAEMON_WORKER_PRIVATE_H
#define LADDER_DAEMON_WORKER_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "core/decode/decode.h"
#include "core/pipeline.h"
#include "core/state/marks.h"
#include "daemon/ledger.h"
#include "daemon/shuffle.h"
#include "daemon/task_meta.h"
#include "daemon/task_trace.h"
#include "daemon/worker.h"

enum { BATCH_RECORDS = 128, PATIENCE_MS = 5000 };

enum task_state {
	TASK_ABSENT,
	TASK_RESTORING,
	TASK_CLAIMING,
	TASK_CLAIMED,
	TASK_READING,
	TASK_LEAVING,
	TASK_FAILED /* the daemon ends */
};

/* How long what is forwarded may be on its way, by way of a click's home and back, while nobody is away; and
 * how often it is looked how far a task is. */
enum { ARRIVAL_MS = 5000, ARRIVAL_LOOK_MS = 250, ARRIVAL_LOOK_COUNT = ARRIVAL_MS / ARRIVAL_LOOK_MS };
/* So long the merging instance may be silent before it counts as away. */
enum { MERGER_SILENT_MS = 2000 };

/* One input of one task. */
struct worker_input {
	int64_t offset;    /* that is read next */
	struct kafka_trace trace; /* of the record that was read last */
	uint64_t log;      /* the topic was created anew so often */
	struct input_gap gap;
	int64_t caught_up; /* where the log ended when the task was taken over */
	int64_t empty_since; /* loop time since which it gives nothing, though its log goes on; 0: it does */
	int64_t ended_ms;  /* stream time until which its end is known to be one; TIME_NONE: it goes on */
	int64_t asked_ms;  /* loop time at which the brokers were asked whether it is */
	bool is_problem_logged;
	struct activity_digest activity; /* of the same, before */
	uint64_t told_count; /* events that NOTE_ACTIVITY has told of */
};

/* How far a task has been read back. */
struct restore_progress {
	size_t page_count;
	size_t page_total;
	int64_t said_ms;                  /* loop time */
	char bad_page[PAGE_NAME_MAX + 1]; /* the first that cannot be, or "" */
	bool is_foreign;                  /* offsets or meta are not ours */
	bool is_too_large;                /* for limits.memory */
	struct task_meta meta;            /* that it was written with */
};

struct worker_task {
	struct worker *worker;
	uint32_t number;
	enum task_state state;
	struct task *task;
	struct ledger_task *ledger;
	struct worker_input *inputs;
	struct restore_progress restore;
	int64_t restore_since_ms;  /* loop time */
	int64_t restore_ms;        /* how long it took; -1 until it has ended */
	int64_t covered_ms;        /* wall clock of the commit that was read back; TIME_NONE: there is none */
	int64_t covered_time_ms;   /* its stream time: what ended before that by `lateness` was settled */
	struct marks marks;        /* of what others forwarded */
	int64_t looks[ARRIVAL_LOOK_COUNT]; /* what was known; the oldest at look_count modulo their number */
	size_t look_count;
	struct buffer traces;      /* and marks, as of the commit that is being made */
	struct commit *commit;     /* made, waiting until its dead letters are delivered */
	uint64_t commit_dead;      /* the last of them */
	uint64_t commit_forward;   /* the same of what it forwarded */
	bool is_commit_open;       /* pages are still being written to it */
	bool is_committing;        /* given to the ledger */
	size_t committing_bytes;   /* of that */
	bool is_dirty;             /* has read something since the last commit was made */
	bool is_told;              /* everything it knows has been said, since it began or was asked again */
	bool is_caught_up;
	int64_t commit_due_ms;     /* loop time */
	uint64_t term;             /* of the claim; see worker.h */
	int64_t start_due_ms;      /* loop time: when to try to read it again */
	int64_t leave_by_ms;       /* loop time: LEAVING ends then, committed or not */
};

struct worker {
	struct worker_options options;
	struct own_config own;
	pthread_t thread;
	sem_t is_started;
	struct loop *loop;
	struct ledger *ledger;
	struct kafka_in *in;
	struct decoder *decoder;
	struct worker_task *tasks;
	size_t input_count;        /* with the shuffle topic */
	size_t shuffle_input;      /* its number, behind those of the inputs, be it there or not */
	uint64_t shuffle_stamp;
	struct bulletin *bulletin; /* being written */
	uint64_t dead_sequence;    /* of the last dead letter */
	uint64_t forward_sequence; /* of what was forwarded last */
	struct buffer forward;
	int64_t look_due_ms;       /* loop time */
	int64_t sent_position_ms;  /* up to which what was to be forwarded is in Kafka */
	int64_t next_position_ms;  /* the next one, when all up to this sequence is */
	uint64_t next_sequence;
	int64_t wall_ms;           /* as of this turn; TIME_NONE with clock: event */
	/* loop time: when a window, or the history, may be said again */
	int64_t due_ms[WINDOW_COUNT_MAX + 1];
	int64_t known_due_ms; /* when anything may */
	int64_t reports_said_ms; /* when they were last */
	int64_t hindmost_ms;    /* the hindmost position of all workers */
	int64_t hindmost_since; /* loop time when it became that */
	struct ad_parents *parents; /* while a bulletin is read */
	size_t parent_count;
	size_t parent_capacity;
	int64_t confirmed_ms;
	int64_t poll_due_ms;
	uint64_t asked_count; /* as of shared->asked_count */
	const struct erased *erased; /* as of shared->erased */
	bool is_held_back;    /* a task waits until others have come after it */
	bool has_read;        /* some task was read */
	bool is_all_committed;
	int64_t read_since_ms;  /* loop time: when it began to read; 0: it said that it came to the end */
	uint64_t read_count;    /* records since then */
	struct worker_batch *batch;
	uint32_t pauses[HISTOGRAM_BIN_COUNT]; /* of turns, in us: how long worker_commit took */
	int64_t longest_pause_us;
	int64_t status_due_ms;     /* loop time, as this: */
	int64_t pulse_due_ms;      /* when the counts of its pulse are made again, and the bytes: */
	int64_t memory_due_ms;
};

static inline const struct config *worker_config(const struct worker *worker)
{
	return &worker->own.config;
}

static inline const char *worker_topic(const struct worker *worker, size_t input)
{
	return config_read_topic(worker_config(worker), input);
}

/* The input of a topic, or input_count. */
size_t worker_find_input(const struct worker *worker, struct slice topic);

/* Ends the daemon with an exit code. */
void worker_fail(struct worker *worker, int exit_code);

/* worker.c: what worker_start does, in parts, for those who turn workers themselves. It begins in the thread
 * that turns it; false where the configuration is not one for Kafka, which worker_fail has said. A turn
 * reads, makes known, commits, and waits for something to happen. */
struct worker *worker_create(const struct worker_options *options);
must_check bool worker_begin(struct worker *worker);
void worker_turn(struct worker *worker);

/* worker_inputs.c: reads a batch of each task. Returns how many records were taken in. */
size_t worker_read(struct worker *worker);

/* How far the worker has read in event time: the hindmost input of its tasks that has more to come.
 * TIME_NONE: one has not begun, INT64_MAX: all are at their ends. Says so to the other workers,
 * too. */
int64_t worker_say_position(struct worker *worker);

/* worker_shuffle.c: where events may lie in other partitions than their people. */
void worker_place_task(struct worker_task *task);
/* Where the next record's events belong, if its key says it. */
void worker_place_record(struct worker_task *task, struct slice key);
/* Sends a record to another task. False: it is too large. */
must_check bool worker_forward(struct worker_task *task, uint32_t to, const struct shuffle_record *record);
/* Of a position, what may be said of it: what was forwarded before it is in Kafka. */
int64_t worker_sent_position(struct worker *worker, int64_t position_ms);
/* What has come by now, where it is time. */
void worker_note_arrived(struct worker *worker);
void worker_put_marks(const struct worker_task *task, struct buffer *out);
void worker_get_marks(struct worker_task *task, struct reader *reader);

/* worker_tasks.c: takes and leaves tasks as the group wants it, and begins to read those that are claimed. */
void worker_follow_group(struct worker *worker);
void worker_begin_reading(struct worker *worker);
/* Has the tasks forget whom shared->erased says. */
void worker_erase(struct worker *worker);
/* Makes a task void and gives it up, committed or not. */
void worker_let_go(struct worker_task *task);
/* The task has claimed its place in the ledger. */
void worker_claimed(struct worker_task *task);
/* How many events of an input the task has counted, in this life and those before. */
uint64_t worker_count_events(const struct worker_task *task, size_t input);

/* worker_state.c: from and to Redis. */
/* Another commit.interval holds from now on. */
void worker_change_interval(struct worker *worker);
void worker_restore(struct worker_task *task);
/* Makes a commit where one is due (or `is_last`), and gives it to the ledger once it may go. */
void worker_commit(struct worker_task *task, bool is_last);
bool worker_is_committed(const struct worker_task *task);

/* worker_explain.c: answers the question that waits at the desk, if there is one. */
void worker_answer(struct worker *worker);

/* worker_status.c: says how the worker stands to the board, where it is time; and that it goes on. */
void worker_say_status(struct worker *worker);
void worker_beat(struct worker *worker);

#endif
