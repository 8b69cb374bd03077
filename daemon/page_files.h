/* Page files: the files of daemon/web as they are in the program; the table is written by
 * daemon/web/embed.cmake. */
#ifndef LADDER_DAEMON_PAGE_FILES_H
#define LADDER_DAEMON_PAGE_FILES_H

#include <stddef.h>

struct page_file {
	const char *path; /* "/" for index.html */
	const char *type;
	const void *bytes;
	size_t byte_count;
};

extern const struct page_file page_files[];
extern const size_t page_file_count;

#endif
