/* boot_disk.h - what a guest's disk boots: its file systems, GRUB's choice, kernel and modules.
 *
 * File systems are detected by their content, independently of the partition table, as in
 * guest-tools/prepare-image. Pure except for reading the disk.
 */
#ifndef VM_FORMAT_BOOT_DISK_H
#define VM_FORMAT_BOOT_DISK_H

#include "format/ext2.h"
#include "format/grub.h"
#include "format/read_at.h"

#define BOOT_SYSTEMS_MAX 16
#define BOOT_FILE_MAX	 ((size_t)256 << 20) /* maximum size of a kernel or a module */

struct boot_system {
	struct ext2 fs;
	char device[GRUB_DEVICE_MAX];
	unsigned number; /* of the partition; 0: the whole disk */
};

struct boot_disk {
	struct boot_system systems[BOOT_SYSTEMS_MAX];
	size_t count;
	struct grub_entry entry;
	char device[GRUB_DEVICE_MAX]; /* the device that contains grub.cfg */
	bool clean;		      /* its file system was unmounted cleanly */
};

/* Find the file systems of DISK and the entry that GRUB boots. OUT must be closed in any case.
 * False with ERR: something is missing or not understood. */
bool boot_disk_open(const struct read_at *disk, struct boot_disk *out, struct error *err);
void boot_disk_close(struct boot_disk *b);

/* Read the file F, *N bytes from malloc(); UNPACK: decompress a gzip file, as GRUB does. NULL with
 * ERR. */
uint8_t *boot_disk_read(struct boot_disk *b, const struct grub_file *f, bool unpack, size_t *n,
			struct error *err);

#endif
