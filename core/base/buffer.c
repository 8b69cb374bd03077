#include "core/base/buffer.h"

#include <stdlib.h>

void buffer_destroy(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

void buffer_grow(struct buffer *buffer, size_t len)
{
	size_t capacity = buffer->capacity ? 2 * buffer->capacity : 256;
	while (capacity - buffer->len < len)
		capacity *= 2;
	buffer->data = realloc(buffer->data, capacity);
	CHECK(buffer->data);
	buffer->capacity = capacity;
}

void buffer_put(struct buffer *buffer, const void *data, size_t len)
{
	if (len)
		memcpy(buffer_reserve(buffer, len), data, len);
	buffer->len += len;
}

void buffer_put_unsigned(struct buffer *buffer, uint64_t number)
{
	char *out = buffer_reserve(buffer, NUMBER_BYTES_MAX);
	buffer->len += (size_t)(number_put(out, number) - out);
}

void buffer_put_signed(struct buffer *buffer, int64_t number)
{
	char *out = buffer_reserve(buffer, NUMBER_BYTES_MAX);
	buffer->len += (size_t)(number_put_signed(out, number) - out);
}

void buffer_put_text(struct buffer *buffer, struct slice text)
{
	buffer_put_unsigned(buffer, text.len);
	buffer_put(buffer, text.data, text.len);
}

uint64_t reader_long_unsigned(struct reader *reader)
{
	uint64_t number = 0;
	for (unsigned shift = 0; !reader->failed && shift < 64; shift += 7) {
		if (reader->at == reader->end)
			break;
		unsigned char byte = (unsigned char)*reader->at++;
		number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return number;
	}
	reader->failed = true;
	return 0;
}

struct slice reader_bytes(struct reader *reader, size_t len)
{
	if (reader->failed || (size_t)(reader->end - reader->at) < len) {
		reader->failed = true;
		return (struct slice){NULL, 0};
	}
	struct slice bytes = {reader->at, len};
	reader->at += len;
	return bytes;
}

struct slice reader_text(struct reader *reader)
{
	return reader_bytes(reader, reader_unsigned(reader));
}
