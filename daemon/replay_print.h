/* Prints what a replay has computed, a row a line, sorted by key, with several threads; as plain JSON, or
 * each in the envelope of row_connect.h. */
#ifndef LADDER_DAEMON_REPLAY_PRINT_H
#define LADDER_DAEMON_REPLAY_PRINT_H

#include <stdio.h>

#include "core/publish/merger.h"

/* Errors of the file are left in it (ferror). */
void replay_print(struct merger *merger, size_t worker_count, bool is_enveloped, FILE *rows);

#endif
