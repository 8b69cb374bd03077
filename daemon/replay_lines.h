/* Lines: the records of an events file. Each line that is not blank is the value of one record. */
#ifndef LADDER_DAEMON_REPLAY_LINES_H
#define LADDER_DAEMON_REPLAY_LINES_H

#include "core/base/slice.h"

static inline bool line_is_blank(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (!strchr(" \t\r", line.data[i]) || !line.data[i])
			return false;
	return true;
}

/* Takes the next line that is not blank off the chunk, without its newline. False: there is none. */
static inline bool line_next(struct slice *chunk, struct slice *line)
{
	while (chunk->len) {
		const char *newline = memchr(chunk->data, '\n', chunk->len);
		size_t len = newline ? (size_t)(newline - chunk->data) : chunk->len;
		*line = (struct slice){chunk->data, len};
		len += newline != NULL;
		chunk->data += len;
		chunk->len -= len;
		if (!line_is_blank(*line))
			return true;
	}
	return false;
}

#endif
