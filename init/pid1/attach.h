/* attach.h - clients of GDB and of the VNC display: PID 1 listens and decides whom it accepts
 * (guard.h), QEMU serves.
 *
 * A connection that is accepted is handed to QEMU over QMP: `getfd`, then `add_client` with the
 * display or the stub's chardev. It waits until QEMU answers and the guest may run; a second
 * debugger waits a moment for the first one's end, which QEMU may not have seen yet. What the two
 * say to each other does not pass through PID 1.
 */
#ifndef VM_PID1_ATTACH_H
#define VM_PID1_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct env;
struct guard;

enum attach_id { ATTACH_GDB, ATTACH_VNC, ATTACH_COUNT };

/* Connections that wait to be handed over. */
#define ATTACH_WAITING 16

struct attach {
	const struct env *env;
	struct guard *guard;
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

void attach_init(struct attach *a, const struct env *env, struct guard *guard);

/* Listen as GDB and ENABLE_VNC say. */
bool attach_open(struct attach *a, struct error *err);
void attach_close(struct attach *a);

/* Somebody connects. */
void attach_accept(struct attach *a, enum attach_id to);

/* QEMU is ready for clients, and has been told to run the guest if it is to; another QEMU starts.
 */
void attach_allow(struct attach *a);
void attach_reset(struct attach *a);

/* TIMER_ATTACH. */
void attach_retry(struct attach *a);

#endif
