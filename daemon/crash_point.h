/* Crash points: places at which a test lets ladderd die as by kill -9, see crash_points.def. Only where
 * LADDER_CRASH_POINTS is defined, which is in the test program ladderd_crashing (tests/tools/crash_point.c
 * says how it is told); in ladderd they are nothing. */
#ifndef LADDER_DAEMON_CRASH_POINT_H
#define LADDER_DAEMON_CRASH_POINT_H

#ifdef LADDER_CRASH_POINTS

enum crash_point {
#define CRASH(name, effect, passes, sentence) CRASH_##name,
#include "daemon/crash_points.def"
#undef CRASH
	CRASH_POINT_COUNT
};

/* Any thread. */
void crash_point_pass(enum crash_point point);

#define CRASH_POINT(name) crash_point_pass(CRASH_##name)

#else

#define CRASH_POINT(name) ((void)0)

#endif

#endif
