/* fsck.h - file systems that were not unmounted cleanly: every start detects them; `vm run` repairs
 * them before anything reads the guest's disk (VM_FSCK), and `vm fsck` on request. */
#ifndef VM_PLAN_FSCK_H
#define VM_PLAN_FSCK_H

#include "plan/plan.h"

/* Check the plan's disks. Nothing is written. */
void plan_fsck_inspect(struct plan *plan);

/* Warn of what was found, and say what will be done about it. The plan must be complete. */
void plan_fsck_warn(struct plan *plan);

/* Repair as planned, or record the need for a start whose state may be refused (fsck.cold). False
 * with ERR: the start must be aborted (EXIT_CLEAN: SIGTERM is pending). A file system that could
 * not be repaired is unchanged, and the log says so. */
bool plan_fsck(struct plan *plan, struct error *err);

/* Is there no saved state in whose memory the disk's file systems are mounted? */
bool fsck_no_state(const struct plan *plan, struct error *err);

/* Run `e2fsck OPTION` on each file system of PLAN's disks; only on dirty ones if DIRTY_ONLY.
 * *STATUS receives the bits of all exit statuses. */
bool fsck_disks(struct plan *plan, const char *option, bool dirty_only, int *status,
		struct error *err);

#endif
