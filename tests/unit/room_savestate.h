/* room_savestate.h - the room that saves states, on top of room.h, with a directory for them. */
#ifndef TEST_ROOM_SAVESTATE_H
#define TEST_ROOM_SAVESTATE_H

#include <dirent.h>

#include "room.h"

#include "host/guest_ram.h"
#include "host/state_dir.h"
#include "pid1/savestate.h"

static struct savestate save;
static char dir[64];

static inline void on_event(const char *name, const struct json *doc, const struct json_value *data)
{
	if (strcmp(name, "MIGRATION") == 0)
		savestate_event(&save, doc, data);
}

static inline int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_event = on_event;
	(void)snprintf(dir, sizeof dir, "/tmp/test-savestate.XXXXXX");
	assert_non_null(mkdtemp(dir));
	room.plan.s.state_dir = dir;
	savestate_init(&save, &room.env);
	guest_runs();
	lifecycle_ready(&room.life, clock_now());
	return 0;
}

/* Entries of the directory. */
static inline int entries(void)
{
	DIR *d = opendir(dir);
	int n = -2; /* . and .. */

	while (d && readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static inline int tear_down(void **state)
{
	if (save.part[0])
		(void)state_remove(save.part);
	assert_int_equal(rmdir(dir), 0);
	return room_tear_down(state);
}

#define ON(mapped)    "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}" mapped "]}"
#define OFF(mapped)   "{\"capabilities\":[{\"capability\":\"events\",\"state\":false}" mapped "]}"
#define MAPPED(state) ",{\"capability\":\"mapped-ram\",\"state\":" state "}"
#define FDSET	      "{\"fdset-id\":99,\"opaque\":\"state\"}"

/* Everything up to `migrate`, which QEMU has not answered. */
static inline void begin_save(enum saving what)
{
	struct error err = {0};

	if (!savestate_begin(&save, what, &err))
		fail_msg("%s", err.message);
	qemu_acks("stop", NULL);
	qemu_acks("migrate-set-capabilities", ON(MAPPED("true")));
	qemu_acks("migrate-set-parameters", "{\"max-bandwidth\":1099511627776}");
	qemu_gets("add-fd", FDSET);
	assert_true(room.received_fd >= 0);
	assert_int_equal(write(room.received_fd, "memory", 6), 6);
	qemu_returns("{}");
	qemu_gets("migrate", "{\"uri\":\"file:/dev/fdset/99\"}");
}

/* QEMU is told to close the file, and to forget how the memory was to be written. */
static inline void is_released(void)
{
	qemu_acks("remove-fd", "{\"fdset-id\":99}");
	qemu_acks("migrate-set-capabilities", OFF(MAPPED("false")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
