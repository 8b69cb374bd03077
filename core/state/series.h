/* Series: the numbers of one ad, adset, campaign or account in one task. Design decision 2.
 *
 * Only an ad (and the pseudo-ad of organic messages) has panes: what stands above it is a sum of
 * ads, made where rows are merged. Distinct people are no sum, so every level keeps them: `people`
 * counts each person once, in the pane of his last message; the tallies of hours and days count him
 * once in each that he wrote in.
 *
 *   grain 0 (10 s)  |.|.|.|.|.|.|   ring of the panes that the longest window with this slide needs
 *   grain 1 (1 m)   |...|...|...|   a step goes into one pane of each grain that still holds its time,
 *   ...                             and into the total of each window over them
 *   history (15 m)  sorted list     kept for `retention`: hours and days of any time zone are sums of them,
 *                                   and windows with this slide have no other panes
 *
 * Steps are gathered first, and put where they belong many at a time (series_settle.c): what one pane gets is
 * summed before, and what has left a window by then never enters it. series_settle or series_advance must
 * have been called since the last step where a series is read.
 *
 * ends[g] is the index of the pane after the newest; every pane in [ends[g] - pane_count, ends[g]) is there,
 * and totals[w] is the sum of the panes of window w in it. series_check says the same in code. A series must
 * have been moved on to a time before history that old is forgotten.
 * Indexes of series are stored with people and never change. One thread. */
#ifndef LADDER_STATE_SERIES_H
#define LADDER_STATE_SERIES_H

#include "core/base/zone.h"
#include "core/model/level.h"
#include "core/model/options.h"
#include "core/model/pane.h"
#include "core/state/thin.h"

enum { HISTORY_SLICE_MS = 15 * 60 * 1000, HOUR_MS = 60 * 60 * 1000, UTC_DAY_MS = 24 * HOUR_MS };

struct grain {
	int64_t slide_ms;
	uint32_t pane_count;
	bool is_history; /* its panes are the slices of the history: it has no ring of its own */
};

struct frame_window {
	uint32_t grain;
	uint32_t pane_count;
};

/* The windows, cut into grains: one for each different slide. */
struct frame {
	struct grain grains[WINDOW_COUNT_MAX];
	size_t grain_count;
	struct frame_window windows[WINDOW_COUNT_MAX];
	size_t window_count;
};

void frame_create(struct frame *frame, const struct options *options);

struct history_slice {
	int32_t index; /* of HISTORY_SLICE_MS since 1970 */
	bool is_changed; /* since the rows over it were made known */
	bool is_dirty;   /* since it was committed */
	struct thin *pane;
};

/* People in hours or days, sorted by index. */
struct tally {
	int32_t index;
	bool is_changed;
	int64_t count;
};

struct tallies {
	struct tally *entries;
	size_t count;
	size_t capacity;
};

/* A step that waits: its time above its slot, so that the keys sort by time. */
struct waiting_step {
	uint64_t key;
	int64_t delta;
};

/* One that says that a person wrote. */
struct waiting_person {
	int64_t time_ms;
	int64_t before_ms;
	int64_t delta;
};

enum { WAITING_SLOT_BITS = 16, WAITING_MAX = 1024, PERSONS_WAITING_MAX = 256 };

/* The day that was asked for last. */
struct known_day {
	const struct zone *zone; /* NULL: none was */
	int64_t day;
	int64_t begin_ms;
	int64_t end_ms;
};

struct series {
	struct slice id; /* owned */
	enum level level;
	bool is_organic;
	uint32_t parents[PARENT_COUNT]; /* an ad's account, campaign, adset as its people are counted now;
					   above ads only the account is used */
	const struct zone *zone;        /* of the account */
	int64_t *ends;                  /* [grain] */
	struct thin ***rings;           /* [grain][pane % pane_count], each NULL where there is none, or where
					   the panes are the history's */
	struct pane *totals;            /* [window] */
	int32_t **people_rings;         /* [grain][pane % pane_count], NULL until somebody wrote */
	int64_t *people_totals;         /* [window] */
	struct history_slice *history;  /* sorted by index */
	size_t history_count;
	size_t history_capacity;
	struct tallies hours;
	struct tallies days;            /* of `zone` */
	struct known_day known_day;
	struct waiting_step *steps;     /* at most WAITING_MAX */
	struct waiting_person *persons; /* at most PERSONS_WAITING_MAX */
	uint32_t step_count;
	uint32_t step_capacity;
	uint32_t person_count;
	uint32_t person_capacity;
	uint32_t changed_windows;       /* a bit a window, since its total was made known */
	bool is_history_changed;
	bool is_dirty;                  /* since it was committed */
	bool is_due;                    /* in the commit under way: see window.h */
	bool has_people;                /* some person has a conversation here */
};

struct series_table {
	struct frame frame;
	struct series *series;
	uint32_t count;
	uint32_t capacity;
	uint32_t *index; /* open-addressed, SERIES_NONE is free; size a power of two */
	uint32_t index_size;
};

void series_table_create(struct series_table *table, const struct options *options);
void series_table_destroy(struct series_table *table);

/* The series of an id at a level, made if it is new. The id is copied. */
uint32_t series_intern(struct series_table *table, enum level level, struct slice id, bool is_organic);

/* Moves the panes on, so that the newest holds now_ms; never back. What leaves a window leaves its total.
 * Then settles. */
void series_advance(struct series *series, const struct frame *frame, int64_t now_ms);

/* Puts the steps that wait where they belong. None may be after the newest pane. */
void series_settle(struct series *series, const struct frame *frame);

/* Whether the next step settles those that wait: then the panes must have been moved on to their times. */
static inline bool series_is_full(const struct series *series)
{
	return series->step_count == WAITING_MAX || series->person_count == PERSONS_WAITING_MAX;
}

/* Adds to the panes, totals and history at a time. */
void series_add(struct series *series, const struct frame *frame, int64_t time_ms, unsigned slot,
		int64_t delta);

/* `delta` persons wrote at time_ms, whose message before in this series was at before_ms (or TIME_NONE). */
void series_add_people(struct series *series, const struct frame *frame, int64_t time_ms, int64_t before_ms,
		       int64_t delta);

/* The number of hours or days in time_ms's one. */
struct tally *series_tally_at(struct tallies *tallies, int64_t index);
/* What it is, 0 where there is none. */
int64_t series_tally_count(const struct tallies *tallies, int64_t index);
/* The same, to be made known: it has not changed since then. */
int64_t series_tally_say(struct tallies *tallies, int64_t index);

/* The slice of history with this index, made if it is new; valid until the next is made. */
struct history_slice *series_history_at(struct series *series, int64_t index);
/* The place of the first slice with an index not below this one. */
size_t series_history_place(const struct series *series, int64_t index);

/* Forgets history before a time. */
void series_forget(struct series *series, int64_t before_ms);

/* Aborts if a total is not the sum of its panes. */
void series_check(const struct series *series, const struct frame *frame);

/* Stored pages of a series (series_page.c): everything but the history, and the slices of one UTC day.
 * Steps that wait are not in them.
 * Decoding puts what was encoded into the table, where the series is made if it is not there; false if the
 * bytes are no page. A page of a series must be decoded before its days. */
void series_encode(const struct series_table *table, uint32_t series, struct buffer *out);
must_check bool series_decode(struct series_table *table, struct slice page);
/* The first series of which a parent is no series of its level, or SERIES_NONE: to be asked when all are
 * decoded. */
uint32_t series_find_unsound(const struct series_table *table);
void series_encode_day(const struct series *series, int64_t utc_day, struct buffer *out);
must_check bool series_decode_day(struct series *series, const struct frame *frame, struct slice page);

#endif
