/* room_reset.h - the room of the reset, on top of room.h. */
#ifndef TEST_ROOM_RESET_H
#define TEST_ROOM_RESET_H

#include "room.h"

#include "console/debug_log.h"
#include "pid1/panic_check.h"
#include "pid1/reset.h"

static struct reset reset;
static struct debug_log debug_log;
static struct panic_check panic;
static int64_t qemu_us; /* QEMU's clock */

static inline void on_notice(const struct notice *n)
{
	if (n->kind == NOTICE_SERIAL)
		reset_on_serial(&reset);
	if (n->kind == NOTICE_RESTARTED) /* as reactions.c */
		phases_restart(&room.phases);
}

static inline int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_notice = on_notice;
	memset(&debug_log, 0, sizeof debug_log);
	debug_log.pipe = -1;
	panic_check_init(&panic, &room.env);
	reset_init(&reset, &room.env, &debug_log, &panic);
	guest_runs();
	return 0;
}

/* QMP RESET, a second after the event before it. */
static inline void machine_resets(bool guest)
{
	qemu_us += 1000000;
	reset_on_event(&reset, guest, qemu_us);
}

static inline void faults_at(const char *where)
{
	debug_log.fault.triple = true;
	(void)snprintf(debug_log.fault.where, sizeof debug_log.fault.where, "%s", where);
}

static inline void is_pressed(void)
{
	qemu_acks("set-action", "{\"reboot\":\"reset\"}");
	qemu_acks("system_reset", NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

#endif
