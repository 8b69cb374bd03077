/* Merger: what all tasks make known, summed to rows. Spec sections 4 to 6, design decision 6.
 *
 *   task 0 ---\   names, reports,                   +-- ad --+-- adset --+-- campaign --+-- account
 *   task 1 ----> totals of spans, each absolute --> | cell   | cell      | cell         | cell       --> rows
 *   task 2 ---/                                     +--------+-----------+--------------+
 *
 * A cell holds the numbers of one entity (a level and an id) in one span: a window, an hour or a
 * day. An ad's cell is the sum of what the tasks last said of it, and of its spend reports; a cell
 * above it is the sum of the ads that belong there now, but for people, which tasks say at every
 * level. So whatever is said again, late, or after an ad moved to another campaign, the cells are
 * right: only differences travel up.
 *
 * Hours and days that ended more than `retention` before T can be frozen (merger_freeze): they stay as
 * they are.
 *
 * cell.sums = sum(cell.parts) at an ad; above, sum(sums of its ads) unless frozen. merger_check says the
 * same in code.
 * One thread. Aborts where memory is missing. */
#ifndef LADDER_PUBLISH_MERGER_H
#define LADDER_PUBLISH_MERGER_H

#include "core/model/diagnosis.h"
#include "core/model/options.h"
#include "core/model/pane.h"
#include "core/state/names.h"
#include "core/state/reports.h"

struct merger;

/* `judge` says what the rows suffer from; any threads that print call it at a time. */
struct merger *merger_create(const struct options *options, judge_row *judge);
void merger_destroy(struct merger *merger);

/* An ad's parents as they are now: ids, empty where there is none. The account is never empty. */
struct parents {
	struct slice ids[PARENT_COUNT];
};

/* What some task knows of an ad's names. True if its account, campaign or adset is another now: tasks
 * must hear of it (merger_parents), because they count people. */
bool merger_put_names(struct merger *merger, struct slice ad, const struct names *names);
struct parents merger_parents(const struct merger *merger, struct slice ad);

/* The parents of every ad whose events said something of them: for a task that was read back. */
typedef void merger_parents_sink(void *ctx, struct slice ad, const struct parents *parents);
void merger_each_parents(const struct merger *merger, merger_parents_sink *sink, void *ctx);

/* Every report that a task has of an ad. A report gives nothing to times that lay more than `retention`
 * before it. One that ended long before T and is no longer there was forgotten: history keeps it. */
void merger_put_reports(struct merger *merger, uint32_t task, struct slice ad, const struct reports *reports);

/* The total of a window, and the sum of an hour or a day. A day that the ad's account does not have (its
 * time zone is another by now) is ignored. `pane` is NULL above ads. */
void merger_put_window(struct merger *merger, uint32_t task, struct entity_ref ref, size_t window,
		       const struct pane *pane, int64_t people);
void merger_put_span(struct merger *merger, uint32_t task, struct entity_ref ref, bool is_day,
		     int64_t from_ms, int64_t to_ms, const struct pane *pane, int64_t people);

/* What a task said so far is void: as if it had said zero everywhere. */
void merger_drop_task(struct merger *merger, uint32_t task);

/* Every row waits again: some that went out did not arrive. So zeros go out, too, where there is nothing
 * now: a row that was to be taken back by them may stand there still. */
void merger_publish_again(struct merger *merger);

/* Stream time T moves on: every window ends at its first multiple of slide after it. */
void merger_advance(struct merger *merger, int64_t now_ms);

/* Freezes history as of a stream time: hours and days that ended more than `retention` before it take no
 * more changes, not from tasks, reports, names or moves. Only while nobody is behind who may still say what
 * he knew in time; never where every order of events shall give the same. */
void merger_freeze(struct merger *merger, int64_t now_ms);

/* Before every task has spoken to a new merger: of hours and days frozen by now it may know only what
 * some of them said. No rows of them go out: those of the merger before it stand in the topic. */
void merger_leave_frozen(struct merger *merger);

/* Drops history that is frozen, a while longer so, and published: its last row stays in the topic. */
void merger_forget(struct merger *merger);

/* From now on (or no longer), cells that turn up empty are published once, with zeros: another run may
 * have published something else there. */
void merger_expect_published(struct merger *merger, bool is_expected);

#define MERGER_AT_ONCE (INT64_MAX / 2)

/* A row as it goes out. `is_history` says for which of the two topics. False: no room now, the row
 * stays waiting. */
typedef bool merger_row_sink(void *ctx, struct slice key, struct slice value, bool is_history);

/* Publishes what changed and whose emit time has come (wall_ms, any steady clock; MERGER_AT_ONCE: all of
 * it has), at most `row_limit` rows. Windows and history take turns where that is little. Revisions are
 * greater than every one before and than revision_floor. Returns the number of rows. What a row suffers from
 * is judged by the norms of now, and again when they have changed: norms.h. */
size_t merger_publish(struct merger *merger, int64_t wall_ms, size_t row_limit, uint64_t revision_floor,
		      merger_row_sink *sink, void *ctx);

/* The greatest revision given out, 0 before the first. */
uint64_t merger_revision(const struct merger *merger);

/* Whether rows wait, and until when (wall_ms) nothing is due. */
bool merger_is_waiting(const struct merger *merger, int64_t *due_ms);
/* About how many. */
size_t merger_waiting_count(const struct merger *merger);

/* Every row that holds anything, sorted by key, with revision 0. */
void merger_print(struct merger *merger, merger_row_sink *sink, void *ctx);

/* The same in parts: the rows of part 0, then of part 1, and so on. Parts are printed by any threads, while
 * nothing changes the merger. */
struct merger_print;
struct merger_print *merger_print_create(struct merger *merger);
void merger_print_destroy(struct merger_print *print);
size_t merger_print_parts(const struct merger_print *print);
void merger_print_part(const struct merger_print *print, size_t part, merger_row_sink *sink, void *ctx);

/* Aborts if a cell is not the sum that it should be. */
void merger_check(const struct merger *merger);

#endif
