/* network.h - what QEMU's network card is connected to, where PID 1 makes it: a TAP interface or
 * passt's socket. QEMU gets the descriptor plan->net_fd.
 *
 * A TAP interface is opened once, while PID 1 still has the capability, and stays open from one
 * QEMU to the next. passt (https://passt.top) serves one connection and ends with it: each QEMU
 * gets a new one, which runs as QEMU's user and confines itself.
 */
#ifndef VM_PID1_NETWORK_H
#define VM_PID1_NETWORK_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

struct env;
struct plan;

struct network {
	const struct env *env;
};

void network_init(struct network *n, const struct env *env);

/* Before PID 1 gives up its privileges. */
bool network_prepare(struct plan *plan, struct error *err);

/* Before QEMU starts, and when it has got its descriptors (or has not started). */
bool network_start(struct network *n, struct error *err);
void network_handed_over(struct network *n);

/* QEMU has ended. */
void network_end(struct network *n);

#endif
