#include <stdlib.h>

#include "core/base/civil.h"
#include "core/base/rfc3339.h"
#include "core/state/series.h"

/* What one span gets, summed: of the counters by slot with a bit for each that was touched, of bins a list.
 * */
struct gathered {
	int64_t sums[SLOT_COUNT];
	uint64_t touched[2];
	size_t bin_count;
	struct slot_sum bins[WAITING_MAX];
	size_t list_count;
	struct slot_sum list[SLOT_COUNT + WAITING_MAX];
};
_Static_assert(SLOT_COUNT <= 128, "the bits of gathered.touched");
_Static_assert(SLOT_WROTE < 1 << WAITING_SLOT_BITS, "a slot fits into the key of a waiting step");

/* In a cache line. The next one of a series is fetched before it is needed: in between come those of many
 * others. */
enum { STEPS_AHEAD = 64 / sizeof(struct waiting_step) };

/* The greatest time that a key can have: there is no step at it. */
#define KEY_TIME_MAX_MS ((int64_t)(UINT64_MAX >> WAITING_SLOT_BITS))
_Static_assert(TIME_MAX_MS + INT64_C(1000) * UTC_DAY_MS < KEY_TIME_MAX_MS, "and a pane's end");

static int64_t time_of(const struct waiting_step *step)
{
	return (int64_t)(step->key >> WAITING_SLOT_BITS);
}

/* The least key that a step at a time or later can have. */
static uint64_t key_of(int64_t time_ms)
{
	return time_ms < 0 ? 0 : (uint64_t)time_ms << WAITING_SLOT_BITS;
}

/* ---- Waiting ---- */

static void *grow(void *array, uint32_t *capacity, uint32_t count, size_t size)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 4;
	array = realloc(array, *capacity * size);
	CHECK(array);
	return array;
}

void series_add(struct series *series, const struct frame *frame, int64_t time_ms, unsigned slot,
		int64_t delta)
{
	CHECK(slot < SLOT_WROTE && time_ms >= 0);
	if (series->step_count == WAITING_MAX)
		series_settle(series, frame);
	series->steps =
		grow(series->steps, &series->step_capacity, series->step_count, sizeof(*series->steps));
	struct waiting_step *step = &series->steps[series->step_count++];
	*step = (struct waiting_step){key_of(time_ms) | slot, delta};
	__builtin_prefetch(step + STEPS_AHEAD, 1);
	series->is_dirty = true;
}

void series_add_people(struct series *series, const struct frame *frame, int64_t time_ms, int64_t before_ms,
		       int64_t delta)
{
	if (series->person_count == PERSONS_WAITING_MAX)
		series_settle(series, frame);
	series->persons = grow(series->persons, &series->person_capacity, series->person_count,
			       sizeof(*series->persons));
	series->persons[series->person_count++] = (struct waiting_person){time_ms, before_ms, delta};
	series->is_dirty = true;
}

/* ---- Sorting ---- */

static void merge(const struct waiting_step *a, size_t a_count, const struct waiting_step *b, size_t b_count,
		  struct waiting_step *out)
{
	const struct waiting_step *a_end = a + a_count, *b_end = b + b_count;
	while (a < a_end && b < b_end)
		*out++ = b->key < a->key ? *b++ : *a++;
	while (a < a_end)
		*out++ = *a++;
	while (b < b_end)
		*out++ = *b++;
}

static void sort_run(struct waiting_step *steps, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct waiting_step step = steps[i];
		size_t at = i;
		for (; at > 0 && steps[at - 1].key > step.key; at--)
			steps[at] = steps[at - 1];
		steps[at] = step;
	}
}

static void sort_merging(struct waiting_step *steps, size_t count, struct waiting_step *scratch)
{
	enum { RUN = 8 };
	for (size_t i = 0; i < count; i += RUN)
		sort_run(steps + i, count - i < RUN ? count - i : RUN);
	for (size_t run = RUN; run < count; run *= 2) {
		for (size_t i = 0; i < count; i += 2 * run) {
			size_t left = count - i < run ? count - i : run;
			size_t right = count - i - left < run ? count - i - left : run;
			merge(steps + i, left, steps + i + left, right, scratch + i);
		}
		memcpy(steps, scratch, count * sizeof(*steps));
	}
}

/* Most are in order; those that are not are taken out, sorted and merged back. */
static void sort_steps(struct waiting_step *steps, size_t count)
{
	struct waiting_step late[WAITING_MAX], scratch[WAITING_MAX];
	size_t kept = 0, late_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && steps[i].key < steps[kept - 1].key)
			late[late_count++] = steps[i];
		else
			steps[kept++] = steps[i];
	}
	if (late_count == 0)
		return;
	sort_merging(late, late_count, scratch);
	merge(steps, kept, late, late_count, scratch);
	memcpy(steps, scratch, count * sizeof(*steps));
}

static uint32_t find_step(const struct series *series, int64_t time_ms)
{
	uint64_t key = key_of(time_ms);
	uint32_t low = 0, high = series->step_count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (series->steps[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- Gathering ---- */

static void gather_bin(struct gathered *gathered, uint16_t slot, int64_t delta)
{
	size_t at = gathered->bin_count;
	while (at > 0 && gathered->bins[at - 1].slot > slot)
		at--;
	if (at > 0 && gathered->bins[at - 1].slot == slot) {
		gathered->bins[at - 1].sum += delta;
		return;
	}
	memmove(&gathered->bins[at + 1], &gathered->bins[at],
		(gathered->bin_count - at) * sizeof(*gathered->bins));
	gathered->bins[at] = (struct slot_sum){delta, slot};
	gathered->bin_count++;
}

static inline void gather(struct gathered *gathered, const struct waiting_step *step)
{
	unsigned slot = step->key & ((1u << WAITING_SLOT_BITS) - 1);
	if (slot >= SLOT_COUNT) {
		gather_bin(gathered, (uint16_t)slot, step->delta);
		return;
	}
	gathered->sums[slot] = (int64_t)((uint64_t)gathered->sums[slot] + (uint64_t)step->delta);
	gathered->touched[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* What was gathered becomes the list; the rest is empty again. */
static void list_gathered(struct gathered *gathered)
{
	size_t count = 0;
	for (unsigned half = 0; half < 2; half++)
		for (uint64_t left = gathered->touched[half]; left; left &= left - 1) {
			unsigned slot = half * 64 + (unsigned)__builtin_ctzll(left);
			if (gathered->sums[slot])
				gathered->list[count++] =
					(struct slot_sum){gathered->sums[slot], (uint16_t)slot};
			gathered->sums[slot] = 0;
		}
	for (size_t i = 0; i < gathered->bin_count; i++)
		if (gathered->bins[i].sum)
			gathered->list[count++] = gathered->bins[i];
	gathered->touched[0] = gathered->touched[1] = 0;
	gathered->bin_count = 0;
	gathered->list_count = count;
}

/* Those from `first` on that are before a time, summed; returns the first behind them. */
static uint32_t gather_until(const struct series *series, uint32_t first, int64_t end_ms,
			     struct gathered *gathered)
{
	uint64_t end = key_of(end_ms);
	uint32_t at = first;
	for (; at < series->step_count && series->steps[at].key < end; at++)
		gather(gathered, &series->steps[at]);
	list_gathered(gathered);
	return at;
}

/* ---- Putting ---- */

static void settle_ring(struct series *series, const struct frame *frame, size_t g, struct gathered *gathered)
{
	const struct grain *grain = &frame->grains[g];
	uint32_t at = find_step(series, (series->ends[g] - grain->pane_count) * grain->slide_ms);
	if (at < series->step_count && !series->rings[g]) {
		series->rings[g] = calloc(grain->pane_count, sizeof(**series->rings));
		CHECK(series->rings[g]);
	}
	while (at < series->step_count) {
		int64_t pane = time_of(&series->steps[at]) / grain->slide_ms;
		CHECK(pane < series->ends[g]);
		struct thin **place = &series->rings[g][pane % grain->pane_count];
		__builtin_prefetch(*place, 1);
		at = gather_until(series, at, (pane + 1) * grain->slide_ms, gathered);
		*place = thin_add(*place, gathered->list, gathered->list_count);
	}
}

/* What a slice got stands in place of its steps, as steps at its beginning. */
static uint32_t keep_gathered(struct series *series, uint32_t kept, int64_t index,
			      const struct gathered *gathered)
{
	uint64_t key = key_of(index * HISTORY_SLICE_MS);
	for (size_t i = 0; i < gathered->list_count; i++) {
		const struct slot_sum *sum = &gathered->list[i];
		series->steps[kept++] = (struct waiting_step){key | sum->slot, sum->sum};
	}
	return kept;
}

/* Leaves fewer steps, at the beginnings of slices. */
static void settle_history(struct series *series, struct gathered *gathered)
{
	uint32_t kept = 0;
	for (uint32_t at = 0; at < series->step_count;) {
		int64_t index = time_of(&series->steps[at]) / HISTORY_SLICE_MS;
		struct history_slice *slice = series_history_at(series, index);
		__builtin_prefetch(slice->pane, 1);
		at = gather_until(series, at, (index + 1) * HISTORY_SLICE_MS, gathered);
		slice->pane = thin_add(slice->pane, gathered->list, gathered->list_count);
		slice->is_changed = slice->is_dirty = true;
		kept = keep_gathered(series, kept, index, gathered);
	}
	series->step_count = kept;
	series->is_history_changed = true;
}

static int64_t window_begin_ms(const struct series *series, const struct frame *frame, size_t w)
{
	const struct frame_window *window = &frame->windows[w];
	return (series->ends[window->grain] - window->pane_count) * frame->grains[window->grain].slide_ms;
}

static void put_in_total(struct series *series, size_t w, const struct gathered *gathered)
{
	pane_add_sums(&series->totals[w], gathered->list, gathered->list_count, 1);
	series->changed_windows |= 1u << w;
}

/* Between the beginnings of two windows all steps go to the same totals. */
static void settle_totals(struct series *series, const struct frame *frame, uint32_t windows,
			  struct gathered *gathered)
{
	for (uint32_t at = 0; at < series->step_count;) {
		int64_t time_ms = time_of(&series->steps[at]), end_ms = KEY_TIME_MAX_MS;
		uint32_t in_windows = 0;
		for (size_t w = 0; windows >> w; w++) {
			int64_t begin_ms = window_begin_ms(series, frame, w);
			if (!(windows >> w & 1))
				continue;
			if (begin_ms <= time_ms)
				in_windows |= 1u << w;
			else if (begin_ms < end_ms)
				end_ms = begin_ms;
		}
		if (!in_windows) {
			at = find_step(series, end_ms);
			continue;
		}
		at = gather_until(series, at, end_ms, gathered);
		for (size_t w = 0; in_windows >> w; w++)
			if (in_windows >> w & 1)
				put_in_total(series, w, gathered);
	}
}

/* The panes and totals of all grains that whole slices of the history fit into, or of all others. */
static void settle_grains(struct series *series, const struct frame *frame, bool of_slices,
			  struct gathered *gathered)
{
	uint32_t windows = 0;
	for (size_t g = 0; g < frame->grain_count; g++) {
		if ((frame->grains[g].slide_ms % HISTORY_SLICE_MS == 0) != of_slices)
			continue;
		if (!frame->grains[g].is_history)
			settle_ring(series, frame, g, gathered);
		for (size_t w = 0; w < frame->window_count; w++)
			windows |= (uint32_t)(frame->windows[w].grain == g) << w;
	}
	settle_totals(series, frame, windows, gathered);
}

static void settle_steps(struct series *series, const struct frame *frame)
{
	struct gathered gathered;
	memset(gathered.sums, 0, sizeof(gathered.sums));
	gathered.touched[0] = gathered.touched[1] = 0;
	gathered.bin_count = 0;
	sort_steps(series->steps, series->step_count);
	settle_grains(series, frame, false, &gathered);
	settle_history(series, &gathered);
	settle_grains(series, frame, true, &gathered);
	series->step_count = 0;
}

/* ---- People ---- */

static void add_people_at(struct series *series, const struct frame *frame, size_t g, int64_t pane,
			  int64_t delta)
{
	uint32_t ring_count = frame->grains[g].pane_count;
	CHECK(pane < series->ends[g]);
	if (pane < 0 || pane < series->ends[g] - ring_count)
		return;
	if (!series->people_rings[g]) {
		series->people_rings[g] = calloc(ring_count, sizeof(**series->people_rings));
		CHECK(series->people_rings[g]);
	}
	series->people_rings[g][pane % ring_count] += (int32_t)delta;
	for (size_t w = 0; w < frame->window_count; w++) {
		if (frame->windows[w].grain != g || pane < series->ends[g] - frame->windows[w].pane_count)
			continue;
		series->people_totals[w] += delta;
		series->changed_windows |= 1u << w;
	}
}

/* A span of time and its number: mostly the next person wrote in the same one. */
struct known_span {
	int64_t begin_ms;
	int64_t end_ms;
	int64_t number;
};

static bool is_in_span(const struct known_span *span, int64_t time_ms)
{
	return time_ms >= span->begin_ms && time_ms < span->end_ms;
}

static void know_span(struct known_span *span, int64_t time_ms, int64_t len_ms)
{
	if (is_in_span(span, time_ms))
		return;
	int64_t number = civil_floor(time_ms, len_ms);
	*span = (struct known_span){number * len_ms, (number + 1) * len_ms, number};
}

/* Each person moves from the pane where he wrote before to the one where he writes now. */
static void move_persons(struct series *series, const struct frame *frame, size_t g)
{
	int64_t slide_ms = frame->grains[g].slide_ms;
	int64_t begin_ms = (series->ends[g] - frame->grains[g].pane_count) * slide_ms;
	struct known_span pane = {0, 0, 0};
	for (uint32_t i = 0; i < series->person_count; i++) {
		const struct waiting_person *person = &series->persons[i];
		bool is_out = person->time_ms < begin_ms;
		bool was_out = person->before_ms == TIME_NONE || person->before_ms < begin_ms;
		if (is_out && was_out)
			continue;
		know_span(&pane, person->time_ms, slide_ms);
		if (is_in_span(&pane, person->before_ms))
			continue;
		if (!is_out)
			add_people_at(series, frame, g, pane.number, person->delta);
		if (!was_out)
			add_people_at(series, frame, g, civil_floor(person->before_ms, slide_ms),
				      -person->delta);
	}
}

static int64_t day_of(struct series *series, int64_t time_ms)
{
	struct known_day *known = &series->known_day;
	if (known->zone != series->zone || time_ms < known->begin_ms || time_ms >= known->end_ms) {
		int64_t day = zone_day_of(series->zone, time_ms);
		*known = (struct known_day){series->zone, day, zone_day_start_ms(series->zone, day),
					    zone_day_start_ms(series->zone, day + 1)};
	}
	return known->day;
}

static void add_tally(struct series *series, struct tallies *tallies, int64_t index, int64_t delta)
{
	struct tally *tally = series_tally_at(tallies, index);
	tally->count += delta;
	tally->is_changed = true;
	series->is_history_changed = true;
}

static void count_person(struct series *series, const struct waiting_person *person, struct known_span *hour)
{
	know_span(hour, person->time_ms, HOUR_MS);
	if (!is_in_span(hour, person->before_ms))
		add_tally(series, &series->hours, hour->number, person->delta);
	int64_t day = day_of(series, person->time_ms);
	if (person->before_ms < series->known_day.begin_ms ||
	    person->before_ms >= series->known_day.end_ms)
		add_tally(series, &series->days, day, person->delta);
}

static void settle_persons(struct series *series, const struct frame *frame)
{
	struct known_span hour = {0, 0, 0};
	for (size_t g = 0; g < frame->grain_count; g++)
		move_persons(series, frame, g);
	for (uint32_t i = 0; i < series->person_count; i++)
		count_person(series, &series->persons[i], &hour);
	series->person_count = 0;
}

void series_settle(struct series *series, const struct frame *frame)
{
	if (series->step_count)
		settle_steps(series, frame);
	if (series->person_count)
		settle_persons(series, frame);
}
