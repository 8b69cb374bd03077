/* Entities and their cells: the memory of the merger. See merger.h for the picture.
 *
 * An entity is a level and an id; an ad knows its parents, a parent its ads (lists through
 * next_ad). Cells are found by span: windows by number, hours and days in lists sorted by from_ms.
 * A cell never moves, so lists of waiting cells hold pointers. */
#ifndef LADDER_PUBLISH_CELLS_H
#define LADDER_PUBLISH_CELLS_H

#include "core/base/zone.h"
#include "core/publish/merger.h"
#include "core/state/thin.h"

enum { HOUR_MS = 60 * 60 * 1000 };

enum span_kind { SPAN_WINDOW, SPAN_HOUR, SPAN_DAY };

struct span {
	enum span_kind kind;
	size_t window;
	int64_t from_ms; /* hours and days; a window's span follows from T */
	int64_t to_ms;
};

struct part {
	uint32_t task;
	int64_t people;
	struct thin *sums; /* NULL above ads */
};

struct cell {
	uint32_t entity;
	uint32_t judged; /* its place in merger->judged, JUDGED_NONE */
	struct span span;
	struct pane sums;
	int64_t people;
	int64_t amounts[AMOUNT_COUNT]; /* of spend reports */
	struct part *parts;            /* what each task said last */
	size_t part_count;
	uint16_t out_tick;              /* when its rows were out last, in the ticks of its list */
	bool is_waiting;                /* stands in a list of waiting cells */
	bool is_left;                   /* merger_leave_frozen: no row of it goes out any more */
	bool is_published[BASIS_COUNT]; /* the last row out held something */
	bool is_settled[BASIS_COUNT];   /* the last row out said so */
};

struct cell_list {
	struct cell **cells;
	size_t count;
	size_t capacity;
	size_t last; /* the place that cell_at found last; it may be another's by now */
};

struct task_reports {
	uint32_t task;
	struct reports reports;
};

enum { ENTITY_NONE = UINT32_MAX };

/* What a row shows beside its numbers; the newest among the ads of the entity. */
struct shown {
	struct slice parents[PARENT_COUNT];
	struct slice name;
};

struct entity {
	enum level level;
	bool is_organic;
	struct slice id; /* owned */
	struct cell **windows; /* [window], NULL where there was never anything */
	struct cell_list hours;
	struct cell_list days;
	struct names names; /* of an ad; above ads what rows show: of each field the newest of their ads */
	/* ads */
	uint32_t parents[PARENT_COUNT];
	uint32_t next_ad[PARENT_COUNT]; /* the next ad of the same parent */
	const struct zone *zone;        /* of the ad's account */
	struct task_reports *task_reports;
	size_t task_report_count;
	struct reports reports; /* of all tasks together */
	/* above ads */
	uint32_t first_ad;
	struct norms *norms; /* of an account */
};

/* Cells that wait to be published: a wheel of lists by the tick at which they are due, a 64th of `emit`.
 * Who was not out for that long is due at once, else when that time is over; so a row is as fresh as it can
 * be, and never goes out twice within `emit`.
 *
 *   slots   [ . | . | c c | c | . | c | . . . ]       tick % WAITING_SLOTS
 *                     ^ tick: nobody is due before    now: at most WAITING_TICKS behind where there is no
 * room
 */
enum { WAITING_TICKS = 64, WAITING_SLOTS = 256 };
struct waiting {
	struct cell_list slots[WAITING_SLOTS];
	size_t count;    /* of cells, in all */
	uint64_t tick;   /* of the first slot that may hold somebody */
	uint64_t now;    /* tick of the last merger_publish */
};

enum { WAITING_HISTORY = WINDOW_COUNT_MAX, WAITING_COUNT };

enum { JUDGED_NONE = UINT32_MAX };

/* A cell in the list of its account: see norms.h. Few cells are; so it is not kept in them. */
struct judged_cell {
	struct cell *cell; /* NULL: free */
	uint32_t account;
	uint32_t next; /* JUDGED_NONE: the last; of the free ones, too */
	uint32_t previous;
	struct judgement said[BASIS_COUNT]; /* by the last rows out */
};

struct judged_cells {
	struct judged_cell *cells;
	uint32_t count;
	uint32_t capacity;
	uint32_t first_free;
};

struct account_list {
	uint32_t *accounts;
	size_t count;
	size_t capacity;
};

/* Accounts whose rows are judged again: see norms.h. */
struct renewal {
	struct account_list stale;    /* for the next */
	struct account_list accounts; /* of the one under way */
	size_t done;                  /* of them */
	bool has_begun_account;       /* the one at `done` */
	int64_t due_ms;               /* none begins before */
	int64_t *counts;              /* room to find a median in */
	size_t count_capacity;
};

/* A row as it is written, kept for the next. */
struct row_text {
	struct buffer key;
	struct buffer value;
};

struct merger {
	const struct options *options;
	judge_row *judge;
	size_t norm_window; /* norms_find_window */
	struct renewal renewal;
	struct judged_cells judged;
	struct entity *entities;
	uint32_t entity_count;
	uint32_t entity_capacity;
	uint32_t *index; /* open-addressed, ENTITY_NONE is free */
	uint32_t index_size;
	int64_t now_ms;                            /* T, TIME_NONE at first */
	int64_t window_ends_ms[WINDOW_COUNT_MAX];
	struct waiting waiting[WAITING_COUNT]; /* by window, the last is history */
	size_t next_waiting;                   /* whose turn it is first */
	uint64_t revision;
	bool is_published_expected;
	int64_t frozen_at_ms; /* T of merger_freeze, TIME_NONE at first */
	int64_t settle_due_ms; /* no row that is out unsettled becomes settled before T is there */
	struct row_text text;
};

/* Sums wrap, as those of panes do: what was added can be taken back exactly. */
static inline int64_t wrap_add(int64_t sum, int64_t delta, int64_t sign)
{
	return (int64_t)((uint64_t)sum + (uint64_t)delta * (uint64_t)sign);
}

/* ENTITY_NONE: not there */
uint32_t entity_find(const struct merger *merger, enum level level, struct slice id);
uint32_t entity_intern(struct merger *merger, struct entity_ref ref);
/* Of an ad, which belongs to an account from the beginning (merger.c). */
uint32_t merger_intern_ad(struct merger *merger, struct entity_ref ref);
void entity_destroy(struct entity *entity, size_t window_count);

void cell_destroy(struct cell *cell); /* NULL is fine */

/* The cell of a span; NULL if it is not there. */
struct cell *cell_find(const struct merger *merger, uint32_t entity, const struct span *span);

/* The cell of a span; made if it is not there. */
struct cell *cell_at(struct merger *merger, uint32_t entity, const struct span *span);

/* Calls for every cell of an entity. */
void entity_each_cell(struct merger *merger, uint32_t entity,
		      void (*call)(struct merger *, struct cell *, void *), void *ctx);

void cell_list_push(struct cell_list *list, struct cell *cell);

/* Puts the cell among the waiting, if it is not there. */
void cell_wait(struct merger *merger, struct cell *cell);

/* A window's [from, to) as T has it, or the span's own. */
struct span span_bounds(const struct merger *merger, const struct span *span);

/* Whether nothing can change an hour or a day any more (spec section 6.3); never so of a window. */
bool span_is_settled(const struct merger *merger, const struct span *span, enum basis basis);
/* The row of an hour or a day went out unsettled: when T has come to where it is, it goes out again. */
void cell_note_unsettled(struct merger *merger, const struct cell *cell, enum basis basis);

/* Whether an hour or a day takes no more changes (merger_freeze). */
bool span_is_frozen(const struct merger *merger, const struct span *span);

/* What an ad says of itself is known to a parent. Returns whether the parent's rows show something else
 * then. */
bool entity_note_ad(struct merger *merger, uint32_t parent, uint32_t ad);

/* What the rows of an entity show; valid until names or parents change. */
struct shown entity_shown(const struct merger *merger, uint32_t entity);

#endif
