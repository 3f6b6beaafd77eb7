/* fsck.h - file systems that were not unmounted cleanly: found by every start, repaired by `vm run`
 * before anything reads the guest's disk (VM_FSCK), or by hand (`vm fsck`).
 */
#ifndef VM_PLAN_FSCK_H
#define VM_PLAN_FSCK_H

#include "plan/plan.h"

/* Look at the plan's disks. Nothing is written. */
void plan_fsck_look(struct plan *plan);

/* Warn of what was found, and say what will happen to it. The plan is finished. */
void plan_fsck_warn(struct plan *plan);

/* Repair what is to be repaired. False with ERR: the start must not go on (EXIT_CLEAN: SIGTERM is
 * pending). What could not be repaired is left as it was and told in the log. */
bool plan_fsck(struct plan *plan, struct error *err);

/* Is there no saved state that has the disk's file systems mounted? */
bool fsck_no_state(const struct plan *plan, struct error *err);

/* Run `e2fsck OPTION` on each file system of PLAN's disks that is there; only those that are dirty,
 * if DIRTY_ONLY. *STATUS gets the bits of all its exit statuses. */
bool fsck_disks(struct plan *plan, const char *option, bool dirty_only, int *status,
		struct error *err);

#endif
