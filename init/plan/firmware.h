/* firmware.h - UEFI for QEMU_FIRMWARE: its code and its variables, as QEMU's flash memory.
 *
 * The code is a file of the distribution's, the same for all guests, and read only. The variables
 * (boot entries, keys) are the guest's: they begin as a copy of a file that comes with the code,
 * and are kept where the disk's data is, as FILE.vars. Both are opened here and handed over.
 */
#ifndef VM_PLAN_FIRMWARE_H
#define VM_PLAN_FIRMWARE_H

#include <stdbool.h>

struct firmware {
	int fds[2];	  /* code and variables; -1: the machine has a BIOS */
	char kept[4200];  /* where the variables are kept, "": nowhere */
	bool kept_new;	  /* not yet: firmware_keep() */
	char about[8600]; /* for people; "" for a BIOS */
};

struct plan;

/* Open what QEMU_FIRMWARE needs, into PLAN->firmware. Of the plan, settings, identity, disk and
 * kernel must be there. Nothing is written. To PLAN->errors: EXIT_NO_IMAGE (no such file, no
 * package), EXIT_NO_PERMISSION, EXIT_BAD_IMAGE (no code volume, variables of another firmware, in
 * use), EXIT_BAD_SETTING (a kernel that UEFI does not start). */
void firmware_prepare(struct plan *plan);

/* Variables that are to be kept and are new get their file, if PLAN is to be carried out and has no
 * errors. An error of PLAN->errors (EXIT_NO_PERMISSION) if that cannot be. */
void firmware_keep(struct plan *plan);

/* Is QEMU_BIOS a file that QEMU can have as such? To PLAN->errors if not. */
void firmware_check_bios(struct plan *plan);

#endif
