/* network.h - passt (https://passt.top), to which QEMU's network card is connected through the
 * descriptor plan->net_fd. It serves one connection and ends with it: each QEMU gets a new one,
 * which runs as QEMU's user and confines itself.
 *
 * A TAP interface comes with the plan in that descriptor, and stays open from one QEMU to the next.
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

/* Before QEMU starts, and when it has got its descriptors (or has not started). */
bool network_start(struct network *n, struct error *err);
void network_handed_over(struct network *n);

/* QEMU has ended. */
void network_end(struct network *n);

#endif
