/* Bulletin: what a worker makes known to the publisher, and what comes back. Design: "workers hand
 * rows to the publisher ... through single-producer single-consumer rings".
 *
 * A bulletin is a list of notes as bytes: everything of some tasks that changed, dead letters, and
 * how far they are. The worker makes it and gives it away; the publisher reads it and destroys it.
 * Answers (an ad's parents) go the other way in the same form. */
#ifndef LADDER_DAEMON_BULLETIN_H
#define LADDER_DAEMON_BULLETIN_H

#include "core/model/activity.h"
#include "core/pipeline.h"

enum note_kind {
	NOTE_TASK,      /* task, term: the notes that follow are of this task, by the owner of this term */
	NOTE_NAMES,     /* ad, names */
	NOTE_REPORTS,   /* ad, reports */
	NOTE_WINDOW,    /* level, organic, id, window, people, pane or none */
	NOTE_SPAN,      /* level, organic, id, day, from, to, people, pane or none */
	NOTE_CAUGHT_UP, /* the task has read up to where the log ended when it was taken over */
	NOTE_DEAD,      /* struct dead_letter */
	NOTE_FORWARD,   /* struct forward */
	NOTE_PARENTS,   /* to a worker: ad, parents */
	NOTE_ACTIVITY,  /* input, events that it brought since the last such note */
	NOTE_ACTIVITY_BEFORE, /* input, struct activity_digest: what it brought before */
	NOTE_COVERED,   /* wall clock since when rows are out that the task may not know, or TIME_NONE */
	NOTE_CONFIRMED  /* to a worker: a position that every worker's names cover, all of them handed down */
};

/* Every task is named before its notes. What is said of it under a greater term than before makes void what
 * was said under smaller ones (worker.h). */

/* A worker gives it away when it is larger. */
enum { BULLETIN_BYTES_MAX = 8 << 20 };

struct bulletin {
	struct buffer notes;
	uint64_t announcement; /* of the merger that it was made for, 0 for none: exchange.h */
	int64_t now_ms;      /* T when it was made; TIME_NONE: unknown */
	/* what the names in this and earlier bulletins of the worker cover; see worker.h */
	int64_t position_ms;
};

struct bulletin *bulletin_create(void);
void bulletin_destroy(struct bulletin *bulletin);

void bulletin_put_task(struct bulletin *bulletin, uint32_t task, uint64_t term);
void bulletin_put_mark(struct bulletin *bulletin, enum note_kind kind);
void bulletin_put_activity(struct bulletin *bulletin, size_t input, uint64_t event_count);
void bulletin_put_activity_before(struct bulletin *bulletin, size_t input,
				  const struct activity_digest *digest);
/* Of the state that a task goes on from: the wall clock of its commit, and its stream time. TIME_NONE: there
 * is none. */
void bulletin_put_covered(struct bulletin *bulletin, int64_t since_ms, int64_t time_ms);
void bulletin_put_confirmed(struct bulletin *bulletin, int64_t position_ms);
void bulletin_put_parents(struct bulletin *bulletin, struct slice ad, const struct parents *parents);

/* A sink for task_collect that writes into the bulletin. */
struct task_sink bulletin_sink(struct bulletin *bulletin);

/* A late or rejected record. `headers` is written by dead_letter_put_header. Texts are borrowed. */
struct dead_letter {
	uint64_t sequence; /* of the worker, growing by 1 */
	struct slice key;  /* data NULL: absent */
	struct slice value;
	struct slice headers;
};

/* A value that is absent (data NULL) stays so. */
void dead_letter_put_header(struct buffer *headers, struct slice name, struct slice value);
void dead_letter_get_header(struct reader *headers, struct slice *name, struct slice *value);
void bulletin_put_dead(struct bulletin *bulletin, const struct dead_letter *letter);

/* A record of the shuffle topic (shuffle.h) for another task. Its value is borrowed. */
struct forward {
	uint64_t sequence; /* of the worker, growing by 1 */
	uint32_t task;
	struct slice value;
};
void bulletin_put_forward(struct bulletin *bulletin, const struct forward *forward);

/* Hands every note to its call. A reader sets the calls of those kinds that its bulletins hold. */
struct bulletin_reader {
	void (*task)(void *ctx, uint32_t task, uint64_t term);
	void (*names)(void *ctx, struct slice ad, const struct names *names);
	void (*reports)(void *ctx, struct slice ad, const struct reports *reports);
	void (*window)(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
		       int64_t people);
	void (*span)(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		     const struct pane *pane, int64_t people);
	void (*mark)(void *ctx, enum note_kind kind);
	void (*dead)(void *ctx, const struct dead_letter *letter);
	void (*forward)(void *ctx, const struct forward *forward);
	void (*parents)(void *ctx, struct slice ad, const struct parents *parents);
	void (*confirmed)(void *ctx, int64_t position_ms);
	void (*activity)(void *ctx, size_t input, uint64_t event_count);
	void (*activity_before)(void *ctx, size_t input, const struct activity_digest *digest);
	void (*covered)(void *ctx, int64_t since_ms, int64_t time_ms);
	void *ctx;
};
void bulletin_read(const struct bulletin *bulletin, const struct bulletin_reader *to);

/* The same of notes that came from another instance, with so many windows. False: the rest of them is not
 * ours, and was left out. */
must_check bool bulletin_read_notes(struct slice notes, size_t window_count,
				    const struct bulletin_reader *to);

#endif
