/* room_all.h - all rooms of PID 1 together, with the reactions to their notices: a struct
 * supervisor whose QEMU, serial line, clock and control clients are those of room.h.
 */
#ifndef TEST_ROOM_ALL_H
#define TEST_ROOM_ALL_H

#include "room.h"

#include "pid1/reactions.h"
#include "pid1/requests.h"
#include "pid1/supervisor.h"
#include "pid1/waiters.h"

static struct supervisor v;

static inline void on_timer(enum timer_id id)
{
	switch (id) {
	case TIMER_LADDER: stop_timer(&v.stop); break;
	case TIMER_BOOT: readiness_boot_timer(&v.readiness); break;
	case TIMER_SCREEN: react_screen_timer(&v); break;
	case TIMER_PANIC: panic_check_timer(&v.panic); break;
	case TIMER_HEALTH: health_timer(&v.health); break;
	case TIMER_PAUSED: react_pause_timer(&v); break;
	case TIMER_DISK: disk_error_timer(&v.disk_error); break;
	default: break;
	}
}

static inline void readable(void)
{
	qmp_link_io(&v.link, v.qmp.fd, EPOLLIN);
}

static inline int set_up(void **state)
{
	struct error err = {0};
	const char *bad;
	int fds[2];

	(void)room_set_up(state);
	fd_close(&room.qmp.fd);
	fd_close(&room.qemu);
	matcher_free(room.phases.matcher);
	memset(&v, 0, sizeof v);
	room.plan.s.stop_timeout = 150;
	room.plan.s.hostfwds = "none";
	room.plan.rungs = rungs_parse("acpi", &bad);
	reactions_init(&v, &room.plan);
	v.debug_log.pipe = -1;
	v.timers = room.timers;
	v.env.epoll = v.control.epoll = room.env.epoll;
	helpers_init(&v.helpers, room.env.epoll);
	assert_true(phases_init(&v.phases, &room.plan.markers, &room.plan.patterns, &err));
	for (int i = 0; i < RELAY_COUNT; i++)
		v.env.relays[i] = room.relays[i];
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		v.control.clients[i].fd = -1;
	v.life.qemu = NO_PROCESS;
	v.life.spawned_ns = room_now;
	room.env = v.env;
	room.readable = readable;
	room.on_timer = on_timer;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	room.qemu = fds[1];
	qmp_link_open(&v.link, fds[0]);
	return 0;
}

static inline int tear_down(void **state)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fd_close(&v.control.clients[i].fd);
	room.phases.matcher = v.phases.matcher;
	return room_tear_down(state);
}

static inline int client_sends(const char *request)
{
	char text[200];
	int slot = client_requests();

	(void)snprintf(text, sizeof text, "%s", request);
	requests_handle(&v.control, slot, text, &v);
	return slot;
}

/* QEMU sends its greeting and lets the guest run. */
static inline void start_guest(void)
{
	qemu_greets(10, 0);
	qemu_gets("cont", NULL);
	qemu_emits("RESUME", NULL);
	qemu_returns("{}");
	assert_int_equal(v.life.phase, LIFE_RUNNING);
	assert_true(v.life.ran);
	(void)room_logged();
}

static inline void boot_guest(void)
{
	start_guest();
	advance(1 * S);
	guest_printed("Linux\r\n");
	advance(1 * S);
	guest_printed("hurd login: ");
	assert_true(v.life.ready && v.life.login);
}

#endif
