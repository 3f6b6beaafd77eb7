/* supervisor.h - the life of one QEMU, from its start to the exit status.
 *
 * One epoll loop; PID 1 sleeps in it when nothing happens. What it waits for: signals (signalfd),
 * deadlines (timerfd), QEMU's QMP, serial line, monitor and output, the people connected to these,
 * and requests on the control socket.
 *
 * struct supervisor has all rooms, each of which only its own .c writes, and what they share
 * (env.h). Those that know it: supervisor.c, the loop; reactions.c, what follows from a notice; and
 * the control socket's requests.c, waiters.c, shell_requests.c and status.c.
 */
#ifndef VM_PID1_SUPERVISOR_H
#define VM_PID1_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "console/debug_log.h"
#include "pid1/attach.h"
#include "pid1/boot_retry.h"
#include "pid1/clock_sync.h"
#include "pid1/console.h"
#include "pid1/direct_watch.h"
#include "pid1/disk_error.h"
#include "pid1/env.h"
#include "pid1/guard.h"
#include "pid1/health.h"
#include "pid1/helper.h"
#include "pid1/hostfwd.h"
#include "pid1/network.h"
#include "pid1/panic_check.h"
#include "pid1/port_probe.h"
#include "pid1/qemu_process.h"
#include "pid1/qmp_link.h"
#include "pid1/readiness.h"
#include "pid1/reset.h"
#include "pid1/restore.h"
#include "pid1/savestate.h"
#include "pid1/screenshot.h"
#include "pid1/share_disk.h"
#include "pid1/snapshot.h"
#include "pid1/stop.h"
#include "pid1/warm_start.h"
#include "proto/control.h"

struct supervisor {
	struct env env;
	/* What env points to. */
	struct timers timers;
	struct qmp qmp;
	struct control control;
	struct helpers helpers;
	struct prompt prompt;
	struct phases phases;
	struct lifecycle life;
	/* The rooms. */
	struct attach attach;
	struct boot_retry retry;
	struct clock_sync clock;
	struct consoles consoles;
	struct debug_log debug_log;
	struct direct_watch direct;
	struct disk_error disk_error;
	struct guard guard;
	struct health health;
	struct hostfwd hostfwd;
	struct network network;
	struct panic_check panic;
	struct port_probes probes;
	struct qemu_process process;
	struct qmp_link link;
	struct readiness readiness;
	struct reset reset;
	struct savestate save;
	struct restore restore;
	struct screenshot screenshot;
	struct share_disk share;
	struct snapshot_work snapshot;
	struct guest_stop stop;
	struct warm_start warm;
	/* Its own. */
	int signals;
	bool retried;		/* with TCG, after KVM chosen automatically failed */
	int start_failed;	/* exit status, when a QEMU that was put off could not be started */
	uint64_t started_ns;	/* when PID 1 did */
	uint64_t paused_ns;	/* since when the guest is paused; 0: it runs */
	bool pause_told;	/* in the log */
	uint64_t console_start; /* bytes that the serial line had brought before this QEMU */
};

/* Run the guest of PLAN, whose errors are none, to its end. Returns the exit status. Signals must
 * be blocked (signals.h). */
int supervise(struct plan *plan);

/* start.c: start QEMU, at the beginning or, as a cold one, again. False with ERR. */
bool start_qemu(struct supervisor *v, struct error *err);
bool start_qemu_again(struct supervisor *v, struct error *err);
#endif
