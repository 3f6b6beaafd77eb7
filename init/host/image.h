/* image.h - the checks on one open image file: its format, its header, its tables, its lock. */
#ifndef VM_HOST_IMAGE_H
#define VM_HOST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "config/settings.h"

struct image {
	const char *name; /* in: the path, for errors */
	int fd;		  /* in: open for reading at least */
	uint64_t size;	  /* in: bytes of the file or device */

	uint64_t virtual_size;	 /* bytes of the disk in it */
	bool dirty;		 /* qcow2's dirty bit */
	char backing[1024];	 /* name of its backing file, "" for none */
	char backing_format[16]; /* "" when the image does not say */
	char mark[64]; /* of the base that it was made for (format/qcow2.h), "" for none */
};

/* Check that IMAGE is a whole and harmless image of FORMAT and fill in the rest of it. Reads the
 * header and the tables that lead to everything else: about 200 kB of an image of 8 GB, under a
 * millisecond; more only when they raise the suspicion that the file was cut off. FORCE accepts a
 * raw disk that looks like something else, and a qcow2 image that lacks data at its end (what a
 * crash of the host can leave behind). The file is read in a confined child (host/confined.h, whose
 * errors may come, too); errors are EXIT_BAD_IMAGE. */
bool image_check(struct image *image, enum drive_format format, bool force, struct error *err);

/* The same for what goes into the CD-ROM drive: ISO 9660, UDF or El Torito. FORCE accepts all that
 * QEMU reads as it is. */
bool image_check_cdrom(struct image *image, bool force, struct error *err);

/* Root may write to it all the same, but a file without any write permission is meant to stay as it
 * is. */
static inline bool image_is_read_only(const struct stat *st)
{
	return S_ISREG(st->st_mode) && !(st->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH));
}

/* Does another process hold the image in a way that QEMU would not get it (for writing, or else
 * for reading)? The locks are those of QEMU's block/file-posix.c. Error: EXIT_BAD_IMAGE, with the
 * process when /proc shows it. */
bool image_check_lock(const struct image *image, bool writable, struct error *err);

#endif
