#include "daemon/replay_fold.h"

#include <stdlib.h>

#include "daemon/in_threads.h"

/* A claim that holds, in a table by click. */
struct claims {
	struct gathered_claim *slots; /* claim.id_len 0: free */
	struct slice *ids;
	size_t size;
};

/* The series that a gather's facts name. */
struct source {
	const struct series_table *table;
	uint32_t *series; /* [series there]: series here */
};

struct entry {
	struct key128 person;
	const struct gathered *gathered;
	struct slice id;
	const struct source *source;
};

struct fold_all {
	struct gather *const *gathers;
	size_t gather_count;
	const struct config *config;
	const unsigned char *identity_key;
	struct claims claims;
	struct source *sources; /* [gather] */
	struct merger *merger;
	int64_t now_ms;
};

struct fold_worker {
	struct fold_all *all;
	size_t number;
	size_t worker_count;
	struct task *task;
	struct ladder ladder;
	struct entry *entries;
	size_t entry_count;
	size_t entry_capacity;
	uint32_t *seen; /* a table of the ids of one person: entry numbers + 1 */
	size_t seen_size; /* for this person, a power of two */
	size_t seen_capacity;
	uint64_t duplicate_count;
};

static void *allocate(size_t count, size_t size)
{
	void *array = calloc(count ? count : 1, size);
	CHECK(array);
	return array;
}

static struct gathered_claim *claim_slot(const struct claims *claims, struct key128 click)
{
	size_t at = click.high & (claims->size - 1);
	while (claims->slots[at].claim.id_len && !key128_equal(claims->slots[at].click, click))
		at = (at + 1) & (claims->size - 1);
	return &claims->slots[at];
}

static void put_claim(struct claims *claims, const struct gathered_claim *claim, struct slice id)
{
	struct gathered_claim *slot = claim_slot(claims, claim->click);
	struct slice *slot_id = &claims->ids[slot - claims->slots];
	if (slot->claim.id_len && claim_compare(&claim->claim, id, &slot->claim, *slot_id) >= 0)
		return;
	*slot = *claim;
	*slot_id = id;
}

static void resolve_claims(struct fold_all *all)
{
	size_t count = 0;
	for (size_t i = 0; i < all->gather_count; i++)
		count += all->gathers[i]->claims.len / sizeof(struct gathered_claim);
	all->claims.size = 64;
	while (all->claims.size < 2 * count)
		all->claims.size *= 2;
	all->claims.slots = allocate(all->claims.size, sizeof(*all->claims.slots));
	all->claims.ids = allocate(all->claims.size, sizeof(*all->claims.ids));
	for (size_t i = 0; i < all->gather_count; i++) {
		const struct gather *gather = all->gathers[i];
		const struct gathered_claim *claims = (const void *)gather->claims.data;
		for (size_t j = 0; j < gather->claims.len / sizeof(*claims); j++)
			put_claim(&all->claims, &claims[j],
				  (struct slice){gather->claim_ids.data + claims[j].id_at,
						 claims[j].claim.id_len});
	}
}

/* Names and reports of all gathers, in the first one's task; ads that only others saw are added there. */
static void merge_ads(struct fold_all *all, struct counts *counts)
{
	struct task *first = all->gathers[0]->task;
	for (size_t i = 1; i < all->gather_count; i++) {
		struct task *other = all->gathers[i]->task;
		for (uint32_t at = 0; at < other->series.count; at++) {
			const struct series *series = &other->series.series[at];
			if (series->level != LEVEL_AD || series->is_organic)
				continue;
			uint32_t here = join_intern_ad(&first->join, series->id);
			struct ad_facts *from = task_ad(other, at), *to = task_ad(first, here);
			for (int field = 0; field < NAME_FIELD_COUNT; field++)
				if (from->names.fields[field].time_ms != TIME_NONE)
					names_note(&to->names, (enum name_field)field,
						   &from->names.fields[field]);
			for (size_t j = 0; j < from->reports.count; j++) {
				if (reports_put(&to->reports, &from->reports.reports[j]))
					continue;
				counts->classes[CLASS_APPLIED]--;
				counts->classes[CLASS_DUPLICATE]++;
			}
		}
	}
}

/* Every series of every gather, in one order for all workers. */
static void intern_series(const struct fold_all *all, struct task *task)
{
	for (size_t i = 0; i < all->gather_count; i++) {
		const struct series_table *table = &all->gathers[i]->task->series;
		const size_t organic_len = sizeof("organic:") - 1;
		for (uint32_t at = 0; at < table->count; at++) {
			struct slice id = table->series[at].id;
			if (table->series[at].is_organic)
				join_intern_organic(&task->join,
						    (struct slice){id.data + organic_len,
								   id.len - organic_len});
			else if (table->series[at].level == LEVEL_AD)
				join_intern_ad(&task->join, id);
		}
	}
}

static void map_series(struct fold_all *all, struct task *task)
{
	intern_series(all, task);
	all->sources = allocate(all->gather_count, sizeof(*all->sources));
	for (size_t i = 0; i < all->gather_count; i++) {
		const struct series_table *table = &all->gathers[i]->task->series;
		uint32_t *series = allocate(table->count, sizeof(*series));
		all->sources[i] = (struct source){table, series};
		for (uint32_t at = 0; at < table->count; at++)
			series[at] =
				series_intern(&task->series, table->series[at].level, table->series[at].id,
					      table->series[at].is_organic);
	}
}

static void ignore_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
			const struct pane *pane, int64_t people)
{
	(void)ctx, (void)ref, (void)is_day, (void)from_ms, (void)to_ms, (void)pane, (void)people;
}

static void put_parents(const struct fold_all *all, struct task *task)
{
	const struct task *first = all->gathers[0]->task;
	const struct task_sink sink = {.span = ignore_span};
	struct ad_parents *changes = allocate(first->series.count, sizeof(*changes));
	size_t count = 0;
	for (uint32_t at = 0; at < first->series.count; at++) {
		const struct series *series = &first->series.series[at];
		if (series->level != LEVEL_AD || series->is_organic)
			continue;
		changes[count].ad = series->id;
		changes[count++].parents = merger_parents(all->merger, series->id);
	}
	task_put_parents(task, changes, count, &sink);
	free(changes);
}

static struct fact fact_here(const struct entry *entry)
{
	struct fact fact = entry->gathered->fact;
	fact.ad = fact.ad == SERIES_NONE ? SERIES_NONE : entry->source->series[fact.ad];
	fact.organic = entry->source->series[fact.organic];
	return fact;
}

static int compare_facts(const struct entry *a, const struct entry *b)
{
	const struct fact *left = &a->gathered->fact, *right = &b->gathered->fact;
	if (left->time_ms != right->time_ms)
		return left->time_ms < right->time_ms ? -1 : 1;
	if (left->rank != right->rank)
		return left->rank < right->rank ? -1 : 1;
	int order = slice_compare(a->id, b->id);
	return order ? order : fact_compare_content(left, a->source->table, right, b->source->table);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = key128_compare(a->person, b->person);
	return order ? order : compare_facts(a, b);
}

static void push_entry(struct fold_worker *worker, const struct entry *entry)
{
	if (worker->entry_count == worker->entry_capacity) {
		worker->entry_capacity = worker->entry_capacity ? 2 * worker->entry_capacity : 1024;
		worker->entries = realloc(worker->entries, worker->entry_capacity * sizeof(*worker->entries));
		CHECK(worker->entries);
	}
	worker->entries[worker->entry_count++] = *entry;
}

/* What is by click goes to whoever claimed it. A worker does it for a share of the gathers. */
static void settle_clicks(void *ctx, size_t number)
{
	const struct fold_worker *worker = (const struct fold_worker *)ctx + number;
	const struct fold_all *all = worker->all;
	for (size_t i = worker->number; i < all->gather_count; i += worker->worker_count) {
		struct gather *gather = all->gathers[i];
		const struct gathered *gathered;
		struct slice id;
		struct fact_place place = {gather->by_click.first, 0};
		while ((gathered = gather_next(&place, &id))) {
			struct gathered settled = *gathered;
			const struct gathered_claim *claim = claim_slot(&all->claims, settled.key);
			if (claim->claim.id_len)
				settled.key = claim->claim.person;
			gather_put(gather, &settled, id);
		}
		fact_pile_destroy(&gather->by_click);
	}
}

static void find_entries(struct fold_worker *worker, size_t partition)
{
	const struct fold_all *all = worker->all;
	worker->entry_count = 0;
	for (uint32_t i = 0; i < all->gather_count; i++) {
		struct entry entry = {.source = &all->sources[i]};
		struct fact_place place = {all->gathers[i]->facts[partition].first, 0};
		while ((entry.gathered = gather_next(&place, &entry.id))) {
			entry.person = entry.gathered->key;
			push_entry(worker, &entry);
		}
	}
}

/* Whether an earlier entry of the person, all in [begin, at), has the id; else it is remembered. */
static bool is_duplicate(struct fold_worker *worker, size_t begin, size_t at)
{
	const struct entry *entry = &worker->entries[at];
	size_t place = entry->gathered->fact.id_hash & (worker->seen_size - 1);
	for (; worker->seen[place]; place = (place + 1) & (worker->seen_size - 1))
		if (slice_equal(worker->entries[begin + worker->seen[place] - 1].id, entry->id))
			return true;
	worker->seen[place] = (uint32_t)(at - begin) + 1;
	return false;
}

static void forget_seen(struct fold_worker *worker, size_t count)
{
	size_t size = 16;
	while (size < 2 * count)
		size *= 2;
	if (size > worker->seen_capacity) {
		free(worker->seen);
		worker->seen = allocate(size, sizeof(*worker->seen));
		worker->seen_capacity = size;
	} else {
		memset(worker->seen, 0, size * sizeof(*worker->seen));
	}
	worker->seen_size = size;
}

static void fold_person(struct fold_worker *worker, size_t begin, size_t end)
{
	struct task *task = worker->task;
	struct fold_context ctx = {task->options, &task->series};
	ladder_reset(&worker->ladder);
	forget_seen(worker, end - begin);
	for (size_t i = begin; i < end; i++) {
		if (is_duplicate(worker, begin, i)) {
			worker->duplicate_count++;
			continue;
		}
		struct fact fact = fact_here(&worker->entries[i]);
		task->steps.count = 0;
		fold_event(&ctx, &worker->ladder, &fact, &task->steps);
		window_apply(&task->window, &task->steps, fact.time_ms);
	}
}

static void fold_partition(struct fold_worker *worker, size_t partition)
{
	find_entries(worker, partition);
	if (worker->entry_count)
		qsort(worker->entries, worker->entry_count, sizeof(*worker->entries), compare_entries);
	for (size_t begin = 0, end = 0; begin < worker->entry_count; begin = end) {
		end = begin + 1;
		while (end < worker->entry_count &&
		       key128_equal(worker->entries[begin].person, worker->entries[end].person))
			end++;
		fold_person(worker, begin, end);
	}
	for (size_t i = 0; i < worker->all->gather_count; i++)
		fact_pile_destroy(&worker->all->gathers[i]->facts[partition]);
}

/* Of a share of the partitions, whose facts are gone afterwards. */
static void fold_people(void *ctx, size_t number)
{
	struct fold_worker *worker = (struct fold_worker *)ctx + number;
	for (size_t i = worker->number; i < PEOPLE_PARTITIONS; i += worker->worker_count)
		fold_partition(worker, i);
	free(worker->entries);
	free(worker->seen);
	ladder_destroy(&worker->ladder);
}

struct merge {
	struct merger *merger;
	uint32_t worker;
};

static void merge_window(void *ctx, struct entity_ref ref, size_t window, const struct pane *pane,
			 int64_t people)
{
	const struct merge *merge = ctx;
	merger_put_window(merge->merger, merge->worker, ref, window, pane, people);
}

static void merge_span(void *ctx, struct entity_ref ref, bool is_day, int64_t from_ms, int64_t to_ms,
		       const struct pane *pane, int64_t people)
{
	const struct merge *merge = ctx;
	merger_put_span(merge->merger, merge->worker, ref, is_day, from_ms, to_ms, pane, people);
}

/* Reports and names of the ads, before any number: the merger then knows every ad and its parents. */
static void merge_names(struct fold_all *all)
{
	struct task *first = all->gathers[0]->task;
	for (uint32_t at = 0; at < first->series.count; at++) {
		const struct series *series = &first->series.series[at];
		if (series->level != LEVEL_AD || series->is_organic)
			continue;
		struct ad_facts *ad = task_ad(first, at);
		merger_put_names(all->merger, series->id, &ad->names);
		if (ad->reports.count)
			merger_put_reports(all->merger, 0, series->id, &ad->reports);
	}
}

static void fold_and_merge(struct fold_all *all, size_t worker_count, struct counts *counts,
			   uint64_t *frozen_count)
{
	struct fold_worker *workers = allocate(worker_count, sizeof(*workers));
	for (size_t i = 0; i < worker_count; i++) {
		workers[i] = (struct fold_worker){.all = all, .number = i, .worker_count = worker_count};
		workers[i].task = task_create(&all->config->options, all->identity_key, 1);
		if (i == 0)
			map_series(all, workers[i].task);
		else
			intern_series(all, workers[i].task);
		put_parents(all, workers[i].task);
		window_advance(&workers[i].task->window, all->now_ms);
	}
	in_threads(worker_count, settle_clicks, workers);
	in_threads(worker_count, fold_people, workers);
	for (size_t i = 0; i < worker_count; i++) {
		struct merge merge = {all->merger, (uint32_t)i};
		task_collect(workers[i].task, ~0u, true,
			     &(struct task_sink){NULL, NULL, merge_window, merge_span, &merge});
		counts->classes[CLASS_APPLIED] -= workers[i].duplicate_count;
		counts->classes[CLASS_DUPLICATE] += workers[i].duplicate_count;
		*frozen_count += workers[i].task->window.frozen_count;
		task_destroy(workers[i].task);
	}
	free(workers);
}

int64_t replay_fold(struct gather *const *gathers, size_t gather_count, size_t worker_count,
		    const struct config *config, const unsigned char identity_key[16], struct merger *merger,
		    struct counts *counts, uint64_t *frozen_count)
{
	struct fold_all all = {
		.gathers = gathers,
		.gather_count = gather_count,
		.config = config,
		.identity_key = identity_key,
		.merger = merger,
		.now_ms = TIME_NONE,
	};
	for (size_t i = 0; i < gather_count; i++) {
		counts_add(counts, &gathers[i]->counts);
		if (gathers[i]->max_ms > all.now_ms)
			all.now_ms = gathers[i]->max_ms;
	}
	if (all.now_ms == TIME_NONE)
		return TIME_NONE;
	resolve_claims(&all);
	merge_ads(&all, counts);
	merger_advance(merger, all.now_ms);
	merge_names(&all);
	fold_and_merge(&all, worker_count, counts, frozen_count);
	for (size_t i = 0; i < gather_count; i++)
		free(all.sources[i].series);
	free(all.sources);
	free(all.claims.slots);
	free(all.claims.ids);
	return all.now_ms;
}
