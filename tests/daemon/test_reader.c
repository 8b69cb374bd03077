/* Goal: whatever the sizes of blocks, lines and ranges, the reader hands out every byte once, in whole
 * lines. Every case runs with io_uring and with plain reads. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/uring_reader.h"
#include "core/base/buffer.h"

static char path[] = "/tmp/ladder-reader-XXXXXX";

/* Sizes from below a line to above the file; 65537 and up pass the head room of 64 KiB. */
static const size_t block_sizes[] = {
	1, 2, 3, 7, 16, 61, 64, 100, 1000, 4096, 65536, 65537, 200000, 1 << 20, 0,
};
enum { BLOCK_SIZES = sizeof block_sizes / sizeof *block_sizes };

static void write_file(struct slice content)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	for (size_t at = 0; at < content.len;) {
		ssize_t written = write(fd, content.data + at, content.len - at);
		assert_true(written > 0);
		at += (size_t)written;
	}
	close(fd);
}

/* Appends all chunks, and checks that each but the last of the file ends its line. */
static void read_all(struct uring_reader *reader, struct buffer *all, size_t file_len)
{
	struct slice chunk;
	int result;
	bool is_over = false;
	while ((result = uring_reader_next(reader, &chunk)) == 1) {
		assert_false(is_over);
		assert_true(chunk.len > 0);
		buffer_put(all, chunk.data, chunk.len);
		is_over = chunk.data[chunk.len - 1] != '\n';
		assert_true(!is_over || all->len <= file_len);
	}
	assert_string_equal(uring_reader_error(reader), "");
	assert_int_equal(result, 0);
	assert_int_equal(uring_reader_next(reader, &chunk), 0);
	uring_reader_close(reader);
}

static void expect_whole(struct slice content)
{
	write_file(content);
	for (size_t i = 0; i < BLOCK_SIZES; i++) {
		struct buffer all = {0};
		if (content.len > 100000 && block_sizes[i] && block_sizes[i] < 64)
			continue;
		read_all(uring_reader_open(path, block_sizes[i]), &all, content.len);
		assert_int_equal(all.len, content.len);
		assert_true(slice_equal(buffer_slice(&all), content));
		buffer_destroy(&all);
	}
}

static void put_line(struct buffer *text, size_t len)
{
	char *to = buffer_reserve(text, len + 1);
	for (size_t i = 0; i < len; i++)
		to[i] = (char)('a' + (text->len + i) % 23);
	to[len] = '\n';
	text->len += len + 1;
}

static struct buffer lines_of(unsigned seed, size_t lines, size_t longest)
{
	struct buffer text = {0};
	for (size_t i = 0; i < lines; i++)
		put_line(&text, (size_t)rand_r(&seed) % (longest + 1));
	return text;
}

static void test_small_files(void **state)
{
	(void)state;
	static const char *const contents[] = {
		"", "\n", "\n\n\n", "a", "a\n", "a\nb", "\na", "abc\ndef\n\nghi\n",
		"no newline at all, but long enough",
	};
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
		expect_whole(slice_from(contents[i]));
}

static void test_lines_of_many_lengths(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++) {
		struct buffer text = lines_of(seed, 400, 200);
		expect_whole(buffer_slice(&text));
		text.len--;
		expect_whole(buffer_slice(&text));
		buffer_destroy(&text);
	}
}

static void test_lines_longer_than_blocks(void **state)
{
	(void)state;
	struct buffer text = {0};
	static const size_t lens[] = {
		10, 65535, 65536, 65537, 3, 1 << 20, 0, 300000, 2500000, 5, 131072, 64, 3 << 20,
	};
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
		put_line(&text, lens[i]);
	expect_whole(buffer_slice(&text));
	text.len--;
	expect_whole(buffer_slice(&text));
	buffer_destroy(&text);
}

/* Ranges that meet, cut at random places, give the file again when put together in order. */
static void expect_ranges(struct slice content, unsigned seed, size_t block_bytes)
{
	struct buffer all = {0};
	uint64_t begin = 0;
	while (begin < content.len) {
		uint64_t end = begin + 1 + (uint64_t)rand_r(&seed) % (seed % 3 ? 40 : content.len);
		size_t before = all.len;
		read_all(uring_reader_open_range(path, begin, end, block_bytes), &all, content.len);
		if (all.len > before) {
			assert_true(before == 0 || all.data[before - 1] == '\n');
			assert_true(before >= begin && before < end);
		}
		begin = end;
	}
	assert_true(slice_equal(buffer_slice(&all), content));
	buffer_destroy(&all);
}

static void test_ranges_partition_the_lines(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 10; seed++) {
		struct buffer text = lines_of(seed, 60, 50);
		text.len -= seed % 2;
		write_file(buffer_slice(&text));
		for (size_t i = 0; i < BLOCK_SIZES; i++)
			expect_ranges(buffer_slice(&text), seed, block_sizes[i]);
		buffer_destroy(&text);
	}
}

static void test_every_cut_of_a_small_file(void **state)
{
	(void)state;
	static const char text[] = "ab\n\nc\ndefg\n\n\nhi";
	struct slice content = slice_from(text);
	write_file(content);
	for (uint64_t first = 0; first <= content.len; first++) {
		for (uint64_t second = first; second <= content.len + 2; second++) {
			struct buffer all = {0};
			read_all(uring_reader_open_range(path, 0, first, 3), &all, content.len);
			read_all(uring_reader_open_range(path, first, second, 3), &all, content.len);
			read_all(uring_reader_open_range(path, second, UINT64_MAX, 3), &all, content.len);
			assert_true(slice_equal(buffer_slice(&all), content));
			buffer_destroy(&all);
		}
	}
}

struct feed {
	int fd;
	struct slice content;
};

static void *feed_pipe(void *ctx)
{
	struct feed *feed = ctx;
	unsigned seed = 7;
	for (size_t at = 0; at < feed->content.len;) {
		size_t part = 1 + (size_t)rand_r(&seed) % 30000;
		size_t left = feed->content.len - at;
		ssize_t written = write(feed->fd, feed->content.data + at, part < left ? part : left);
		at += written > 0 ? (size_t)written : left;
	}
	close(feed->fd);
	return NULL;
}

static void test_standard_input_as_a_pipe(void **state)
{
	(void)state;
	int ends[2];
	int saved = dup(STDIN_FILENO);
	struct buffer text = {0};
	struct buffer all = {0};
	for (size_t len = 1; len < 400000; len = len * 2 + 1)
		put_line(&text, len);
	assert_int_equal(pipe(ends), 0);
	struct feed feed = {ends[1], buffer_slice(&text)};
	pthread_t thread;
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &feed), 0);
	read_all(uring_reader_open("-", 5000), &all, text.len);
	pthread_join(thread, NULL);
	assert_true(slice_equal(buffer_slice(&all), buffer_slice(&text)));
	dup2(saved, STDIN_FILENO);
	close(saved);
	buffer_destroy(&text);
	buffer_destroy(&all);
}

static void test_standard_input_as_a_file_goes_on_where_it_stands(void **state)
{
	(void)state;
	struct buffer all = {0};
	int saved = dup(STDIN_FILENO);
	write_file(slice_from("first\nsecond\nthird\n"));
	int fd = open(path, O_RDONLY);
	assert_int_equal(lseek(fd, 6, SEEK_SET), 6);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	read_all(uring_reader_open("-", 4), &all, 19);
	assert_true(slice_equal(buffer_slice(&all), slice_from("second\nthird\n")));
	dup2(saved, STDIN_FILENO);
	close(saved);
	buffer_destroy(&all);
}

static void test_closed_in_the_middle(void **state)
{
	(void)state;
	struct buffer text = lines_of(1, 20000, 200);
	struct slice chunk;
	write_file(buffer_slice(&text));
	for (int i = 0; i < 50; i++) {
		struct uring_reader *reader = uring_reader_open(path, 4096);
		for (int j = 0; j < i; j++)
			assert_int_equal(uring_reader_next(reader, &chunk), 1);
		uring_reader_close(reader);
	}
	buffer_destroy(&text);
}

static void expect_error(struct uring_reader *reader, const char *name)
{
	struct slice chunk;
	assert_int_equal(uring_reader_next(reader, &chunk), -1);
	assert_non_null(strstr(uring_reader_error(reader), name));
	assert_int_equal(uring_reader_next(reader, &chunk), -1);
	uring_reader_close(reader);
}

static void test_errors_name_the_file(void **state)
{
	(void)state;
	expect_error(uring_reader_open("/nowhere/events.ndjson", 0), "/nowhere/events.ndjson");
	expect_error(uring_reader_open("/tmp", 0), "/tmp");
	expect_error(uring_reader_open_range("/dev/null", 0, 10, 0), "/dev/null");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_files),
		cmocka_unit_test(test_lines_of_many_lengths),
		cmocka_unit_test(test_lines_longer_than_blocks),
		cmocka_unit_test(test_ranges_partition_the_lines),
		cmocka_unit_test(test_every_cut_of_a_small_file),
		cmocka_unit_test(test_standard_input_as_a_pipe),
		cmocka_unit_test(test_standard_input_as_a_file_goes_on_where_it_stands),
		cmocka_unit_test(test_closed_in_the_middle),
		cmocka_unit_test(test_errors_name_the_file),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	setenv("LADDER_IO", "epoll", 1);
	int failed = cmocka_run_group_tests_name("reader with plain reads", tests, NULL, NULL);
	unsetenv("LADDER_IO");
	failed += cmocka_run_group_tests_name("reader with io_uring", tests, NULL, NULL);
	unlink(path);
	return failed;
}
