/* What ladder_view.c (what is known of each ladder) and ladder_view_draw.c (its lines) share. */
#ifndef LADDER_DAEMON_LADDER_VIEW_PRIVATE_H
#define LADDER_DAEMON_LADDER_VIEW_PRIVATE_H

#include "daemon/ladder_view.h"

struct ladder_rung_row {
	const char *word;
	const char *field; /* the word for many of them */
	enum ladder_rung of;
	const char *cause;
};
extern const struct ladder_rung_row ladder_rungs[LADDER_RUNG_COUNT];

struct ladder_share {
	int64_t reached;
	int64_t of;
};

struct ladder {
	struct ladder_row row;      /* the newest */
	int64_t remembered_to_ms;   /* windows up to here are in `before` */
	struct ladder_share before[LADDER_RUNG_COUNT];
	bool is_broken[LADDER_RUNG_COUNT];
};

struct ladder_view {
	struct ladder_view_options options;
	struct ladder *ladders; /* owned, by name */
	size_t count;
	size_t capacity;
};

enum ladder_rung ladder_topmost_broken(const struct ladder *ladder);

#endif
