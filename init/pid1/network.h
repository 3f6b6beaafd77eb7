/* network.h - passt (https://passt.top), to which QEMU's network card is connected through the
 * descriptor plan->net_fd. It serves one connection and ends with it, so each QEMU gets a new one.
 * passt runs as QEMU's user and confines itself.
 *
 * A TAP interface is opened by the plan, and kept from one QEMU to the next.
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

/* network_start() before QEMU starts, network_handed_over() when QEMU has its descriptors or could
 * not be started. */
bool network_start(struct network *n, struct error *err);
void network_handed_over(struct network *n);

/* QEMU has ended. */
void network_end(struct network *n);

#endif
