/* Work in equal shares: every thread does the same with another number. */
#ifndef LADDER_DAEMON_IN_THREADS_H
#define LADDER_DAEMON_IN_THREADS_H

#include <stddef.h>

/* Calls work(ctx, 0) here and work(ctx, 1 ... count - 1) in threads of their own; returns when all have. */
void in_threads(size_t count, void (*work)(void *ctx, size_t number), void *ctx);

#endif
