/* attach.h - clients of GDB and of the VNC display: PID 1 listens and decides whom it accepts
 * (guard.h), QEMU serves.
 *
 * A connection that is accepted is handed to QEMU over QMP: `getfd`, then `add_client` with the
 * display or the stub's chardev. It waits until QEMU answers and the guest may run; a second
 * debugger waits a moment for the first one's end, which QEMU may not have seen yet. What the two
 * say to each other does not pass through PID 1.
 */
#ifndef VM_CONSOLE_ATTACH_H
#define VM_CONSOLE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct supervisor;

enum attach_id { ATTACH_GDB, ATTACH_VNC, ATTACH_COUNT };

/* Connections that wait to be handed over. */
#define ATTACH_WAITING 16

struct attach {
	int listeners[ATTACH_COUNT]; /* -1: none */
	struct attach_client {
		int fd;
		enum attach_id to;
		unsigned tries;	   /* that QEMU refused */
	} waiting[ATTACH_WAITING]; /* oldest first */
	size_t count;
	bool allowed; /* QEMU is ready for them */
	bool under_way;
};

/* Listen as GDB and ENABLE_VNC say. */
bool attach_open(struct supervisor *v, struct error *err);
void attach_close(struct supervisor *v);

/* Somebody connects. */
void attach_accept(struct supervisor *v, enum attach_id to);

/* QEMU is ready for clients, and has been told to run the guest if it is to; another QEMU starts.
 */
void attach_allow(struct supervisor *v);
void attach_reset(struct supervisor *v);

/* TIMER_ATTACH. */
void attach_retry(struct supervisor *v);

#endif
