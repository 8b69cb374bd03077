#include "core/publish/norms.h"

#include <stdlib.h>

#define NORM_MS (28 * INT64_C(86400000))

enum { MEDIAN_UNKNOWN = -1, JUDGED_PER_TURN = 20000, SMALL_PART = 10 };

/* An hour or day of an account that holds something: the sums of this and all before. */
struct norm_span {
	int64_t from_ms;
	int64_t to_ms;
	int64_t median;
	int64_t sums[BASIS_COUNT][JUDGED_COUNT];
};

struct norm_table { /* sorted by time */
	struct norm_span *spans;
	size_t count;
	size_t capacity;
};

struct norms {
	enum spend_source spend_from;
	bool is_made;   /* once at least */
	bool is_stale;  /* the account changed since */
	bool is_listed; /* among merger->renewal.stale */
	struct norm_table hours;
	struct norm_table days;
	int64_t window_medians[WINDOW_COUNT_MAX];
	uint32_t first; /* judged */
	uint32_t last;
	size_t judged_count;
	size_t left; /* of them in the renewal under way, from the first */
};

struct norms *norms_create(enum spend_source spend_from)
{
	struct norms *norms = calloc(1, sizeof(*norms));
	CHECK(norms);
	norms->spend_from = spend_from;
	norms->is_stale = true;
	norms->first = norms->last = JUDGED_NONE;
	return norms;
}

void norms_destroy(struct norms *norms)
{
	if (!norms)
		return;
	free(norms->hours.spans);
	free(norms->days.spans);
	free(norms);
}

size_t norms_find_window(const struct options *options)
{
	for (size_t w = 0; w < options->window_count; w++)
		if (options->windows[w].length_ms == NORM_MS)
			return w;
	return options->window_count - 1; /* the longest; SIZE_MAX */
}

/* ---- What is judged ---- */

static const uint16_t *slots_of(enum judged judged)
{
	static const enum counter counters[JUDGED_COUNT] = {
		[JUDGED_conversations] = COUNTER_conversations, [JUDGED_replies] = COUNTER_replies,
		[JUDGED_qualified] = COUNTER_qualified,         [JUDGED_handoffs] = COUNTER_handoffs,
		[JUDGED_customers] = COUNTER_customers,         [JUDGED_spend] = COUNTER_click_cost,
	};
	return slot_of[counters[judged]];
}

static void get_counts(const struct cell *cell, enum basis basis, enum spend_source spend_from,
		       int64_t counts[JUDGED_COUNT])
{
	for (int i = 0; i < JUDGED_COUNT; i++)
		counts[i] = cell->sums.sums[slots_of((enum judged)i)[basis]];
	if (spend_from == SPEND_FROM_REPORTS)
		counts[JUDGED_spend] = cell->amounts[AMOUNT_SPEND];
}

static int64_t conversations_of(const struct cell *cell)
{
	return cell->sums.sums[SLOT_conversations];
}

static bool has_volume(const struct merger *merger, const struct cell *cell, enum basis basis)
{
	int64_t counts[JUDGED_COUNT];
	get_counts(cell, basis, SPEND_FROM_REPORTS, counts);
	return judged_has_volume(counts, merger->options->diagnosis.min_volume);
}

static uint32_t account_of(const struct merger *merger, uint32_t at)
{
	const struct entity *entity = &merger->entities[at];
	if (entity->level == LEVEL_AD)
		return entity->parents[LEVEL_ACCOUNT];
	return entity_find(merger, LEVEL_ACCOUNT, entity_shown(merger, at).parents[LEVEL_ACCOUNT]);
}

/* ---- Tables ---- */

static bool is_any(const int64_t sums[BASIS_COUNT][JUDGED_COUNT])
{
	int64_t any = 0;
	for (int basis = 0; basis < BASIS_COUNT; basis++)
		for (int i = 0; i < JUDGED_COUNT; i++)
			any |= sums[basis][i];
	return any != 0;
}

static void add_span(struct norm_table *table, const struct norm_span *span)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : 32;
		table->spans = realloc(table->spans, table->capacity * sizeof(*table->spans));
		CHECK(table->spans);
	}
	struct norm_span *place = &table->spans[table->count++];
	*place = *span;
	for (int basis = 0; table->count > 1 && basis < BASIS_COUNT; basis++)
		for (int i = 0; i < JUDGED_COUNT; i++)
			place->sums[basis][i] = wrap_add(place->sums[basis][i], place[-1].sums[basis][i], 1);
}

static void make_table(struct norm_table *table, const struct cell_list *list, enum spend_source spend_from)
{
	table->count = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct cell *cell = list->cells[i];
		struct norm_span span = {cell->span.from_ms, cell->span.to_ms, MEDIAN_UNKNOWN, {{0}}};
		for (enum basis basis = 0; basis < BASIS_COUNT; basis++)
			get_counts(cell, basis, spend_from, span.sums[basis]);
		if (is_any(span.sums))
			add_span(table, &span);
	}
}

static void make_norms(struct merger *merger, uint32_t account)
{
	const struct entity *entity = &merger->entities[account];
	struct norms *norms = entity->norms;
	make_table(&norms->hours, &entity->hours, norms->spend_from);
	make_table(&norms->days, &entity->days, norms->spend_from);
	for (size_t w = 0; w < WINDOW_COUNT_MAX; w++)
		norms->window_medians[w] = MEDIAN_UNKNOWN;
	norms->is_made = true;
}

static struct norm_table *table_of(struct norms *norms, enum span_kind kind)
{
	return kind == SPAN_HOUR ? &norms->hours : &norms->days;
}

/* How many spans end up to a time. */
static size_t count_until(const struct norm_table *table, int64_t time_ms)
{
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (table->spans[middle].to_ms <= time_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void get_norm_of_bucket(const struct norm_table *table, int64_t to_ms, enum basis basis,
			       int64_t counts[JUDGED_COUNT])
{
	size_t end = count_until(table, to_ms), begin = count_until(table, to_ms - NORM_MS);
	for (int i = 0; i < JUDGED_COUNT; i++) {
		counts[i] = end ? table->spans[end - 1].sums[basis][i] : 0;
		counts[i] = wrap_add(counts[i], begin ? table->spans[begin - 1].sums[basis][i] : 0, -1);
	}
}

/* ---- The median ad ---- */

/* Where the median of a span is kept, NULL where it cannot be. */
static int64_t *median_at(struct norms *norms, const struct span *span)
{
	if (span->kind == SPAN_WINDOW)
		return &norms->window_medians[span->window];
	struct norm_table *table = table_of(norms, span->kind);
	size_t count = count_until(table, span->to_ms);
	struct norm_span *found = count ? &table->spans[count - 1] : NULL;
	return found && found->from_ms == span->from_ms && found->to_ms == span->to_ms ? &found->median
										       : NULL;
}

static int compare_counts(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static void keep_count(struct renewal *renewal, size_t at, int64_t count)
{
	if (at == renewal->count_capacity) {
		renewal->count_capacity = renewal->count_capacity ? 2 * renewal->count_capacity : 64;
		renewal->counts = realloc(renewal->counts, renewal->count_capacity * sizeof(int64_t));
		CHECK(renewal->counts);
	}
	renewal->counts[at] = count;
}

static int64_t find_median(struct merger *merger, uint32_t account, const struct span *span)
{
	struct renewal *renewal = &merger->renewal;
	size_t count = 0;
	const struct entity *ad;
	for (uint32_t at = merger->entities[account].first_ad; at != ENTITY_NONE;
	     at = ad->next_ad[LEVEL_ACCOUNT]) {
		ad = &merger->entities[at];
		const struct cell *cell = ad->is_organic ? NULL : cell_find(merger, at, span);
		if (cell && conversations_of(cell) > 0)
			keep_count(renewal, count++, conversations_of(cell));
	}
	if (count == 0)
		return 0;
	qsort(renewal->counts, count, sizeof(int64_t), compare_counts);
	return renewal->counts[(count - 1) / 2];
}

/* No median is above the conversations of the account: most rows need none. */
static bool may_be_small(const struct merger *merger, const struct cell *cell, uint32_t account)
{
	int64_t min_volume = merger->options->diagnosis.min_volume;
	if (cell->sums.sums[slots_of(JUDGED_handoffs)[BASIS_EVENT]] < min_volume &&
	    cell->sums.sums[slots_of(JUDGED_handoffs)[BASIS_COHORT]] < min_volume)
		return false;
	const struct cell *whole = cell_find(merger, account, &cell->span);
	return whole && conversations_of(cell) <= conversations_of(whole) / SMALL_PART;
}

/* ---- Judging ---- */

static void prepare_median(struct merger *merger, const struct cell *cell, uint32_t account)
{
	int64_t *median = median_at(merger->entities[account].norms, &cell->span);
	if (median && *median == MEDIAN_UNKNOWN && may_be_small(merger, cell, account))
		*median = find_median(merger, account, &cell->span);
}

static bool is_judged(const struct merger *merger, const struct cell *cell)
{
	return merger->entities[cell->entity].level != LEVEL_ACCOUNT &&
	       (has_volume(merger, cell, BASIS_EVENT) || has_volume(merger, cell, BASIS_COHORT));
}

void norms_prepare(struct merger *merger, const struct cell *cell)
{
	uint32_t account = is_judged(merger, cell) ? account_of(merger, cell->entity) : ENTITY_NONE;
	if (account == ENTITY_NONE)
		return;
	struct norms *norms = merger->entities[account].norms;
	if (norms->is_stale && norms->judged_count == 0) {
		make_norms(merger, account);
		norms->is_stale = false;
	}
	prepare_median(merger, cell, account);
}

static void prepare_cell(struct merger *merger, struct cell *cell, void *ctx)
{
	(void)ctx;
	uint32_t account = is_judged(merger, cell) ? account_of(merger, cell->entity) : ENTITY_NONE;
	if (account != ENTITY_NONE)
		prepare_median(merger, cell, account);
}

void norms_prepare_all(struct merger *merger)
{
	for (uint32_t i = 0; i < merger->entity_count; i++)
		if (merger->entities[i].level == LEVEL_ACCOUNT)
			make_norms(merger, i);
	for (uint32_t i = 0; i < merger->entity_count; i++)
		entity_each_cell(merger, i, prepare_cell, NULL);
}

static struct norm find_norm(const struct merger *merger, const struct cell *cell, enum basis basis,
			     uint32_t account)
{
	struct norm norm = {.kind = NORM_COUNTS, .median_conversations = MEDIAN_UNKNOWN};
	if (account == ENTITY_NONE)
		return norm;
	struct norms *norms = merger->entities[account].norms;
	const int64_t *median = norms->is_made ? median_at(norms, &cell->span) : NULL;
	if (median)
		norm.median_conversations = *median;
	if (cell->span.kind != SPAN_WINDOW) {
		get_norm_of_bucket(table_of(norms, cell->span.kind), cell->span.to_ms, basis, norm.counts);
		return norm;
	}
	const struct cell *whole = merger->entities[account].windows[merger->norm_window];
	if (whole)
		get_counts(whole, basis, norms->spend_from, norm.counts);
	return norm;
}

struct judgement norms_judge(const struct merger *merger, const struct cell *cell, enum basis basis)
{
	if (!has_volume(merger, cell, basis))
		return (struct judgement){RUNG_NONE, DIAGNOSIS_TOO_LITTLE_DATA};
	bool is_account = merger->entities[cell->entity].level == LEVEL_ACCOUNT;
	uint32_t account = is_account ? cell->entity : account_of(merger, cell->entity);
	struct norm norm = {.kind = NORM_SETTINGS, .median_conversations = MEDIAN_UNKNOWN};
	if (!is_account)
		norm = find_norm(merger, cell, basis, account);
	int64_t counts[JUDGED_COUNT];
	get_counts(cell, basis,
		   account == ENTITY_NONE ? SPEND_FROM_REPORTS : merger->entities[account].norms->spend_from,
		   counts);
	return merger->judge(&merger->options->diagnosis, counts, &norm);
}

/* ---- Lists of judged cells ---- */

static uint32_t take_place(struct judged_cells *judged)
{
	uint32_t at = judged->first_free;
	if (at != JUDGED_NONE) {
		judged->first_free = judged->cells[at].next;
		return at;
	}
	if (judged->count == judged->capacity) {
		judged->capacity = judged->capacity ? 2 * judged->capacity : 64;
		judged->cells = realloc(judged->cells, judged->capacity * sizeof(*judged->cells));
		CHECK(judged->cells);
	}
	return judged->count++;
}

static void link_last(struct merger *merger, uint32_t at)
{
	struct judged_cell *cells = merger->judged.cells;
	struct norms *norms = merger->entities[cells[at].account].norms;
	cells[at].next = JUDGED_NONE;
	cells[at].previous = norms->last;
	*(norms->last == JUDGED_NONE ? &norms->first : &cells[norms->last].next) = at;
	norms->last = at;
	norms->judged_count++;
}

static void unlink_at(struct merger *merger, uint32_t at)
{
	struct judged_cell *cells = merger->judged.cells, *gone = &cells[at];
	struct norms *norms = merger->entities[gone->account].norms;
	*(gone->previous == JUDGED_NONE ? &norms->first : &cells[gone->previous].next) = gone->next;
	*(gone->next == JUDGED_NONE ? &norms->last : &cells[gone->next].previous) = gone->previous;
	norms->judged_count--;
}

void norms_drop(struct merger *merger, struct cell *cell)
{
	struct judged_cells *judged = &merger->judged;
	uint32_t at = cell->judged;
	if (at == JUDGED_NONE)
		return;
	unlink_at(merger, at);
	judged->cells[at] = (struct judged_cell){.next = judged->first_free};
	judged->first_free = at;
	cell->judged = JUDGED_NONE;
}

static void list_stale(struct merger *merger, uint32_t account)
{
	struct norms *norms = merger->entities[account].norms;
	if (!norms->is_stale || norms->is_listed || norms->judged_count == 0)
		return;
	struct account_list *stale = &merger->renewal.stale;
	if (stale->count == stale->capacity) {
		stale->capacity = stale->capacity ? 2 * stale->capacity : 16;
		stale->accounts = realloc(stale->accounts, stale->capacity * sizeof(*stale->accounts));
		CHECK(stale->accounts);
	}
	stale->accounts[stale->count++] = account;
	norms->is_listed = true;
}

void norms_note_change(struct merger *merger, uint32_t account)
{
	merger->entities[account].norms->is_stale = true;
	list_stale(merger, account);
}

/* Whether nothing of the norm of an hour or day may be forgotten, and the row may still change. */
static bool has_whole_norm(const struct merger *merger, const struct span *span)
{
	return span->kind == SPAN_WINDOW || merger->frozen_at_ms == TIME_NONE ||
	       span->to_ms - NORM_MS >= merger->frozen_at_ms - merger->options->retention_ms;
}

static bool is_kept(const struct merger *merger, const struct cell *cell)
{
	return (cell->is_published[BASIS_EVENT] || cell->is_published[BASIS_COHORT]) &&
	       is_judged(merger, cell) && has_whole_norm(merger, &cell->span);
}

void norms_keep(struct merger *merger, struct cell *cell, const struct judgement said[BASIS_COUNT])
{
	struct judged_cells *judged = &merger->judged;
	uint32_t account = is_kept(merger, cell) ? account_of(merger, cell->entity) : ENTITY_NONE;
	if (cell->judged != JUDGED_NONE && judged->cells[cell->judged].account != account)
		norms_drop(merger, cell);
	if (account == ENTITY_NONE)
		return;
	if (cell->judged == JUDGED_NONE) {
		cell->judged = take_place(judged);
		judged->cells[cell->judged] = (struct judged_cell){.cell = cell, .account = account};
		link_last(merger, cell->judged);
		list_stale(merger, account);
	}
	memcpy(judged->cells[cell->judged].said, said, sizeof(judged->cells[cell->judged].said));
}

/* ---- Renewal ---- */

static bool says_something_else(struct merger *merger, const struct judged_cell *judged)
{
	const struct cell *cell = judged->cell;
	norms_prepare(merger, cell);
	for (enum basis basis = 0; basis < BASIS_COUNT; basis++) {
		struct judgement now = norms_judge(merger, cell, basis);
		if (cell->is_published[basis] && (now.weakest != judged->said[basis].weakest ||
						  now.diagnosis != judged->said[basis].diagnosis))
			return true;
	}
	return false;
}

/* The first cell of the list goes to its end, or out of it. */
static void judge_first_again(struct merger *merger, struct norms *norms)
{
	uint32_t at = norms->first;
	struct cell *cell = merger->judged.cells[at].cell;
	if (!is_kept(merger, cell)) {
		norms_drop(merger, cell);
		return;
	}
	unlink_at(merger, at);
	link_last(merger, at);
	if (!cell->is_waiting && says_something_else(merger, &merger->judged.cells[at]))
		cell_wait(merger, cell);
}

static void begin_account(struct merger *merger, uint32_t account)
{
	struct norms *norms = merger->entities[account].norms;
	make_norms(merger, account);
	norms->is_stale = false;
	norms->left = norms->judged_count;
	merger->renewal.has_begun_account = true;
}

/* Returns what is left of the turn. */
static size_t renew_account(struct merger *merger, uint32_t account, size_t turn)
{
	struct norms *norms = merger->entities[account].norms;
	if (!merger->renewal.has_begun_account)
		begin_account(merger, account);
	for (; norms->left > 0 && norms->first != JUDGED_NONE && turn > 0; turn--) {
		norms->left--;
		judge_first_again(merger, norms);
	}
	if (norms->left == 0 || norms->first == JUDGED_NONE) {
		merger->renewal.has_begun_account = false;
		merger->renewal.done++;
	}
	size_t spans = (norms->hours.count + norms->days.count) / 4 + 1;
	return turn > spans ? turn - spans : 0;
}

static void begin_renewal(struct merger *merger, int64_t wall_ms)
{
	struct renewal *renewal = &merger->renewal;
	struct account_list done = renewal->accounts;
	renewal->accounts = renewal->stale;
	renewal->stale = done;
	renewal->stale.count = renewal->done = 0;
	for (size_t i = 0; i < renewal->accounts.count; i++)
		merger->entities[renewal->accounts.accounts[i]].norms->is_listed = false;
	if (wall_ms < MERGER_AT_ONCE)
		renewal->due_ms = wall_ms + (merger->norm_window < WINDOW_COUNT_MAX
					     ? merger->options->windows[merger->norm_window].emit_ms
					     : merger->options->history_emit_ms);
}

void norms_renew(struct merger *merger, int64_t wall_ms)
{
	struct renewal *renewal = &merger->renewal;
	if (renewal->done == renewal->accounts.count && renewal->stale.count && wall_ms >= renewal->due_ms)
		begin_renewal(merger, wall_ms);
	size_t turn = wall_ms < MERGER_AT_ONCE ? JUDGED_PER_TURN : SIZE_MAX;
	while (renewal->done < renewal->accounts.count && turn > 0)
		turn = renew_account(merger, renewal->accounts.accounts[renewal->done], turn);
}

bool norms_are_waiting(const struct merger *merger, int64_t *due_ms)
{
	const struct renewal *renewal = &merger->renewal;
	*due_ms = renewal->done < renewal->accounts.count ? 0 : renewal->due_ms;
	return renewal->done < renewal->accounts.count || renewal->stale.count > 0;
}

void norms_renewal_destroy(struct merger *merger)
{
	free(merger->renewal.stale.accounts);
	free(merger->renewal.accounts.accounts);
	free(merger->renewal.counts);
	free(merger->judged.cells);
}

void norms_check(const struct merger *merger, uint32_t account)
{
	const struct norms *norms = merger->entities[account].norms;
	size_t count = 0;
	uint32_t previous = JUDGED_NONE;
	for (uint32_t at = norms->first; at != JUDGED_NONE; at = merger->judged.cells[at].next) {
		const struct judged_cell *judged = &merger->judged.cells[at];
		CHECK(judged->cell->judged == at && judged->account == account);
		CHECK(judged->previous == previous);
		previous = at;
		count++;
	}
	CHECK(norms->last == previous && norms->judged_count == count);
	CHECK(!norms->is_listed || merger->renewal.stale.count > 0);
	bool is_renewing = merger->renewal.done < merger->renewal.accounts.count;
	CHECK(!norms->is_stale || norms->judged_count == 0 || norms->is_listed || is_renewing);
}
