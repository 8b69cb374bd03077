#include "config/file.h"

#include <errno.h>
#include <stdio.h>

const char *file_read(const char *path, size_t bytes_max, struct buffer *bytes)
{
	enum { CHUNK_BYTES = 1 << 16 };
	FILE *file = fopen(path, "rb");
	if (!file)
		return strerror(errno);
	size_t count;
	do {
		count = fread(buffer_reserve(bytes, CHUNK_BYTES), 1, CHUNK_BYTES, file);
		bytes->len += count;
	} while (count > 0 && bytes->len <= bytes_max);
	const char *fault = ferror(file) ? strerror(errno) : NULL;
	fclose(file);
	return bytes->len > bytes_max ? "the file is too large" : fault;
}
