/* direct_boot.h - VM_BOOT: load the kernel that the disk's GRUB would boot directly into QEMU,
 * without the firmware and GRUB.
 *
 * Kernel and modules are read from the disk at each start, so the kernel installed in the guest is
 * booted. The disk is under the guest's control: a confined child finds partition, file system and
 * menu entry (format/boot_disk.h) and writes the files for QEMU to anonymous files.
 */
#ifndef VM_PLAN_DIRECT_BOOT_H
#define VM_PLAN_DIRECT_BOOT_H

#include <stdbool.h>
#include <stddef.h>

struct boot_way {
	bool direct;	 /* otherwise by the firmware, or by QEMU_KERNEL */
	bool automatic;	 /* chosen by VM_BOOT=auto: fall back to the firmware if the kernel prints
			    nothing */
	bool restarts;	 /* direct, with VM_ON_REBOOT=restart: a reboot ends QEMU, and another QEMU
			    boots the kernel then on the disk (pid1/direct_watch.h) */
	char text[640];	 /* description: the way, the reason, and what boots */
	char line[4400]; /* of a Linux kernel; "": the loaded files contain it already */
};

struct plan;

/* Choose the way to boot. With VM_BOOT=auto a disk that is not understood is booted by the
 * firmware; with direct it is an error in PLAN->errors. The rest of PLAN must be complete; for
 * direct boot its argument vectors are rebuilt. */
void direct_boot_prepare(struct plan *plan);

/* Describe into BUF what boots without direct boot: QEMU_KERNEL, or what the firmware finds. WHY is
 * why the firmware does it, NULL if direct boot was not considered. */
void plan_describe_boot(const struct plan *plan, const char *why, char *buf, size_t size);

#endif
