/* Loop back end: what loop.c needs of the kernel. Two exist, loop_uring.c and loop_epoll.c.
 *
 * A watch is armed with a token, and reported with it. Reports are one-shot in the contract: after one, the
 * loop arms again with a new token or disarms, so a report with an old token is stale and dropped by the
 * loop. */
#ifndef LADDER_DAEMON_LOOP_BACKEND_H
#define LADDER_DAEMON_LOOP_BACKEND_H

#include <stdint.h>

enum { LOOP_BATCH = 64 };

struct loop_report {
	uint64_t token;
	unsigned ready; /* of enum loop_interest */
};

struct loop_backend {
	const char *name;
	/* NULL with errno set. */
	void *(*open)(void);
	void (*close)(void *backend);
	void (*arm)(void *backend, int fd, unsigned interest, uint64_t token);
	/* The watch with this token is to report no more; it may have reported already. */
	void (*disarm)(void *backend, int fd, uint64_t token);
	/* Waits for at least one report, at most wait_ms (negative: without end). Returns how many it
	 * stored in `reports`, which holds LOOP_BATCH. May return 0 early. */
	int (*wait)(void *backend, int64_t wait_ms, struct loop_report *reports);
};

extern const struct loop_backend loop_backend_uring;
extern const struct loop_backend loop_backend_epoll;

#endif
