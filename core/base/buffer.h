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
/* Makes room for `len` more bytes and says where they go; buffer->len is not moved. */
char *buffer_reserve(struct buffer *buffer, size_t len);
void buffer_put(struct buffer *buffer, const void *data, size_t len);
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

uint64_t reader_unsigned(struct reader *reader);
int64_t reader_signed(struct reader *reader);
struct slice reader_text(struct reader *reader);
struct slice reader_bytes(struct reader *reader, size_t len);

static inline bool reader_at_end(const struct reader *reader)
{
	return reader->failed || reader->at == reader->end;
}

#endif
