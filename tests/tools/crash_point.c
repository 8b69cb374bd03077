/* What makes ladderd_crashing of ladderd: with LADDER_CRASH=NAME:N in its environment it dies by SIGKILL when
 * it passes the crash point of that name (daemon/crash_points.def) for the Nth time, and says so first. A
 * name that is none ends it with exit code 64. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/crash_point.h"

static const char *const names[] = {
#define CRASH(name, effect, passes, sentence) #name,
#include "daemon/crash_points.def"
#undef CRASH
};

static int wanted = CRASH_POINT_COUNT;
static atomic_long left;

__attribute__((constructor)) static void read_environment(void)
{
	const char *text = getenv("LADDER_CRASH");
	const char *colon = text ? strrchr(text, ':') : NULL;
	if (!text)
		return;
	for (int i = 0; i < CRASH_POINT_COUNT && colon; i++)
		if (strlen(names[i]) == (size_t)(colon - text) &&
		    memcmp(names[i], text, (size_t)(colon - text)) == 0)
			wanted = i;
	atomic_store(&left, colon ? strtol(colon + 1, NULL, 10) : 0);
	if (wanted < CRASH_POINT_COUNT && atomic_load(&left) > 0)
		return;
	fprintf(stderr, "LADDER_CRASH is %s, want NAME:N with a name of daemon/crash_points.def\n", text);
	_exit(64);
}

void crash_point_pass(enum crash_point point)
{
	if ((int)point != wanted || atomic_fetch_sub(&left, 1) != 1)
		return;
	dprintf(STDERR_FILENO, "crash point %s\n", names[point]);
	raise(SIGKILL);
}
