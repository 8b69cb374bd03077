#include "core/state/thin.h"

#include <stdlib.h>

enum { ROOM_STEP = 4, PACKED_COUNT_MAX = 256 };

static struct thin *make_room(struct thin *thin, size_t count)
{
	if (thin && count <= thin->capacity)
		return thin;
	size_t capacity = (count + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	uint16_t known = thin ? thin->count : 0;
	thin = realloc(thin, sizeof(*thin) + capacity * sizeof(struct slot_sum));
	CHECK(thin);
	thin->count = known;
	thin->capacity = (uint16_t)capacity;
	return thin;
}

/* How many of the sums have a slot that the thin pane lacks. */
static size_t count_new(const struct thin *thin, const struct slot_sum *sums, size_t count)
{
	size_t known = 0, new = 0, thin_count = thin ? thin->count : 0;
	for (size_t i = 0; i < count; i++) {
		while (known < thin_count && thin->sums[known].slot < sums[i].slot)
			known++;
		new += known == thin_count || thin->sums[known].slot != sums[i].slot;
	}
	return new;
}

static int64_t add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* From the end, so that nothing is written over that is still to be read. */
static void merge(struct thin *thin, const struct slot_sum *sums, size_t count, size_t new)
{
	size_t from = thin->count, to = thin->count + new;
	thin->count = (uint16_t)to;
	while (count > 0) {
		const struct slot_sum *sum = &sums[count - 1];
		if (from > 0 && thin->sums[from - 1].slot > sum->slot) {
			thin->sums[--to] = thin->sums[--from];
			continue;
		}
		struct slot_sum merged = *sum;
		if (from > 0 && thin->sums[from - 1].slot == sum->slot)
			merged.sum = add(merged.sum, thin->sums[--from].sum);
		thin->sums[--to] = merged;
		count--;
	}
}

static struct thin *drop_zeros(struct thin *thin)
{
	uint16_t kept = 0;
	for (uint16_t i = 0; i < thin->count; i++)
		if (thin->sums[i].sum != 0)
			thin->sums[kept++] = thin->sums[i];
	thin->count = kept;
	if (kept > 0)
		return thin;
	free(thin);
	return NULL;
}

/* Adds what has its slot already, up to the first that has not; returns how many. */
static size_t add_known(struct thin *thin, const struct slot_sum *sums, size_t count, bool *has_zero)
{
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		while (at < thin->count && thin->sums[at].slot < sums[i].slot)
			at++;
		if (at == thin->count || thin->sums[at].slot != sums[i].slot)
			return i;
		thin->sums[at].sum = add(thin->sums[at].sum, sums[i].sum);
		*has_zero |= thin->sums[at].sum == 0;
	}
	return count;
}

static struct thin *add_to_open(struct thin *thin, const struct slot_sum *sums, size_t count)
{
	bool has_zero = false;
	size_t done = thin ? add_known(thin, sums, count, &has_zero) : 0;
	sums += done;
	count -= done;
	if (count == 0)
		return has_zero ? drop_zeros(thin) : thin;
	size_t new = count_new(thin, sums, count);
	thin = make_room(thin, (thin ? thin->count : 0) + new);
	merge(thin, sums, count, new);
	return drop_zeros(thin);
}

static struct reader reader_of_packed(const struct thin *thin)
{
	return reader_of((struct slice){(const char *)thin->sums, thin->count});
}

static struct thin *unpack(struct thin *thin)
{
	struct reader reader = reader_of_packed(thin);
	struct thin *open = thin_decode(&reader);
	CHECK(open && !reader.failed);
	free(thin);
	return open;
}

/* NULL where that is not smaller. */
static struct thin *pack(const struct slot_sum *sums, size_t count)
{
	enum { SUM_BYTES_MAX = 13 };
	char bytes[2 + PACKED_COUNT_MAX * SUM_BYTES_MAX];
	if (count > PACKED_COUNT_MAX)
		return NULL;
	char *end = number_put(bytes, count);
	for (size_t i = 0; i < count; i++)
		end = number_put_signed(number_put(end, sums[i].slot), sums[i].sum);
	size_t len = (size_t)(end - bytes);
	if (len >= count * sizeof(struct slot_sum))
		return NULL;
	struct thin *thin = malloc(sizeof(*thin) + len);
	CHECK(thin);
	thin->count = (uint16_t)len;
	thin->capacity = 0;
	memcpy(thin->sums, bytes, len);
	return thin;
}

struct thin *thin_pack(struct thin *thin)
{
	struct thin *packed = thin && thin->capacity ? pack(thin->sums, thin->count) : NULL;
	if (!packed)
		return thin;
	free(thin);
	return packed;
}

struct thin *thin_create(const struct slot_sum *sums, size_t count)
{
	struct thin *thin = pack(sums, count);
	return thin ? thin : add_to_open(NULL, sums, count);
}

struct thin *thin_add(struct thin *thin, const struct slot_sum *sums, size_t count)
{
	if (count == 0 || !thin || thin->capacity)
		return add_to_open(thin, sums, count);
	return thin_pack(add_to_open(unpack(thin), sums, count));
}

static void add_packed(const struct thin *thin, struct pane *pane, int64_t sign)
{
	struct slot_sum bins[PACKED_COUNT_MAX];
	size_t bin_count = 0;
	struct reader reader = reader_of_packed(thin);
	uint64_t left = reader_unsigned(&reader);
	CHECK(left <= PACKED_COUNT_MAX);
	for (; left > 0; left--) {
		unsigned slot = (unsigned)reader_unsigned(&reader);
		int64_t sum = (int64_t)((uint64_t)reader_signed(&reader) * (uint64_t)sign);
		if (slot < SLOT_COUNT)
			pane_add(pane, slot, sum);
		else
			bins[bin_count++] = (struct slot_sum){sum, (uint16_t)slot};
	}
	CHECK(!reader.failed);
	pane_add_sums(pane, bins, bin_count, 1);
}

void thin_add_to_pane(const struct thin *thin, struct pane *pane, int64_t sign)
{
	if (thin && thin->capacity == 0)
		add_packed(thin, pane, sign);
	else if (thin)
		pane_add_sums(pane, thin->sums, thin->count, sign);
}

/* Sums that are taken from the pane's, slot by slot. */
struct taken {
	const struct slot_sum *next;
	const struct slot_sum *end;
	struct slot_sum *out;
};

static inline void put_sum(struct taken *taken, unsigned slot, int64_t sum)
{
	for (; taken->next < taken->end && taken->next->slot < slot; taken->next++)
		*taken->out++ = (struct slot_sum){(int64_t)-(uint64_t)taken->next->sum, taken->next->slot};
	if (taken->next < taken->end && taken->next->slot == slot)
		sum = (int64_t)((uint64_t)sum - (uint64_t)taken->next++->sum);
	if (sum != 0)
		*taken->out++ = (struct slot_sum){sum, (uint16_t)slot};
}

/* The sums of a packed one, in the room. Returns how many. */
static size_t read_packed(const struct thin *thin, struct slot_sum room[PACKED_COUNT_MAX])
{
	struct reader reader = reader_of_packed(thin);
	size_t count = reader_unsigned(&reader);
	CHECK(count <= PACKED_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		room[i].slot = (uint16_t)reader_unsigned(&reader);
		room[i].sum = reader_signed(&reader);
	}
	CHECK(!reader.failed);
	return count;
}

size_t thin_subtract(const struct pane *pane, const struct thin *thin, struct slot_sum *sums)
{
	struct slot_sum room[PACKED_COUNT_MAX];
	const struct slot_sum *first = thin ? thin->sums : NULL, *end = thin ? first + thin->count : NULL;
	if (thin && thin->capacity == 0) {
		first = room;
		end = room + read_packed(thin, room);
	}
	struct taken taken = {first, end, sums};
	for (unsigned slot = pane_used(pane, 0); slot < SLOT_COUNT; slot = pane_used(pane, slot + 1))
		put_sum(&taken, slot, pane->sums[slot]);
	for (uint32_t i = 0; i < pane->bin_count; i++)
		put_sum(&taken, pane->bins[i].slot, pane->bins[i].sum);
	put_sum(&taken, SLOT_WROTE, 0);
	return (size_t)(taken.out - sums);
}

void thin_encode(const struct thin *thin, struct buffer *out)
{
	if (thin && thin->capacity == 0) {
		buffer_put(out, thin->sums, thin->count);
		return;
	}
	size_t count = thin ? thin->count : 0;
	char *begin = buffer_reserve(out, (1 + 2 * count) * NUMBER_BYTES_MAX);
	char *end = number_put(begin, count);
	for (size_t i = 0; i < count; i++)
		end = number_put_signed(number_put(end, thin->sums[i].slot), thin->sums[i].sum);
	out->len += (size_t)(end - begin);
}

struct thin *thin_decode(struct reader *reader)
{
	uint64_t count = reader_unsigned(reader);
	if (count > SLOT_WROTE)
		reader->failed = true;
	if (reader->failed || count == 0)
		return NULL;
	struct thin *thin = make_room(NULL, count);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		uint64_t slot = reader_unsigned(reader);
		struct slot_sum sum = {reader_signed(reader), (uint16_t)slot};
		if (slot >= SLOT_WROTE || (i > 0 && slot <= thin->sums[i - 1].slot) || sum.sum == 0)
			reader->failed = true;
		else
			thin->sums[thin->count++] = sum;
	}
	if (!reader->failed)
		return thin;
	free(thin);
	return NULL;
}
