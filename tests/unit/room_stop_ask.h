/* room_stop_ask.h - a stop of a guest that runs. */
#ifndef TEST_ROOM_STOP_ASK_H
#define TEST_ROOM_STOP_ASK_H

#include "room_stop.h"

static inline int set_up(void **state)
{
	stop_set_up(state, "acpi,ssh,serial", 150); /* 45 s for each step that asks */
	return 0;
}

static inline void use_steps(const char *rungs)
{
	const char *bad;

	room.plan.rungs = rungs_parse(rungs, &bad);
	stop_restart(&stop);
}

static inline void guest_is_ready(void)
{
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	room.life.login = true;
}

/* What reactions.c does at each step. */
static inline void stop_begins(void)
{
	(void)lifecycle_event(&room.life, LIFE_EVENT_STOPS);
}

#endif
