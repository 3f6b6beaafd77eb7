/* firmware.h - UEFI for QEMU_FIRMWARE: its code and its variables, as QEMU's flash memory.
 *
 * The code is a file of the distribution, the same for all guests, and read-only. The variables
 * (boot entries, keys) belong to the guest: they start as a copy of a file that comes with the
 * code, and are kept beside the disk's data as FILE.vars. Both are opened here and passed as
 * descriptors.
 */
#ifndef VM_PLAN_FIRMWARE_H
#define VM_PLAN_FIRMWARE_H

#include <stdbool.h>

struct firmware {
	int fds[2];	  /* code and variables; -1: the machine has a BIOS */
	char kept[4200];  /* where the variables are kept, "": nowhere */
	bool kept_new;	  /* not created yet: firmware_keep() */
	char about[8600]; /* description; "" for a BIOS */
};

struct plan;

/* Open the files of QEMU_FIRMWARE into PLAN->firmware. PLAN must already contain settings,
 * identity, disk and kernel. Nothing is written. Errors in PLAN->errors: EXIT_NO_IMAGE (no such
 * file, no package), EXIT_NO_PERMISSION, EXIT_BAD_IMAGE (not a code volume, variables of another
 * firmware, in use), EXIT_BAD_SETTING (a kernel that UEFI cannot start). */
void firmware_prepare(struct plan *plan);

/* Create the file for new variables that are to be kept, if PLAN will be executed and has no
 * errors. Failure is an error in PLAN->errors (EXIT_NO_PERMISSION). */
void firmware_keep(struct plan *plan);

/* Check that QEMU can use the file of QEMU_BIOS. Errors go to PLAN->errors. */
void firmware_check_bios(struct plan *plan);

#endif
