/* direct_boot.h - VM_BOOT: the kernel that the disk's GRUB would boot, given to QEMU without the
 * firmware and GRUB in between.
 *
 * Kernel and modules are read from the disk at each start, so what was installed in the guest is
 * what boots. The disk is the guest's: a confined child finds partition, file system and menu entry
 * (format/boot_disk.h) and writes what QEMU loads to files without a name.
 */
#ifndef VM_PLAN_DIRECT_BOOT_H
#define VM_PLAN_DIRECT_BOOT_H

#include <stdbool.h>
#include <stddef.h>

struct boot_way {
	bool direct;	 /* else by the firmware, or as QEMU_KERNEL says */
	bool automatic;	 /* VM_BOOT=auto chose it: the firmware is tried when no kernel is heard */
	char text[640];	 /* which way, why, and what that boots, for people */
	char line[4400]; /* of a Linux kernel; "": what is loaded has its line already */
};

struct plan;

/* Choose the way to boot. With VM_BOOT=auto what is not understood means the firmware; with direct
 * it is an error of PLAN->errors. PLAN is complete but for this; where the way is direct, its
 * vectors are made anew. */
void direct_boot_prepare(struct plan *plan);

/* What boots when that is not direct, into BUF: QEMU_KERNEL, or what the firmware finds; WHY is why
 * the firmware does, NULL if nothing else was asked for. */
void plan_boots(const struct plan *plan, const char *why, char *buf, size_t size);

#endif
