/* room_resume.h - the rooms that save and resume states, on top of room.h. */
#ifndef TEST_ROOM_RESUME_H
#define TEST_ROOM_RESUME_H

#include <sys/stat.h>

#include "room.h"

#include "host/state_dir.h"
#include "pid1/port_probe.h"
#include "pid1/restore.h"
#include "pid1/savestate.h"
#include "pid1/warm_start.h"

static struct savestate save;
static struct restore restore;
static struct warm_start warm;
static struct port_probes probes;
static char dir[64];

static inline void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "MIGRATION") == 0)
		restore_event(&restore, doc, data);
}

static inline void on_timer(enum timer_id id)
{
	if (id == TIMER_WARM)
		warm_start_timer(&warm);
}

static inline int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_event = on_event;
	room.on_timer = on_timer;
	(void)snprintf(dir, sizeof dir, "/tmp/test-resume.XXXXXX");
	assert_non_null(mkdtemp(dir));
	savestate_init(&save, &room.env);
	restore_init(&restore, &room.env);
	room.plan.ram.fd = room.plan.ram.from = room.plan.cold.ram.fd = -1;
	room.plan.s.hostfwds = "none";
	probes_init(&probes, &room.env);
	warm_start_init(&warm, &room.env, &save, &probes);
	return 0;
}

static inline int tear_down(void **state)
{
	savestate_abort(&save);
	probes_reset(&probes);
	fd_close(&room.plan.resume.stream);
	(void)rmdir(dir);
	return room_tear_down(state);
}

#endif
