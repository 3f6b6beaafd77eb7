/* confine.h - what QEMU may open by name, and what PID 1 itself may no longer do. */
#ifndef VM_QEMU_CONFINE_H
#define VM_QEMU_CONFINE_H

#include "plan/plan.h"

/* A Landlock ruleset for the QEMU of PLAN, a descriptor; -1 where there is none, with the reason in
 * PLAN->landlock. */
int confine_qemu(struct plan *plan);

/* A seccomp filter for this process and all that it starts: what neither PID 1 nor ssh, passt, gzip
 * or QEMU need of the kernel. Nothing with VM_SANDBOX=0, or where the kernel has no filters. */
void confine_self(const struct settings *s);

#endif
