/* hostfwd.h - VM_PORTS=ready: until the guest is ready, forwarded ports are open on the loopback
 * address only, for PID 1's probes; then they are opened on VM_BIND. */
#ifndef VM_PID1_HOSTFWD_H
#define VM_PID1_HOSTFWD_H

#include "pid1/port_probe.h"

struct env;

struct hostfwd {
	const struct env *env;
	struct port_probes *probes;
	int next; /* the next forward, from 1; 0: not begun with this QEMU */
};

void hostfwd_init(struct hostfwd *h, const struct env *env, struct port_probes *probes);
/* Another QEMU starts: no port is published. */
void hostfwd_restart(struct hostfwd *h);
/* The guest is ready. */
void hostfwd_publish(struct hostfwd *h);

#endif
