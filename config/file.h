/* File: a whole file into memory. */
#ifndef LADDER_CONFIG_FILE_H
#define LADDER_CONFIG_FILE_H

#include "core/base/buffer.h"

/* Appends the file's bytes. NULL, or in English why it cannot be read (static, or of strerror). */
must_check const char *file_read(const char *path, size_t bytes_max, struct buffer *bytes);

#endif
