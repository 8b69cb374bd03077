/* Versions: which commit wrote each page of a task that is in Redis, as one sum over all of them.
 *
 * Every page carries the version of its commit, and the meta, which opens only under the vector of the last
 * commit, the sum that all pages must have. So a Redis that came back with pages of some other commit,
 * whatever made it do that, is told at the restore. 16 bytes a page, in a table that is at most half full.
 * Aborts where memory is missing. */
#ifndef LADDER_DAEMON_LEDGER_VERSIONS_H
#define LADDER_DAEMON_LEDGER_VERSIONS_H

#include "core/base/slice.h"

struct page_version {
	uint64_t name;    /* its hash; 0: the place is free */
	uint64_t version; /* 0: the page is gone */
};

/* {0} is none. */
struct page_versions {
	struct page_version *places; /* owned */
	size_t count;
	size_t size; /* a power of two, or 0 */
	uint64_t sum;
};

void page_versions_clear(struct page_versions *versions);

/* The page is of that version now; 0: it is gone. */
void page_versions_set(struct page_versions *versions, struct slice name, uint64_t version);

#endif
