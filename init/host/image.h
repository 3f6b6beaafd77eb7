/* image.h - checks an open image file: its format, its header, its tables, its lock. */
#ifndef VM_HOST_IMAGE_H
#define VM_HOST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "config/settings.h"

struct image {
	const char *name; /* in: the path, for errors */
	int fd;		  /* in: open for reading at least */
	uint64_t size;	  /* in: size of the file or device in bytes */

	uint64_t virtual_size;	 /* size of the disk in bytes */
	bool dirty;		 /* qcow2's dirty bit */
	char backing[1024];	 /* name of its backing file, "" for none */
	char backing_format[16]; /* "" if the image does not specify it */
	char mark[64]; /* of the base that it was made for (format/qcow2.h), "" for none */
};

/* Check that IMAGE is a complete and harmless image of FORMAT and fill in its other members. Reads
 * the header and the top-level tables: about 200 kB of an image of 8 GB, in less than a
 * millisecond; more only if the file may be truncated. FORCE accepts a raw disk that looks like
 * something else, and a qcow2 image that lacks data at its end (possible after a crash of the
 * host). The file is read in a confined child (host/confined.h, whose errors are possible, too);
 * other errors are EXIT_BAD_IMAGE. */
bool image_check(struct image *image, enum drive_format format, bool force, struct error *err);

/* The same for a CD-ROM image: ISO 9660, UDF or El Torito. FORCE accepts everything that QEMU reads
 * as it is. */
bool image_check_cdrom(struct image *image, bool force, struct error *err);

/* Root may write to it nevertheless, but a file without any write permission is read-only on
 * purpose. */
static inline bool image_is_read_only(const struct stat *st)
{
	return S_ISREG(st->st_mode) && !(st->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH));
}

/* Has another process locked the image FD, so that QEMU would not open it (WRITABLE: for writing)?
 * *PID is set for traditional locks, which have an owning process. */
bool image_is_locked(int fd, bool writable, pid_t *pid);

/* Does another process hold the image in a way that prevents QEMU from opening it (for writing, or
 * else for reading)? The locks are those of QEMU's block/file-posix.c. Error: EXIT_BAD_IMAGE, with
 * the process if /proc shows it. */
bool image_check_lock(const struct image *image, bool writable, struct error *err);

#endif
