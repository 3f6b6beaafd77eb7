/* partition.h - the partitions of a PC's disk: MBR with logical partitions, or GPT.
 *
 * Sources: UEFI specification 2.10, 5.2 (MBR) and 5.3 (GPT); for the chain of logical partitions
 * util-linux' libfdisk/src/dos.c. Sectors have 512 bytes, as QEMU's disks have.
 */
#ifndef VM_FORMAT_PARTITION_H
#define VM_FORMAT_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/read_at.h"

/* The default size of a GPT; further partitions are ignored. */
#define PARTITIONS_MAX 128

/* MBR partition types that are relevant here. */
enum partition_type {
	PARTITION_NONE = 0, /* unused; for the disk itself: no partition table */
	PARTITION_HURD = 0x63,
	PARTITION_SWAP = 0x82,
	PARTITION_LINUX = 0x83,
	PARTITION_LVM = 0x8e,
	PARTITION_ESP = 0xef,
	PARTITION_OTHER = 0x100, /* GPT: any other GUID */
};

struct partition {
	uint64_t start;	 /* bytes */
	uint64_t length; /* bytes, at least 512, within the disk */
	unsigned number; /* as Linux, the Hurd and GRUB count: logical partitions from 5 on; 0: the
			    whole disk, without a partition table */
	unsigned type;	 /* type byte of an MBR, or enum partition_type for a GPT */
	bool gpt;
};

struct partitions {
	struct partition list[PARTITIONS_MAX];
	size_t count;
};

/* Read the partitions of DISK. A disk without a table (no signature) is one partition with number
 * 0. Partitions beyond the disk, and the rest of a cyclic chain of logical partitions, are ignored.
 * False with ERR only if the disk cannot be read. */
bool partitions_read(const struct read_at *disk, struct partitions *out, struct error *err);

/* May a partition of this type contain a file system of Linux or the Hurd: Linux, Hurd, or the
 * whole disk? */
bool partition_holds_files(const struct partition *p);

#endif
