/* Uring reader: a file or a pipe as chunks of whole lines, at disk speed. For `ladderd replay`.
 *
 * A regular file is read through io_uring with URING_READER_DEPTH reads in flight; where no ring is to be
 * had, or LADDER_IO=epoll asks for none, and for pipes, by plain reads. Memory: DEPTH blocks and their head
 * room, and once as much as the longest line.
 *
 *   block:  | head room | bytes read ...                      \n rest |
 *                 rest of the block before ^        handed out ^
 *
 * Blocks are reused in turn. The unfinished line at a block's end is copied in front of the next block, so
 * a chunk is contiguous; a line that the head room does not hold is assembled apart and handed out alone.
 *
 * Thread: a reader belongs to the thread that opened it. Several may read ranges of one file at a time. */
#ifndef LADDER_DAEMON_URING_READER_H
#define LADDER_DAEMON_URING_READER_H

#include "core/base/check.h"
#include "core/base/slice.h"

enum { URING_READER_DEPTH = 4 };

struct uring_reader;

/* A line over 1 GiB is an error. */
static const size_t URING_READER_LINE_MAX = (size_t)1 << 30;

/* The whole file from its beginning, or standard input from where it stands where `path` is "-".
 * `block_bytes` is 0 for the default of 2 MiB. Aborts where memory is missing. An error is kept for
 * uring_reader_next. */
struct uring_reader *uring_reader_open(const char *path, size_t block_bytes);

/* Only the lines that start in [begin, end): ranges that meet hand out every line exactly once. The file must
 * be seekable. An `end` behind the end of the file is allowed. */
struct uring_reader *uring_reader_open_range(const char *path, uint64_t begin, uint64_t end,
					     size_t block_bytes);

void uring_reader_close(struct uring_reader *reader);

/* 1: `chunk` holds one or more lines, each ended by a newline but for the last of the file; valid until the
 * next call. 0: there is no more. -1: uring_reader_error says why; it stays so. */
must_check int uring_reader_next(struct uring_reader *reader, struct slice *chunk);

/* An English sentence that names the file. Lives as long as the reader. */
const char *uring_reader_error(const struct uring_reader *reader);

#endif
