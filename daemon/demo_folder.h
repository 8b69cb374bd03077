/* Demo folder: a temporary folder of our own that goes with us. */
#ifndef LADDER_DAEMON_DEMO_FOLDER_H
#define LADDER_DAEMON_DEMO_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/check.h"

/* Below $TMPDIR or /tmp, for nobody else. Writes its path; false with errno set. */
must_check bool demo_folder_create(char *path, size_t path_size);

/* With all files in it; it has no folders. */
void demo_folder_remove(const char *path);

/* The last lines of a file in it, on standard error. */
void demo_folder_show_end(const char *path, const char *file);

#endif
