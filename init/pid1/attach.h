/* attach.h - clients of GDB and of the VNC display: PID 1 listens and decides which connections
 * are accepted (guard.h), QEMU serves them.
 *
 * An accepted connection is passed to QEMU over QMP: `getfd`, then `add_client` with the display
 * or the chardev of the gdbstub. It is held back until QEMU answers and the guest may run; a
 * second debugger is held back for a moment, because QEMU may not yet have noticed that the first
 * one disconnected. Their data does not pass through PID 1.
 */
#ifndef VM_PID1_ATTACH_H
#define VM_PID1_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct env;
struct guard;

enum attach_id { ATTACH_GDB, ATTACH_VNC, ATTACH_COUNT };

/* Connections that are held back. */
#define ATTACH_WAITING 16

struct attach {
	const struct env *env;
	struct guard *guard;
	int listeners[ATTACH_COUNT]; /* -1: none */
	struct attach_client {
		int fd;
		enum attach_id to;
		unsigned tries;	   /* attempts that QEMU refused */
	} waiting[ATTACH_WAITING]; /* oldest first */
	size_t count;
	bool allowed; /* QEMU can take clients */
	bool under_way;
};

void attach_init(struct attach *a, const struct env *env, struct guard *guard);

/* Listen as GDB and ENABLE_VNC say. */
bool attach_open(struct attach *a, struct error *err);
void attach_close(struct attach *a);

void attach_accept(struct attach *a, enum attach_id to);

/* QEMU can take clients: `cont` has been sent, unless the guest starts paused. attach_reset():
 * another QEMU starts. */
void attach_allow(struct attach *a);
void attach_reset(struct attach *a);

/* TIMER_ATTACH. */
void attach_retry(struct attach *a);

#endif
