/* launch.h - QEMU's process, and the channels between it and PID 1. */
#ifndef VM_QEMU_LAUNCH_H
#define VM_QEMU_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "plan/plan.h"

/* OURS is non-blocking; both are CLOEXEC. -1: none. */
struct channel {
	int ours, theirs;
};

/* The serial line is two pipes, on QEMU's standard input and output. QEMU writes every byte of the
 * guest separately; a pipe merges them, while a socket takes a buffer for each and is full after a
 * few hundred. */
struct channels {
	struct channel qmp, monitor, serial_in, serial_out, output, log;
	struct channel user_qmp,
		gdb; /* QEMU's listening sockets, which channels_make() does not make */
};

/* Make all channels; the monitor and the log only if ATTENDED. False with ERR; W must be closed
 * nevertheless. */
bool channels_make(struct channels *w, bool attended, struct error *err);
/* Close our ends (OURS), or QEMU's. */
void channels_close(struct channels *w, bool ours);

/* Start QEMU according to PLAN, with QEMU's ends of W. Returns its pid, or -1 with ERR. */
pid_t qemu_start(struct plan *plan, const struct channels *w, struct error *err);

#endif
