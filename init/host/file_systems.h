/* file_systems.h - the ext2, ext3 and ext4 file systems on a disk, and their state. */
#ifndef VM_HOST_FILE_SYSTEMS_H
#define VM_HOST_FILE_SYSTEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/disk.h"

#define FILE_SYSTEMS_MAX 16

struct file_system {
	uint64_t start, length; /* of its partition, bytes */
	unsigned number;	/* of its partition; 0: the whole disk */
	unsigned version;	/* 2, 3 or 4: the type to mount it as */
	bool hurd;		/* created by or for the Hurd */
	bool unclean; /* it was mounted when the machine ended, and has no journal in use */
	bool damaged; /* its driver found errors in it */
	bool journal; /* its journal must be replayed when it is mounted */
};

struct file_systems {
	struct file_system list[FILE_SYSTEMS_MAX];
	size_t count;
};

/* Find those in DISK's partitions of Linux' and the Hurd's types, or on the whole disk if it has no
 * partition table; at most FILE_SYSTEMS_MAX. DISK is read in a confined child, whose errors are
 * possible; NAME is used in them. */
bool file_systems_find(const struct disk *disk, const char *name, struct file_systems *out,
		       struct error *err);

/* Does it need a repair? A journal alone does not: the guest's kernel replays it before anything
 * else. */
bool file_system_dirty(const struct file_system *f);

/* Format "partition 2 (ext2, GNU/Hurd)" into BUF. Returns BUF. */
#define FILE_SYSTEM_NAME 48
const char *file_system_name(const struct file_system *f, char buf[FILE_SYSTEM_NAME]);

#endif
