/* hostfwd.h - VM_PORTS=ready: the forwards are open to PID 1's own probes from the start, on the
 * loopback address, and to everybody else when the guest is ready. */
#ifndef VM_PID1_HOSTFWD_H
#define VM_PID1_HOSTFWD_H

#include "pid1/port_probe.h"

struct env;

struct hostfwd {
	const struct env *env;
	struct port_probes *probes;
	int next; /* forward that comes next, from 1; 0: not begun on this QEMU */
};

void hostfwd_init(struct hostfwd *h, const struct env *env, struct port_probes *probes);
/* Another QEMU: nothing is published. */
void hostfwd_restart(struct hostfwd *h);
/* The guest is ready. */
void hostfwd_publish(struct hostfwd *h);

#endif
