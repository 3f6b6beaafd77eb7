/* qemu_process.c - the supervisor starts QEMU and listens to it. */
#include <stdio.h>
#include <sys/epoll.h>

#include "base/io.h"
#include "base/log.h"
#include "host/listen.h"
#include "pid1/supervisor.h"
#include "plan/launch.h"

/* The sockets on which QEMU itself listens: the user's own QMP and, with GDB, the stub's. QEMU
 * unlinks them when it ends, so each QEMU gets new ones. */
static bool open_listeners(const struct supervisor *v, struct wires *w, struct error *err)
{
	const struct settings *s = &v->plan->s;
	char path[RUN_PATH_MAX];

	w->user_qmp.theirs = listen_unix(run_path(s, "qmp.sock", path), 0600, err);
	if (w->user_qmp.theirs >= 0 && s->gdb)
		w->gdb.theirs = listen_unix(run_path(s, "gdb.sock", path), 0600, err);
	return w->user_qmp.theirs >= 0 && (!s->gdb || w->gdb.theirs >= 0);
}

bool supervisor_spawn(struct supervisor *v, struct error *err)
{
	struct wires w;
	struct relay_stats stats;
	bool ok = wires_make(&w, true, err) && open_listeners(v, &w, err);

	v->spawned_ns = clock_now();
	relay_stats(v->relays[RELAY_SERIAL], &stats);
	v->life.console_start = stats.bytes;
	pid_t pid = ok && network_start(v, err) ? qemu_start(v->plan, &w, err) : -1;

	wires_close(&w, false);
	network_handed_over(v->plan);
	if (pid < 0) {
		wires_close(&w, true);
		network_end(v);
		return false;
	}
	v->qemu = pid;
	v->qemu_ended = false;
	v->output = w.output.ours;
	v->tail = (struct tail){0};
	attach_reset(v);
	v->qmp_armed = false;
	qmp_init(&v->qmp, w.qmp.ours, v->qmp.on_event, v->qmp.event_arg);
	(void)loop_add(v->epoll, w.qmp.ours, EPOLLIN, (struct loop_ref){.type = REF_QMP});
	(void)loop_add(v->epoll, w.output.ours, EPOLLIN, (struct loop_ref){.type = REF_OUTPUT});
	debug_log_attach(&v->debug_log, w.log.ours);
	(void)relay_attach(v->relays[RELAY_SERIAL], w.serial_out.ours, w.serial_in.ours);
	(void)relay_attach(v->relays[RELAY_MONITOR], w.monitor.ours, w.monitor.ours);
	failure_await_greeting(v);
	event("spawn", "\"pid\":%d", (int)pid);
	return true;
}
