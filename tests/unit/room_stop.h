/* room_stop.h - the room of the stop, on top of room.h. */
#ifndef TEST_ROOM_STOP_H
#define TEST_ROOM_STOP_H

#include "room.h"

#include "pid1/savestate.h"
#include "pid1/stop.h"

static struct guest_stop stop;
static struct savestate save;

static void on_timer(enum timer_id id)
{
	if (id == TIMER_LADDER)
		stop_timer(&stop);
}

/* A guest that has RUNGS, and TIMEOUT_S for all of them. */
static void stop_set_up(void **state, const char *rungs, long timeout_s)
{
	const char *bad;

	(void)room_set_up(state);
	room.on_timer = on_timer;
	room.plan.rungs = rungs_parse(rungs, &bad);
	room.plan.s.stop_timeout = timeout_s;
	savestate_init(&save, &room.env);
	stop_init(&stop, &room.env, &save);
}

#endif
