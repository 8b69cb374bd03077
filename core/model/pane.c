#include "core/model/pane.h"

#include <stdlib.h>

enum { NEW_BINS_MAX = 128 };

void pane_clear(struct pane *pane)
{
	free(pane->bins);
	*pane = (struct pane){0};
}

/* The first bin at a place or behind it whose slot is not below. No slot is there twice: so there are no more
 * bins before it than slots lie between. Without a branch: which half it is in cannot be foretold. */
static size_t find_bin(const struct pane *pane, size_t from, unsigned slot)
{
	size_t first = from, count = pane->bin_count - from;
	if (count == 0 || pane->bins[from].slot >= slot)
		return from;
	if (count > slot - pane->bins[from].slot)
		count = slot - pane->bins[from].slot;
	while (count > 0) {
		size_t half = (count + 1) / 2;
		first += pane->bins[first + half - 1].slot < slot ? half : 0;
		count -= half;
	}
	return first;
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

static void drop_zero_bins(struct pane *pane)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < pane->bin_count; i++)
		if (pane->bins[i].sum != 0)
			pane->bins[kept++] = pane->bins[i];
	pane->bin_count = kept;
}

/* Sums of bins that a pane lacks, and before which of its bins each belongs. */
struct new_bins {
	size_t count;
	struct {
		uint32_t at;
		struct slot_sum bin;
	} bins[NEW_BINS_MAX];
};

/* From the end, so that nothing is written over that is still to be moved. */
static void insert_bins(struct pane *pane, const struct new_bins *new)
{
	size_t end = pane->bin_count;
	reserve_bins(pane, end + new->count);
	pane->bin_count += (uint32_t)new->count;
	for (size_t left = new->count; left > 0; left--) {
		size_t at = new->bins[left - 1].at;
		memmove(&pane->bins[at + left], &pane->bins[at], (end - at) * sizeof(*pane->bins));
		pane->bins[at + left - 1] = new->bins[left - 1].bin;
		end = at;
	}
}

/* At most NEW_BINS_MAX. */
static void add_bins(struct pane *pane, const struct slot_sum *bins, size_t count, int64_t sign)
{
	const size_t few = 4; /* so many times fewer are searched for */
	bool is_few = count * few < pane->bin_count, has_zero = false;
	struct new_bins new;
	new.count = 0;
	for (size_t i = 0, at = 0; i < count; i++) {
		unsigned slot = bins[i].slot;
		if (is_few)
			at = find_bin(pane, at, slot);
		while (!is_few && at < pane->bin_count && pane->bins[at].slot < slot)
			at++;
		if (at < pane->bin_count && pane->bins[at].slot == slot) {
			pane->bins[at].sum += sign * bins[i].sum;
			has_zero |= pane->bins[at].sum == 0;
			continue;
		}
		new.bins[new.count].at = (uint32_t)at;
		new.bins[new.count++].bin = (struct slot_sum){sign * bins[i].sum, (uint16_t)slot};
	}
	if (new.count)
		insert_bins(pane, &new);
	if (has_zero)
		drop_zero_bins(pane);
}

void pane_add_bin(struct pane *pane, unsigned slot, int64_t delta)
{
	CHECK(slot >= SLOT_COUNT && slot < SLOT_WROTE);
	if (delta == 0)
		return;
	const struct slot_sum bin = {delta, (uint16_t)slot};
	if (pane->bin_count > 0 && pane->bins[pane->bin_count - 1].slot >= slot) {
		add_bins(pane, &bin, 1, 1);
		return;
	}
	reserve_bins(pane, (size_t)pane->bin_count + 1);
	pane->bins[pane->bin_count++] = bin;
}

void pane_add_sums(struct pane *pane, const struct slot_sum *sums, size_t count, int64_t sign)
{
	size_t i = 0;
	CHECK(count == 0 || sums[count - 1].slot < SLOT_WROTE);
	for (; i < count && sums[i].slot < SLOT_COUNT; i++)
		pane_add(pane, sums[i].slot, (int64_t)((uint64_t)sums[i].sum * (uint64_t)sign));
	for (size_t some; i < count; i += some) {
		some = count - i < NEW_BINS_MAX ? count - i : NEW_BINS_MAX;
		add_bins(pane, sums + i, some, sign);
	}
}

void pane_add_pane(struct pane *pane, const struct pane *other, int64_t sign)
{
	for (unsigned slot = pane_used(other, 0); slot < SLOT_COUNT; slot = pane_used(other, slot + 1))
		pane_add(pane, slot, (int64_t)((uint64_t)other->sums[slot] * (uint64_t)sign));
	pane_add_sums(pane, other->bins, other->bin_count, sign);
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
		if (a->bins[i].slot != b->bins[i].slot || a->bins[i].sum != b->bins[i].sum)
			return false;
	return true;
}

int64_t pane_quantile_ms(const struct pane *pane, enum histogram_kind kind, enum basis basis,
			 unsigned percent)
{
	unsigned first = slot_of_bin(kind, basis, 0);
	size_t begin = find_bin(pane, 0, first);
	size_t end = find_bin(pane, 0, first + HISTOGRAM_BIN_COUNT);
	int64_t total = 0;
	for (size_t i = begin; i < end; i++)
		total += pane->bins[i].sum;
	if (total <= 0)
		return -1;
	int64_t rank = (total * percent + 99) / 100;
	size_t at = begin;
	for (int64_t seen = pane->bins[at].sum; seen < rank; seen += pane->bins[at].sum)
		at++;
	return histogram_value_ms(pane->bins[at].slot - first);
}

void pane_encode(const struct pane *pane, struct buffer *out)
{
	size_t count = pane->bin_count;
	for (unsigned slot = pane_used(pane, 0); slot < SLOT_COUNT; slot = pane_used(pane, slot + 1))
		count += pane->sums[slot] != 0;
	char *begin = buffer_reserve(out, (1 + 2 * count) * NUMBER_BYTES_MAX);
	char *end = number_put(begin, count);
	for (unsigned slot = pane_used(pane, 0); slot < SLOT_COUNT; slot = pane_used(pane, slot + 1))
		if (pane->sums[slot] != 0)
			end = number_put_signed(number_put(end, slot), pane->sums[slot]);
	for (uint32_t i = 0; i < pane->bin_count; i++)
		end = number_put_signed(number_put(end, pane->bins[i].slot), pane->bins[i].sum);
	out->len += (size_t)(end - begin);
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
