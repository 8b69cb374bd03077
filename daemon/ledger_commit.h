/* Commit: what one task writes to the ledger in one atomic step, copied so that the task can go on meanwhile.
 *
 * Built by the worker, then given to ledger_commit. A page's name is unique within a commit, is not deleted
 * in the same one, and is 3 to 48 printable bytes with a '/' in it, such as "p/17". Aborts where memory is
 * missing. One thread. */
#ifndef LADDER_DAEMON_LEDGER_COMMIT_H
#define LADDER_DAEMON_LEDGER_COMMIT_H

#include "core/base/buffer.h"
#include "core/base/slice.h"

enum { PAGE_NAME_MAX = 48, PAGE_TAIL = 8 /* the version, which the ledger puts behind each page */ };

struct commit_page {
	size_t name_at; /* in commit.names */
	size_t name_len;
	char *bytes; /* and room for PAGE_TAIL behind them */
	size_t len;
};

/* Read by the ledger; built with the functions below. */
struct commit {
	struct commit_page *pages;
	size_t page_count;
	size_t page_capacity;
	struct buffer names;     /* of the pages, each with a newline behind it */
	struct buffer deletions; /* names, likewise */
	struct buffer vector;
	struct buffer meta;
	struct commit_chunk *chunks; /* where the bytes of the pages are */
	size_t bytes;                /* of all pages */
};

struct commit *commit_create(void);
void commit_destroy(struct commit *commit);

/* Returns where the caller writes the `len` bytes of the page, at most 64 MiB. */
char *commit_put_page(struct commit *commit, struct slice name, size_t len);
/* The page is no more. A name that the ledger does not know is fine. */
void commit_put_deletion(struct commit *commit, struct slice name);
/* The offsets behind everything in this commit, opaque here; and what the task wants back with the pages. */
void commit_set_vector(struct commit *commit, struct slice vector);
void commit_set_meta(struct commit *commit, struct slice meta);

struct slice commit_page_name(const struct commit *commit, size_t page);

#endif
