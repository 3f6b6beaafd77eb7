/* plan_again.h - what a start does with the guest's disk before it boots, done once more by a
 * helper of PID 1's (vm state-files), with a plan of its own.
 */
#ifndef VM_PLAN_PLAN_AGAIN_H
#define VM_PLAN_PLAN_AGAIN_H

#include <stdbool.h>

#include "base/error.h"

/* Repair the disk of a guest whose state was refused when it was started already (plan/fsck.h).
 * OVERLAY is the new overlay of its throwaway disk; -1: its disk is kept. */
bool plan_repair(int overlay, struct error *err);

struct again_files {
	int kernel, line; /* line: its command line's */
	int ramdisk;	  /* -1: there was none */
	int overlay;	  /* as above */
};

/* Read the kernel of VM_BOOT=direct again, as the guest has left it, into FILES. TEXT says what
 * boots. */
bool plan_read_kernel(const struct again_files *files, const char **text, struct error *err);

#endif
