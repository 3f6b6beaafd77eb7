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

/* As many as a GPT has by default; more are left out. */
#define PARTITIONS_MAX 128

/* Of the type bytes of an MBR, those that are of interest here. */
enum partition_type {
	PARTITION_NONE = 0, /* not used; of the disk itself: no partition table */
	PARTITION_HURD = 0x63,
	PARTITION_SWAP = 0x82,
	PARTITION_LINUX = 0x83,
	PARTITION_LVM = 0x8e,
	PARTITION_ESP = 0xef,
	PARTITION_OTHER = 0x100, /* of a GPT: a GUID that is none of these */
};

struct partition {
	uint64_t start;	 /* bytes */
	uint64_t length; /* bytes, at least 512, within the disk */
	unsigned number; /* as Linux, the Hurd and GRUB count: logical ones from 5 on; 0: the whole
			  * disk, without a table */
	unsigned type;	 /* a byte of an MBR, or enum partition_type for a GPT */
	bool gpt;
};

struct partitions {
	struct partition list[PARTITIONS_MAX];
	size_t count;
};

/* The partitions of DISK. A disk without a table (no signature) is one partition with number 0.
 * What does not lie on the disk, and a chain of logical partitions that comes back, are left out.
 * False with ERR only when the disk cannot be read. */
bool partitions_read(const struct read_at *disk, struct partitions *out, struct error *err);

/* Is it of a type that Linux' and the Hurd's file systems have: Linux, Hurd, or the whole disk? */
bool partition_holds_files(const struct partition *p);

#endif
