#include "daemon/ledger_commit.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { CHUNK_BYTES = 1 << 20, PAGE_BYTES_MAX = 64 << 20 };

/* Mapped, not allocated: what a commit took leaves the resident set once it is destroyed, by which reading
 * goes on (memory.h). */
struct commit_chunk {
	struct commit_chunk *next;
	size_t used;
	size_t size;
	char bytes[];
};

struct commit *commit_create(void)
{
	struct commit *commit = calloc(1, sizeof *commit);
	CHECK(commit);
	return commit;
}

void commit_destroy(struct commit *commit)
{
	if (!commit)
		return;
	while (commit->chunks) {
		struct commit_chunk *chunk = commit->chunks;
		commit->chunks = chunk->next;
		munmap(chunk, sizeof *chunk + chunk->size);
	}
	buffer_destroy(&commit->names);
	buffer_destroy(&commit->deletions);
	buffer_destroy(&commit->vector);
	buffer_destroy(&commit->meta);
	free(commit->pages);
	free(commit);
}

static char *commit_take(struct commit *commit, size_t len)
{
	struct commit_chunk *chunk = commit->chunks;
	if (!chunk || chunk->size - chunk->used < len) {
		size_t size = len > CHUNK_BYTES ? len : CHUNK_BYTES;
		chunk = mmap(NULL, sizeof *chunk + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		CHECK(chunk != MAP_FAILED);
		*chunk = (struct commit_chunk){commit->chunks, 0, size};
		commit->chunks = chunk;
	}
	char *bytes = chunk->bytes + chunk->used;
	chunk->used += len;
	return bytes;
}

static void commit_put_name(struct buffer *names, struct slice name)
{
	CHECK(name.len >= 3 && name.len <= PAGE_NAME_MAX && memchr(name.data, '/', name.len));
	for (size_t i = 0; i < name.len; i++)
		CHECK(name.data[i] > ' ' && name.data[i] <= '~');
	buffer_put(names, name.data, name.len);
	buffer_put(names, "\n", 1);
}

char *commit_put_page(struct commit *commit, struct slice name, size_t len)
{
	CHECK(len <= PAGE_BYTES_MAX);
	if (commit->page_count == commit->page_capacity) {
		commit->page_capacity = commit->page_capacity ? 2 * commit->page_capacity : 64;
		commit->pages = realloc(commit->pages, commit->page_capacity * sizeof *commit->pages);
		CHECK(commit->pages);
	}
	struct commit_page *page = &commit->pages[commit->page_count++];
	*page = (struct commit_page){commit->names.len, name.len,
				      commit_take(commit, len + PAGE_TAIL), len};
	commit_put_name(&commit->names, name);
	commit->bytes += len;
	return page->bytes;
}

void commit_put_deletion(struct commit *commit, struct slice name)
{
	commit_put_name(&commit->deletions, name);
}

void commit_set_vector(struct commit *commit, struct slice vector)
{
	commit->vector.len = 0;
	buffer_put(&commit->vector, vector.data, vector.len);
}

void commit_set_meta(struct commit *commit, struct slice meta)
{
	commit->meta.len = 0;
	buffer_put(&commit->meta, meta.data, meta.len);
}

struct slice commit_page_name(const struct commit *commit, size_t page)
{
	return (struct slice){commit->names.data + commit->pages[page].name_at, commit->pages[page].name_len};
}
