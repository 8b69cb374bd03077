#include "core/model/pane.h"

#include <stdlib.h>

struct pane *pane_create(void)
{
	struct pane *pane = calloc(1, sizeof(*pane));
	CHECK(pane);
	return pane;
}

void pane_clear(struct pane *pane)
{
	free(pane->bins);
	*pane = (struct pane){0};
}

void pane_destroy(struct pane *pane)
{
	if (pane)
		free(pane->bins);
	free(pane);
}

/* Sums wrap, so that what was added can be taken back exactly whatever came between. */
static int64_t add(int64_t sum, int64_t delta)
{
	return (int64_t)((uint64_t)sum + (uint64_t)delta);
}

/* The first bin whose slot is not below. Without a branch: which half it is in cannot be foretold. */
static size_t find_bin(const struct pane *pane, unsigned slot)
{
	const struct bin *first = pane->bins;
	for (size_t count = pane->bin_count; count > 0;) {
		size_t half = (count + 1) / 2;
		first += first[half - 1].slot < slot ? half : 0;
		count -= half;
	}
	return (size_t)(first - pane->bins);
}

static void reserve_bins(struct pane *pane, size_t count)
{
	if (count <= pane->bin_capacity)
		return;
	size_t capacity = 2 * (size_t)pane->bin_capacity;
	capacity = capacity < 4 ? 4 : capacity;
	capacity = capacity < count ? count : capacity;
	pane->bins = realloc(pane->bins, capacity * sizeof(*pane->bins));
	CHECK(pane->bins);
	pane->bin_capacity = (uint32_t)capacity;
}

static void add_bin(struct pane *pane, unsigned slot, int64_t delta)
{
	bool is_last = pane->bin_count == 0 || pane->bins[pane->bin_count - 1].slot < slot;
	size_t at = is_last ? pane->bin_count : find_bin(pane, slot);
	bool is_there = !is_last && pane->bins[at].slot == slot;
	if (is_there && pane->bins[at].count + delta != 0) {
		pane->bins[at].count += delta;
		return;
	}
	if (is_there) {
		pane->bin_count--;
		memmove(&pane->bins[at], &pane->bins[at + 1], (pane->bin_count - at) * sizeof(*pane->bins));
		return;
	}
	reserve_bins(pane, (size_t)pane->bin_count + 1);
	struct bin *rest = &pane->bins[at];
	memmove(rest + 1, rest, (pane->bin_count - at) * sizeof(*rest));
	pane->bin_count++;
	*rest = (struct bin){delta, (uint16_t)slot};
}

static uint32_t count_new_bins(const struct pane *pane, const struct pane *other)
{
	uint32_t count = other->bin_count;
	for (uint32_t i = 0, j = 0; i < pane->bin_count && j < other->bin_count;) {
		unsigned here = pane->bins[i].slot, there = other->bins[j].slot;
		count -= here == there;
		i += here <= there;
		j += there <= here;
	}
	return count;
}

static void drop_zero_bins(struct pane *pane)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < pane->bin_count; i++)
		if (pane->bins[i].count != 0)
			pane->bins[kept++] = pane->bins[i];
	pane->bin_count = kept;
}

/* Both are sorted: merged from the end, where there is room. */
static void merge_bins(struct pane *pane, const struct pane *other, int64_t sign)
{
	uint32_t i = pane->bin_count, j = other->bin_count;
	uint32_t at = i + count_new_bins(pane, other);
	bool is_any_zero = false;
	reserve_bins(pane, at);
	pane->bin_count = at;
	while (j > 0) {
		struct bin bin = {sign * other->bins[j - 1].count, other->bins[j - 1].slot};
		if (i > 0 && pane->bins[i - 1].slot > bin.slot) {
			pane->bins[--at] = pane->bins[--i];
			continue;
		}
		if (i > 0 && pane->bins[i - 1].slot == bin.slot)
			bin.count += pane->bins[--i].count;
		is_any_zero |= bin.count == 0;
		pane->bins[--at] = bin;
		j--;
	}
	if (is_any_zero)
		drop_zero_bins(pane);
}

static void add_bins(struct pane *pane, const struct pane *other, int64_t sign)
{
	const uint32_t few = 8; /* so many times fewer are searched for one by one */
	if (other->bin_count * few > pane->bin_count) {
		merge_bins(pane, other, sign);
		return;
	}
	for (uint32_t i = 0; i < other->bin_count; i++)
		add_bin(pane, other->bins[i].slot, sign * other->bins[i].count);
}

void pane_add(struct pane *pane, unsigned slot, int64_t delta)
{
	CHECK(slot < SLOT_WROTE);
	if (slot < SLOT_COUNT)
		pane->sums[slot] = add(pane->sums[slot], delta);
	else if (delta)
		add_bin(pane, slot, delta);
}

void pane_add_pane(struct pane *pane, const struct pane *other, int64_t sign)
{
	const uint64_t mask = sign < 0 ? UINT64_MAX : 0; /* -x is ~x + 1 */
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		pane->sums[slot] = add(pane->sums[slot],
				       (int64_t)(((uint64_t)other->sums[slot] ^ mask) - mask));
	add_bins(pane, other, sign);
}

void pane_assign(struct pane *pane, const struct pane *other)
{
	memcpy(pane->sums, other->sums, sizeof(pane->sums));
	reserve_bins(pane, other->bin_count);
	pane->bin_count = other->bin_count;
	if (other->bin_count)
		memcpy(pane->bins, other->bins, other->bin_count * sizeof(*other->bins));
}

bool pane_is_zero(const struct pane *pane)
{
	int64_t any = 0;
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		any |= pane->sums[slot];
	return any == 0 && pane->bin_count == 0;
}

bool pane_equal(const struct pane *a, const struct pane *b)
{
	if (a->bin_count != b->bin_count || memcmp(a->sums, b->sums, sizeof(a->sums)) != 0)
		return false;
	for (uint32_t i = 0; i < a->bin_count; i++)
		if (a->bins[i].slot != b->bins[i].slot || a->bins[i].count != b->bins[i].count)
			return false;
	return true;
}

int64_t pane_quantile_ms(const struct pane *pane, enum histogram_kind kind, enum basis basis,
			 unsigned percent)
{
	unsigned first = slot_of_bin(kind, basis, 0);
	size_t begin = find_bin(pane, first);
	size_t end = find_bin(pane, first + HISTOGRAM_BIN_COUNT);
	int64_t total = 0;
	for (size_t i = begin; i < end; i++)
		total += pane->bins[i].count;
	if (total <= 0)
		return -1;
	int64_t rank = (total * percent + 99) / 100;
	size_t at = begin;
	for (int64_t seen = pane->bins[at].count; seen < rank; seen += pane->bins[at].count)
		at++;
	return histogram_value_ms(pane->bins[at].slot - first);
}

void pane_encode(const struct pane *pane, struct buffer *out)
{
	unsigned count = 0;
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		count += pane->sums[slot] != 0;
	buffer_put_unsigned(out, count + pane->bin_count);
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		if (pane->sums[slot] == 0)
			continue;
		buffer_put_unsigned(out, slot);
		buffer_put_signed(out, pane->sums[slot]);
	}
	for (uint32_t i = 0; i < pane->bin_count; i++) {
		buffer_put_unsigned(out, pane->bins[i].slot);
		buffer_put_signed(out, pane->bins[i].count);
	}
}

void pane_decode(struct pane *pane, struct reader *reader)
{
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		uint64_t slot = reader_unsigned(reader);
		int64_t sum = reader_signed(reader);
		if (slot >= SLOT_WROTE)
			reader->failed = true;
		else
			pane_add(pane, (unsigned)slot, sum);
	}
}
