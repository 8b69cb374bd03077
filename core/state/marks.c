#include "core/state/marks.h"

#include <stdlib.h>

void marks_create(struct marks *marks, size_t input_count, size_t partition_count)
{
	*marks = (struct marks){.input_count = input_count, .partition_count = partition_count};
	marks->inputs = calloc(input_count, sizeof(*marks->inputs));
	CHECK(marks->inputs);
}

void marks_clear(struct marks *marks)
{
	for (size_t i = 0; i < marks->input_count; i++) {
		free(marks->inputs[i]);
		marks->inputs[i] = NULL;
	}
}

void marks_destroy(struct marks *marks)
{
	marks_clear(marks);
	free(marks->inputs);
}

static struct mark *mark_of(struct marks *marks, size_t input, size_t partition)
{
	CHECK(input < marks->input_count && partition < marks->partition_count);
	if (!marks->inputs[input]) {
		marks->inputs[input] = calloc(marks->partition_count, sizeof(struct mark));
		CHECK(marks->inputs[input]);
	}
	return &marks->inputs[input][partition];
}

static int compare(struct mark_place a, struct mark_place b)
{
	if (a.offset != b.offset)
		return a.offset < b.offset ? -1 : 1;
	return (a.item > b.item) - (a.item < b.item);
}

static bool take_again(struct mark *mark, struct mark_place place)
{
	if (mark->is_again && compare(place, mark->again_low) >= 0) {
		if (compare(place, mark->again_high) <= 0)
			return false;
		mark->again_high = place;
		return true;
	}
	mark->is_again = true;
	mark->again_low = mark->again_high = place;
	return true;
}

bool marks_take(struct marks *marks, size_t input, size_t partition, uint64_t log, struct mark_place place)
{
	struct mark *mark = mark_of(marks, input, partition);
	if (!mark->is_used || log > mark->log) {
		*mark = (struct mark){.is_used = true, .log = log, .low = place, .high = place};
		return true;
	}
	if (log < mark->log)
		return false;
	if (compare(place, mark->low) < 0)
		return take_again(mark, place);
	if (mark->is_again && compare(place, mark->high) <= 0) {
		mark->low = mark->again_low;
		mark->is_again = false;
	}
	if (compare(place, mark->high) <= 0)
		return false;
	mark->high = place;
	return true;
}

static bool is_between(struct mark_place place, struct mark_place low, struct mark_place high)
{
	return compare(place, low) >= 0 && compare(place, high) <= 0;
}

bool marks_have(const struct marks *marks, size_t input, size_t partition, uint64_t log,
		struct mark_place place)
{
	CHECK(input < marks->input_count && partition < marks->partition_count);
	const struct mark *mark = marks->inputs[input] ? &marks->inputs[input][partition] : NULL;
	if (!mark || !mark->is_used || log != mark->log)
		return false;
	return is_between(place, mark->low, mark->high) ||
	       (mark->is_again && is_between(place, mark->again_low, mark->again_high));
}

static void put_place(struct buffer *out, struct mark_place place)
{
	buffer_put_signed(out, place.offset);
	buffer_put_unsigned(out, place.item);
}

static struct mark_place get_place(struct reader *reader)
{
	struct mark_place place = {.offset = reader_signed(reader)};
	place.item = (uint32_t)reader_unsigned(reader);
	return place;
}

static size_t count_used(const struct marks *marks, size_t input)
{
	size_t count = 0;
	for (size_t i = 0; marks->inputs[input] && i < marks->partition_count; i++)
		count += marks->inputs[input][i].is_used;
	return count;
}

void marks_encode(const struct marks *marks, size_t input, struct buffer *out)
{
	size_t count = count_used(marks, input);
	buffer_put_unsigned(out, count);
	for (size_t i = 0; count && i < marks->partition_count; i++) {
		const struct mark *mark = &marks->inputs[input][i];
		if (!mark->is_used)
			continue;
		buffer_put_unsigned(out, i);
		buffer_put_unsigned(out, mark->log);
		put_place(out, mark->low);
		put_place(out, mark->high);
		buffer_put_unsigned(out, mark->is_again);
		if (!mark->is_again)
			continue;
		put_place(out, mark->again_low);
		put_place(out, mark->again_high);
	}
}

void marks_decode(struct marks *marks, size_t input, struct reader *reader)
{
	uint64_t count = reader_unsigned(reader);
	for (uint64_t i = 0; i < count && !reader->failed; i++) {
		uint64_t partition = reader_unsigned(reader);
		struct mark mark = {.is_used = true, .log = reader_unsigned(reader)};
		mark.low = get_place(reader);
		mark.high = get_place(reader);
		mark.is_again = reader_unsigned(reader) != 0;
		if (mark.is_again) {
			mark.again_low = get_place(reader);
			mark.again_high = get_place(reader);
		}
		if (!reader->failed && input < marks->input_count && partition < marks->partition_count)
			*mark_of(marks, input, (size_t)partition) = mark;
	}
}
