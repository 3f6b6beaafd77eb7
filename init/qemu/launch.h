/* launch.h - QEMU's process, and what it and we talk over. */
#ifndef VM_QEMU_LAUNCH_H
#define VM_QEMU_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "plan/plan.h"

/* OURS does not block; both are CLOEXEC. -1: none. */
struct wire {
	int ours, theirs;
};

/* The serial line is two pipes, on QEMU's standard input and output: it writes every byte of the
 * guest's by itself, and a pipe merges them, where a socket makes a buffer of each and is full
 * after a few hundred. */
struct wires {
	struct wire qmp, monitor, serial_in, serial_out, output, log;
	struct wire user_qmp, gdb; /* listening sockets of QEMU's, which wires_make() does not make
				    */
};

/* Make all of them; the monitor and the log only if ATTENDED. False: ERR; W is to be closed all the
 * same. */
bool wires_make(struct wires *w, bool attended, struct error *err);
/* Close our ends or QEMU's. */
void wires_close(struct wires *w, bool ours);

/* Start QEMU as PLAN says, on the ends of W that are its own. Returns its pid, or -1 with ERR. */
pid_t qemu_start(struct plan *plan, const struct wires *w, struct error *err);

#endif
