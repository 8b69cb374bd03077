/* Buffer: bytes that grow at the end, and a reader that never runs past it.
 *
 * Numbers are stored as LEB128 varints, signed ones zigzag first: small stored pages without a schema.
 * Writers abort where memory is missing. Readers take bytes from outside (a stored page): once anything
 * does not fit, `failed` is set and every further read gives 0 or an empty slice. */
#ifndef LADDER_BASE_BUFFER_H
#define LADDER_BASE_BUFFER_H

#include "core/base/check.h"
#include "core/base/slice.h"

struct buffer {
	char *data; /* owned */
	size_t len;
	size_t capacity;
};

void buffer_destroy(struct buffer *buffer);
void buffer_grow(struct buffer *buffer, size_t len); /* what buffer_reserve does where there is no room */

/* Makes room for `len` more bytes and says where they go; buffer->len is not moved. */
static inline char *buffer_reserve(struct buffer *buffer, size_t len)
{
	if (buffer->capacity - buffer->len < len)
		buffer_grow(buffer, len);
	return buffer->len ? buffer->data + buffer->len : buffer->data;
}

void buffer_put(struct buffer *buffer, const void *data, size_t len);

/* Writes a number where there is room for NUMBER_BYTES_MAX; returns the place behind it. */
enum { NUMBER_BYTES_MAX = 10 };
static inline char *number_put(char *out, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*out++ = (char)(number | 0x80);
	*out++ = (char)number;
	return out;
}

static inline char *number_put_signed(char *out, int64_t number)
{
	return number_put(out, (uint64_t)number << 1 ^ (uint64_t)(number >> 63));
}

void buffer_put_unsigned(struct buffer *buffer, uint64_t number);
void buffer_put_signed(struct buffer *buffer, int64_t number);
void buffer_put_text(struct buffer *buffer, struct slice text); /* length, then bytes */

static inline struct slice buffer_slice(const struct buffer *buffer)
{
	return (struct slice){buffer->data, buffer->len};
}

struct reader {
	const char *at;
	const char *end;
	bool failed;
};

static inline struct reader reader_of(struct slice bytes)
{
	return (struct reader){bytes.data, bytes.len ? bytes.data + bytes.len : bytes.data, false};
}

uint64_t reader_long_unsigned(struct reader *reader); /* what reader_unsigned does with two bytes or more */

static inline uint64_t reader_unsigned(struct reader *reader)
{
	bool is_short = !reader->failed && reader->at != reader->end && (unsigned char)*reader->at < 0x80;
	return is_short ? (unsigned char)*reader->at++ : reader_long_unsigned(reader);
}

static inline int64_t reader_signed(struct reader *reader)
{
	uint64_t number = reader_unsigned(reader);
	return (int64_t)(number >> 1 ^ -(number & 1));
}

struct slice reader_text(struct reader *reader);
struct slice reader_bytes(struct reader *reader, size_t len);

static inline bool reader_at_end(const struct reader *reader)
{
	return reader->failed || reader->at == reader->end;
}

#endif
