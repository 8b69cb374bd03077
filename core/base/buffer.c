#include "core/base/buffer.h"

#include <stdlib.h>

void buffer_destroy(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

char *buffer_reserve(struct buffer *buffer, size_t len)
{
	if (buffer->capacity - buffer->len < len) {
		size_t capacity = buffer->capacity ? 2 * buffer->capacity : 256;
		while (capacity - buffer->len < len)
			capacity *= 2;
		buffer->data = realloc(buffer->data, capacity);
		CHECK(buffer->data);
		buffer->capacity = capacity;
	}
	return buffer->len ? buffer->data + buffer->len : buffer->data;
}

void buffer_put(struct buffer *buffer, const void *data, size_t len)
{
	if (len)
		memcpy(buffer_reserve(buffer, len), data, len);
	buffer->len += len;
}

void buffer_put_unsigned(struct buffer *buffer, uint64_t number)
{
	char *out = buffer_reserve(buffer, 10);
	size_t len = 0;
	for (; number >= 0x80; number >>= 7)
		out[len++] = (char)(number | 0x80);
	out[len++] = (char)number;
	buffer->len += len;
}

void buffer_put_signed(struct buffer *buffer, int64_t number)
{
	buffer_put_unsigned(buffer, (uint64_t)number << 1 ^ (uint64_t)(number >> 63));
}

void buffer_put_text(struct buffer *buffer, struct slice text)
{
	buffer_put_unsigned(buffer, text.len);
	buffer_put(buffer, text.data, text.len);
}

uint64_t reader_unsigned(struct reader *reader)
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

int64_t reader_signed(struct reader *reader)
{
	uint64_t number = reader_unsigned(reader);
	return (int64_t)(number >> 1 ^ -(number & 1));
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
