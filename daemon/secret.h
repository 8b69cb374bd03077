/* Secret: a password or key that stands in a file of its own, so that it is neither in the configuration nor
 * on a command line. It is never logged or printed.
 *
 * A name that is no absolute path is that of a systemd credential: it is looked up in $CREDENTIALS_DIRECTORY,
 * or where that is not set, in the working directory. Any thread. */
#ifndef LADDER_DAEMON_SECRET_H
#define LADDER_DAEMON_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/check.h"

enum { SECRET_BYTES_MAX = 64 << 10, SECRET_PATH_MAX = 4096 };

struct secret_path {
	char text[SECRET_PATH_MAX];
	bool is_credential; /* the service manager has put it there, for us alone */
};

struct secret_path secret_find(const char *name);

/* What the file holds but for one newline at its end; to be given to secret_destroy. NULL with an English
 * sentence that names `setting` and the file, and the exit code that fits: 77 no permission, 78 it is not
 * there, is empty, or no text. */
must_check char *secret_read(const char *setting, const char *name, char *error, size_t error_size,
			     int *exit_code);
/* Wipes it, too. NULL is fine. */
void secret_destroy(char *secret);

#endif
