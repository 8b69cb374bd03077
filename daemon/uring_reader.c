#include "daemon/uring_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buffer.h"

enum { HEAD_ROOM = 64 << 10, BLOCK_DEFAULT = 2 << 20, PAST_END_BYTES = 64 << 10, ERROR_MAX = 512 };
enum { STOP_FAILURES_MAX = 16 };

struct block {
	char *memory; /* HEAD_ROOM + block_bytes */
	uint64_t offset;
	size_t wanted;
	size_t got;
	bool is_pending; /* the ring owes a completion */
};

/* `block` is the one that lines are taken from, [at, len) of it is not handed out yet. The others follow it
 * in turn and are being read, each where the one before it ends. */
struct uring_reader {
	char *path;
	int fd;
	bool has_ring;
	bool is_seekable;
	struct io_uring ring;
	size_t block_bytes;
	struct block blocks[URING_READER_DEPTH];
	unsigned block;
	size_t at;
	size_t len;
	uint64_t next_offset; /* of the next read */
	uint64_t begin;
	uint64_t end;
	bool is_loaded;    /* `block` holds bytes */
	bool is_skipping;  /* the line before the range is not over yet */
	bool is_last;      /* no block follows this one */
	bool is_carry_out; /* the caller holds `carry` */
	struct buffer carry;
	char error[ERROR_MAX];
};

static int reader_fail(struct uring_reader *reader, const char *what, const char *why)
{
	snprintf(reader->error, sizeof reader->error, "cannot %s %s: %s", what, reader->path, why);
	return -1;
}

static char *block_data(const struct uring_reader *reader, unsigned block)
{
	return reader->blocks[block].memory + HEAD_ROOM;
}

/* What the kernel does not take now is submitted again where it is waited for. */
static void block_submit(struct uring_reader *reader, unsigned block)
{
	struct block *entry = &reader->blocks[block];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&reader->ring);
	CHECK(sqe);
	io_uring_prep_read(sqe, reader->fd, block_data(reader, block) + entry->got,
			   (unsigned)(entry->wanted - entry->got), entry->offset + entry->got);
	io_uring_sqe_set_data64(sqe, block);
	entry->is_pending = true;
	(void)io_uring_submit(&reader->ring);
}

/* 0, with or without a completion; or an error that stays. */
static int ring_wait(struct uring_reader *reader, struct io_uring_cqe **cqe)
{
	*cqe = NULL;
	if (io_uring_peek_cqe(&reader->ring, cqe) == 0)
		return 0;
	int result = io_uring_submit_and_wait(&reader->ring, 1);
	if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY)
		return result;
	(void)io_uring_peek_cqe(&reader->ring, cqe);
	return 0;
}

/* Behind the range only the rest of its last line is needed. */
static void block_start(struct uring_reader *reader, unsigned block)
{
	struct block *entry = &reader->blocks[block];
	bool is_behind = reader->next_offset >= reader->end;
	uint64_t left = is_behind ? PAST_END_BYTES : reader->end - reader->next_offset;
	entry->offset = reader->next_offset;
	entry->wanted = left < reader->block_bytes ? (size_t)left : reader->block_bytes;
	entry->got = 0;
	reader->next_offset += entry->wanted;
	if (reader->has_ring)
		block_submit(reader, block);
}

/* Takes one completion, whichever it is. A short read is continued: only 0 bytes are the end of the file. */
static int block_reap(struct uring_reader *reader)
{
	struct io_uring_cqe *cqe;
	int result = ring_wait(reader, &cqe);
	if (result < 0)
		return reader_fail(reader, "wait for", strerror(-result));
	if (!cqe)
		return 0;
	unsigned block = (unsigned)io_uring_cqe_get_data64(cqe);
	int got = cqe->res;
	io_uring_cqe_seen(&reader->ring, cqe);
	struct block *entry = &reader->blocks[block];
	entry->is_pending = false;
	if (got < 0 && got != -EINTR && got != -EAGAIN)
		return reader_fail(reader, "read", strerror(-got));
	entry->got += got > 0 ? (size_t)got : 0;
	if (got != 0 && entry->got < entry->wanted)
		block_submit(reader, block);
	return 0;
}

static int block_read_plain(struct uring_reader *reader, struct block *entry, char *data)
{
	while (entry->got < entry->wanted) {
		size_t left = entry->wanted - entry->got;
		ssize_t got = reader->is_seekable
			? pread(reader->fd, data + entry->got, left, (off_t)(entry->offset + entry->got))
			: read(reader->fd, data + entry->got, left);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return reader_fail(reader, "read", strerror(errno));
		entry->got += (size_t)got;
		if (got == 0 || !reader->is_seekable)
			return got == 0;
	}
	return 0;
}

/* Cuts the block at the ends of the range: behind the first newline at or after the byte before each. */
static void block_cut(struct uring_reader *reader, const struct block *entry, const char *data)
{
	uint64_t last = entry->offset + entry->got;
	if (reader->end <= last && reader->end != UINT64_MAX) {
		uint64_t from = reader->end - 1 > entry->offset ? reader->end - 1 - entry->offset : 0;
		const char *newline = memchr(data + from, '\n', entry->got - (size_t)from);
		if (newline) {
			reader->len = (size_t)(newline - data) + 1;
			reader->is_last = true;
		}
	}
	if (reader->is_skipping) {
		const char *newline = memchr(data, '\n', reader->len);
		reader->at = newline ? (size_t)(newline - data) + 1 : reader->len;
		reader->is_skipping = !newline;
	}
}

static int block_await(struct uring_reader *reader)
{
	struct block *entry = &reader->blocks[reader->block];
	char *data = block_data(reader, reader->block);
	int result = 0;
	if (!reader->has_ring) {
		result = block_read_plain(reader, entry, data);
		reader->is_last = result == 1;
	}
	while (entry->is_pending && result == 0)
		result = block_reap(reader);
	if (result < 0)
		return -1;
	reader->at = 0;
	reader->len = entry->got;
	reader->is_loaded = true;
	if (reader->is_seekable)
		reader->is_last = entry->got < entry->wanted;
	block_cut(reader, entry, data);
	return 0;
}

/* The caller is through with this block: read the next part of the file into it, go on with the one behind.
 * */
static void block_turn(struct uring_reader *reader)
{
	block_start(reader, reader->block);
	reader->block = (reader->block + 1) % URING_READER_DEPTH;
	reader->is_loaded = false;
}

static bool reader_take_lines(struct uring_reader *reader, struct slice *chunk)
{
	char *data = block_data(reader, reader->block);
	char *from = data + reader->at;
	const char *newline = memrchr(from, '\n', reader->len - reader->at);
	if (!newline)
		return false;
	if (reader->carry.len > HEAD_ROOM) {
		newline = memchr(from, '\n', reader->len - reader->at);
		buffer_put(&reader->carry, from, (size_t)(newline + 1 - from));
		*chunk = buffer_slice(&reader->carry);
		reader->is_carry_out = true;
	} else {
		from -= reader->carry.len;
		if (reader->carry.len)
			memcpy(from, reader->carry.data, reader->carry.len);
		reader->carry.len = 0;
		*chunk = (struct slice){from, (size_t)(newline + 1 - from)};
	}
	reader->at = (size_t)(newline + 1 - data);
	return true;
}

static int reader_keep_rest(struct uring_reader *reader)
{
	size_t rest = reader->len - reader->at;
	if (rest > URING_READER_LINE_MAX - reader->carry.len)
		return reader_fail(reader, "read", "it has a line of more than 1 GiB");
	buffer_put(&reader->carry, block_data(reader, reader->block) + reader->at, rest);
	reader->at = reader->len;
	return 0;
}

int uring_reader_next(struct uring_reader *reader, struct slice *chunk)
{
	if (reader->error[0])
		return -1;
	if (reader->is_carry_out)
		reader->carry.len = 0;
	reader->is_carry_out = false;
	while (reader->begin < reader->end) {
		if (!reader->is_loaded && block_await(reader) < 0)
			return -1;
		if (reader_take_lines(reader, chunk))
			return 1;
		if (reader_keep_rest(reader) < 0)
			return -1;
		if (reader->is_last) {
			*chunk = buffer_slice(&reader->carry);
			reader->is_carry_out = true;
			return chunk->len > 0;
		}
		block_turn(reader);
	}
	return 0;
}

const char *uring_reader_error(const struct uring_reader *reader)
{
	return reader->error;
}

static int reader_open_file(struct uring_reader *reader, const char *path, bool is_range)
{
	bool is_stdin = strcmp(path, "-") == 0;
	reader->path = strdup(is_stdin ? "standard input" : path);
	CHECK(reader->path);
	reader->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (reader->fd < 0 || fstat(reader->fd, &status) < 0)
		return reader_fail(reader, "open", strerror(errno));
	if (S_ISDIR(status.st_mode))
		return reader_fail(reader, "read", strerror(EISDIR));
	off_t offset = S_ISREG(status.st_mode) ? lseek(reader->fd, 0, SEEK_CUR) : -1;
	reader->is_seekable = offset >= 0;
	if (is_range && !reader->is_seekable)
		return reader_fail(reader, "read parts of", "it is not a regular file");
	if (!is_range && reader->is_seekable)
		reader->next_offset = (uint64_t)offset;
	if (reader->is_seekable)
		posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

static void reader_start(struct uring_reader *reader)
{
	const char *wanted = getenv("LADDER_IO");
	if (reader->is_seekable && !(wanted && strcmp(wanted, "epoll") == 0))
		reader->has_ring = io_uring_queue_init(2 * URING_READER_DEPTH, &reader->ring, 0) == 0;
	for (unsigned i = 0; i < URING_READER_DEPTH; i++) {
		reader->blocks[i].memory = malloc(HEAD_ROOM + reader->block_bytes);
		CHECK(reader->blocks[i].memory);
		block_start(reader, i);
	}
}

static struct uring_reader *reader_create(const char *path, uint64_t begin, uint64_t end, bool is_range,
					  size_t block_bytes)
{
	struct uring_reader *reader = calloc(1, sizeof *reader);
	CHECK(reader && block_bytes <= INT32_MAX);
	reader->block_bytes = block_bytes ? block_bytes : BLOCK_DEFAULT;
	reader->begin = begin;
	reader->end = end;
	reader->is_skipping = begin > 0;
	reader->next_offset = begin > 0 ? begin - 1 : 0;
	if (reader_open_file(reader, path, is_range) == 0 && begin < end)
		reader_start(reader);
	return reader;
}

struct uring_reader *uring_reader_open(const char *path, size_t block_bytes)
{
	return reader_create(path, 0, UINT64_MAX, false, block_bytes);
}

struct uring_reader *uring_reader_open_range(const char *path, uint64_t begin, uint64_t end,
					     size_t block_bytes)
{
	return reader_create(path, begin, end, true, block_bytes);
}

/* The kernel may still be writing into blocks: they are freed only when no read is in flight, and left where
 * that cannot be learned. */
static void reader_stop_ring(struct uring_reader *reader)
{
	unsigned failures = 0;
	for (unsigned i = 0; i < URING_READER_DEPTH; i++)
		reader->blocks[i].wanted = 0;
	for (unsigned i = 0; i < URING_READER_DEPTH; i++) {
		while (reader->blocks[i].is_pending && failures < STOP_FAILURES_MAX)
			failures += block_reap(reader) < 0;
		if (reader->blocks[i].is_pending)
			reader->blocks[i].memory = NULL;
	}
	io_uring_queue_exit(&reader->ring);
}

void uring_reader_close(struct uring_reader *reader)
{
	if (!reader)
		return;
	if (reader->has_ring)
		reader_stop_ring(reader);
	for (unsigned i = 0; i < URING_READER_DEPTH; i++)
		free(reader->blocks[i].memory);
	buffer_destroy(&reader->carry);
	if (reader->fd > STDIN_FILENO)
		close(reader->fd);
	free(reader->path);
	free(reader);
}
