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

/* A guest with the steps RUNGS, and TIMEOUT_S for all of them. */
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

#define STATS(n) "{\"device\":\"disk0\",\"stats\":{\"wr_operations\":" n "}}"

/* The monitor reports VALUE for the guest's power management registers. */
static inline void power_register_is(const char *value)
{
	char text[64];

	qemu_gets("human-monitor-command", "{\"command-line\":\"i/w 0x602\"}");
	(void)snprintf(text, sizeof text, "\"portl[0x0602] = %s\\r\\n\"", value);
	qemu_returns(text);
}

static inline void disk_writes_are(const char *n)
{
	char text[96];

	qemu_gets("query-blockstats", NULL);
	(void)snprintf(text, sizeof text, "[{\"stats\":{\"wr_operations\":%s}}]", n);
	qemu_returns(text);
}

/* The power button of a ready guest is pressed. */
static inline void powerdown_is_sent(void)
{
	qemu_acks("system_powerdown", NULL);
	power_register_is("0x00010100");
}

#endif
