/* The timers of a loop that stands in for daemon/loop.c: those that are set, in a list. */
#ifndef LADDER_TESTS_SIM_SIM_TIMERS_H
#define LADDER_TESTS_SIM_SIM_TIMERS_H

#include "daemon/loop.h"

static inline void sim_timer_cancel(struct loop_timer **timers, struct loop_timer *timer)
{
	while (*timers && *timers != timer)
		timers = &(*timers)->next;
	if (*timers)
		*timers = timer->next;
	timer->is_set = false;
}

static inline void sim_timer_set(struct loop_timer **timers, struct loop_timer *timer, int64_t due_ms)
{
	if (timer->is_set)
		sim_timer_cancel(timers, timer);
	timer->due_ms = due_ms;
	timer->is_set = true;
	timer->next = *timers;
	*timers = timer;
}

#endif
