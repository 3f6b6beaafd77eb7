/* spawn.c - the supervisor starts QEMU and listens to it. */
#include <stdio.h>
#include <sys/epoll.h>

#include "base/io.h"
#include "base/log.h"
#include "guest/supervisor.h"
#include "guest/wires.h"
#include "host/listen.h"

/* The socket of the user's own QMP. QEMU unlinks it when it ends, so each QEMU gets a new one. */
static int open_user_qmp(const struct supervisor *v, struct error *err)
{
	char path[RUN_PATH_MAX];

	(void)run_path(&v->plan->s, "qmp.sock", path);
	return listen_unix(path, 0600, err);
}

bool supervisor_spawn(struct supervisor *v, struct error *err)
{
	struct wires w;
	struct relay_stats stats;
	_cleanup_fd_ int user_qmp = open_user_qmp(v, err);

	if (user_qmp < 0)
		return false;
	bool ok = wires_make(&w, true, err);

	v->spawned_ns = clock_now();
	relay_stats(v->relays[RELAY_SERIAL], &stats);
	v->life.console_start = stats.bytes;
	pid_t pid = ok && network_start(v, err) ? qemu_start(v->plan, &w, user_qmp, err) : -1;

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
