/* supervisor.h - runs one guest, from the start of QEMU to the exit status.
 *
 * One epoll loop, without polling. It waits for signals (signalfd), deadlines (timerfd), QEMU's
 * QMP, serial line, monitor and output, their clients, and requests on the control socket.
 *
 * struct supervisor contains the structs of all rooms, each written only by its own .c, and what
 * they share (env.h). Files that use it: supervisor.c, the loop; reactions.c, react_guest.c and
 * react_qmp.c; and for the control socket requests.c, waiters.c, shell_requests.c and status.c.
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
	int signals;
	bool retried;		/* runs under TCG, after automatically chosen KVM failed */
	int start_failed;	/* exit status, if a deferred QEMU could not be started */
	uint64_t started_ns;	/* PID 1's start */
	uint64_t paused_ns;	/* when the guest was paused; 0: it runs */
	bool pause_logged;	/* the pause was logged */
	bool well;		/* lifecycle_well() after the last notice */
	uint64_t console_start; /* bytes of the serial line before this QEMU */
};

/* Run the guest of PLAN, which has no errors, to its end. Returns the exit status. Signals must be
 * blocked (signals.h). */
int supervise(struct plan *plan);

/* start.c: start QEMU, first or again. False with ERR. */
bool start_qemu(struct supervisor *v, struct error *err);
bool start_qemu_again(struct supervisor *v, struct error *err);
#endif
