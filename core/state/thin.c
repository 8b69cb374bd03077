#include "core/state/thin.h"

#include <stdlib.h>

enum { ROOM_STEP = 4 };

static struct thin *make_room(struct thin *thin, size_t count)
{
	if (thin && count <= thin->capacity)
		return thin;
	size_t capacity = (count + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	uint16_t known = thin ? thin->count : 0;
	thin = realloc(thin, sizeof(*thin) + capacity * sizeof(struct thin_sum));
	CHECK(thin);
	thin->count = known;
	thin->capacity = (uint16_t)capacity;
	return thin;
}

/* How many of the sums have a slot that the thin pane lacks. */
static size_t count_new(const struct thin *thin, const struct thin_sum *sums, size_t count)
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
static void merge(struct thin *thin, const struct thin_sum *sums, size_t count, size_t new)
{
	size_t from = thin->count, to = thin->count + new;
	thin->count = (uint16_t)to;
	while (count > 0) {
		const struct thin_sum *sum = &sums[count - 1];
		if (from > 0 && thin->sums[from - 1].slot > sum->slot) {
			thin->sums[--to] = thin->sums[--from];
			continue;
		}
		struct thin_sum merged = *sum;
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
static size_t add_known(struct thin *thin, const struct thin_sum *sums, size_t count, bool *has_zero)
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

static struct thin *add_to_open(struct thin *thin, const struct thin_sum *sums, size_t count)
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

static char *write_unsigned(char *out, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*out++ = (char)(number | 0x80);
	*out++ = (char)number;
	return out;
}

/* As buffer_put_signed. */
static char *write_signed(char *out, int64_t number)
{
	return write_unsigned(out, (uint64_t)number << 1 ^ (uint64_t)(number >> 63));
}

struct thin *thin_pack(struct thin *thin)
{
	enum { COUNT_MAX = 256, SUM_BYTES_MAX = 13 };
	char bytes[2 + COUNT_MAX * SUM_BYTES_MAX];
	if (!thin || thin->capacity == 0 || thin->count > COUNT_MAX)
		return thin;
	char *end = write_unsigned(bytes, thin->count);
	for (size_t i = 0; i < thin->count; i++)
		end = write_signed(write_unsigned(end, thin->sums[i].slot), thin->sums[i].sum);
	size_t len = (size_t)(end - bytes);
	if (len >= thin->capacity * sizeof(struct thin_sum))
		return thin;
	free(thin);
	thin = malloc(sizeof(*thin) + len);
	CHECK(thin);
	thin->count = (uint16_t)len;
	thin->capacity = 0;
	memcpy(thin->sums, bytes, len);
	return thin;
}

struct thin *thin_add(struct thin *thin, const struct thin_sum *sums, size_t count)
{
	if (count == 0 || !thin || thin->capacity)
		return add_to_open(thin, sums, count);
	return thin_pack(add_to_open(unpack(thin), sums, count));
}

static void add_packed(const struct thin *thin, struct pane *pane, int64_t sign)
{
	struct reader reader = reader_of_packed(thin);
	for (uint64_t left = reader_unsigned(&reader); left > 0; left--) {
		unsigned slot = (unsigned)reader_unsigned(&reader);
		pane_add(pane, slot, (int64_t)((uint64_t)reader_signed(&reader) * (uint64_t)sign));
	}
	CHECK(!reader.failed);
}

void thin_add_to_pane(const struct thin *thin, struct pane *pane, int64_t sign)
{
	if (thin && thin->capacity == 0) {
		add_packed(thin, pane, sign);
		return;
	}
	for (size_t i = 0; thin && i < thin->count; i++)
		pane_add(pane, thin->sums[i].slot, (int64_t)((uint64_t)thin->sums[i].sum * (uint64_t)sign));
}

void thin_encode(const struct thin *thin, struct buffer *out)
{
	if (thin && thin->capacity == 0) {
		buffer_put(out, thin->sums, thin->count);
		return;
	}
	size_t count = thin ? thin->count : 0;
	buffer_put_unsigned(out, count);
	for (size_t i = 0; i < count; i++) {
		buffer_put_unsigned(out, thin->sums[i].slot);
		buffer_put_signed(out, thin->sums[i].sum);
	}
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
		struct thin_sum sum = {reader_signed(reader), (uint16_t)slot};
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
