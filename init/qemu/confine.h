/* confine.h - Landlock for QEMU, and a seccomp filter for PID 1. */
#ifndef VM_QEMU_CONFINE_H
#define VM_QEMU_CONFINE_H

#include "plan/plan.h"

/* A Landlock ruleset for the QEMU of PLAN, as a descriptor; -1 if there is none, with the reason
 * in PLAN->landlock. */
int confine_qemu(struct plan *plan);

/* Install a seccomp filter for this process and everything it starts: it denies what PID 1, ssh,
 * passt, gzip and QEMU do not need. Does nothing with VM_SANDBOX=0, or on a kernel without
 * filters. */
void confine_self(const struct settings *s);

#endif
