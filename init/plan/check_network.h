/* check_network.h - can the network that the settings ask for be made, and what is it? */
#ifndef VM_PLAN_CHECK_NETWORK_H
#define VM_PLAN_CHECK_NETWORK_H

#include "plan/plan.h"

/* Can QEMU_NET work here? What cannot goes to PLAN's errors. Nothing is made. */
void network_check(struct plan *plan);

/* Open the TAP interface of QEMU_NET=tap as PLAN's net_fd, before the privileges are given up.
 * False with ERR. */
bool network_open(struct plan *plan, struct error *err);

/* The card and what it is connected to, for people: "e1000 to QEMU's own NAT", "none". */
const char *network_describe(const struct settings *s, char buf[NETWORK_TEXT]);

#endif
