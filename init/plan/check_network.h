/* check_network.h - can the network of the settings be set up, and how is it described? */
#ifndef VM_PLAN_CHECK_NETWORK_H
#define VM_PLAN_CHECK_NETWORK_H

#include "plan/plan.h"

/* Can QEMU_NET work here? Errors go to PLAN->errors. Nothing is created. */
void network_check(struct plan *plan);

/* Open the TAP interface of QEMU_NET=tap as PLAN's net_fd, before privileges are dropped. False
 * with ERR. */
bool network_open(struct plan *plan, struct error *err);

/* Describe the card and its connection: "e1000 to QEMU's own NAT", "none". */
const char *network_describe(const struct settings *s, char buf[NETWORK_TEXT]);

#endif
